"""Which draft what was said calls for; numbers by hand."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from generators.engine import Engine
from generators.ranking import Cache, likelihoods, ranked
from generators.voice import Request, Voice

TEXTS = ["abba\ncab", "c", "", "aaaaabbbbb" * 9]


@pytest.fixture
def voice(make_voice: Callable[..., Voice]) -> Voice:
    return make_voice()


def test_likelihoods_are_those_of_reading_one_character_after_another(voice: Voice) -> None:
    model = voice.model
    prompt = voice.prompt(Request(style="haiku", message="cab"))
    logits, memory = model.read(prompt[:, None], model.start(1))
    found = likelihoods(model, (logits[-1, 0], memory[0]), TEXTS)
    for text, nats in zip(TEXTS, found, strict=True):
        guess, state, expected = logits[-1], memory, []
        for character in model.vocabulary.encode(text):
            wide = guess[0].astype(np.float64)
            expected.append(wide[character] - np.log(np.exp(wide).sum()))
            guess, state = model.step(np.array([character], dtype=np.int64), state)
        assert nats == pytest.approx(expected)
    assert all(nats.size == 0 for nats in likelihoods(model, (logits[-1, 0], memory[0]), ["", ""]))


def test_the_mind_after_a_prompt_is_the_same_read_at_once_or_while_writing(
    voice: Voice, speaking: Callable[..., Engine]
) -> None:
    request = voice.request(voice.sampling(), 0, message="abc" * 50, length=5)
    fresh, used = speaking(voice), speaking(voice)
    "".join(used.submit(request))
    for one, other in zip(fresh.mind(request), used.mind(request), strict=True):
        assert np.array_equal(one, other)


def test_a_word_that_was_said_gains_what_the_cache_gives_it() -> None:
    cache = Cache(weight=0.2, stem=4, per_word=False)
    nats = np.full(9, -1.0)  # "sea" has probability e^-3, "salt" e^-4
    text = "salt Seas"
    said = "The sea, the seas and the deep"  # seven words, two of the stems "sea" and "seas"
    unsaid = math.log(0.8)
    assert cache.gain(said, text, nats) == pytest.approx(unsaid + math.log(0.8 + 0.2 * (1 / 7) / math.exp(-4)))
    whole = Cache(weight=0.2, stem=3, per_word=False)
    assert whole.gain(said, text, nats) == pytest.approx(unsaid + math.log(0.8 + 0.2 * (2 / 7) / math.exp(-4)))
    assert Cache(0.2, 4).gain(said, text, nats) == pytest.approx(cache.gain(said, text, nats) / 2)


def test_what_was_least_expected_counts_most_and_nothing_is_no_gain() -> None:
    cache = Cache()
    common, rare = (cache.gain("sea", "sea", np.full(3, nats)) for nats in (-0.5, -5.0))
    assert rare > common > cache.gain("sea", "sun", np.full(3, -5.0))
    assert cache.gain("", "sun", np.full(3, -5.0)) == pytest.approx(math.log(1 - cache.weight))
    nothing = cache.gain("sea", "1, 2", np.zeros(4)), cache.gain("", "", np.zeros(0))
    assert nothing == pytest.approx([math.log(1 - cache.weight)] * 2)


def test_drafts_are_ranked_by_it_and_stay_in_order_otherwise(voice: Voice, speaking: Callable[..., Engine]) -> None:
    mind = speaking(voice).mind(Request(style="haiku"))
    drafts = ["aa\nbb", "cc\nbb", "aa\ncc", ""]
    assert ranked(voice.model, mind, "Cc aa", drafts)[0] == 2
    assert ranked(voice.model, mind, "Cc aa", drafts)[-1] == 3
    assert ranked(voice.model, mind, "", drafts) == ranked(voice.model, mind, "123 ...", drafts) == [0, 1, 2, 3]
    assert ranked(voice.model, mind, "cc", []) == []
