import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import ValidationError

from corpora.errors import UserError
from generators.sampling import Sampling, SamplingRows, draw, draw_noise, score

P = [0.5, 0.25, 0.125, 0.125]
NOTHING: NDArray[np.int64] = np.zeros((1, 0), dtype=np.int64)


def logits_of(probabilities: Sequence[float]) -> NDArray[np.float32]:
    """The logits (1, V) of a model with these probabilities; the softmax takes the 3 away."""
    return np.float32(3) + np.log([probabilities]).astype(np.float32)


def distribution(logits: NDArray[np.float32], options: Sampling, recent: Sequence[int] = ()) -> list[float]:
    """A single row's probabilities."""
    scores = score(logits, SamplingRows([options]), np.array([recent], dtype=np.int64))[0]
    weights = np.exp((scores - scores.max()).astype(np.float64))
    return [float(weight) for weight in weights / weights.sum()]


def after(probabilities: list[float], recent: tuple[int, ...] = (), **options: Any) -> list[float]:
    """The distribution that a model with these probabilities is drawn from."""
    return distribution(logits_of(probabilities), Sampling(**options), recent)


def excess(counts: NDArray[np.int64], probabilities: NDArray[np.float64]) -> float:
    """How far chi-square is over its 0.999 quantile (Wilson & Hilferty 1931); what is impossible is not counted."""
    possible = probabilities > 0
    expected = counts.sum() * probabilities[possible]
    degrees = len(expected) - 1
    spread = 2 / (9 * degrees)
    quantile = degrees * (1 - spread + NormalDist().inv_cdf(0.999) * math.sqrt(spread)) ** 3
    return float(((counts[possible] - expected) ** 2 / expected).sum()) - quantile


def test_the_defaults_change_nothing() -> None:
    assert after(P) == pytest.approx(P)
    assert after(P, recent=(0, 1, 0)) == pytest.approx(P)


@pytest.mark.parametrize("temperature", [0.25, 0.5, 2.0, 5.0])
def test_temperature_is_a_power(temperature: float) -> None:
    powers = [p ** (1 / temperature) for p in P]
    assert after(P, temperature=temperature) == pytest.approx([p / sum(powers) for p in powers])


@pytest.mark.parametrize("temperature", [0.0, 5e-324, 1e-300, 1e-9])
def test_no_temperature_takes_the_likeliest(temperature: float) -> None:
    assert after([0.1, 0.6, 0.3], temperature=temperature) == [0, 1, 0]


def test_no_temperature_takes_the_first_of_equals_and_heeds_the_penalty() -> None:
    assert after([0.2, 0.4, 0.4], temperature=0) == [0, 1, 0]
    assert after([0.2, 0.4, 0.4], recent=(1,), repetition=1.5, temperature=0) == [0, 0, 1]
    assert after([0.2, 0.4, 0.4], recent=(1, 2), repetition=3, temperature=0) == [1, 0, 0]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"top_k": 1}, [1, 0, 0, 0]),
        ({"top_k": 2}, [2 / 3, 1 / 3, 0, 0]),
        ({"top_k": 3}, [4 / 7, 2 / 7, 1 / 7, 0]),  # of two equals the first
        ({"top_k": 400}, P),
        ({"top_p": 1e-9}, [1, 0, 0, 0]),
        ({"top_p": 0.49}, [1, 0, 0, 0]),
        ({"top_p": 0.51}, [2 / 3, 1 / 3, 0, 0]),
        ({"top_p": 0.76}, [4 / 7, 2 / 7, 1 / 7, 0]),
        ({"top_p": 0.88}, P),
        ({"min_p": 0.51}, [1, 0, 0, 0]),
        ({"min_p": 0.49}, [2 / 3, 1 / 3, 0, 0]),
        ({"min_p": 0.26}, [2 / 3, 1 / 3, 0, 0]),
        ({"min_p": 0.24}, P),  # equals stay or go together
        ({"temperature": 0.5, "min_p": 0.2}, [4 / 5, 1 / 5, 0, 0]),  # after temperature: 16, 4, 1 and 1 of 22
        ({"temperature": 0.5, "top_p": 0.72}, [1, 0, 0, 0]),
        ({"top_k": 1, "top_p": 5e-324}, [1, 0, 0, 0]),
        ({"top_k": 2, "top_p": 0.6}, [1, 0, 0, 0]),  # after top-k the first has 2/3
        ({"top_k": 3, "top_p": 0.8}, [2 / 3, 1 / 3, 0, 0]),
        ({"top_k": 3, "min_p": 0.3}, [2 / 3, 1 / 3, 0, 0]),
    ],
)
def test_what_the_filters_leave(options: dict[str, Any], expected: list[float]) -> None:
    assert after(P, **options) == pytest.approx(expected)
    turned = after(P[::-1], **options)  # now the equals come first
    assert sorted(turned) == pytest.approx(sorted(expected))
    assert turned[0] >= turned[1]  # the smaller id is the last to go


