"""Whole texts: drafts, judgements, many at once, and how well a voice predicts one."""

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from corpora.errors import UserError
from generators.engine import TRIES
from generators.generator import AHEAD, Generator
from generators.inference import LanguageModel, Network
from generators.plugin import Plugin
from generators.sampling import Sampling
from generators.voice import Request, Voice
from training.checkpoint import Model

WARM = Sampling(temperature=1.0)


def request(animals: Generator, seed: int, sampling: Sampling = WARM, **fields: object) -> Request:
    return animals.voice.request(sampling, seed, **fields)


def drafts(animals: Generator, seed: int, by_hand: Callable[..., str]) -> Iterator[str]:
    """Yield all drafts of a request, each to its stop."""
    model = animals.voice.model
    for number in range(TRIES):
        yield by_hand(model, "\n", seed, number, WARM, 40).partition("\n")[0]


def test_without_hooks_a_text_is_the_first_draft(
    animals: Callable[..., Generator], by_hand: Callable[..., str]
) -> None:
    generator = animals()
    for seed in range(10):
        assert generator.text(request(generator, seed)) == next(drafts(generator, seed, by_hand))


def test_drafts_are_redrawn_until_one_passes(animals: Callable[..., Generator], by_hand: Callable[..., str]) -> None:
    generator = animals(code="def check(text): return '' if text == 'meow' else 'no cat'\n")
    redrawn = 0
    for seed in range(10):
        found = list(drafts(generator, seed, by_hand))
        assert generator.text(request(generator, seed)) == "meow"
        redrawn += found[0] != "meow"
        assert "meow" in found
    assert redrawn > 0


def test_the_first_that_passes_is_taken(animals: Callable[..., Generator], by_hand: Callable[..., str]) -> None:
    generator = animals(code="def check(text): return '' if 'o' in text else 'no o'\n")
    seen = set()
    for seed in range(60):
        found = enumerate(drafts(generator, seed, by_hand))
        first, expected = next((number, text) for number, text in found if "o" in text)
        assert generator.text(request(generator, seed)) == expected
        seen.add(first)
    assert len(seen) > 2


def test_where_none_passes_the_reasons_are_counted(
    animals: Callable[..., Generator], by_hand: Callable[..., str]
) -> None:
    generator = animals(code="def check(text): return f'begins with {text[0]}' if text else 'is empty'\n")
    tally = Counter(f"begins with {text[0]}" if text else "is empty" for text in drafts(generator, 5, by_hand))
    assert len(tally) > 1
    with pytest.raises(UserError, match=r"^haiku: 20 drafts were written and none will do: ") as caught:
        generator.text(request(generator, 5))
    said = str(caught.value).partition("will do: ")[2].removesuffix(".").split("; ")
    assert sorted(said) == sorted(f"{reason} ({count})" for reason, count in tally.items())
    counts = [int(reason.rpartition("(")[2].rstrip(")")) for reason in said]
    assert counts == sorted(counts, reverse=True)
    assert sum(counts) == TRIES


def test_finish_comes_before_check(animals: Callable[..., Generator], by_hand: Callable[..., str]) -> None:
    code = (
        "def finish(text): return f'<{text}>'\ndef check(text): return '' if text[0] + text[-1] == '<>' else 'bare'\n"
    )
    generator = animals(code=code)
    assert generator.text(request(generator, 3)) == f"<{next(drafts(generator, 3, by_hand))}>"


def test_a_text_includes_its_prefix(animals: Callable[..., Generator]) -> None:
    generator = animals()
    cold = Sampling(temperature=0)
    assert generator.text(request(generator, 0, cold, prefix="me")) == "meow"
    assert generator.text(request(generator, 0, cold, prefix="m🙂e")) == "meow"


@pytest.mark.parametrize("code", ["def finish(text): return text.upper()\n", "def check(text): return ''\n"])
def test_a_judged_answer_comes_whole(animals: Callable[..., Generator], code: str) -> None:
    generator = animals(code=code)
    for seed in range(5):
        answer = generator.answer(request(generator, seed))
        assert list(answer) == [generator.text(request(generator, seed))]
        assert answer.reason == "chosen"


