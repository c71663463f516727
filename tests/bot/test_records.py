import json
from pathlib import Path

import pytest

from bot import records
from corpora.errors import UserError


def test_a_record_takes_the_place_of_the_one_with_its_name(tmp_path: Path) -> None:
    path, said = tmp_path / "study" / "things.json", list[str]()
    assert records.stored(path) == []
    for style, number in (("b", 1), ("a", 2.00000049), ("b", (0.123456789, None))):
        records.keep(path, {"style": style, "number": number}, "style", said.append)
    assert records.stored(path) == [{"style": "a", "number": 2.0}, {"style": "b", "number": [0.12346, None]}]
    assert json.loads(path.read_text(encoding="utf-8")) == records.stored(path)
    assert [file.name for file in path.parent.iterdir()] == ["things.json"]
    assert said[-1].startswith(f"({path}: ")


def test_what_cannot_be_written_is_said() -> None:
    with pytest.raises(UserError, match="it could not be written"):
        records.save(Path("/proc/no/such.json"), [], print)
