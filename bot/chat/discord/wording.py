"""What was said on Discord as a voice reads it, and what a voice says as Discord shows it: as it is.

Nothing that goes out is a format, a link, an invitation or a call, whatever a network makes up or a person dictates.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping

import discord

from bot.publish.discord import LONGEST, shown
from generators.quality import unsayable

HEARD = 2_000  # characters of a question that are read
QUOTED = 200  # characters of a question that are repeated above its answer
ACCENTS = 2  # on one letter; what has more is written to annoy
SILENCE = "(It says nothing.)"
MENTION = re.compile(r"<@[!&]?(\d+)>")
EMOJI = re.compile(r"<a?:(\w+):\d+>")
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")  # of terminals: colours, cursor
FENCE = re.compile("`{3,}")

Dress = Callable[[str], str]


def heard(content: str, me: int, names: Mapping[int, str]) -> str:
    """Return what a person said: without the call of `me`, people by their names, and nothing that cannot be seen."""
    text = MENTION.sub(lambda call: "" if int(call[1]) == me else names.get(int(call[1]), ""), content)
    text = ESCAPES.sub("", EMOJI.sub(r"\1", text))
    return _visible(text).strip()[:HEARD]


def quoted(question: str) -> str:
    """Return a question as it is repeated above its answer; "" where it is not fit to be repeated."""
    line = " ".join(question.split())
    if not line or unsayable(line):
        return ""
    return f"> {plain(line[:QUOTED])}{'…' if len(line) > QUOTED else ''}"


def plain(text: str) -> str:
    """Return what has to be sent so that Discord shows `text` as it is, and makes nothing of it."""
    text = shown(text).replace("<", r"\<")
    text = re.sub(r"(?<=\w)\.(?=[^\W\d_])", r"\\.", text)  # a name such as discord.gg/x invites without https://
    text = re.sub(r"^(\s*\d+)\.", r"\1\\.", text, flags=re.MULTILINE)  # or lines are numbered anew
    return discord.utils.escape_mentions(text)


def fenced(language: str) -> Dress:
    """Return what puts a text into a block of code, which it cannot break out of."""

    def dress(text: str) -> str:
        inside = FENCE.sub(lambda fence: "\u200b".join(fence[0]), text.strip("\n"))
        return f"```{language}\n{inside}\n```"

    return dress


def pages(text: str, dress: Dress, heading: str = "") -> list[str]:
    """Cut a text at line ends, or else between words, so that each piece fits into a message when dressed.

    The first message has the `heading` above it.
    """
    found, rest, above = list[str](), text.strip("\n"), f"{heading}\n" if heading else ""
    while rest.strip():
        size = _room(rest, dress, LONGEST - len(above))
        if size < len(rest):
            size = next((cut for mark in "\n ." if (cut := rest.rfind(mark, size // 2, size) + 1)), size)
        found.append(above + dress(rest[:size].rstrip()))
        rest, above = rest[size:].lstrip("\n"), ""
    return found or [above + SILENCE]


def _room(text: str, dress: Dress, longest: int) -> int:
    """Return how many characters of `text` are at most `longest` when dressed; at least one."""
    low, high = 1, min(len(text), longest)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if len(dress(text[:middle])) <= longest else (low, middle - 1)
    return low


def _visible(text: str) -> str:
    """Return `text` without what is not a character to read: controls, zero widths, directions, heaps of accents."""
    kept, accents = list[str](), 0
    for character in unicodedata.normalize("NFC", text):
        kind = unicodedata.category(character)
        accents = accents + 1 if kind in ("Mn", "Me") else 0
        if (kind[0] != "C" or character == "\n") and accents <= ACCENTS:
            kept.append(character)
    return "".join(kept)
