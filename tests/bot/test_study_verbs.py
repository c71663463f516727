"""The whole study in small, as a reader would make it again: every table, every figure, every record."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from bot import study_verbs
from tests.conftest import ROOT, Run
from training.study.report import as_page

TABLES = ("table", "ngrams", "windows", "variants", "characters", "closings", "errors", "remedies")


@pytest.fixture
def study(apocrypha: Run, environment: dict[str, str], mirror: Path, tmp_path: Path) -> Path:
    environment["APOCRYPHA_MIRROR"] = str(mirror)
    apocrypha("study", "all", "--quick", "--into", str(tmp_path / "study"))
    return tmp_path / "study"


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def untimed(records: bytes) -> list[dict[str, object]]:
    return [record | {"seconds": 0} for record in json.loads(records)]


def test_the_whole_of_it_runs_and_what_is_there_is_not_made_again(study: Path, apocrypha: Run) -> None:
    stored = files(study / "study")
    assert {f"{name}.json" for name in TABLES} <= stored.keys()
    for name in TABLES:
        for record in json.loads(stored[f"{name}.json"]):
            assert re.fullmatch("[0-9a-f]{64}", record["text"])
            assert record["seconds"] >= 0
            assert record["commit"]

    page = (study / "study.md").read_text(encoding="utf-8")
    figures = re.findall(r"\]\((study/\w+\.svg)\)", page)
    assert len(figures) >= 6
    assert not [figure for figure in figures if not (study / figure).is_file()]
    page = (study / "study.html").read_text(encoding="utf-8")
    assert page.count("<svg") == len(figures)
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=", page)

    shutil.rmtree(study / "runs")  # the networks that are looked at are kept with the records
    (study / "study" / "characters.json").unlink()
    again = apocrypha("study", "all", "--quick", "--into", str(study))
    assert "epoch" not in again.stderr
    after = files(study / "study")
    assert untimed(after.pop("characters.json")) == untimed(stored.pop("characters.json"))
    assert after == stored

    cells = json.loads(apocrypha("study", "table", "--json", "--store", str(study / "study")).stdout)["cells"]
    assert len(cells) == 72
    keys = {"data", "kind", "layers", "size", "units", "parameters", "nats", "paper", "record"}
    assert all(keys <= cell.keys() for cell in cells)


def test_the_stored_report_is_that_of_the_stored_records(apocrypha: Run, tmp_path: Path) -> None:
    """Where the time is up at once, nothing is made but the report of what is there."""
    docs = ROOT / "docs"
    shutil.copytree(docs / "study", tmp_path / "study", ignore=shutil.ignore_patterns("*.svg", "*.png"))
    apocrypha("study", "all", "--minutes", "0", "--into", str(tmp_path))
    page = (docs / "study.md").read_text(encoding="utf-8")
    assert (tmp_path / "study.md").read_text(encoding="utf-8") == page
    assert as_page(page, docs) == (docs / "study.html").read_text(encoding="utf-8")


def test_a_record_tells_the_commit_and_whether_the_code_was_another(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def git(*order: str) -> str:
        done = subprocess.run(
            ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", *order],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def told() -> str:
        return study_verbs.about()["commit"]

    code, record = tmp_path / "bot" / "study_verbs.py", tmp_path / "docs" / "table.json"
    for path in (code, record):
        path.parent.mkdir()
        path.write_text("1")
    monkeypatch.setattr(study_verbs, "__file__", str(code))
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "first")
    commit = git("rev-parse", "HEAD")[:12]
    assert told() == commit
    record.write_text("2")
    assert told() == commit
    code.write_text("2")
    assert told() == f"{commit}+"
