"""The example of a whole package, from its sources to a wheel with a model: as an author, and then as a user would."""

import json
import shutil
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from generators import plugin
from generators.automaton import automaton
from generators.host import load
from generators.testing import AUTHORS
from tests.conftest import Run

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "apocrypha-limericks"


def test_every_limerick_has_the_form_that_they_are_held_to() -> None:
    folder = EXAMPLE / "apocrypha_limericks"
    text = (folder / "corpus.txt").read_text(encoding="utf-8")
    limericks = text.strip().split("\n\n")
    assert len(limericks) == len(set(limericks)) == 165
    assert plugin.read(folder, "folder").manifest.corpus.title.startswith("165 ")
    hooks = load("limericks", folder / "plugin.py")
    form = automaton(hooks["grammar"](text), text)
    for limerick in limericks:
        state = form.start
        for place, character in enumerate(f"{limerick}\n\n"):
            after = [to for characters, to in form.moves(state).items() if character in characters]
            assert after, f"{limerick[: place + 1]}<-"
            state = after[0]
        assert not hooks["check"](limerick)


def test_its_remarks_are_true() -> None:
    """They were proposed for just this text."""
    from corpora.survey import survey

    seen = survey((EXAMPLE / "apocrypha_limericks" / "corpus.txt").read_text(encoding="utf-8"))
    said = (EXAMPLE / "apocrypha_limericks" / "plugin.toml").read_text(encoding="utf-8")
    assert f"{seen.characters:,} characters, {len(seen.alphabet)} different" in said
    assert f'"{seen.rare}"' in said
    assert f"one of {seen.unit.count} {seen.unit.name} of {seen.unit.lines} lines" in said
    assert f"19 of 20 have {seen.unit.longest} at most" in said


@pytest.mark.e2e
def test_it_is_installed_trained_checked_packed_and_let_go(elsewhere: Run, tmp_path: Path) -> None:
    project = tmp_path / "sources" / "apocrypha-limericks"
    shutil.copytree(EXAMPLE, project)

    def apocrypha(*arguments: str, stdin: str = "", ok: bool = True) -> CompletedProcess[str]:
        return elsewhere("-m", "bot", *arguments, stdin=stdin, ok=ok)

    assert apocrypha("install", str(project)).stdout == "limericks  A limerick in form, nonsense in content\n"
    facts = json.loads(apocrypha("show", "limericks", "--json").stdout)
    assert (facts["origin"], facts["licence"]) == ("apocrypha-limericks", "CC0-1.0")
    at_once = apocrypha("chat", "limericks", "--seed", "1", stdin="A sailor who couldn't quite swim\n")
    assert "letter counts" in at_once.stderr
    assert at_once.stdout.strip()

    assert "Done:" in apocrypha("train", "limericks", "--minutes", "1").stderr
    card = json.loads(apocrypha("check", "limericks", "--json", ok=None).stdout)
    lines = {line["name"]: line for line in card["lines"]}
    assert not [line for name, line in lines.items() if name in AUTHORS and not line["passed"]]
    assert "nats per character, the best n-gram" in lines["held-out loss"]["said"]
    learned = apocrypha("chat", "limericks", "--seed", "1", stdin="A sailor who couldn't quite swim\n")
    assert "letter counts" not in learned.stderr
    assert learned.stdout != at_once.stdout

    apocrypha("package", "limericks", "--into", str(tmp_path / "dist"))
    assert "uninstalled" in apocrypha("uninstall", "limericks").stdout
    shutil.rmtree(tmp_path / "elsewhere" / "models")
    assert "no style named 'limericks'" in apocrypha("sample", "limericks", ok=False).stderr
    apocrypha("install", "apocrypha-limericks")  # by its name, from an index
    assert json.loads(apocrypha("sample", "limericks", "--seed", "1", "--json").stdout)["trained"]
    apocrypha("uninstall", "limericks")
    assert "no style named 'limericks'" in apocrypha("show", "limericks", ok=False).stderr
