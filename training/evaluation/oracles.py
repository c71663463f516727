"""What a network gets wrong, and what it would take to put that right: errors peeled off by one oracle after another.

The oracles are those of Karpathy et al. 2015, section 4.4, in their order. An error is a character to which the network
gave less than one half; each oracle takes away those left by the ones before it that it knows how to mend.

    n-gram        any n-gram model with up to so many characters of context gave the right one more than one half
    memory        it is in a word, not its first letter, and the word stands in the last so many characters
    rare          it is in a word that the training text has no more than so many times
    next word     it comes after a space or a quotation mark, or after a line's end
    punctuation   it is no letter, digit or space
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.evaluation.comparison import ERROR, Nats

MEMORY = (100, 500, 1000, 5000)  # characters
RARE = range(6)  # times
Mask = NDArray[np.bool_]
_WORD = re.compile(r"[^\W\d_]+")


def peeled(network: Nats, ngrams: Mapping[int, Nats], train: str, test: str) -> dict[str, Any]:
    """Return the errors of `network` on `test`, and what part of them each oracle in turn takes away.

    Losses are of test[1:], (T - 1,); those of n-gram models come by their order.
    """
    left: Mask = network > ERROR
    errors, rows = int(left.sum()), list[dict[str, Any]]()
    for oracle, limit, mended in _oracles(ngrams, train, test):
        taken = left & mended
        left &= ~mended
        rows.append({"oracle": oracle, "limit": limit, "share": float(taken.sum() / max(errors, 1))})
    return {"errors": errors, "characters": len(network), "oracles": rows, "rest": float(left.sum() / max(errors, 1))}


def _oracles(ngrams: Mapping[int, Nats], train: str, test: str) -> Iterator[tuple[str, int | str, Mask]]:
    """Yield each oracle's name, how far it goes, and which characters of test[1:] it would put right."""
    for order in sorted(ngrams):
        yield "n-gram", order, ngrams[order] <= ERROR
    words = list(_WORD.finditer(test))
    for reach in MEMORY:
        yield "memory", reach, _inside(test, [word for word in words if _remembered(test, word, reach)], first=False)
    seen = Counter(_WORD.findall(train))
    for times in RARE:
        yield "rare", times, _inside(test, [word for word in words if seen[word.group()] <= times], first=True)
    before, itself = np.array(list(test[:-1])), np.array(list(test[1:]))
    yield "next word", "space or quote", np.isin(before, [" ", '"', "\t"])
    yield "next word", "newline", np.isin(before, ["\n", "\r"])
    yield "punctuation", "", np.array([not (character.isalnum() or character.isspace()) for character in itself])


def _remembered(text: str, word: re.Match[str], reach: int) -> bool:
    return text.find(word.group(), max(word.start() - reach, 0), word.start()) >= 0


def _inside(text: str, words: list[re.Match[str]], first: bool) -> Mask:
    """Return which characters of text[1:] are in one of `words`, with their first letters or without."""
    mask = np.zeros(len(text), dtype=np.bool_)
    for word in words:
        mask[word.start() + (not first) : word.end()] = True
    return mask[1:]