def test_the_penalty_divides_the_odds_of_what_was_just_written() -> None:
    assert after(P, recent=(0,), repetition=2) == pytest.approx([1 / 3, 1 / 3, 1 / 6, 1 / 6])
    assert after(P, recent=(0, 0, 0), repetition=2) == pytest.approx([1 / 3, 1 / 3, 1 / 6, 1 / 6])  # once
    assert after(P, recent=(0, 3), repetition=2) == pytest.approx([4 / 11, 4 / 11, 2 / 11, 1 / 11])
    assert after(P, recent=(0, 1, 2, 3), repetition=2) == pytest.approx(P)
    assert after(P, recent=(0,), repetition=4, top_k=1) == pytest.approx([0, 1, 0, 0])  # before the filters
    assert after(P, recent=(0,), repetition=2, temperature=0.5) == pytest.approx([0.4, 0.4, 0.1, 0.1])


def test_where_nothing_was_written_nothing_is_penalised() -> None:
    assert after(P, recent=(-1, -1), repetition=2) == pytest.approx(P)
    assert after(P, recent=(-1, 3, -1), repetition=2) == pytest.approx(after(P, recent=(3,), repetition=2))
    assert after([0.2, 0.8], recent=(1, -1), repetition=5, temperature=0) == [1, 0]


NO_NUMBERS = pytest.mark.parametrize("bad", [[0, math.nan, 1], [math.nan] * 3, [math.inf, 0, 0], [-math.inf] * 3])


@NO_NUMBERS
@pytest.mark.parametrize(
    "options", [{}, {"temperature": 0}, {"top_k": 2, "repetition": 2}, {"top_p": 0.5}, {"min_p": 0.5}]
)
def test_what_is_no_number_is_refused(bad: list[float], options: dict[str, Any]) -> None:
    rows = SamplingRows([Sampling(**options)] * 2)
    scores = score(np.array([bad, [0, 1, 2]], dtype=np.float32), rows, np.full((2, 1), 2))
    ids = draw(scores, np.zeros((2, 3), dtype=np.float32))
    assert ids[0] == -1
    assert ids[1] in (1, 2)  # its neighbour is well


def test_rows_without_numbers_of_all_kinds_stand_side_by_side() -> None:
    scores = np.array([[math.inf, 0], [0, -math.inf], [-math.inf] * 2, [math.nan, 0], [-math.inf, 9]], np.float32)
    assert draw(scores, np.zeros((5, 2), dtype=np.float32)).tolist() == [-1, 0, -1, -1, 1]


def by_hand(weights: Sequence[float], recent: set[int], options: Sampling) -> tuple[dict[int, float], bool]:
    """The same once more: a dictionary that each filter makes smaller, in the order stated.

    And whether something lies on a filter's edge, where rounding decides.
    """
    left = {i: w / (options.repetition if i in recent else 1) for i, w in enumerate(weights)}
    left = {i: w ** (1 / options.temperature) for i, w in left.items()}
    ranked = sorted(left, key=lambda i: (-round(left[i], 9), i))
    ranked = ranked[: options.top_k or None]
    total, together, nucleus, on_edge = sum(left[i] for i in ranked), 0.0, [], False
    for i in ranked:
        on_edge |= abs(together / total - options.top_p) <= 1e-5
        on_edge |= abs(left[i] / left[ranked[0]] - options.min_p) <= 1e-5
        if together / total < options.top_p and left[i] >= options.min_p * left[ranked[0]]:
            nucleus.append(i)
        together += left[i]
    total = sum(left[i] for i in nucleus)
    return {i: left[i] / total for i in nucleus}, on_edge


