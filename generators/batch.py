"""The texts that one model is writing at the moment, a row each, one character at a step for all of them.

A recurrent network's memory has a fixed size, so a text may join at any step and leave at any other. Everything that
differs between texts (sampling, seed, length, stop, grammar) is a column; no row's arithmetic depends on its
neighbours, so a text is the same in any company. No threads here: generators/engine.py has those.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from corpora.errors import UserError
from generators.adaptation import Recollection
from generators.grammar import FREE, Table
from generators.inference import LanguageModel, Logits, State
from generators.sampling import REMEMBERED, Sampling, SamplingRows, draw, draw_noise, score
from generators.stream import Reason

PIECE = 16  # characters handed over at once; the first of a text goes alone
NOISE = 32  # characters that random numbers are drawn for at once


@dataclass(eq=False)
class Draft:
    """One text to be written: how, up to where, and whom to tell. `row` is its place in the batch, or -1."""

    sampling: Sampling
    chance: np.random.Generator
    length: int
    stop: str
    say: Callable[[str], None]
    end: Callable[[Reason | None, BaseException | None], None]
    state: int = FREE  # of the grammar
    recollection: Recollection | None = None
    row: int = -1
    written: int = 0  # characters, once it has ended
    told: int = 0  # the batch's tick up to which `held` and what was said go
    held: str = field(default="", repr=False)  # written, and perhaps the beginning of the stop


class Batch:
    """The running texts of one model; not thread-safe."""

    def __init__(self, model: LanguageModel, grammar: Table | None, rows: int) -> None:
        """Make room for `rows` texts."""
        self._model, self._grammar = model, grammar
        self.rows = rows
        self.drafts: list[Draft] = []
        self._new: list[Draft] = []  # joined since the last step
        self._tick = 0  # steps made; what is kept for a step lies in column `tick` modulo the width
        self._memory: State = model.start(0)
        self._logits: Logits = np.zeros((0, len(model.vocabulary)), dtype=np.float32)
        self._noise = np.zeros((rows, NOISE, len(model.vocabulary)), dtype=np.float32)
        self._pending = np.zeros((rows, PIECE), dtype=np.int64)
        self._recent = np.zeros((rows, REMEMBERED), dtype=np.int64)
        self._ids = np.zeros(rows, dtype=np.int64)  # the characters just drawn
        self._end = np.zeros(rows, dtype=np.int64)  # the tick after the last character that the length allows
        self._last = np.zeros(rows, dtype=np.int64)  # the stop's last character, -1 where there is none
        self._states = np.zeros(rows, dtype=np.int64)
        self._arrange()

    def __len__(self) -> int:
        return len(self.drafts)

    def join(self, draft: Draft, logits: Logits, memory: State) -> None:
        """Let `draft` begin after a prompt that left `logits` (V,) and `memory` (S,)."""
        row = draft.row = len(self.drafts)
        self.drafts.append(draft)
        self._new.append(draft)
        self._memory = np.concatenate([self._memory, memory[None]])
        self._logits = np.concatenate([self._logits, logits[None]])
        self._draw_noise(draft)
        self._recent[row] = -1
        self._end[row] = self._tick + draft.length
        self._last[row] = self._model.vocabulary.characters.find(draft.stop[-1]) if draft.stop else -1
        self._states[row] = draft.state
        draft.told = self._tick
        self._arranged = False

    def leave(self, draft: Draft) -> None:
        """Take a text out; the last row moves into its place."""
        row, last = draft.row, len(self.drafts) - 1
        if row < 0:
            return
        columns = (self._noise, self._pending, self._recent, self._ids, self._end, self._last, self._states)
        for column in (*columns, self._memory, self._logits):
            column[row] = column[last]
        self._memory, self._logits = self._memory[:last], self._logits[:last]
        moved = self.drafts.pop()
        if moved is not draft:
            self.drafts[row], moved.row = moved, row
        if not self.drafts:  # nothing of theirs is kept
            self._new.clear()
            self._adapting.clear()
        draft.row = -1
        self._arranged = False

    def step(self) -> None:
        """Write one character of every text; those at their end leave."""
        if not self.drafts:
            return
        if not self._arranged:
            self._arrange()
        self._ids[: len(self)] = self._draw()
        self._drop_the_impossible()
        self._record()
        self._follow_the_grammar()
        self._finish_those_at_their_end()
        self._hand_over()
        if self.drafts:
            self._logits, self._memory = self._model.step(self._ids[: len(self)], self._memory)

    def _arrange(self) -> None:
        """Note what follows from who is in the batch."""
        self._sampling = SamplingRows([draft.sampling for draft in self.drafts])
        self._adapting = [draft for draft in self.drafts if draft.recollection is not None]
        self._formed = bool(self._states[: len(self)].any())
        self._first_end = min(self._end[: len(self)].tolist(), default=0)
        self._arranged = True

    def _draw_noise(self, draft: Draft) -> None:
        """Draw the text's random numbers up to the last column."""
        column, size = self._tick % NOISE, self._noise.shape[2]
        self._noise[draft.row, column:] = draw_noise(draft.chance, NOISE - column, size)

    def _draw(self) -> NDArray[np.int64]:
        """Return the next character of each row (B,), or -1 where there is none that may come."""
        for draft in self._adapting:
            assert draft.recollection is not None
            self._logits[draft.row] = draft.recollection.mixed(self._logits[draft.row])
        scores = score(self._logits, self._sampling, self._recent, self._allowed())
        return draw(scores, self._noise[: len(self), self._tick % NOISE])

    def _allowed(self) -> NDArray[np.bool_] | None:
        if self._grammar is None or not self._formed:
            return None
        rows = len(self)
        return self._grammar.allowed(self._states[:rows], self._end[:rows] - self._tick)

    def _drop_the_impossible(self) -> None:
        """End the texts for which no character could be drawn."""
        ids = self._ids[: len(self)]
        if np.minimum.reduce(ids) >= 0:
            return
        for draft in [self.drafts[row] for row in np.flatnonzero(ids < 0)]:
            if draft.row < 0:  # its job ended with another of its drafts
                continue
            if self._grammar is None or not np.isfinite(self._logits[draft.row].max()):
                self._finish(draft, None, UserError("the network computed NaN; train it again."))
                continue
            if self._grammar.distance(int(self._states[draft.row])) == 0:  # what may follow is longer than what is left
                self._finish(draft, "length")
                continue
            state = self._grammar.describe(int(self._states[draft.row]))
            after = self._end_of(draft)
            self._finish(draft, None, UserError(f"the grammar allows no character after {after!r}, in state {state}."))

    def _record(self) -> None:
        rows = len(self)
        ids = self._ids[:rows]
        self._pending[:rows, self._tick % PIECE] = ids
        if self._sampling.penalised:
            self._recent[:rows, self._tick % REMEMBERED] = ids
        for draft in self._adapting:
            assert draft.recollection is not None
            draft.recollection.follow(int(self._ids[draft.row]))
        self._tick += 1

    def _follow_the_grammar(self) -> None:
        """Bring each row's state on; a text whose grammar fails ends there."""
        rows = len(self)
        if self._grammar is None or not self._formed:
            return
        self._states[:rows] = self._grammar.advance(self._states[:rows], self._ids[:rows])
        if self._grammar.full:
            self._states[:rows] = self._grammar.keep(self._states[:rows])
        if (ready := self._grammar.ready(self._states[:rows])).all():
            return
        for draft in [self.drafts[row] for row in np.flatnonzero(~ready)]:
            try:
                if draft.row >= 0:
                    self._grammar.expand(int(self._states[draft.row]))
            except UserError as error:
                self._finish(draft, None, error)

    def _finish_those_at_their_end(self) -> None:
        """Let the texts leave that are at their stop, at the end of their grammar, or as long as they may be."""
        rows = len(self)
        over = self._ids[:rows] == self._last[:rows]
        if self._grammar is not None and self._formed:
            over |= self._grammar.complete(self._states[:rows])
        if self._tick >= self._first_end:
            over |= self._end[:rows] <= self._tick
        if np.logical_or.reduce(over):
            for draft in [self.drafts[row] for row in np.flatnonzero(over)]:
                if draft.row >= 0 and (reason := self._reason(draft)):
                    self._finish(draft, reason)

    def _reason(self, draft: Draft) -> Reason | None:
        """Return why a text is at its end, or None; a stop at the end of what is held is taken away."""
        row = draft.row
        if draft.stop and self._text(draft).endswith(draft.stop):
            draft.held = draft.held.removesuffix(draft.stop)
            return "stop"
        if self._grammar is not None and self._grammar.complete(self._states[row : row + 1])[0]:
            return "complete"
        return "length" if self._end[row] <= self._tick else None

    def _hand_over(self) -> None:
        """Tell the listeners what was written, save what may belong to a stop."""
        due = self.drafts if self._tick % PIECE == 0 else [draft for draft in self._new if draft.row >= 0]
        for draft in due:
            text = self._text(draft)
            sure = len(text) - _overlap(text, draft.stop)
            draft.held = text[sure:]
            if sure:
                draft.say(text[:sure])
        self._new.clear()
        if self._tick % NOISE == 0:
            for draft in self.drafts:
                self._draw_noise(draft)

    def _text(self, draft: Draft) -> str:
        """Return what was written and not handed over."""
        first = draft.told % PIECE
        ids = self._pending[draft.row, first : first + self._tick - draft.told]
        draft.held += self._model.vocabulary.decode(ids.tolist())
        draft.told = self._tick
        return draft.held

    def _end_of(self, draft: Draft) -> str:
        """Return the last characters written, handed over or not."""
        columns = np.arange(self._tick - min(self._written(draft), PIECE), self._tick) % PIECE
        return self._model.vocabulary.decode(self._pending[draft.row, columns].tolist())

    def _written(self, draft: Draft) -> int:
        return draft.length - int(self._end[draft.row] - self._tick)

    def _finish(self, draft: Draft, reason: Reason | None, error: UserError | None = None) -> None:
        if text := self._text(draft):
            draft.say(text)
        draft.written = self._written(draft)
        self.leave(draft)
        draft.end(reason, error)


def _overlap(text: str, stop: str) -> int:
    """Return how many characters at the end of `text` may be the beginning of `stop`."""
    return next((size for size in range(min(len(stop) - 1, len(text)), 0, -1) if stop.startswith(text[-size:])), 0)
