import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from generators.adaptation import ORDERS, Recollection

LETTERS = "abcdefghijklmnopqrstuvwxyz XYZ"
FLAT = np.zeros(len(LETTERS), dtype=np.float32)
Q = 1 / len(LETTERS)


def ids(text: str) -> list[int]:
    return [LETTERS.index(character) for character in text]


def mixed(text: str, weight: float, logits: NDArray[np.float32] = FLAT) -> dict[str, float]:
    """The next character's probabilities after `text`, where a network guesses by `logits`."""
    probabilities = np.exp(Recollection(ids(text), weight).mixed(logits).astype(np.float64))
    return dict(zip(LETTERS, probabilities.tolist(), strict=True))


@pytest.mark.parametrize("weight", [0.1, 0.5, 0.9])
def test_what_followed_once_gets_the_weight(weight: float) -> None:
    after = mixed("abcdefX abcdef", weight)
    assert after["X"] == pytest.approx(weight + (1 - weight) * Q)
    assert after["Y"] == pytest.approx((1 - weight) * Q)
    strength = (1 - weight) / weight
    after = mixed("abcdefX abcdefXX abcdef", weight)
    assert after["X"] == pytest.approx((2 + strength * Q) / (2 + strength))  # seen twice
    after = mixed("abcdefX zabcdefY abcdef", weight)
    assert after["X"] == after["Y"] == pytest.approx((1 + strength * Q) / (2 + strength))
    assert after["Z"] == pytest.approx(strength * Q / (2 + strength))


def test_longer_contexts_refine_shorter_ones() -> None:
    """With a weight of one half a guess counts as one sighting."""
    text = "uvwabcdefX xyzabcdefY rstabcdefY "
    assert mixed(text + "uvzabcdef", 0.5)["X"] == pytest.approx((1 + Q) / 4)  # six characters, thrice
    assert mixed(text + "uvzabcdef", 0.5)["Y"] == pytest.approx((2 + Q) / 4)
    assert mixed(text + "uvwabcdef", 0.5)["X"] == pytest.approx((1 + (1 + Q) / 4) / 2)  # then nine, once
    assert mixed(text + "uvwabcdef", 0.5)["Y"] == pytest.approx((2 + Q) / 4 / 2)
    text = "lmnuvwabcdefX opquvwabcdefY "
    assert mixed(text + "lmnuvwabcdef", 0.5)["X"] == pytest.approx((1 + (1 + (1 + Q) / 3) / 3) / 2)  # then twelve


def test_a_guess_is_what_the_counts_are_mixed_into() -> None:
    logits = np.log(np.arange(1, len(LETTERS) + 1)).astype(np.float32) + np.float32(7)
    total = sum(range(1, len(LETTERS) + 1))
    after = mixed("abcdefX abcdef", 0.25, logits)
    assert after["X"] == pytest.approx(0.25 + 0.75 * (ids("X")[0] + 1) / total)
    assert after["b"] == pytest.approx(0.75 * 2 / total)


def by_substrings(text: str, guess: list[float], weight: float) -> list[float]:
    """The same once more: look each context up in the text itself."""
    probabilities, strength = guess, (1 - weight) / weight
    for order in ORDERS:
        context = text[-order:]
        found = [text[i + order] for i in range(len(text) - order) if text.startswith(context, i)]
        if len(text) < order or not found:
            break
        probabilities = [
            (found.count(character) + strength * p) / (len(found) + strength)
            for character, p in zip("abc", probabilities, strict=True)
        ]
    return probabilities


@given(
    st.text(alphabet="abc", max_size=90),
    st.text(alphabet="ab", max_size=90),
    st.floats(0.01, 0.99),
    st.lists(st.floats(-8, 8, width=32), min_size=3, max_size=3),
)
def test_it_is_what_is_found_in_the_text(one: str, other: str, weight: float, guess: list[float]) -> None:
    text = one + other + one
    weights = [math.exp(g) for g in guess]
    prompt = len(text) // 2
    recollection = Recollection(["abc".index(c) for c in text[:prompt]], weight)
    for character in text[prompt:]:
        recollection.add("abc".index(character))
    logits = np.array(guess, dtype=np.float32)
    before = logits.copy()
    adapted = recollection.mixed(logits)
    assert np.array_equal(logits, before)
    assert adapted.dtype == np.float32
    assert adapted.shape == (3,)
    probabilities = np.exp(adapted.astype(np.float64))
    assert probabilities.sum() == pytest.approx(1, abs=1e-5)
    expected = by_substrings(text, [w / sum(weights) for w in weights], weight)
    assert probabilities == pytest.approx(expected, rel=1e-4)


def test_a_prompt_may_be_of_any_integers_and_is_the_same_bit_by_bit() -> None:
    text = ids("abcabcabcabcabc" * 3)
    one_by_one = Recollection([], 0.3)
    for character in text:
        one_by_one.add(character)
    for kind in (np.uint16, np.int64):
        assert np.array_equal(Recollection(np.array(text, dtype=kind), 0.3).mixed(FLAT), one_by_one.mixed(FLAT))


def told(text: str, weight: float) -> list[float]:
    """The log-probability of each character, as the text goes on."""
    recollection, logs = Recollection([], weight), []
    for character in ids(text):
        logs.append(float(recollection.mixed(FLAT)[character]))
        recollection.add(character)
    return logs


def test_a_text_said_again_becomes_more_likely_each_time() -> None:
    line = "the quick brown fox jumps over the lazy dog "
    size, flat = len(line), math.log(Q)
    for weight in (0.1, 0.4, 0.9):
        logs = told(line * 4, weight)
        once, again, thrice, four = (sum(logs[i * size : (i + 1) * size]) for i in range(4))
        assert once == pytest.approx(size * flat)  # no six characters stand in it twice
        assert once < again < thrice < four
        assert logs[size : size + 6] == pytest.approx([flat] * 6)  # of the context nothing is known yet
        assert min(logs[size + 6 :]) > flat


@pytest.mark.parametrize("weight", [0.01, 0.5, 0.99])
def test_nothing_changes_before_a_context_is_met_again(weight: float) -> None:
    logits = np.random.default_rng(0).standard_normal(len(LETTERS)).astype(np.float32)
    expected = logits - np.log(np.exp(logits.astype(np.float64)).sum())
    for text in ("", "abcde", "abcdef", "abcdeXabcde", "abcdefghijklmnopqrstuvwxyz", "aaaaaa"):
        assert Recollection(ids(text), weight).mixed(logits) == pytest.approx(expected, abs=1e-6)
    assert Recollection(ids("aaaaaaa"), weight).mixed(logits) != pytest.approx(expected, abs=1e-6)


def test_what_a_network_holds_for_impossible_is_possible_once_it_was_said() -> None:
    logits = FLAT.copy()
    logits[ids("XYZ")] = [-1e4, -1e30, -math.inf]
    adapted = Recollection(ids("abcdefX abcdef"), 0.5).mixed(logits)
    assert math.exp(adapted[ids("X")[0]]) == pytest.approx(0.5)
    assert adapted[ids("YZ")].tolist() == [-math.inf] * 2
    assert np.isfinite(np.delete(adapted, ids("YZ"))).all()
