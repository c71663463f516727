"""Named text -> text functions, for `each` and `clean` in a corpus spec."""

import json
import re
from collections.abc import Callable, Iterable

from corpora.errors import UserError, unknown

Cleaner = Callable[[str], str]


def unix_newlines(text: str) -> str:
    """Turn CRLF and lone CR line ends into LF and drop a byte-order mark."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def tabs_to_spaces(text: str) -> str:
    """Make every tab one space."""
    return text.replace("\t", " ")


def bible_book_json(text: str) -> str:
    """Read one book of a JSON Bible as lines `Book chapter:verse TAB text`, with its stray spacing repaired."""
    try:
        book = json.loads(text)
        verses = [(book["book"], c["chapter"], v["verse"], v["text"]) for c in book["chapters"] for v in c["verses"]]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"This is not a Bible book in JSON (book, chapters, verses, text): {error!r}") from error
    return "".join(f"{name} {chapter}:{verse}\t{_repair(words)}\n" for name, chapter, verse, words in verses)


def _repair(verse: str) -> str:
    verse = " ".join(verse.replace("\u2019", "'").split())
    return re.sub(r":(?=[a-z])", ": ", re.sub(r" (?=[?!.,;:])", "", verse))


CLEANERS: dict[str, Cleaner] = {f.__name__: f for f in (unix_newlines, tabs_to_spaces, bible_book_json)}


def apply(names: Iterable[str], text: str) -> str:
    """Pass `text` through the cleaners of these names, in order; raise UserError for a name that is none."""
    for name in names:
        if name not in CLEANERS:
            raise unknown("cleaner", name, CLEANERS)
        text = CLEANERS[name](text)
    return text
