"""The one exception that a person can mend."""

import difflib
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError


class UserError(Exception):
    """A failure with a remedy: it says where, what was found, what was expected and what to do.

    Frontends print it as one plain message. Every other exception is a bug and keeps its traceback.
    """


def unknown(kind: str, name: str, known: Iterable[str]) -> UserError:
    """Say that `name` is no known `kind`, with the nearest known name first and then all of them."""
    names = sorted(known)
    nearest = difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.5)
    hint = f" Did you mean '{nearest[0]}'?" if nearest else ""
    listing = f" Known: {', '.join(names)}." if names else " None is known."
    return UserError(f"There is no {kind} named '{name}'.{hint}{listing}")


def faults(error: "ValidationError", shown: Collection[str] | None = None) -> str:
    """Return all that a record found wrong, in one line: where, what was found, what was expected.

    Where only some fields are `shown`, what was found in others stays untold.
    """
    lines = []
    for fault in error.errors():
        where = ".".join(map(str, fault["loc"])) or "the whole"
        secret = shown is not None and fault["loc"][:1] not in [(name,) for name in shown]
        found = "" if secret or isinstance(fault["input"], dict | list | tuple) else f" = {str(fault['input'])[:60]}"
        lines.append(f"{where}{found}: {fault['msg'].removeprefix('Value error, ')}")
    return "; ".join(lines)
