import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from corpora.errors import UserError
from generators.sampling import REMEMBERED, Sampling, distribution, draw

NOTHING = np.zeros(0, dtype=np.int64)
P = [0.5, 0.25, 0.125, 0.125]


def after(probabilities: list[float], recent: tuple[int, ...] = (), **options: Any) -> list[float]:
    """The distribution that a model with these probabilities is drawn from."""
    logits = np.log(np.array(probabilities)).astype(np.float32) + np.float32(3)  # the softmax takes the 3 away
    ids = np.array(recent, dtype=np.int64)
    return distribution(logits, Sampling(**options), ids).tolist()


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
def test_what_the_filters_leave(options: dict[str, float], expected: list[float]) -> None:
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


def test_the_penalty_forgets() -> None:
    assert after(P, recent=(0, *[3] * (REMEMBERED - 1)), repetition=2) != pytest.approx(after(P, (3,), repetition=2))
    assert after(P, recent=(0, *[3] * REMEMBERED), repetition=2) == pytest.approx(after(P, (3,), repetition=2))


@pytest.mark.parametrize("bad", [[0, math.nan, 1], [math.inf, 0, 0], [-math.inf] * 3])
@pytest.mark.parametrize("options", [{}, {"temperature": 0}, {"top_k": 2, "repetition": 2}])
def test_what_is_no_number_is_refused(bad: list[float], options: dict[str, float]) -> None:
    with pytest.raises(FloatingPointError, match="not numbers"):
        distribution(np.array(bad, dtype=np.float32), Sampling(**options), np.array([0]))


def by_hand(weights: list[int], recent: set[int], options: Sampling) -> dict[int, float]:
    """The same once more: a dictionary that each filter makes smaller, in the order stated."""
    left = {i: w / (options.repetition if i in recent else 1) for i, w in enumerate(weights)}
    left = {i: w ** (1 / options.temperature) for i, w in left.items()}
    ranked = sorted(left, key=lambda i: (-round(left[i], 9), i))
    ranked = ranked[: options.top_k or None]
    total, together, nucleus = sum(left[i] for i in ranked), 0.0, []
    for i in ranked:
        assume(abs(together / total - options.top_p) > 1e-5)  # on the edge, rounding decides
        assume(abs(left[i] / left[ranked[0]] - options.min_p) > 1e-5)
        if together / total < options.top_p and left[i] >= options.min_p * left[ranked[0]]:
            nucleus.append(i)
        together += left[i]
    total = sum(left[i] for i in nucleus)
    return {i: left[i] / total for i in nucleus}


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
    logits = np.log(np.array(weights)).astype(np.float32)
    probabilities = distribution(logits, options, np.array(sorted(recent), dtype=np.int64))
    expected = by_hand(weights, recent, options)
    assert {int(i) for i in np.flatnonzero(probabilities)} == set(expected)
    assert probabilities.sum() == pytest.approx(1)
    assert [probabilities[i] for i in expected] == pytest.approx(list(expected.values()), rel=1e-4)


class Chance:
    """Always the same number; all that `draw` wants of a generator."""

    def __init__(self, number: float) -> None:
        self.number = number

    def random(self) -> float:
        return self.number


@pytest.mark.parametrize(
    ("number", "expected"), [(0.0, 0), (0.49, 0), (0.5, 1), (0.74, 1), (0.75, 3), (math.nextafter(1, 0), 3)]
)
def test_draw_is_inversion(number: float, expected: int) -> None:
    probabilities = np.array([0.5, 0.25, 0.0, 0.25, 0.0])
    assert draw(probabilities, Chance(number)) == expected  # type: ignore[arg-type]


def test_draw_takes_one_number_a_character() -> None:
    chance, numbers = np.random.default_rng(3), np.random.default_rng(3).random(500)
    for number in numbers:
        assert draw(np.array(P), chance) == int(np.searchsorted([0.5, 0.75, 0.875], number, side="right"))


def test_draws_fit_the_probabilities() -> None:
    probabilities, draws = np.array([0.4, 0.3, 0.0, 0.2, 0.1]), 20_000
    chance = np.random.default_rng(11)
    counts = np.bincount([draw(probabilities, chance) for _ in range(draws)], minlength=5)
    expected = draws * probabilities[probabilities > 0]
    assert counts[2] == 0
    assert ((counts[probabilities > 0] - expected) ** 2 / expected).sum() < 16.27  # 0.999 quantile, chi-square, 3 df


@given(
    st.lists(st.one_of(st.just(0.0), st.floats(1e-300, 1e-9), st.floats(0.01, 1)), min_size=1, max_size=20),
    st.one_of(st.floats(0, 1, exclude_max=True), st.just(math.nextafter(1, 0))),
)
def test_the_impossible_is_never_drawn(weights: list[float], number: float) -> None:
    assume(sum(weights) > 0)
    probabilities = np.array(weights) / sum(weights)
    assert probabilities[draw(probabilities, Chance(number))] > 0  # type: ignore[arg-type]


BAD = [("temperature", -0.1), ("temperature", 5.1), ("top_k", -1), ("top_k", 1.5), ("top_p", 0), ("top_p", 1.1)]
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
