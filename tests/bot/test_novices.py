import json
from pathlib import Path

import pytest

from bot import insight_page
from tests.conftest import Run

ROOT = Path(__file__).parents[2]


def test_the_guide_has_what_the_records_say() -> None:
    page = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
    assert insight_page.filled(page, ROOT / "docs" / "study") == page


def test_the_readme_has_what_the_records_say() -> None:
    records = json.loads((ROOT / "docs" / "study" / "novices.json").read_text(encoding="utf-8"))
    begun, alone = (record["nats"] for record in records if (record["characters"], record["minutes"]) == (30_000, 3))
    page = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert (
        f"of 30,000 characters of speeches it learns in 3 minutes to {begun:.3f} nats, and not to {alone:.3f}" in page
    )


def test_begun_and_not_begun_stand_side_by_side() -> None:
    one = {"text": "haiku.txt", "characters": 2000, "minutes": 0.5, "ngram": 2.0, "hardware": "2 CPU threads"}
    begun = one | {"begun_from": "the Bible", "nats": 1.25, "test": 1.5}
    row = insight_page.novices([begun, one | {"begun_from": "", "nats": 2.25, "test": 2.5}]).splitlines()[-1]
    assert row == "| haiku.txt | 2,000 | 2 | 0.5 | 1.250 (1.500) | 2.250 (2.500) | (2.000) |"


@pytest.mark.e2e
def test_a_piece_of_a_text_is_learned_with_and_without_a_beginning(apocrypha: Run, tmp_path: Path) -> None:
    lines = "".join(f"On day {n} there was {('rain', 'sun', 'snow')[n % 3]} in the valley.\n" for n in range(400))
    (tmp_path / "days.txt").write_text(lines, encoding="utf-16")
    options = ("--characters", "4000", "--minutes", "0.1", "--store", str(tmp_path / "novices.json"))
    shown = apocrypha("study", "novices", str(tmp_path / "days.txt"), *options).stdout
    begun, alone = json.loads((tmp_path / "novices.json").read_text(encoding="utf-8"))
    assert (begun["text"], begun["characters"], begun["digest"]) == ("days.txt", 4000, alone["digest"])
    assert begun["begun_from"]
    assert not alone["begun_from"]
    for record in (begun, alone):
        assert 0 < record["nats"] < 5
        assert f"{record['name']}: {record['nats']:.3f} nats per character" in shown
