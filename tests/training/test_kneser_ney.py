import math
from collections import Counter, defaultdict
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpora.errors import UserError
from training.evaluation.kneser_ney import KneserNey, character_nats
from training.vocabulary import Ids, Vocabulary

WORDS = "in the beginning was a word and the word was with all of them that were there when light came over dark water"


def sentences(words: int, seed: int) -> str:
    drawn = np.random.default_rng(seed).zipf(1.3, words) % len(WORDS.split())
    return " ".join(WORDS.split()[place] for place in drawn) + "."


def ids(*numbers: int) -> Ids:
    return np.array(numbers, dtype=np.uint16)


class Dictionaries:
    """The same formulas once more, gram by gram: strings, counters and a recursion."""

    def __init__(self, train: str, characters: int, order: int) -> None:
        self.characters = characters
        self.counts = dict[int, Counter[str]]()
        for length in range(1, order + 2):
            grams = Counter(train[i : i + length] for i in range(len(train) - length + 1))
            longer = {train[i : i + length + 1] for i in range(len(train) - length)}
            self.counts[length] = grams if length == order + 1 else Counter(gram[1:] for gram in longer)
        self.after = defaultdict[str, list[int]](list)
        for counts in self.counts.values():
            for gram, count in counts.items():
                self.after[gram[:-1]].append(count)
        self.discounts = {length: discounts(counts) for length, counts in self.counts.items()}
        self.probability = cache(self._probability)

    def _probability(self, context: str, character: str) -> float:
        shorter = self.probability(context[1:], character) if context else 1 / self.characters
        counts, taken = self.after.get(context, []), self.discounts[len(context) + 1]
        if not counts:
            return shorter
        own = self.counts[len(context) + 1][context + character]
        left = sum(taken[min(count, 3)] for count in counts)
        return (own - taken[min(own, 3)]) / sum(counts) + left / sum(counts) * shorter


def discounts(counts: Counter[str]) -> list[float]:
    n = Counter(counts.values())
    if not (n[1] and n[2] and n[3]):
        return [0, 0.5, 1, 1.5]
    y = n[1] / (n[1] + 2 * n[2])
    found = [k - (k + 1) * y * n[k + 1] / n[k] for k in (1, 2, 3)]
    return [0, *found] if min(found) > 0 else [0, 0.5, 1, 1.5]


@pytest.mark.parametrize("order", [0, 1, 2, 3, 5, 9])
@pytest.mark.parametrize("train", ["abracadabra", sentences(60, seed=1), sentences(900, seed=2)])
def test_agrees_with_dictionaries(train: str, order: int) -> None:
    test = "and abra came with them in the dark."
    vocabulary = Vocabulary([train, test])
    second = Dictionaries(train, len(vocabulary), order)
    expected = [-math.log(second.probability(test[max(i - order, 0) : i], test[i])) for i in range(1, len(test))]
    nats = character_nats(vocabulary.encode(train), vocabulary.encode(test), len(vocabulary), [order])
    assert nats[order] == pytest.approx(expected, rel=0, abs=1e-9)


def test_the_comparison_meets_true_discounts_and_stand_ins() -> None:
    second = Dictionaries(sentences(900, seed=2), 30, 5)
    stand_ins = [taken == [0, 0.5, 1, 1.5] for taken in second.discounts.values()]
    assert any(stand_ins)
    assert not all(stand_ins)


@given(
    st.lists(st.integers(0, 5), min_size=4, max_size=60),
    st.lists(st.integers(0, 6), max_size=6),
    st.integers(0, 3),
)
def test_a_distribution_is_positive_and_sums_to_one(train: list[int], context: list[int], order: int) -> None:
    distribution = KneserNey(ids(*train), 7, order).distribution(ids(*context))
    assert distribution.shape == (7,)
    assert distribution.min() > 0
    assert distribution.sum() == pytest.approx(1, abs=1e-12)


def test_all_orders_in_one_go_are_what_each_order_says_alone() -> None:
    text = sentences(500, seed=3)
    vocabulary = Vocabulary(text)
    train, test = vocabulary.encode(text[:2000]), vocabulary.encode(text[2000:2200])
    together = character_nats(train, test, len(vocabulary), range(1, 7))
    assert list(together) == [1, 2, 3, 4, 5, 6]
    for order, nats in together.items():
        model = KneserNey(train, len(vocabulary), order)
        singly = [model.distribution(test[:i])[test[i]] for i in range(1, len(test))]
        assert np.exp(-nats) == pytest.approx(singly, rel=1e-12)


def test_candidates_are_judged_at_every_place() -> None:
    text = sentences(300, seed=4)
    vocabulary = Vocabulary(text)
    model = KneserNey(vocabulary.encode(text), len(vocabulary), 3)
    start = vocabulary.encode("the wor")
    spaces = model.probabilities(start, vocabulary.encode(" "))
    expected = [model.distribution(start[:i])[vocabulary.encode(" ")[0]] for i in range(8)]
    assert spaces == pytest.approx(expected, rel=1e-12)


def test_an_unseen_context_leaves_everything_to_the_shorter_one() -> None:
    model = KneserNey(ids(0, 1, 2, 0, 1, 1, 2, 0), 4, 2)
    assert np.array_equal(model.distribution(ids(3, 1)), model.distribution(ids(1)))
    assert np.array_equal(model.distribution(ids(1, 3)), model.distribution(ids()))


def test_language_is_far_from_uniform_and_context_helps() -> None:
    text = sentences(4000, seed=5)
    vocabulary = Vocabulary(text)
    encoded = vocabulary.encode(text)
    nats = character_nats(encoded[:-2000], encoded[-2000:], len(vocabulary), [1, 4])
    assert nats[4].mean() < nats[1].mean() < math.log(len(vocabulary)) - 0.5


def test_ids_use_all_sixteen_bits() -> None:
    train = ids(*[65535, 300, 0] * 40)
    nats = character_nats(train, ids(300, 0, 65535, 300, 40000), 65536, [2])[2]
    assert nats.shape == (4,)
    # One character of context only: 1/2 (a stand-in) is taken off its one follower and goes to single characters.
    assert nats[0] == pytest.approx(-math.log(1 / 2 + 1 / 2 * ((1 - 1 / 2) / 3 + 1 / 2 / 65536)))
    assert nats[1:3].max() < 0.02
    assert nats[3] > math.log(65536)


def test_a_text_of_one_character_repeated_can_be_learned() -> None:
    distribution = KneserNey(ids(0, 0), 2, 1).distribution(ids(0))
    # One pair, its count 1 discounted by 1/2; below it one character seen after one other, discounted by 1/2 as well.
    assert distribution == pytest.approx([1 / 2 + 1 / 2 * (1 / 2 + 1 / 2 * 1 / 2), 1 / 2 * 1 / 2 * 1 / 2])


def test_too_little_text_is_refused() -> None:
    with pytest.raises(UserError, match="has 3 characters; contexts of 3 need at least 4"):
        character_nats(ids(0, 1, 0), ids(0, 1), 2, [1, 3])
    with pytest.raises(UserError, match="at least 2 characters to be scored; this one has 1"):
        character_nats(ids(0, 1, 0), ids(0), 2, [1])


@pytest.mark.parametrize(("train", "test"), [(ids(0, 5, 1), ids(0, 1)), (ids(0, 1, 1), ids(0, 5))])
def test_an_id_outside_the_vocabulary_is_refused(train: Ids, test: Ids) -> None:
    with pytest.raises(ValueError, match="id 5 is outside a vocabulary of 2"):
        character_nats(train, test, 2, [1])