@given(
    st.lists(st.integers(1, 50), min_size=1, max_size=12, unique=True),
    st.sets(st.integers(0, 11)),
    st.floats(0.3, 5),
    st.integers(0, 14),
    st.floats(0.01, 1),
    st.floats(0, 0.99),
)
def test_all_together_as_by_hand(
    weights: list[int], recent: set[int], temperature: float, top_k: int, top_p: float, min_p: float
) -> None:
    recent = {i for i in recent if i < len(weights)}
    options = Sampling(temperature=temperature, top_k=top_k, top_p=top_p, min_p=min_p, repetition=1.37)
    probabilities = distribution(logits_of(weights), options, sorted(recent))
    expected, on_edge = by_hand(weights, recent, options)
    assume(not on_edge)
    assert {int(i) for i in np.flatnonzero(probabilities)} == set(expected)
    assert sum(probabilities) == pytest.approx(1)
    assert [probabilities[i] for i in expected] == pytest.approx(list(expected.values()), rel=1e-4)


def test_the_noise_is_gumbels() -> None:
    noise = np.sort(draw_noise(np.random.default_rng(3), 100, 1000), axis=None)
    below = np.arange(1, 100_001) / 100_000
    assert np.abs(np.exp(-np.exp(-noise)) - below).max() < 1.95 / math.sqrt(100_000)  # 0.999 of Kolmogorov-Smirnov


@given(st.integers(0, 2**32), st.integers(1, 900), st.lists(st.integers(1, 40), min_size=1, max_size=6))
def test_the_noise_of_a_text_is_the_same_drawn_in_any_parts(seed: int, size: int, parts: list[int]) -> None:
    chance = np.random.default_rng(seed)
    in_parts = np.concatenate([draw_noise(chance, part, size) for part in parts])
    at_once = draw_noise(np.random.default_rng(seed), sum(parts), size)
    assert in_parts.dtype == at_once.dtype == np.float32
    assert np.array_equal(in_parts, at_once)
    assert np.isfinite(at_once).all()


def test_a_number_of_exactly_zero_does_not_make_the_unlikely_win() -> None:
    chance = np.random.default_rng(5)
    while True:  # one exponential in 2^23 is 0, in single precision
        before = chance.bit_generator.state
        if not chance.standard_exponential(2**20, dtype=np.float32).all():
            break
    chance.bit_generator.state = before
    noise = draw_noise(chance, 1, 2**20)
    assert 15 < noise.max() < 17
    scores = np.full((1, 2**20), -40, dtype=np.float32)
    scores[0, 7] = 0  # all others together have a probability of 4e-12
    assert draw(scores, noise).tolist() == [7]


@given(st.integers(0, 2**32), st.integers(1, 12), st.integers(1, 50))
def test_draw_is_the_largest_sum(seed: int, rows: int, characters: int) -> None:
    chance = np.random.default_rng(seed)
    scores = chance.standard_normal((rows, characters), dtype=np.float32)
    noise = draw_noise(chance, rows, characters)
    by_hand = [max(range(characters), key=lambda i: (scores[r, i] + noise[r, i], -i)) for r in range(rows)]
    assert draw(scores, noise).tolist() == by_hand


@pytest.mark.parametrize(
    "options",
    [{}, {"temperature": 0.6, "top_k": 5}, {"temperature": 2.5, "top_k": 30}, {"top_p": 0.8}, {"min_p": 0.05}],
)
@pytest.mark.parametrize("characters", [8, 90])
def test_draws_fit_the_softmax(options: dict[str, Any], characters: int) -> None:
    chance = np.random.default_rng(11)
    weights = [float(weight) for weight in chance.permutation(characters) + 1]
    weights[3] *= 3
    own = Sampling(**options)
    expected, on_edge = by_hand(weights, set(), own)
    assert not on_edge
    probabilities = np.array([expected.get(i, 0.0) for i in range(characters)])
    scores = np.repeat(score(logits_of(weights), SamplingRows([own]), NOTHING), 20_000, axis=0)
    counts = np.bincount(draw(scores, draw_noise(chance, 20_000, characters)), minlength=characters)
    assert counts.sum() == 20_000
    assert not counts[probabilities == 0].any()
    assert excess(counts, probabilities) < 0


