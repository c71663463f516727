"""Counts that speak: a light n-gram language model, the voice of a plugin before any training.

Interpolated Witten-Bell smoothing (Chen & Goodman 1998, 2.4), read off the text itself: all places of the text are
sorted by the characters before them, so that the places with a given context are one range, found by bisection.
For measured comparisons there is training/evaluation/kneser_ney.py; this one is built in a second and needs no files.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from corpora.errors import UserError
from training.vocabulary import Vocabulary

LARGEST = 2_000_000  # characters counted; of a longer text, its beginning
WIDE = 2_000  # places; counting fewer is as quick as remembering


class NGram:
    """Predicts a character from the `order` before it. A stream's memory is those characters, -1 where none were."""

    def __init__(self, text: str, vocabulary: Vocabulary, order: int = 7) -> None:
        """Sort the places of `text`; raise UserError where it is shorter than one context."""
        text = text[:LARGEST]
        if len(text) <= order:
            raise UserError(f"The text has {len(text)} characters; counting {order}-grams needs more than {order}.")
        self.vocabulary = vocabulary
        self.order = order
        ids = self.vocabulary.encode(text).astype(np.int32)
        padded = np.concatenate([np.full(order, -1, dtype=np.int32), ids])
        contexts = [padded[order - k : len(padded) - k] for k in range(1, order + 1)]  # nearest character first
        places = np.lexsort(contexts[::-1])
        self._contexts = [context[places] for context in contexts]  # `order` sorted columns (N,)
        self._following = ids[places]  # (N,)
        self._wide: dict[tuple[int, int], NDArray[np.int64]] = {}

    @property
    def megabytes(self) -> float:
        """Return about how much memory the counts take."""
        return sum(column.nbytes for column in [*self._contexts, self._following]) / 1e6

    def start(self, streams: int) -> NDArray[Any]:
        """Return memories (streams, order) that have read nothing."""
        return np.full((streams, self.order), -1, dtype=np.int32)

    def step(self, ids: NDArray[np.int64], state: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[Any]]:
        """Read one character per stream, ids (streams,); return log-probabilities (streams, V) and the new memory."""
        state = np.concatenate([state[:, 1:], ids[:, None].astype(np.int32)], axis=1)
        return np.log(np.stack([self._distribution(row) for row in state])).astype(np.float32), state

    def read(self, ids: NDArray[np.int64], state: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[Any]]:
        """Read a text per stream, ids (T, streams); return log-probabilities (T, streams, V) and the new memory.

        Where an id is -1 the stream reads nothing and its probabilities mean nothing.
        """
        logits = []
        for row in ids:
            out, after = self.step(row, state)
            state = np.where(row[:, None] < 0, state, after)
            logits.append(out)
        return np.stack(logits), state

    def _distribution(self, memory: NDArray[np.int32]) -> NDArray[np.float64]:
        size = len(self.vocabulary)
        low, high = 0, len(self._following)
        probabilities: NDArray[np.float64] = (self._counts(low, high) + 1) / (high + size)
        for column, character in zip(self._contexts, memory[::-1], strict=True):
            if character < 0:
                break
            range_ = column[low:high]
            low, high = (low + int(np.searchsorted(range_, character, side)) for side in ("left", "right"))
            if low == high:
                break
            counts = self._counts(low, high)
            kinds = np.count_nonzero(counts)  # Witten-Bell: as many pseudo-counts as kinds of followers
            probabilities = (counts + kinds * probabilities) / (high - low + kinds)
        return probabilities

    def _counts(self, low: int, high: int) -> NDArray[np.int64]:
        """Count what follows at the sorted places low to high; of the wide ranges there are few, and they are kept."""
        kept = self._wide.get((low, high))
        if kept is None:
            kept = np.bincount(self._following[low:high], minlength=len(self.vocabulary))
            if high - low > WIDE:
                self._wide[low, high] = kept
        return kept
