"""Text cut into parallel streams, for training (truncated back-propagation through time) and for measuring."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from corpora.errors import UserError

Block = NDArray[np.int64]

PIECES = 8  # of a stream at least; what fills none waits for another pass, and is a small part then


@dataclass(frozen=True)
class Window:
    """One step's text: `inputs` and `targets` (streams, length); a `fresh` stream (streams,) begins without memory."""

    inputs: Block
    targets: Block
    fresh: NDArray[np.bool_]


class Streams:
    """The training text as `batch` streams, read side by side, `length` characters at a step.

    A stream is made of pieces from anywhere, drawn anew for each pass, and begins each without memory: a network that
    never had to begin writes nonsense when asked to. What stands close together in a text is alike, too, and a network
    that reads it as it stands bends towards where it is and forgets the rest. `reset` is the part of the windows that
    begin a piece; where it is 0, or a stream has too few for it, the stream is one contiguous part of the text.

    A window is a pure function of the step number, so a run resumes exactly by remembering one integer. Each pass
    starts at another place (drawn from the seed and the pass's number), so that the text is cut elsewhere every time.
    """

    def __init__(self, ids: NDArray[np.uint16], batch: int, length: int, seed: int, reset: float = 0.0) -> None:
        """Raise UserError where `ids` (characters,) are too few for one step."""
        self.length = length
        self.batch = batch
        per_stream = (len(ids) - 1) // batch
        whole = per_stream // length
        pieces = whole // round(1 / reset) if reset else 1
        self._drawn = pieces >= PIECES
        self._pieces = pieces if self._drawn else 1  # of each stream
        self._windows = round(1 / reset) if self._drawn else whole  # of each piece
        self._per_piece = self._windows * length if self._drawn else per_stream
        self.steps_per_epoch = self._pieces * self._windows
        if self.steps_per_epoch < 1:
            raise UserError(
                f"The training text has {len(ids):,} characters; {batch} streams of {length} need at least "
                f"{batch * length + 1:,}. Use more text, or a smaller batch or length."
            )
        self._ids = ids
        self._seed = seed

    def window(self, step: int) -> Window:
        """Return the window of `step` (0, 1, ...), passes over the text following one another without end."""
        epoch, place = divmod(step, self.steps_per_epoch)
        number, place = divmod(place, self._windows)
        chance = np.random.default_rng([self._seed, epoch])
        shift = int(chance.integers(len(self._ids)))
        order = chance.permutation(self.batch * self._pieces) if self._drawn else np.arange(self.batch)
        mine = order[number * self.batch : (number + 1) * self.batch]  # (batch,)
        starts = shift + mine * self._per_piece + place * self.length
        rows = starts[:, None] + np.arange(self.length + 1)  # (batch, length + 1)
        text = self._ids[rows % len(self._ids)].astype(np.int64)
        return Window(text[:, :-1], text[:, 1:], fresh=np.full(self.batch, place == 0))


@dataclass(frozen=True)
class HeldOut:
    """A held-out text laid out to be scored in parallel.

    `inputs` and `targets` (rows, length); `scored` (rows, length) is False where a row only warms its state up on
    characters that the row before it scores, and in the last row's padding. The first character of the text is
    predicted by nobody.
    """

    inputs: Block
    targets: Block
    scored: NDArray[np.bool_]


def held_out(ids: NDArray[np.uint16], rows: int = 32, context: int = 400) -> HeldOut:
    """Lay `ids` out in about `rows` rows, each warmed up on the `context` characters before its own part."""
    if len(ids) < 2:
        raise UserError(f"A held-out text needs at least 2 characters to be scored; this one has {len(ids)}.")
    places, scored = side_by_side(len(ids) - 1, rows, context)
    return HeldOut(ids[places].astype(np.int64), ids[places + 1].astype(np.int64), scored)


def side_by_side(characters: int, rows: int, context: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Cut a text into about `rows` parts, each read from `context` characters before it on.

    Return the places of the characters to read (rows, length), and which of them are a row's own: each place is, once,
    in the order of the text.
    """
    own = max(math.ceil(characters / rows), 1)
    rows = math.ceil(characters / own)
    own_starts = (np.arange(rows) * own)[:, None]
    places = np.maximum(own_starts - context, 0) + np.arange(context + own)  # (rows, context + own)
    mine = (places >= own_starts) & (places < np.minimum(own_starts + own, characters))
    return places.clip(max=characters - 1), mine
