"""How a text is drawn, character by character, and what begins and ends it."""

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from corpora.errors import UserError
from generators.batch import PIECE
from generators.engine import Engine
from generators.generator import Generator
from generators.sampling import Sampling
from generators.voice import CONTEXT, Voice

WARM = Sampling(temperature=1.0)


@pytest.fixture
def abc(make_voice: Callable[..., Voice], speaking: Callable[..., Engine]) -> Generator:
    """A network of drawn weights that writes a, b, newlines and c, in no order to speak of."""
    voice = make_voice()
    return Generator(speaking(voice), voice.plugin.name)


def written(generator: Generator, seed: int = 0, sampling: Sampling = WARM, **fields: Any) -> str:
    return generator.text(generator.voice.request(sampling, seed, **fields))


@pytest.mark.parametrize("prefix", ["", "ab", "abc" * 30])  # a long one is read in one call
@pytest.mark.parametrize(
    "sampling", [WARM, Sampling(temperature=0), Sampling(temperature=0.9, top_k=3, top_p=0.9, repetition=1.5)]
)
def test_it_is_the_plain_loop(abc: Generator, prefix: str, sampling: Sampling, by_hand: Callable[..., str]) -> None:
    for seed in [0, 1, 7, 2**63]:
        expected = prefix + by_hand(abc.voice.model, "\n" + prefix, seed, 0, sampling, 100)
        assert written(abc, seed, sampling, prefix=prefix, length=100, stop="") == expected
        assert written(abc, seed, sampling, prefix=prefix, length=100, stop="") == expected  # and again


def test_seeds_differ(abc: Generator) -> None:
    assert len({written(abc, seed, length=60, stop="") for seed in range(25)}) == 25


@pytest.mark.parametrize("stop", ["\n", "a", "ab", "aab", "abab", "aaa", "a\nb", "bc\nbc", "xyz", "c" * 30])
def test_a_text_ends_before_its_stop_and_loses_nothing(abc: Generator, stop: str) -> None:
    ended = 0
    for seed in range(30):
        whole = written(abc, seed, length=40, stop="")
        assert len(whole) == 40
        expected, found, _ = whole.partition(stop)
        assert written(abc, seed, length=40, stop=stop) == expected
        ended += bool(found)
    if len(stop) <= 2:
        assert ended > 0


def test_a_stop_that_only_begins_at_the_end_is_written(abc: Generator) -> None:
    whole = written(abc, length=40, stop="")
    for begun in range(1, 12):
        stop = whole[-begun:] + "x"
        assert written(abc, length=40, stop=stop) == whole
        assert written(abc, length=40, stop="x" + whole[-begun:]) == whole


def test_a_text_comes_in_small_pieces_the_first_character_alone(abc: Generator) -> None:
    whole = written(abc, length=100, stop="")
    for stop in ("", "x", "xyz"):
        pieces = list(abc.answer(abc.voice.request(WARM, 0, length=100, stop=stop)))
        assert "".join(pieces) == whole
        assert pieces[0] == whole[0]
        assert max(map(len, pieces)) <= PIECE
    prefixed = list(abc.answer(abc.voice.request(WARM, 0, length=100, stop="", prefix="ab")))
    assert prefixed[0] == "ab"
    assert len(prefixed[1]) == 1


def test_no_piece_has_any_of_the_stop(abc: Generator) -> None:
    whole = written(abc, length=100, stop="")
    for first in range(1, 90, 7):
        stop = whole[first : first + 9]
        pieces = list(abc.answer(abc.voice.request(WARM, 0, length=100, stop=stop)))
        assert "".join(pieces) == whole.partition(stop)[0]


@pytest.mark.parametrize("length", [1, 2, 31, 100])
def test_the_length_is_kept_to_the_character(abc: Generator, length: int) -> None:
    assert len(written(abc, length=length, stop="")) == length
    assert len(written(abc, length=length, stop="", prefix="abc" * 20)) == 60 + length


