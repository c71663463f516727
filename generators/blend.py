"""Two models that speak as one: a weighted mean of their log-probabilities, character by character."""

import numpy as np
from numpy.typing import NDArray

from generators.inference import LanguageModel, Logits, State


class Blend:
    """A geometric mixture: log p = (1 - weight) log p_first + weight log p_second, up to a constant; so logits will do.

    It has the characters of the first. One that the second never saw is as likely to it as the least likely of those
    it knows, and is not read by it. A stream's memory is both memories side by side.
    """

    def __init__(self, first: LanguageModel, second: LanguageModel, weight: float) -> None:
        """Mix `second` into `first` with `weight` in [0, 1]."""
        self.vocabulary = first.vocabulary
        self._first, self._second, self._weight = first, second, weight
        places = [second.vocabulary.characters.find(character) for character in first.vocabulary.characters]
        self._to_second = np.array(places, dtype=np.int64)  # (V of the first,): -1 where the second has none
        self._cut = first.start(1).shape[1]

    @property
    def megabytes(self) -> float:
        """Return the memory of both."""
        return self._first.megabytes + self._second.megabytes

    def start(self, streams: int) -> State:
        """Return empty memories (streams, both sizes)."""
        return np.concatenate([self._first.start(streams), self._second.start(streams)], axis=1).astype(np.float32)

    def step(self, ids: NDArray[np.int64], state: State) -> tuple[Logits, State]:
        """Read one character per stream (see LanguageModel)."""
        logits, state = self.read(ids[None], state)
        return logits[0], state

    def read(self, ids: NDArray[np.int64], state: State) -> tuple[Logits, State]:
        """Read a text per stream (see LanguageModel)."""
        first, second = self._parts(state)
        guess, first = self._first.read(ids, first)
        other, second = self._second.read(np.where(ids < 0, -1, self._to_second[ids]), second)
        seen = np.where(self._to_second >= 0, other[..., self._to_second], other.min(axis=-1, keepdims=True))
        mixed = (1 - self._weight) * guess.astype(np.float64) + self._weight * seen.astype(np.float64)
        return mixed.astype(np.float32), np.concatenate([first, second], axis=1).astype(np.float32)

    def _parts(self, state: State) -> tuple[State, State]:
        first, second = (model.start(0).dtype for model in (self._first, self._second))
        parts = state[:, : self._cut], state[:, self._cut :]
        return np.ascontiguousarray(parts[0], dtype=first), np.ascontiguousarray(parts[1], dtype=second)
