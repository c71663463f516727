"""Records of what was measured: lists of JSON objects in files that anybody may read, and the figures beside them."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from corpora.errors import UserError

Record = dict[str, Any]
Say = Callable[[str], None]
DIGITS = 5  # that matter


def stored(path: Path) -> list[Record]:
    """Return the records of a file; none where there is no file."""
    records: list[Record] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    return records


def keep(path: Path, record: Record, name: str, say: Say) -> None:
    """Put a record in the place of the one with the same `name`, or among the others."""
    others = [each for each in stored(path) if each[name] != record[name]]
    save(path, sorted([*others, record], key=lambda each: str(each[name])), say)


def save(path: Path, records: Sequence[Record], say: Say) -> None:
    """Write the records of a file, numbers to DIGITS."""
    write(path, (json.dumps(_short(records), ensure_ascii=False, indent=1) + "\n").encode(), say)


def _short(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, dict):
        return {name: _short(each) for name, each in value.items()}
    return [_short(each) for each in value] if isinstance(value, list | tuple) else value


def write(path: Path, data: bytes, say: Say) -> None:
    """Write a file, whole or not at all; raise UserError where it cannot be."""
    new = path.with_name(f"{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new.write_bytes(data)
        new.replace(path)
    except OSError as error:
        raise UserError(f"{path}: it could not be written ({error.strerror}).") from error
    say(f"({path}: {len(data):,} bytes)")
