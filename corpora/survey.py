"""A look at a text: how large it is, of which characters, and what one text in it is."""

import re
from collections import Counter
from dataclasses import dataclass

FEW = 20  # texts under which it is not said what one text is
RARE = 3  # times under which a character is too rare to be learned
BLANK = "\n\n"  # between blocks of lines
GAP = re.compile(r"\n[ \t]*\n\s*")


@dataclass(frozen=True)
class Unit:
    """What one text is: a line, a block between blank lines, or nothing that could be told apart (no `stop`)."""

    name: str
    start: str
    stop: str
    count: int
    lines: float  # of one, on average
    shortest: int  # characters that 19 of 20 have at least
    longest: int  # ... and at most


@dataclass(frozen=True)
class Survey:
    """What is seen of a text."""

    characters: int
    alphabet: str
    rare: str  # characters too rare to be learned
    unit: Unit


def survey(text: str) -> Survey:
    """Look at `text`, whose line ends are line feeds."""
    counts = Counter(text)
    rare = "".join(sorted(character for character, count in counts.items() if count < RARE))
    return Survey(len(text), "".join(sorted(counts)), rare, _unit(text))


def texts(text: str, unit: Unit) -> list[str]:
    """Return the texts that `text` is made of; its lines where nothing parts them."""
    return _blocks(text) if unit.stop == BLANK else _lines(text)


def _unit(text: str) -> Unit:
    lines, blocks = _lines(text), _blocks(text)
    if len(blocks) >= FEW:
        return _measured("blocks between blank lines", BLANK, blocks, len(lines) / len(blocks))
    if len(lines) >= FEW:
        return _measured("lines", "\n", lines, 1.0)
    return Unit("", "\n" if "\n" in text else text[-1], "", 0, 0.0, 20, 400)


def _lines(text: str) -> list[str]:
    return [line for line in text.split("\n") if line.strip()]


def _blocks(text: str) -> list[str]:
    return [block for block in GAP.split(text.strip()) if block]


def _measured(name: str, between: str, texts: list[str], lines: float) -> Unit:
    lengths = sorted(map(len, texts))
    shortest, longest = (lengths[int(part * (len(lengths) - 1))] for part in (0.05, 0.95))
    return Unit(name, between, between, len(texts), lines, shortest, longest)
