"""The running batch, a step at a time: a text is the plain loop's, whenever it joins and whoever leaves."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest

from generators.batch import NOISE, PIECE, Batch, Draft
from generators.grammar import FREE, Table
from generators.inference import LanguageModel
from generators.notation import Grammar
from generators.sampling import REMEMBERED, Sampling
from generators.stream import Reason
from generators.voice import Voice


@dataclass
class Text:
    """What was said of a draft."""

    pieces: list[str] = field(default_factory=list)
    reason: Reason | None = None
    error: BaseException | None = None
    ends: int = 0

    def end(self, reason: Reason | None, error: BaseException | None) -> None:
        self.reason, self.error = reason, error
        self.ends += 1

    def __str__(self) -> str:
        return "".join(self.pieces)


def join(
    batch: Batch,
    model: LanguageModel,
    seed: int,
    sampling: Sampling | None = None,
    length: int = 60,
    stop: str = "",
    state: int = FREE,
) -> tuple[Text, Draft]:
    """Let a text join that begins after a line feed."""
    text = Text()
    chance = np.random.default_rng([seed, 0])
    draft = Draft(sampling or Sampling(), chance, length, stop, text.pieces.append, text.end, state)
    logits, memory = model.step(np.array([0], dtype=np.int64), model.start(1))
    batch.join(draft, logits[0], memory[0])
    return text, draft


@pytest.fixture
def model(make_voice: Callable[..., Voice]) -> LanguageModel:
    return make_voice().model


OPTIONS = [Sampling(), Sampling(temperature=0), Sampling(repetition=2), Sampling(top_k=2), Sampling(temperature=2)]


def test_a_text_may_join_at_any_tick(model: LanguageModel, by_hand: Callable[..., str]) -> None:
    """One joins at every step, so that each begins at another column of what is kept for a while."""
    batch, texts = Batch(model, None, 3 * REMEMBERED), []
    for tick in range(2 * max(PIECE, NOISE, REMEMBERED) + 3):
        texts.append(join(batch, model, tick, OPTIONS[tick % 5], length=1 + tick % 50)[0])
        batch.step()
    while len(batch):
        batch.step()
    for tick, text in enumerate(texts):
        assert str(text) == by_hand(model, "\n", tick, 0, OPTIONS[tick % 5], 1 + tick % 50), tick
        assert (text.reason, text.error, text.ends) == ("length", None, 1)


def test_who_leaves_takes_nothing_along(model: LanguageModel, by_hand: Callable[..., str]) -> None:
    chance = np.random.default_rng(0)
    batch = Batch(model, None, 12)
    left: list[tuple[int, Text]] = []
    there: list[tuple[int, Text, Draft]] = []
    for seed in range(300):
        if len(batch) < 12:
            there.append((seed, *join(batch, model, seed, OPTIONS[seed % 5])))
        if chance.random() < 0.15:
            _, text, draft = there.pop(int(chance.integers(len(there))))
            row = draft.row
            batch.leave(draft)
            batch.leave(draft)  # a second time it is gone already
            assert (draft.row, text.ends) == (-1, 0 if row >= 0 else 1)
        batch.step()
        assert [draft.row for draft in batch.drafts] == list(range(len(batch)))
        left += [(seed, text) for seed, text, draft in there if draft.row < 0]
        there = [entry for entry in there if entry[2].row >= 0]
    assert len(left) > 20
    for seed, text in left:
        assert str(text) == by_hand(model, "\n", seed, 0, OPTIONS[seed % 5], 60)


STOPS = ["a", "ab", "\n\n", "aab", "bbb" * 4, "xa", "ax", ""]


def test_a_stop_is_never_said_at_whatever_tick_it_comes(model: LanguageModel, by_hand: Callable[..., str]) -> None:
    batch, texts = Batch(model, None, 64), []
    for seed in range(60):
        texts.append(join(batch, model, seed, stop=STOPS[seed % len(STOPS)])[0])
        batch.step()
    while len(batch):
        batch.step()
    for seed, text in enumerate(texts):
        whole, stop = by_hand(model, "\n", seed, 0, Sampling(), 60), STOPS[seed % len(STOPS)]
        found = bool(stop) and stop in whole
        assert str(text) == (whole.partition(stop)[0] if found else whole)
        assert text.reason == ("stop" if found else "length")


def test_pieces_come_as_soon_as_they_are_whole(model: LanguageModel, by_hand: Callable[..., str]) -> None:
    batch = Batch(model, None, 2)
    for _ in range(PIECE - 4):  # at another tick than the first
        join(batch, model, 1, length=1)
        batch.step()
    text, _ = join(batch, model, 0, length=3 * PIECE)
    whole = by_hand(model, "\n", 0, length=3 * PIECE)
    for written in range(1, 3 * PIECE):
        batch.step()
        said = max(1, (written + PIECE - 4) // PIECE * PIECE - (PIECE - 4))
        assert str(text) == whole[:said], written
    batch.step()
    assert str(text) == whole
    assert text.reason == "length"


def test_a_grammar_holds_for_the_rows_that_have_it(make_voice: Callable[..., Voice]) -> None:
    model = make_voice(characters="().abc").model
    grammar = Table(Grammar('root ::= ("a" | "b" | "(" root ")")* "."', "().abc"), model.vocabulary)
    start = grammar.walk(np.zeros(0, dtype=np.uint16))
    assert start is not None
    batch = Batch(model, grammar, 64)
    texts = [join(batch, model, seed, length=20, state=(start, FREE)[seed % 2])[0] for seed in range(40)]
    while len(batch):
        batch.step()
    for formed in texts[::2]:
        assert formed.reason == "complete"
        text = str(formed)
        assert text.endswith(".")
        assert text.count("(") == text.count(")")
        assert "c" not in text
    assert {len(str(free)) for free in texts[1::2]} == {20}
    assert any("c" in str(free) for free in texts[1::2])


def test_a_batch_may_be_empty(model: LanguageModel) -> None:
    batch = Batch(model, None, 3)
    for _ in range(3):
        batch.step()
        text, draft = join(batch, model, 0)
        assert len(batch) == 1
        batch.leave(draft)
        assert len(batch) == 0
        batch.step()
        assert (str(text), text.ends) == ("", 0)
