"""What a run tells of itself as it goes: rows of JSON in a file, one a line."""

import json
import math
from pathlib import Path
from typing import Any

from corpora.errors import UserError
from training.checkpoint import write_durably

Row = dict[str, Any]


def add(path: Path, row: Row) -> None:
    """Write one more row; raise UserError where the disk does not take it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    except OSError as error:
        raise UserError(f"{path}: the log could not be written ({error.strerror}).") from error


def read(path: Path) -> list[Row]:
    """Return the rows of a log, whole ones only; none where there is no log."""
    return [json.loads(row) for row in _rows(path) if _step(row) < math.inf]


def drop_after(path: Path, step: int) -> None:
    """Take out of the log what a resumed run is about to do again, and a row torn by a full disk."""
    if path.exists():
        kept = "".join(f"{row}\n" for row in _rows(path) if _step(row) <= step)
        write_durably(path.with_suffix(".new"), kept.encode())
        path.with_suffix(".new").replace(path)


def _rows(path: Path) -> list[str]:
    if not path.exists():
        return []
    return path.read_text(encoding="utf-8", errors="replace").split("\n")  # splitlines cuts at more than line feeds


def _step(row: str) -> float:
    try:
        return float(json.loads(row)["step"])
    except ValueError:
        return math.inf
