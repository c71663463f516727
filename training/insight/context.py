"""How much context helps: the loss as a function of how many characters the network was given.

A network that begins without memory is compared, character by character, with itself when it has read far more: the
difference is what the missing context costs, and the text's own ups and downs cancel out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from corpora.errors import UserError
from training.checkpoint import Model
from training.insight.trace import Array, log_softmax, steps

LONGEST = 2000  # characters of context
WINDOWS = 128  # places in the text where the network is made to begin
EDGES = (1, 2, 3, 4, 5, 7, 10, 14, 20, 28, 40, 56, 80, 112, 160, 224, 320, 448, 640, 900, 1280, 1600, LONGEST + 1)
ENOUGH = 0.01  # nats: a context is long enough where no longer one gains more


@dataclass(frozen=True)
class Contexts:
    """What contexts of `least` to `most` characters cost more than LONGEST and more, in nats per character."""

    least: Sequence[int]
    most: Sequence[int]
    excess: Sequence[float]
    error: Sequence[float]  # standard error of the mean, over the places
    nats: float  # with all the context

    @property
    def enough(self) -> int:
        """Return the context from which on none costs ENOUGH more."""
        short = [most for most, excess in zip(self.most, self.excess, strict=True) if excess >= ENOUGH]
        return (short[-1] + 1) if short else 1


def measure(model: Model, text: str) -> Contexts:
    """Read WINDOWS pieces of `text` twice, once from nothing and once with LONGEST characters before them."""
    if len(text) < 4 * LONGEST:
        raise UserError(f"The text has {len(text):,} characters; contexts up to {LONGEST:,} need {4 * LONGEST:,}.")
    ids = model.vocabulary.encode(text)
    starts = np.linspace(LONGEST, len(ids) - LONGEST - 1, WINDOWS).astype(int)
    fresh, warm = _losses(model, ids, starts, 0), _losses(model, ids, starts, LONGEST)
    added = fresh - warm  # (windows, LONGEST); column k - 1 had k characters of context
    parts = [added[:, least - 1 : most - 1].mean(axis=1) for least, most in pairwise(EDGES)]
    return Contexts(
        least=EDGES[:-1],
        most=[edge - 1 for edge in EDGES[1:]],
        excess=[float(part.mean()) for part in parts],
        error=[float(part.std(ddof=1) / len(part) ** 0.5) for part in parts],
        nats=float(warm.mean()),
    )


def _losses(model: Model, ids: NDArray[np.uint16], starts: NDArray[np.int64], before: int) -> Array:
    """Return the losses (windows, LONGEST) of the characters behind the first of each window, `before` it on."""
    read = ids[starts[:, None] + np.arange(-before, LONGEST)]
    after = ids[starts[:, None] + np.arange(1, LONGEST + 1)]
    losses = np.empty(after.shape, np.float32)
    for place, (_, logits) in enumerate(steps(model, read), start=-before):
        if place >= 0:
            losses[:, place] = -log_softmax(logits)[np.arange(len(starts)), after[:, place]]
    return losses
