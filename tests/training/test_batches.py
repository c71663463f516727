from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpora.errors import UserError
from training.batches import PIECES, Streams, held_out
from training.vocabulary import Ids

PLACES = np.arange(1000, dtype=np.uint16)  # a text whose every id is its own place


def follows(places: np.ndarray, later: np.ndarray) -> bool:
    """Return whether `later` is what stands behind `places` in the text, which goes round."""
    return np.array_equal((places + 1) % len(PLACES), later)


def test_targets_are_what_follows_the_inputs() -> None:
    streams = Streams(PLACES, batch=7, length=11, seed=3)
    for step in range(40):
        window = streams.window(step)
        assert window.inputs.shape == window.targets.shape == (7, 11)
        assert window.inputs.dtype == window.targets.dtype == np.int64
        assert follows(window.inputs, window.targets)
        assert np.array_equal(window.inputs[:, 1:], window.targets[:, :-1])


@given(st.integers(1, 9), st.integers(1, 20), st.integers(0, 99))
def test_one_pass_reads_every_stream_from_its_start_without_a_gap(batch: int, length: int, seed: int) -> None:
    streams = Streams(PLACES, batch, length, seed)
    per_stream = 999 // batch
    assert streams.steps_per_epoch == per_stream // length
    windows = [streams.window(step) for step in range(streams.steps_per_epoch)]
    assert [window.fresh.tolist() for window in windows] == [[place == 0] * batch for place in range(len(windows))]
    rows = np.concatenate([window.inputs for window in windows], axis=1)
    assert follows(rows[:, :-1], rows[:, 1:])
    starts = rows[:, 0]
    assert np.array_equal((starts[0] + np.arange(batch) * per_stream) % len(PLACES), starts)
    assert len(np.unique(rows)) == rows.size == batch * streams.steps_per_epoch * length


@given(st.integers(1, 9), st.integers(1, 20), st.floats(0.01, 1), st.integers(0, 99))
def test_one_pass_reads_pieces_from_anywhere_each_once(batch: int, length: int, reset: float, seed: int) -> None:
    streams = Streams(PLACES, batch, length, seed, reset)
    windows = [streams.window(step) for step in range(streams.steps_per_epoch)]
    rows = np.concatenate([window.inputs for window in windows], axis=1)
    assert len(np.unique(rows)) == rows.size == batch * streams.steps_per_epoch * length
    in_a_piece = round(1 / reset)
    if 999 // batch // length < PIECES * in_a_piece:  # too short for so many
        in_a_piece = len(windows)
    assert rows.size > 999 - batch * length * (in_a_piece + 1)  # but for what fills no window or no piece
    for step, (before, after) in enumerate(pairwise(windows), 1):
        assert follows(after.inputs, after.targets)
        assert after.fresh.all() == after.fresh.any() == (step % in_a_piece == 0)
        if step % in_a_piece:
            assert follows(before.inputs[:, -1:], after.inputs[:, :1])


def test_pieces_are_drawn_anew_for_each_pass() -> None:
    streams = Streams(PLACES, 4, 10, seed=0, reset=0.5)
    first, second = ([int(streams.window(step + start).inputs[0, 0]) for step in range(24)] for start in (0, 24))
    assert streams.steps_per_epoch == 24
    assert set(first) != set(second)
    assert np.abs(np.diff(first)).max() > 100
    assert [(b - a) % len(PLACES) for a, b in zip(first[::2], first[1::2], strict=True)] == [10] * 12


def test_a_window_is_a_function_of_its_step_alone() -> None:
    first, second = (Streams(PLACES.copy(), 4, 30, seed=5, reset=0.3) for _ in range(2))
    forwards = [first.window(step) for step in range(30)]
    backwards = [second.window(step) for step in reversed(range(30))]
    for a, b in zip(forwards, reversed(backwards), strict=True):
        assert np.array_equal(a.inputs, b.inputs)
        assert np.array_equal(a.fresh, b.fresh)


def test_every_pass_starts_elsewhere() -> None:
    streams = Streams(PLACES, 2, 100, seed=0)
    assert streams.steps_per_epoch == 4
    passes = [streams.window(4 * epoch) for epoch in range(20)]
    assert all(window.fresh.all() for window in passes)
    assert len({int(window.inputs[0, 0]) for window in passes}) > 15
    assert len({int(Streams(PLACES, 2, 100, seed).window(0).inputs[0, 0]) for seed in range(20)}) > 15


def test_a_text_too_short_for_one_step_is_told_the_least() -> None:
    with pytest.raises(UserError, match=r"has 960 characters; 30 streams of 32 need at least 961"):
        Streams(PLACES[:960], batch=30, length=32, seed=0)
    assert Streams(PLACES[:961], batch=30, length=32, seed=0).steps_per_epoch == 1


@given(st.integers(2, 400), st.integers(1, 40), st.integers(0, 120))
def test_each_character_but_the_first_is_scored_once_behind_its_context(size: int, rows: int, context: int) -> None:
    ids = PLACES[:size]
    laid = held_out(ids, rows, context)
    assert laid.inputs.shape == laid.targets.shape == laid.scored.shape
    assert len(laid.inputs) <= rows
    assert sorted(laid.targets[laid.scored].tolist()) == list(range(1, size))
    for inputs, targets, scored in zip(laid.inputs, laid.targets, laid.scored, strict=True):
        first, last = np.flatnonzero(scored)[[0, -1]]
        assert scored[first : last + 1].all()
        # Without a gap, from `context` characters before the first scored one or from the beginning of the text.
        assert np.array_equal(inputs[: last + 1], np.arange(inputs[0], inputs[last] + 1))
        assert np.array_equal(targets[: last + 1], inputs[: last + 1] + 1)
        assert inputs[0] == max(inputs[first] - context, 0)


def test_a_held_out_text_of_two_characters_scores_one() -> None:
    laid = held_out(PLACES[:2])
    assert (laid.inputs[laid.scored].tolist(), laid.targets[laid.scored].tolist()) == ([0], [1])


@pytest.mark.parametrize("ids", [PLACES[:0], PLACES[:1]])
def test_less_than_two_characters_cannot_be_scored(ids: Ids) -> None:
    with pytest.raises(UserError, match=f"needs at least 2 characters to be scored; this one has {len(ids)}"):
        held_out(ids)
