import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from corpora.errors import UserError
from corpora.fetch import Places, read_text
from corpora.spec import CorpusSpec

BOOKS = {"Ruth.json": ("Ruth", "Now it came to pass ."), "1John.json": ("1 John", "That which was\u2019")}
JOINED = "Ruth 1:1\tNow it came to pass.\n1 John 1:1\tThat which was'\n"
Digest = Callable[[bytes], str]


@pytest.fixture
def spec(server: Any, digest: Digest) -> CorpusSpec:
    """Two books on a real server, each in JSON, joined in an order that is not the alphabet's."""
    served = dict[str, str]()
    for file, (name, text) in BOOKS.items():
        book = {"book": name, "chapters": [{"chapter": "1", "verses": [{"verse": "1", "text": text}]}]}
        (server.folder / file).write_text(json.dumps(book), encoding="utf-8")
        served[file] = digest((server.folder / file).read_bytes())
    return CorpusSpec(
        title="Two books",
        base=server.address,
        files=served,
        each=("bible_book_json",),
        sha256=digest(JOINED.encode()),
        mirror="bible/two.txt",
    )


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path / "cache")


def unfinished(places: Places) -> list[Path]:
    """Return what a failed download must not leave: a joined text, or a part of a file."""
    return [path for path in places.cache.rglob("*") if path.is_file() and path.suffix != ".json"]


def test_files_are_downloaded_cleaned_joined_verified_and_kept(spec: CorpusSpec, places: Places, server: Any) -> None:
    assert read_text(spec, Path("nowhere"), places) == JOINED
    assert server.asked == ["/Ruth.json", "/1John.json"]
    assert unfinished(places) == [places.cached(spec)]
    assert places.cached(spec).read_text(encoding="utf-8") == JOINED
    server.stop()
    assert read_text(spec, Path("nowhere"), places) == JOINED


def test_a_mirror_spares_the_download(spec: CorpusSpec, places: Places, server: Any, tmp_path: Path) -> None:
    (tmp_path / "bible").mkdir()
    (tmp_path / "bible" / "two.txt").write_text(JOINED, encoding="utf-8")
    assert read_text(spec, Path("nowhere"), Places(places.cache, tmp_path)) == JOINED
    assert server.asked == []


def test_a_mirror_that_lacks_the_text_does_not_stand_in_the_way(spec: CorpusSpec, places: Places) -> None:
    assert read_text(spec, Path("nowhere"), Places(places.cache, places.cache / "empty")) == JOINED


def test_the_progress_bar_is_for_those_who_ask(
    spec: CorpusSpec, places: Places, capfd: pytest.CaptureFixture[str]
) -> None:
    read_text(spec, Path("nowhere"), places)
    assert capfd.readouterr() == ("", "")
    read_text(spec, Path("nowhere"), Places(places.cache / "another"), progress=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert "100%" in err


def test_a_changed_file_on_the_server_is_refused(spec: CorpusSpec, places: Places, server: Any) -> None:
    (server.folder / "1John.json").write_text("{}")
    with pytest.raises(UserError, match=r"1John\.json: it could not be fetched .*APOCRYPHA_MIRROR") as caught:
        read_text(spec, Path("nowhere"), places)
    assert spec.files["1John.json"] in str(caught.value)
    assert unfinished(places) == []


def test_files_that_do_not_join_to_the_promised_text_are_refused(
    spec: CorpusSpec, places: Places, digest: Digest
) -> None:
    other = spec.model_copy(update={"files": dict(reversed(spec.files.items()))})
    with pytest.raises(UserError, match="this is not the text of Two books") as caught:
        read_text(other, Path("nowhere"), places)
    turned = "".join(reversed(JOINED.splitlines(keepends=True)))
    assert digest(turned.encode()) in str(caught.value)
    assert unfinished(places) == []


def test_a_server_that_is_down_is_named_and_the_download_goes_on_later(
    spec: CorpusSpec, places: Places, server: Any
) -> None:
    (server.folder / "1John.json").rename(server.folder / "away")
    with pytest.raises(UserError, match=r"127\.0\.0\.1:\d+/1John\.json: it could not be fetched \(404 .*try again"):
        read_text(spec, Path("nowhere"), places)
    assert unfinished(places) == []
    (server.folder / "away").rename(server.folder / "1John.json")
    server.asked.clear()
    assert read_text(spec, Path("nowhere"), places) == JOINED
    assert server.asked == ["/1John.json"]  # Ruth was kept


def test_no_server_at_all_is_one_plain_message(spec: CorpusSpec, places: Places, server: Any) -> None:
    server.stop()
    with pytest.raises(UserError, match=r"Ruth\.json: it could not be fetched .*Nothing was lost; try again"):
        read_text(spec, Path("nowhere"), places)
    assert unfinished(places) == []
