from pathlib import Path

from training import log


def test_rows_are_added_read_and_dropped(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "log.jsonl"
    assert log.read(path) == []
    log.drop_after(path, 5)
    assert not path.exists()
    for step in (1, 2, 3):
        log.add(path, {"step": step, "sample": "é\u2028\n"})
    with path.open("a", encoding="utf-8") as file:
        file.write('{"step": 4, "sam')  # torn by a full disk
    assert [row["step"] for row in log.read(path)] == [1, 2, 3]
    log.drop_after(path, 2)
    assert log.read(path) == [{"step": step, "sample": "é\u2028\n"} for step in (1, 2)]
