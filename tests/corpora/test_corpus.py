import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from corpora.clean import CLEANERS
from corpora.corpus import Corpus, build
from corpora.errors import UserError
from corpora.fetch import Places
from corpora.spec import CorpusSpec, Split

LINES = "".join(f"line {number}\tof the text\n" for number in range(200))
STYLES = Path(__file__).parents[2] / "generators" / "styles"
BIBLE = STYLES / "bible" / "plugin.toml"
SPECS = sorted(STYLES.glob("*/*.toml"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "corpus.txt").write_text(LINES, encoding="utf-8")
    return tmp_path


def built(folder: Path, **fields: object) -> Corpus:
    return build(CorpusSpec.model_validate(fields), folder, Places(folder / "cache"))


def test_a_text_is_read_cleaned_and_cut(folder: Path) -> None:
    corpus = built(folder, title="Lines", licence="CC0", clean=["tabs_to_spaces"], split={"boundary": "\n"})
    assert (corpus.title, corpus.licence) == ("Lines", "CC0")
    assert corpus.train + corpus.validation + corpus.test == LINES.replace("\t", " ")
    assert corpus.train.endswith("of the text\n")
    assert corpus.validation.startswith("line ")
    assert corpus.alphabet == "".join(sorted(set("line 0123456789 of the text\n")))


def test_a_plugins_own_cleaner_runs_last(folder: Path) -> None:
    spec = CorpusSpec(clean=("tabs_to_spaces",))
    corpus = build(spec, folder, Places(folder), hook=lambda text: text.replace(" of", ",").upper())
    assert corpus.train.startswith("LINE 0, THE TEXT\n")


def test_the_digest_is_the_same_for_the_same_text_and_no_other(folder: Path) -> None:
    digests = [
        built(folder).digest,
        built(folder, clean=["tabs_to_spaces"]).digest,
        built(folder, split={"test": 0.06}).digest,
        built(folder, split={"boundary": "\n"}).digest,
        build(CorpusSpec(), folder, Places(folder), hook=str.upper).digest,
    ]
    assert len(set(digests)) == 5
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in digests)
    assert built(folder, title="Another name", licence="MIT").digest == digests[0]
    (folder / "corpus.txt").write_text(LINES.replace("line 7\t", "line 7 "), encoding="utf-8")
    assert built(folder).digest != digests[0]


def test_a_digest_tells_where_the_cuts_are() -> None:
    assert Corpus("", "", "ab", "c", "d").digest != Corpus("", "", "a", "bc", "d").digest


@pytest.mark.parametrize("text", ["", " \n\t\n" * 500])
def test_an_empty_text_is_refused_by_name(folder: Path, text: str) -> None:
    (folder / "corpus.txt").write_text(text)
    with pytest.raises(UserError, match="Lines: the text is empty after cleaning"):
        built(folder, title="Lines")
    with pytest.raises(UserError, match=f"{re.escape(str(folder))}: the text is empty"):
        built(folder)


def test_a_tiny_text_is_told_what_it_needs(folder: Path) -> None:
    (folder / "corpus.txt").write_text("tiny")
    with pytest.raises(UserError, match=r"The text has 4 characters; .* at least 1,000"):
        built(folder)


def test_an_unknown_cleaner_is_refused(folder: Path) -> None:
    with pytest.raises(UserError, match="Did you mean 'tabs_to_spaces'"):
        built(folder, clean=["tab_to_space"])


def test_the_king_james_text_is_whole(mirror: Path, tmp_path: Path) -> None:
    spec = CorpusSpec.model_validate(tomllib.loads(BIBLE.read_text(encoding="utf-8"))["corpus"])
    corpus = build(spec, tmp_path, Places(tmp_path, mirror))
    lines = [line for part in (corpus.train, corpus.validation, corpus.test) for line in part.splitlines()]
    references = [re.match(r"((?:[123] )?[A-Z][A-Za-z ]+) (\d+):(\d+) \S", line) for line in lines]
    assert all(references)
    assert len(lines) == len({match[0] for match in references if match}) == 31_102
    assert len({match[1] for match in references if match}) == 66
    assert len({(match[1], match[2]) for match in references if match}) == 1_189
    whole = len(corpus.train + corpus.validation + corpus.test)
    assert len(corpus.validation) / whole == pytest.approx(spec.split.validation, abs=0.002)
    assert len(corpus.test) / whole == pytest.approx(spec.split.test, abs=0.002)
    assert spec.split == Split(blocks=22, boundary="\n")


def bundled(path: Path) -> CorpusSpec:
    return CorpusSpec.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))["corpus"])


@pytest.mark.parametrize("path", SPECS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_bundled_corpus_has_a_public_address_and_known_cleaners(path: Path, tmp_path: Path, server: Any) -> None:
    spec = bundled(path)
    assert spec.title
    assert spec.licence != "unknown"
    assert set(spec.each + spec.clean) <= set(CLEANERS)
    assert spec.base.startswith("https://")
    with pytest.raises(UserError, match=r"it could not be fetched \(404"):  # the list is read, then nothing is there
        build(spec.model_copy(update={"base": server.address}), path.parent, Places(tmp_path))


@pytest.mark.parametrize("path", SPECS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_bundled_corpus_is_the_mirrors(path: Path, mirror: Path, tmp_path: Path) -> None:
    spec = bundled(path)
    if not (mirror / spec.mirror).exists():
        pytest.skip(f"the mirror has no {spec.mirror}")
    lines = spec.split.model_copy(update={"boundary": "\n"})  # what is between its texts, a hook may make
    corpus = build(spec.model_copy(update={"split": lines}), path.parent, Places(tmp_path, mirror))
    whole = len(corpus.train + corpus.validation + corpus.test)
    assert len(corpus.validation) / whole == pytest.approx(spec.split.validation, abs=0.015)
    assert len(corpus.test) / whole == pytest.approx(spec.split.test, abs=0.015)
