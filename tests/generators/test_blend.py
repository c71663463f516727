from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from generators.blend import Blend
from generators.inference import LanguageModel, Network
from training.checkpoint import Model
from training.ngram import NGram
from training.vocabulary import Vocabulary

CAT = "the cat sat on the mat and the rat sat on the cat "
DOG = "a dog dug in a bog; a hog hid in a log\n"
WEIGHTS = pytest.mark.parametrize("weight", [0.0, 0.2, 0.5, 0.9, 1.0])


def counts(text: str, order: int = 3, vocabulary: str = "") -> NGram:
    return NGram(text * 3, Vocabulary(text + vocabulary), order)


def encoded(model: LanguageModel, *texts: str) -> NDArray[np.int64]:
    """Texts of equal length as (T, streams); what the model has not is -1."""
    return np.array([[model.vocabulary.characters.find(c) for c in text] for text in texts], dtype=np.int64).T


def softmax(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Probabilities over the last axis, by the plainest of formulas."""
    weights: NDArray[np.float64] = np.exp(logits.astype(np.float64))
    weights /= weights.sum(axis=-1, keepdims=True)
    return weights


def heard(model: LanguageModel, text: str) -> NDArray[np.float64]:
    """What the model makes of a text: the next character's probabilities after it."""
    return softmax(model.read(encoded(model, text), model.start(1))[0][-1, 0])


@WEIGHTS
def test_it_is_a_weighted_geometric_mean(weight: float) -> None:
    both = CAT + DOG
    first, second = counts(CAT, vocabulary=both), counts(DOG, order=5, vocabulary=both)
    blend = Blend(first, second, weight)
    ids = encoded(blend, CAT[:40], (DOG * 2)[:40])
    logits, _ = blend.read(ids, blend.start(2))
    p, q = (softmax(model.read(ids, model.start(2))[0]) for model in (first, second))
    mean = p ** (1 - weight) * q**weight
    assert logits.shape == (40, 2, len(Vocabulary(both)))
    assert logits.dtype == np.float32
    np.testing.assert_allclose(softmax(logits), mean / mean.sum(axis=-1, keepdims=True), rtol=1e-4)


def test_without_weight_it_is_the_first_and_with_all_weight_the_second() -> None:
    both = CAT + DOG
    first, second = counts(CAT, vocabulary=both), counts(DOG, vocabulary=both)
    text = "a cat in a"
    ids = encoded(first, text)
    for weight, model in ((0, first), (1, second)):
        blend = Blend(first, second, weight)
        assert np.array_equal(blend.read(ids, blend.start(1))[0], model.read(ids, model.start(1))[0])
    assert heard(Blend(first, second, 0.3), text) == pytest.approx(heard(Blend(second, first, 0.7), text), rel=1e-4)


@pytest.mark.parametrize("weight", [0.3, 1.0])
def test_what_the_second_never_saw_is_its_least_likely_and_not_read_by_it(weight: float) -> None:
    first, second = counts("déjà vu; là-bas, à côté "), counts("deja vu; la-bas, a cote ")
    text = "à vu là-b"
    p, q = heard(first, text), heard(second, " vu l-b")
    characters = second.vocabulary.characters
    other = np.array([q[characters.find(c)] if c in characters else q.min() for c in first.vocabulary.characters])
    mean = p ** (1 - weight) * other**weight
    assert heard(Blend(first, second, weight), text) == pytest.approx(mean / mean.sum(), rel=1e-4)


def test_what_only_the_second_knows_never_comes() -> None:
    first, second = counts("abab"), counts("abcdabcd")
    blend = Blend(first, second, 0.5)
    assert blend.vocabulary.characters == "ab"
    q = heard(second, "aba")[:2]
    mean = np.sqrt(heard(first, "aba") * q)
    assert heard(blend, "aba") == pytest.approx(mean / mean.sum(), rel=1e-4)


@WEIGHTS
def test_a_second_that_knows_no_character_has_no_say(weight: float) -> None:
    first, second = counts(CAT), counts("ΩΨΦΩΩΨ")
    expected = heard(first, "the c") ** (1 - weight)  # flatter; the second's part is the same for all
    assert heard(Blend(first, second, weight), "the c") == pytest.approx(expected / expected.sum(), rel=1e-4)


def test_memories_lie_side_by_side_whatever_they_are_made_of() -> None:
    many = "".join(map(chr, range(0x4E00, 0x4E00 + 900)))
    first, second = counts(many, order=2), counts(many[::-1], order=4)
    blend = Blend(first, second, 0.5)
    start = blend.start(3)
    assert start.shape == (3, 6)
    assert start.dtype == np.float32
    ids = encoded(blend, many[895:900], many[:5], many[450:455])
    _, state = blend.read(ids, start)
    _, own = first.read(ids, first.start(3))
    _, others = second.read(ids, second.start(3))
    assert np.array_equal(state, np.concatenate([own, others], axis=1))  # numbers up to 899, exactly
    assert (blend.start(3) == start).all()


@pytest.fixture
def network(tmp_path: Path, make_model: Callable[..., Model]) -> Network:
    return Network(make_model(characters="\n abcdefg"), tmp_path / "cache")


@WEIGHTS
def test_a_network_and_counts_speak_together(network: Network, weight: float) -> None:
    second = counts("a bad cab, a fab cad ")  # of another vocabulary
    blend = Blend(network, second, weight)
    text = "a bag\nfed "
    p, q = heard(network, text), heard(second, "a bafd ")
    characters = second.vocabulary.characters
    other = np.array([q[characters.find(c)] if c in characters else q.min() for c in network.vocabulary.characters])
    mean = p ** (1 - weight) * other**weight
    assert heard(blend, text) == pytest.approx(mean / mean.sum(), rel=1e-4)
    assert blend.start(2).shape == (2, network.start(1).shape[1] + 3)
    turned = Blend(second, network, weight)  # the memory of integers comes first
    assert heard(turned, "a fad ").shape == (len(characters),)
    assert turned.start(2)[:, :3].tolist() == [[-1] * 3] * 2


def test_reading_is_stepping_to_the_bit_alone_and_among_others(network: Network) -> None:
    blend = Blend(network, counts("a bad cab, a fab cad "), 0.4)
    ids = np.random.default_rng(1).integers(9, size=(50, 17))
    at_once, end = blend.read(ids, blend.start(17))
    memory, logits = blend.start(17), []
    for row in ids:
        out, memory = blend.step(row, memory)
        logits.append(out)
    assert np.array_equal(np.stack(logits), at_once)
    assert np.array_equal(memory, end)
    for stream in (0, 8, 16):
        alone, memory = blend.read(ids[:, [stream]], blend.start(1))
        assert np.array_equal(alone[:, 0], at_once[:, stream])
        assert np.array_equal(memory[0], end[stream])


def test_one_who_reads_nothing_keeps_both_memories(network: Network) -> None:
    blend = Blend(network, counts("a bad cab, a fab gag "), 0.4)  # g is the network's last character
    whole = encoded(blend, "a fab", "bad d")
    logits, end = blend.read(whole, blend.start(2))
    pieces = np.full((9, 2), -1, dtype=np.int64)
    pieces[:5, 0], pieces[4:, 1] = whole[:, 0], whole[:, 1]
    apart, same = blend.read(pieces, blend.start(2))
    assert np.array_equal(same, end)
    assert np.array_equal(apart[:5, 0], logits[:, 0])
    assert np.array_equal(apart[4:, 1], logits[:, 1])


def test_blends_are_blended_again(network: Network) -> None:
    cab, fee = counts("a bad cab, a fab cad "), counts("feed a bee, fade a deed ")
    inner = Blend(network, cab, 0.5)
    blend = Blend(inner, fee, 0.2)
    p, q = heard(inner, "a face"), heard(fee, "a fae")
    characters = fee.vocabulary.characters
    other = np.array([q[characters.find(c)] if c in characters else q.min() for c in network.vocabulary.characters])
    mean = p**0.8 * other**0.2
    assert heard(blend, "a face") == pytest.approx(mean / mean.sum(), rel=1e-4)
    assert blend.megabytes == pytest.approx(network.megabytes + cab.megabytes + fee.megabytes)


@given(st.floats(0, 1), st.text(alphabet="abcde ", min_size=4, max_size=30), st.text(alphabet="abcé", min_size=4))
def test_whatever_is_blended_probabilities_are_finite(weight: float, one: str, other: str) -> None:
    blend = Blend(counts(one), counts(other), weight)
    logits, state = blend.read(encoded(blend, one), blend.start(1))
    assert np.isfinite(logits).all()
    assert np.isfinite(state).all()