def test_a_plugin_says_how_a_text_begins_and_ends(animals: Callable[..., Generator]) -> None:
    voice = animals('[text]\nstart = "cat\\n"\nstop = "w"\nlength = 4\n')
    cold = Sampling(temperature=0)
    assert written(voice, sampling=cold) == "meo"
    assert written(voice, sampling=cold, stop=None, length=None) == "meo"  # None is the plugin's own
    assert written(voice, sampling=cold, stop="") == "meow"
    assert written(voice, sampling=cold, length=2) == "me"


def test_a_message_primes_the_answer(animals: Callable[..., Generator]) -> None:
    voice = animals()
    for message, answer in [("cat", "meow"), ("dog", "woof")]:
        answers = [written(voice, seed, message=message, sampling=Sampling(temperature=0.5)) for seed in range(20)]
        assert answers.count(answer) > 18
    unprimed = [written(voice, seed, sampling=Sampling(temperature=0.5)) for seed in range(20)]
    assert {"cat", "dog"} <= set(unprimed)


def test_a_prompt_hook_says_what_is_read_for_a_message(animals: Callable[..., Generator]) -> None:
    voice = animals(code="def prompt(message): return 'dog\\n' if message == 'ow' else 'cat\\n'\n")
    cold = Sampling(temperature=0)
    assert written(voice, message="ow", sampling=cold) == "woof"
    assert written(voice, message="wo", sampling=cold) == "meow"
    assert written(voice, message="wow!", sampling=cold) == "meow"
    assert written(voice, message="ow!", sampling=cold) == "woof"  # the hook never sees what the model cannot read
    assert written(voice, message="ow", prefix="woo", sampling=cold) == "woof"


def test_characters_without_an_id_are_left_out_and_named(abc: Generator) -> None:
    assert abc.voice.left_out("abc, été!\n") == ", ét!"
    assert abc.voice.left_out("abc\n") == ""
    plain, odd = written(abc, message="abc", prefix="cab"), written(abc, message="éa🙂b c\0", prefix="c\ud800ab")
    assert plain == odd
    for nothing in ("", "🙂"):
        assert written(abc, message=nothing) == written(abc)
        assert written(abc, prefix=nothing) == written(abc)


def test_a_start_without_an_id_is_no_obstacle(
    make_voice: Callable[..., Voice], speaking: Callable[..., Engine], by_hand: Callable[..., str]
) -> None:
    voice = make_voice('[text]\nstart = "<"')
    first = voice.model.vocabulary.characters[0]
    text = written(Generator(speaking(voice), "haiku"), length=20, stop="")
    assert text == by_hand(voice.model, first, 0, 0, WARM, 20)


def test_a_megabyte_is_its_end_and_quick(abc: Generator, by_hand: Callable[..., str]) -> None:
    drawn = np.random.default_rng(0).integers(3, size=1_000_000)
    long = "".join("abc"[i] for i in drawn)
    began = time.process_time()  # what else the machine does is not counted
    by_message = written(abc, message=long, length=30, stop="")
    by_prefix = written(abc, prefix=long + "é", length=30, stop="")
    assert time.process_time() - began < 5  # to read it all takes half a minute
    assert by_message == written(abc, message=long[-CONTEXT:], length=30, stop="")
    assert by_message == by_hand(abc.voice.model, long[1 - CONTEXT :] + "\n", 0, 0, WARM, 30)
    assert by_prefix == long + by_hand(abc.voice.model, long[-CONTEXT:], 0, 0, WARM, 30)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"length": 0}, "length = 0: .* greater than or equal to 1"),
        ({"length": -5}, "length = -5: "),
        ({"length": 10**9}, "length = 1000000000: .* less than or equal to 100000"),
        ({"length": 1.5}, "length = 1.5: .* valid integer"),
        ({"length": math.nan}, "length = nan: "),
        ({"stop": 3}, "stop = 3: "),
        ({"lenght": 3}, "lenght = 3: "),
    ],
)
def test_a_text_that_cannot_be_written_is_refused(abc: Generator, fields: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=f"This text cannot be written: {said}"):
        abc.voice.request(WARM, 0, **fields)


def test_all_that_cannot_be_is_named_at_once(abc: Generator) -> None:
    with pytest.raises(UserError, match=r"seed = -1: .*; length = 0: |length = 0: .*; seed = -1: "):
        abc.voice.request(WARM, -1, length=0)
