"""Adapting to what was said: counts of recent text mixed into a network's guesses, character by character.

The network's distribution is the prior of a Dirichlet whose counts come from the text so far: what followed the last 6
characters when they stood there before, then, refining that, the last 9 and 12 (a cache model after Kuhn & De Mori 1990
with long contexts; the smoothing is the hierarchical Dirichlet of MacKay & Peto 1995).
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

ORDERS = (6, 9, 12)  # characters of context; shorter ones tell what the network knows anyway


class Recollection:
    """What was said so far: to a text that is being written, its prompt."""

    def __init__(self, ids: Iterable[int], weight: float) -> None:
        """Remember `ids`; what followed a context once before gets the part `weight`, in (0, 1), of the next guess."""
        self._strength = (1 - weight) / weight  # the network's guess counts as much as this many sightings
        self._last: tuple[int, ...] = ()
        self._seen: dict[tuple[int, ...], dict[int, int]] = {}
        for character in ids:
            self.add(int(character))

    def add(self, character: int) -> None:
        """Remember the next character of the text."""
        for order in ORDERS:
            if len(self._last) >= order:
                followers = self._seen.setdefault(self._last[-order:], {})
                followers[character] = followers.get(character, 0) + 1
        self.follow(character)

    def follow(self, character: int) -> None:
        """Go on by a character without remembering it: a text that learned from itself would soon say nothing new."""
        self._last = (*self._last, character)[-ORDERS[-1] :]

    def mixed(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the logits (V,) of the mixture of what a network guesses and what was seen."""
        probabilities = np.exp(logits - logits.max(), dtype=np.float64)
        probabilities /= probabilities.sum()
        for order in ORDERS:
            followers = self._seen.get(self._last[-order:]) if len(self._last) >= order else None
            if not followers:
                break
            total = sum(followers.values()) + self._strength
            probabilities *= self._strength / total
            for character, count in followers.items():
                probabilities[character] += count / total
        with np.errstate(divide="ignore"):
            mixed: NDArray[np.float32] = np.log(probabilities).astype(np.float32)
        return mixed
