import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from corpora.errors import UserError
from corpora.survey import survey
from generators import plugin, scaffold
from generators.scaffold import Proposal
from training.config import ModelConfig, TrainConfig
from training.fitting import Fit

HAIKU = "".join(f"old pond {n}\na frog jumps in, {n % 7}\nsplash!\n\n" for n in range(200))
FIT = Fit(ModelConfig(units=256), TrainConfig(minutes=5), 40_000, 12.4, 5)


def proposal(text: str = HAIKU, **fields: object) -> Proposal:
    made = Proposal("haiku", "haiku.txt", "utf-16", text, survey(text), fit=FIT)
    return replace(made, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        HAIKU,
        "one line after the other\n" * 90,
        "word " * 900,
        'with "quotes" \\ and \x7f\t\x1b\n' * 90,
        "古池や蛙飛びこむ水の音。\n" * 90,
    ],
    ids=["blocks", "lines", "no parts", "odd characters", "no spaces"],
)
@pytest.mark.parametrize("fields", [{}, {"fit": None}, {"licence": 'CC0 "1.0"', "begin": "novel"}])
def test_what_is_proposed_is_a_plugin(tmp_path: Path, text: str, fields: dict[str, object]) -> None:
    made = proposal(text, **fields)
    scaffold.create(tmp_path / "haiku", made)
    read = plugin.read(tmp_path / "haiku", "folder")
    assert read.manifest.text.stop == made.survey.unit.stop
    assert read.manifest.corpus.licence == (made.licence or "unknown")
    assert (read.folder / "corpus.txt").read_text(encoding="utf-8") == text
    assert len(read.manifest.examples) == 3
    assert max(map(len, made.toml.splitlines())) <= 150
    assert [path.name for path in tmp_path.iterdir()] == ["haiku"]


def test_it_says_why() -> None:
    toml = proposal().toml
    table = tomllib.loads(toml)
    assert table["text"] == {"start": "\n\n", "stop": "\n\n", "length": 50}
    assert table["corpus"]["split"] == {"boundary": "\n\n"}
    assert table["train"] == {"minutes": 5}
    assert "model" not in table
    for said in (
        "It was utf-16",
        "One text is one of 200 blocks between blank lines of 3.0 lines",
        f"19 of 20 have {survey(HAIKU).unit.longest} at most",
        "2 layers of 256 units",
        "40,000",
        "5 minutes it reads this text about 12 times",
    ):
        assert said in " ".join(toml.replace("\n# ", " ").split("\n"))
    assert "novel (--from-style none would not)" in proposal(begin="novel").toml
    assert "could not be measured without PyTorch" in proposal(fit=None).toml


def test_limits_are_those_that_the_text_itself_keeps() -> None:
    assert "limits" not in tomllib.loads(proposal("Every word of this line is known by the next one.\n" * 90).toml)
    rich = " ".join(f"word{n:b}".translate({48: 97, 49: 98}) for n in range(2000)) + "\n"
    limits = tomllib.loads(proposal(rich).toml)["limits"]
    assert limits["known_words"] == 0.0
    assert tomllib.loads(proposal("ha!\n" * 400).toml)["limits"]["shortest"] == 3


def test_texts_longer_than_what_is_held_out_may_be_cut() -> None:
    text = "a line of words\n" * 100 + "x" * 900 + "\n"
    assert "split" not in tomllib.loads(proposal(text).toml)["corpus"]


def test_rare_characters_are_told() -> None:
    assert 'Too rare to be learned: "é"' in proposal(HAIKU + "é\n").toml


def test_a_folder_is_whole_or_absent(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="the plugin could not be written"):
        scaffold.create(tmp_path / "file" / "haiku", proposal())
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("haiku.txt", "haiku"),
        ("My Haiku (2).TXT", "my-haiku-2"),
        ("a" * 60, "a" * 40),
        ("dir/old__pond.md", "old-pond"),
    ],
)
def test_a_file_gives_a_name(file: str, name: str) -> None:
    assert scaffold.name_of(Path(file)) == name


@pytest.mark.parametrize("file", ["2024.txt", "古池.txt", "....txt"])
def test_a_file_that_gives_none_is_refused(file: str) -> None:
    with pytest.raises(UserError, match=r"is no name for a plugin.*`apocrypha new NAME --from FILE`"):
        scaffold.name_of(Path(file))


@pytest.mark.parametrize("name", ["../haiku", "Haiku", "a/b", "", "x" * 41])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(UserError, match="no name for a plugin"):
        scaffold.checked_name(name)
