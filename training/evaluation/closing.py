"""How well a model closes what was opened: the probability of a closing character against the distance to the opening.

After Karpathy et al. 2015, section 4.2: a network remembers that a brace is open for as long as it takes, an n-gram
model for n characters.
"""

import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pairs = Iterator[tuple[int, int]]  # (place of the opening character, place of the closing one)
EDGES = (0, 20, 30, 40, 50, 60, 70, 80, 90, 100, 150, 200, 300, 500, 1000, 2000)  # characters; a bin ends with its edge
NORMAL = 1.96  # standard errors to either side that hold 95 % of a normal distribution

_OPENING = re.compile(r'(?:^|(?<=[\s(\-]))"(?=\S)')  # a quotation mark with a space before it and none behind


def nested(opening: str, closing: str) -> Callable[[str], Pairs]:
    """Return what finds pairs that stand within one another, such as braces; one that lacks its partner is left out."""

    def pairs(text: str) -> Pairs:
        waiting = list[int]()
        for found in re.finditer(f"[{re.escape(opening + closing)}]", text):
            if found.group() == opening:
                waiting.append(found.start())
            elif waiting:
                yield waiting.pop(), found.start()

    return pairs


def quotations(text: str) -> Pairs:
    """Yield the pairs of straight quotation marks in prose; a paragraph's end leaves open what was not closed."""
    begun, openings = None, {found.start() for found in _OPENING.finditer(text)}
    for found in re.finditer(r'"|\r?\n\r?\n', text):
        place = found.start()
        if found.group() != '"':
            begun = None
        elif place in openings:
            begun = place
        elif begun is not None:
            yield begun, place
            begun = None


def strings(text: str) -> Pairs:
    """Yield the pairs of quotation marks of C, which stand on one line."""
    for found in re.finditer(r'"(?:[^"\\\n]|\\.)*"', text):
        yield found.start(), found.end() - 1


def measured(text: str, pieces: int, pairs: Callable[[str], Pairs]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the places of closing characters in `text`, and how far behind their opening ones they stand: (N,) each.

    The text may be `pieces` equal ones put end to end: nothing is opened in one of them and closed in another.
    """
    length = len(text) // pieces
    found = [
        (start + closed, closed - opened)
        for start in range(0, length * pieces, length)
        for opened, closed in pairs(text[start : start + length])
    ]
    places, distances = np.array(found, dtype=np.int64).reshape(-1, 2).T
    return places, distances


def binned(distances: NDArray[np.int64], probabilities: NDArray[np.float64]) -> list[dict[str, Any]]:
    """Return by distance how probable the closing characters were: the mean, and what is added to either side of it.

    With that the mean holds with 95 % confidence, if it is of enough places to be normal. Bins with less than two are
    left out.
    """
    rows = []
    for low, high in pairwise(EDGES):
        own = probabilities[(distances > low) & (distances <= high)]
        if len(own) > 1:
            spread = NORMAL * own.std(ddof=1) / np.sqrt(len(own))
            rows.append({"over": low, "to": high, "count": len(own), "mean": float(own.mean()), "band": float(spread)})
    return rows
