"""Whole texts: drafts, judgements, scores, and which model speaks."""

import itertools
import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from corpora.errors import UserError
from generators.generator import TRIES, Generator
from generators.inference import LanguageModel, Network
from generators.plugin import Plugin
from generators.sampling import Sampling
from training.checkpoint import Model

WARM = Sampling(temperature=1.0)


def drafts(voice: Generator, seed: int) -> list[str]:
    return ["".join(voice.stream(voice.request(WARM, seed), draft)) for draft in range(TRIES)]


def test_without_hooks_a_text_is_the_first_draft(animals: Callable[..., Generator]) -> None:
    voice = animals()
    for seed in range(10):
        assert voice.text(voice.request(WARM, seed)) == drafts(voice, seed)[0]


def test_drafts_are_redrawn_until_one_passes(animals: Callable[..., Generator]) -> None:
    voice = animals(code="def check(text): return '' if text == 'meow' else 'no cat'\n")
    redrawn = 0
    for seed in range(10):
        found = drafts(voice, seed)
        assert voice.text(voice.request(WARM, seed)) == "meow"
        redrawn += found[0] != "meow"
        assert "meow" in found
    assert redrawn > 0


def test_the_first_that_passes_is_taken(animals: Callable[..., Generator]) -> None:
    voice = animals(code="def check(text): return '' if 'o' in text else 'no o'\n")
    seen = set()
    for seed in range(30):
        found = drafts(voice, seed)
        first = next(number for number, text in enumerate(found) if "o" in text)
        assert voice.text(voice.request(WARM, seed)) == found[first]
        seen.add(first)
    assert len(seen) > 2


def test_where_none_passes_the_reasons_are_counted(animals: Callable[..., Generator]) -> None:
    voice = animals(code="def check(text): return f'begins with {text[0]}' if text else 'is empty'\n")
    tally = Counter(f"begins with {text[0]}" if text else "is empty" for text in drafts(voice, 5))
    assert len(tally) > 1
    with pytest.raises(UserError, match=r"^haiku: 20 drafts were written and none is well formed: ") as caught:
        voice.text(voice.request(WARM, 5))
    said = str(caught.value).partition("well formed: ")[2].removesuffix(".").split("; ")
    assert sorted(said) == sorted(f"{reason} ({count})" for reason, count in tally.items())
    counts = [int(reason.rpartition("(")[2].rstrip(")")) for reason in said]
    assert counts == sorted(counts, reverse=True)
    assert sum(counts) == TRIES


def test_finish_comes_before_check(animals: Callable[..., Generator]) -> None:
    code = (
        "def finish(text): return f'<{text}>'\ndef check(text): return '' if text[0] + text[-1] == '<>' else 'bare'\n"
    )
    voice = animals(code=code)
    assert voice.text(voice.request(WARM, 3)) == f"<{drafts(voice, 3)[0]}>"


def test_a_text_includes_its_prefix(animals: Callable[..., Generator]) -> None:
    voice = animals()
    cold = Sampling(temperature=0)
    assert voice.text(voice.request(cold, 0, prefix="me")) == "meow"
    assert voice.text(voice.request(cold, 0, prefix="m🙂e")) == "meow"


@pytest.mark.parametrize(
    "code", ["", "def finish(text): return text.upper()\n", "def check(text): return '' if 'o' in text else 'no o'\n"]
)
def test_an_answer_is_the_text_in_characters(animals: Callable[..., Generator], code: str) -> None:
    voice = animals(code=code)
    for seed in range(5):
        assert list(voice.answer(voice.request(WARM, seed))) == list(voice.text(voice.request(WARM, seed)))


def test_nothing_is_said_before_it_is_judged(animals: Callable[..., Generator]) -> None:
    voice = animals(code="def check(text): return 'never good'\n")
    with pytest.raises(UserError, match=r"never good \(20\)"):
        next(voice.answer(voice.request(WARM, 0)))


@pytest.fixture
def network(make_model: Callable[..., Model], tmp_path: Path) -> Callable[..., Network]:
    return lambda arithmetic, scale=1.0: Network(
        make_model(characters="\nabc", scale=scale), tmp_path / "cache", arithmetic
    )


def speaking(make_plugin: Callable[..., Plugin], model: LanguageModel) -> Generator:
    return Generator(make_plugin(), model, "", trained=True)


def naive_score(model: LanguageModel, text: str) -> float:
    """One stream, one character after another; the mean of -log softmax at the next."""
    state, losses = model.start(1), []
    ids = model.vocabulary.encode(text)
    for here, following in itertools.pairwise(ids):
        logits, state = model.step(np.array([here], dtype=np.int64), state)
        odds = [math.exp(value) for value in logits[0].tolist()]
        losses.append(math.log(sum(odds)) - math.log(odds[following]))
    return sum(losses) / len(losses)


@pytest.mark.parametrize("characters", [2, 3, 40, 350])  # up to the context that parallel scoring reads again
@pytest.mark.parametrize("arithmetic", ["fp32", "int8"])
def test_a_score_is_the_naive_one(
    make_plugin: Callable[..., Plugin], network: Callable[..., Network], characters: int, arithmetic: str
) -> None:
    text = "".join("\nabc"[i] for i in np.random.default_rng(4).integers(4, size=characters))
    voice = speaking(make_plugin, network(arithmetic))
    assert voice.score(text) == pytest.approx(naive_score(voice.model, text), abs=1e-4)


def test_counts_are_scored_too(animals: Callable[..., Generator]) -> None:
    voice = animals()
    assert voice.score("dog\nwoof\ncat\ncat\n") == pytest.approx(naive_score(voice.model, "dog\nwoof\ncat\ncat\n"))
    with pytest.raises(UserError, match="never seen these characters: 'xyz'"):
        voice.score("cat\nxyzzy")
    with pytest.raises(UserError, match="at least 2 characters"):
        voice.score("c")


@pytest.mark.parametrize("arithmetic", ["fp32", "int8"])
def test_a_network_of_zeros_knows_nothing(
    make_plugin: Callable[..., Plugin], network: Callable[..., Network], arithmetic: str
) -> None:
    voice = speaking(make_plugin, network(arithmetic, scale=0.0))
    assert voice.score("abc\ncab\n") == pytest.approx(math.log(4), abs=1e-6)