@given(
    st.lists(st.one_of(st.just(0.0), st.floats(1e-30, 1e-9), st.floats(0.01, 1)), min_size=1, max_size=20),
    st.integers(0, 2**32),
)
def test_the_impossible_is_never_drawn(weights: list[float], seed: int) -> None:
    assume(any(weights))
    with np.errstate(divide="ignore"):
        scores = np.log(np.array([weights])).astype(np.float32)
    drawn = draw(np.repeat(scores, 50, axis=0), draw_noise(np.random.default_rng(seed), 50, len(weights)))
    assert all(weights[i] > 0 for i in drawn)


BAD: list[tuple[str, object]] = [
    ("temperature", -0.1),
    ("temperature", 5.1),
    ("top_k", -1),
    ("top_k", 1.5),
    ("top_p", 0),
    ("top_p", 1.1),
]
BAD += [("top_p", -1), ("min_p", 1), ("min_p", -0.1), ("repetition", 0.9), ("repetition", 6), ("repetition", 0)]
BAD += [(name, bad) for name in ("temperature", "top_p", "min_p", "repetition") for bad in (math.nan, math.inf)]
BAD += [(name, -math.inf) for name in ("temperature", "min_p")] + [("temperature", "warm"), ("topk", 3)]


@pytest.mark.parametrize(("name", "bad"), BAD)
def test_an_option_out_of_bounds_is_named(name: str, bad: object) -> None:
    with pytest.raises(UserError, match=rf"These sampling options cannot be used: {name} = {bad}: \w.*\w\.$"):
        Sampling.checked(**{name: bad})


def test_all_bad_options_are_named_at_once() -> None:
    with pytest.raises(UserError) as caught:
        Sampling.checked(temperature=-1, top_k=-1, top_p=0, min_p=1, repetition=0.5)
    assert all(f"{name} = " in str(caught.value) for name in ("temperature", "top_k", "top_p", "min_p", "repetition"))


def test_what_is_not_given_is_the_default() -> None:
    assert Sampling.checked(temperature=None, top_k=None) == Sampling()
    assert Sampling.checked(temperature=0, top_p=None).temperature == 0
    with pytest.raises(ValidationError, match="frozen"):
        Sampling().top_k = 3  # type: ignore[misc]


OPTIONS = [
    Sampling(),
    Sampling(temperature=0),
    Sampling(temperature=0.7, top_p=0.9),
    Sampling(top_k=3, min_p=0.1),
    Sampling(repetition=1.4),
    Sampling(temperature=0.3, repetition=2, top_k=5, top_p=0.5),
]


@given(st.integers(0, 2**32), st.lists(st.sampled_from(OPTIONS), min_size=1, max_size=40), st.integers(1, 900))
def test_a_row_is_the_same_alone_and_among_others(seed: int, options: list[Sampling], characters: int) -> None:
    chance = np.random.default_rng(seed)
    logits = 3 * chance.standard_normal((len(options), characters), dtype=np.float32)
    recent = chance.integers(-1, characters, (len(options), 9))
    allowed = chance.random((len(options), characters)) < 0.8
    noise = draw_noise(chance, len(options), characters)
    before = logits.copy()
    together = score(logits, SamplingRows(options), recent, allowed)
    ids = draw(together, noise)
    assert together.dtype == np.float32
    assert np.array_equal(logits, before)  # the model's own, it may still want them
    for row, own in enumerate(options):
        mine = slice(row, row + 1)
        alone = score(logits[mine], SamplingRows([own]), recent[mine], allowed[mine])
        np.testing.assert_array_equal(alone[0], together[row])
        assert draw(alone, noise[mine]).tolist() == [ids[row]]


def test_what_the_grammar_forbids_has_no_weight_and_filters_choose_among_the_rest() -> None:
    rows = SamplingRows([Sampling(top_k=2)])
    admitted = score(logits_of(P), rows, NOTHING, np.array([[False, True, False, True]]))
    assert np.flatnonzero(np.isfinite(admitted[0])).tolist() == [1, 3]
    coldest = score(
        logits_of(P), SamplingRows([Sampling(temperature=0)]), NOTHING, np.array([[False, False, True, True]])
    )
    assert np.flatnonzero(np.isfinite(coldest[0])).tolist() == [2]
    for options in (Sampling(), Sampling(temperature=0), Sampling(top_p=0.5)):
        none = score(logits_of(P), SamplingRows([options]), NOTHING, np.zeros((1, 4), dtype=bool))
        assert draw(none, np.zeros((1, 4), dtype=np.float32)).tolist() == [-1]
