"""The whole study in small, as a reader would make it again: every table, every figure, every record."""

import json
import re
from pathlib import Path

import pytest

from tests.conftest import Run

TABLES = ("table", "ngrams", "windows", "variants", "characters", "closings", "errors", "remedies")


@pytest.fixture
def study(apocrypha: Run, environment: dict[str, str], mirror: Path, tmp_path: Path) -> Path:
    environment["APOCRYPHA_MIRROR"] = str(mirror)
    apocrypha("study", "all", "--quick", "--into", str(tmp_path / "study"))
    return tmp_path / "study"


def test_the_whole_of_it_runs_and_what_is_there_is_not_made_again(study: Path, apocrypha: Run) -> None:
    stored = {path.name: path.read_bytes() for path in (study / "study").iterdir()}
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

    again = apocrypha("study", "all", "--quick", "--into", str(study))
    assert "epoch" not in again.stderr
    assert {path.name: path.read_bytes() for path in (study / "study").iterdir()} == stored

    cells = json.loads(apocrypha("study", "table", "--json", "--store", str(study / "study")).stdout)["cells"]
    assert len(cells) == 72
    keys = {"data", "kind", "layers", "size", "units", "parameters", "nats", "paper", "record"}
    assert all(keys <= cell.keys() for cell in cells)