def test_nothing_is_said_before_it_is_judged(animals: Callable[..., Generator]) -> None:
    generator = animals(code="def check(text): return 'never good'\n")
    with pytest.raises(UserError, match=r"never good \(20\)"):
        next(generator.answer(request(generator, 0)))


@pytest.mark.parametrize(("candidates", "written"), [(3, 21), (8, 24), (64, 64)])
def test_drafts_side_by_side_are_counted_too(animals: Callable[..., Generator], candidates: int, written: int) -> None:
    generator = animals(code="def check(text): return 'never good'\n")
    said = rf"^haiku: {written} drafts were written and none will do: never good \({written}\)\.$"
    with pytest.raises(UserError, match=said):
        generator.text(request(generator, 0, candidates=candidates))


def test_the_first_good_one_of_candidates_is_taken(
    animals: Callable[..., Generator], by_hand: Callable[..., str]
) -> None:
    generator = animals(code="def check(text): return '' if text == 'meow' else 'no cat'\n")
    for seed in range(5):
        assert generator.text(request(generator, seed, candidates=7)) == "meow"


def test_a_text_with_a_prefix_is_finished_and_not_judged(animals: Callable[..., Generator]) -> None:
    generator = animals(code="def finish(text): return text + '!'\ndef check(text): return 'never good'\n")
    assert generator.text(request(generator, 0, Sampling(temperature=0), prefix="me")) == "meow!"


@pytest.mark.parametrize("fault", ["raise KeyError(text)", "return 3"])
def test_a_judge_that_fails_is_named(animals: Callable[..., Generator], fault: str) -> None:
    generator = animals(code=f"def check(text): {fault}\n")
    with pytest.raises(UserError, match=r"plugin\.py: check (failed \(KeyError|must return a str)"):
        generator.text(request(generator, 0))


@pytest.mark.parametrize("candidates", [1, 3, 64])
def test_many_texts_come_in_their_order(animals: Callable[..., Generator], candidates: int) -> None:
    generator = animals()
    wanted = [request(generator, seed, candidates=candidates) for seed in range(12 if candidates > 3 else 2 * AHEAD)]
    assert list(generator.texts(wanted)) == [generator.text(one) for one in wanted]
    assert list(generator.texts([])) == []


def test_many_texts_are_begun_only_as_far_ahead_as_is_worth_it(animals: Callable[..., Generator]) -> None:
    generator, asked = animals(), list[int]()

    def requests() -> Iterator[Request]:
        for seed in range(10_000):
            asked.append(seed)
            yield request(generator, seed)

    texts = generator.texts(requests())
    for _ in range(3):
        next(texts)
    assert len(asked) == AHEAD + 2


@pytest.fixture
def network(make_model: Callable[..., Model], tmp_path: Path) -> Callable[..., Network]:
    return lambda arithmetic, scale=1.0: Network(
        make_model(characters="\nabc", scale=scale), tmp_path / "cache", arithmetic
    )


def voice_of(make_plugin: Callable[..., Plugin], model: LanguageModel) -> Voice:
    return Voice(make_plugin(), model, "", trained=True)


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
    voice = voice_of(make_plugin, network(arithmetic))
    assert voice.score(text) == pytest.approx(naive_score(voice.model, text), abs=1e-4)


def test_counts_are_scored_too(animals: Callable[..., Generator]) -> None:
    voice = animals().voice
    assert voice.score("dog\nwoof\ncat\ncat\n") == pytest.approx(naive_score(voice.model, "dog\nwoof\ncat\ncat\n"))
    with pytest.raises(UserError, match="never seen these characters: 'xyz'"):
        voice.score("cat\nxyzzy")
    with pytest.raises(UserError, match="at least 2 characters"):
        voice.score("c")


@pytest.mark.parametrize("arithmetic", ["fp32", "int8"])
def test_a_network_of_zeros_knows_nothing(
    make_plugin: Callable[..., Plugin], network: Callable[..., Network], arithmetic: str
) -> None:
    voice = voice_of(make_plugin, network(arithmetic, scale=0.0))
    assert voice.score("abc\ncab\n") == pytest.approx(math.log(4), abs=1e-6)
