"""Schedules in a TOML file: a table [schedules.NAME] for each."""

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import tomli_w

from bot.schedule import Entry, Kept
from bot.timetable import ScheduleSpec
from corpora.errors import UserError


def read(path: Path) -> list[Entry]:
    """Return the schedules of a file; raise UserError with all that is wrong with any of them."""
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not TOML: {error}.") from error
    tables = given.pop("schedules", {})
    told = [f"{path}: there is {name!r}, but only tables [schedules.NAME] are expected." for name in given]
    entries = list[Entry]()
    if not isinstance(tables, dict):
        raise UserError(f"{path}: 'schedules' is no table; begin each schedule with [schedules.NAME].")
    for name, table in tables.items():
        try:
            entries.append(_entry(path, name, table))
        except UserError as error:
            told.append(str(error))
    if told:
        raise UserError("\n".join(told))
    return entries


def write(kept: Iterable[Kept]) -> str:
    """Return the file from which `read` returns these."""
    tables = {each.spec.name: _table(each) for each in kept}
    return tomli_w.dumps({"schedules": tables}) if tables else ""


def _entry(path: Path, name: str, table: Any) -> Entry:
    place = f"{path}: [schedules.{name}]"
    if not isinstance(table, dict):
        raise UserError(f"{place} is no table.")
    fields = dict(table)
    paused = fields.pop("paused", None)
    if paused not in (True, False, None):
        raise UserError(f"{place}: paused = {paused!r}; expected true or false.")
    return ScheduleSpec.checked({"name": name, **fields}, place), paused


def _table(kept: Kept) -> dict[str, Any]:
    stored = {name: value for name, value in kept.spec.stored.items() if name != "name"}
    return stored | ({"paused": True} if kept.paused else {})
