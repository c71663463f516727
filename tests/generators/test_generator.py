"""How a text is drawn, character by character."""

import dataclasses
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from corpora.errors import UserError
from generators.generator import CONTEXT, Generator
from generators.inference import Network
from generators.plugin import Plugin
from generators.sampling import Sampling, distribution
from training.checkpoint import Model

WARM = Sampling(temperature=1.0)


@pytest.fixture
def voice(make_model: Callable[..., Model], make_plugin: Callable[..., Plugin], tmp_path: Path) -> Generator:
    """A network of drawn weights that writes a, b, newlines and c, in no order to speak of."""
    model = make_model(characters="\nabc", scale=1.0)
    return Generator(make_plugin(), Network(model, tmp_path / "cache"), model.digest, trained=True)


def written(voice: Generator, seed: int = 0, draft: int = 0, sampling: Sampling = WARM, **fields: Any) -> str:
    return "".join(voice.stream(voice.request(sampling, seed, **fields), draft))


def by_hand(voice: Generator, prompt: str, seed: int, draft: int, sampling: Sampling, length: int) -> str:
    """One character after another: read, draw by inversion, write; no stop."""
    model, chance, ids = voice.model, np.random.default_rng([seed, draft]), list[int]()
    state = model.start(1)
    for character in voice.model.vocabulary.encode(prompt):
        logits, state = model.step(np.array([character], dtype=np.int64), state)
    for _ in range(length):
        probabilities = distribution(logits[0], sampling, np.array(ids, dtype=np.int64))
        ids.append(int(np.searchsorted(np.cumsum(probabilities), chance.random(), side="right")))
        logits, state = model.step(np.array(ids[-1:], dtype=np.int64), state)
    return model.vocabulary.decode(ids)


@pytest.mark.parametrize("prefix", ["", "ab", "abc" * 30])  # a long one is read in one call
@pytest.mark.parametrize(
    "sampling", [WARM, Sampling(temperature=0), Sampling(temperature=0.9, top_k=3, top_p=0.9, repetition=1.5)]
)
def test_it_is_the_plain_loop(voice: Generator, prefix: str, sampling: Sampling) -> None:
    for seed, draft in [(0, 0), (0, 1), (7, 0), (2**63, 3)]:
        expected = by_hand(voice, "\n" + prefix, seed, draft, sampling, 60)
        assert written(voice, seed, draft, sampling, prefix=prefix, length=60, stop="") == expected
        assert written(voice, seed, draft, sampling, prefix=prefix, length=60, stop="") == expected  # and again


def test_seeds_and_drafts_differ(voice: Generator) -> None:
    texts = {written(voice, seed, draft, length=60, stop="") for seed in range(5) for draft in range(5)}
    assert len(texts) == 25


@pytest.mark.parametrize("stop", ["\n", "a", "ab", "aab", "abab", "aaa", "a\nb", "bc\nbc", "xyz", "c" * 30])
def test_a_text_ends_before_its_stop_and_loses_nothing(voice: Generator, stop: str) -> None:
    ended = 0
    for seed in range(30):
        whole = written(voice, seed, length=40, stop="")
        assert len(whole) == 40
        expected, found, _ = whole.partition(stop)
        assert written(voice, seed, length=40, stop=stop) == expected
        ended += bool(found)
    if len(stop) <= 2:
        assert ended > 0


def test_a_stop_that_only_begins_at_the_end_is_written(voice: Generator) -> None:
    whole = written(voice, length=40, stop="")
    for begun in range(1, 12):
        stop = whole[-begun:] + "x"
        assert written(voice, length=40, stop=stop) == whole
        assert written(voice, length=40, stop="x" + whole[-begun:]) == whole


def test_a_character_is_held_back_only_while_it_may_be_the_stop(voice: Generator) -> None:
    whole = written(voice, length=30, stop="")
    stream = voice.stream(voice.request(WARM, 0, length=30, stop=whole[10:14]))
    first = whole.find(whole[10:14])
    assert [next(stream) for _ in range(first)] == list(whole[:first])
    assert next(stream, None) is None
    by_one = list(voice.stream(voice.request(WARM, 0, length=30, stop="x")))
    assert by_one == list(whole)


@pytest.mark.parametrize("length", [1, 2, 31, 100])
def test_the_length_is_kept_to_the_character(voice: Generator, length: int) -> None:
    assert len(written(voice, length=length, stop="")) == length
    assert len(written(voice, length=length, stop="", prefix="abc" * 20)) == length  # beyond the prefix


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
    assert written(voice, message="ow", prefix="woo", sampling=cold) == "f"


def test_characters_without_an_id_are_left_out_and_named(voice: Generator) -> None:
    assert voice.left_out("abc, été!\n") == ", ét!"
    assert voice.left_out("abc\n") == ""
    plain, odd = written(voice, message="abc", prefix="cab"), written(voice, message="éa🙂b c\0", prefix="c\ud800ab")
    assert plain == odd
    for nothing in ("", "🙂"):
        assert written(voice, message=nothing) == written(voice)
        assert written(voice, prefix=nothing) == written(voice)


def test_a_start_without_an_id_is_no_obstacle(make_plugin: Callable[..., Plugin], voice: Generator) -> None:
    other = dataclasses.replace(voice, plugin=make_plugin('[text]\nstart = "<"', name="other"))
    assert written(other, length=20, stop="") == by_hand(voice, "\n", 0, 0, WARM, 20)  # the first of its characters


def test_a_megabyte_is_its_end_and_quick(voice: Generator) -> None:
    drawn = np.random.default_rng(0).integers(3, size=1_000_000)
    long = "".join("abc"[i] for i in drawn)
    began = time.perf_counter()
    by_message = written(voice, message=long, length=30, stop="")
    by_prefix = written(voice, prefix=long + "é", length=30, stop="")
    assert time.perf_counter() - began < 5  # to read it all takes half a minute
    assert by_message == written(voice, message=long[-CONTEXT:], length=30, stop="")
    assert by_message == by_hand(voice, long[1 - CONTEXT :] + "\n", 0, 0, WARM, 30)
    assert by_prefix == by_hand(voice, long[-CONTEXT:], 0, 0, WARM, 30)


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
def test_a_text_that_cannot_be_written_is_refused(voice: Generator, fields: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=f"This text cannot be written: {said}"):
        voice.request(WARM, 0, **fields)


def test_all_that_cannot_be_is_named_at_once(voice: Generator) -> None:
    with pytest.raises(UserError, match=r"seed = -1: .*; length = 0: |length = 0: .*; seed = -1: "):
        voice.request(WARM, -1, length=0)


def test_nan_is_a_sentence(voice: Generator, make_model: Callable[..., Model], tmp_path: Path) -> None:
    model = make_model(tmp_path / "other", characters="\nabc")
    broken = model.arrays | {"projection.bias": np.array([0, np.nan, 0, 0], dtype=np.float32)}
    network = Network(dataclasses.replace(model, arrays=broken), tmp_path / "nan")
    with pytest.raises(UserError, match=r"haiku: the network computed NaN; train it again"):
        written(dataclasses.replace(voice, model=network))
