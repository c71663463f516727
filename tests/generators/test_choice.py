"""An answer chosen among drafts: called for, well formed, past the gates, and the same every time."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from corpora.errors import UserError
from corpora.fetch import Places
from generators.engine import TRIES, Engine
from generators.generator import Generator
from generators.plugin import Plugin
from generators.sampling import Sampling
from generators.voice import Request, open_voice

SKIES, WINDS = ("rain", "sun", "snow", "fog", "hail", "clouds"), ("north", "east", "south", "west")
DAYS = [f"There was {SKIES[n * 7 % 6]} and wind from the {WINDS[n * 3 % 4]}." for n in range(400)]


@pytest.fixture
def make(make_plugin: Callable[..., Plugin], tmp_path: Path) -> Iterator[Callable[..., Generator]]:
    """Make a voice of letter counts, with the gates of its own corpus."""
    engines = list[Engine]()

    def made(toml: str = "[limits]\ncopied = 5000\n", code: str = "") -> Generator:
        plugin = make_plugin(toml, code, "\n".join(DAYS) + "\n", name="weather")
        places = Places(tmp_path / "corpora", None)
        engines.append(Engine(lambda _: open_voice(plugin, tmp_path / "models", tmp_path / "cache", places)))
        return Generator(engines[-1], "weather")

    yield made
    for engine in engines:
        engine.close()


def asked(generator: Generator, message: str, seed: int = 0, candidates: int = 12, **fields: Any) -> Request:
    sampling = Sampling(temperature=fields.pop("temperature", 1.0))
    return generator.voice.request(sampling, seed, message=message, candidates=candidates, **fields)


def test_the_answer_takes_up_what_was_said(make: Callable[..., Generator]) -> None:
    generator = make()
    asking = [(word, f"Will there be {word}?", seed) for word in ("snow", "fog", "clouds") for seed in range(3)]
    chosen = [word in generator.text(asked(generator, message, seed)) for word, message, seed in asking]
    plain = [word in generator.text(asked(generator, message, seed, 1)) for word, message, seed in asking]
    assert sum(chosen) >= 7
    assert sum(plain) <= 4


def test_it_is_one_of_the_drafts_and_the_same_again(make: Callable[..., Generator]) -> None:
    generator = make()
    for seed in range(2):
        request = asked(generator, "Snow?", seed, 4)
        judge = Keeper()
        "".join(generator.engine.submit(request, judge))
        texts = {generator.text(request) for _ in range(2)}
        assert len(texts) == 1
        assert texts <= set(judge.drafts)


def test_without_words_it_is_the_first_and_one_candidate_is_a_plain_draw(make: Callable[..., Generator]) -> None:
    generator = make()
    for message in ("", "?!"):
        alone = generator.text(asked(generator, message, 1, 1))
        assert generator.text(asked(generator, message, 1, 3)) == alone


def test_what_comes_after_a_prefix_is_what_counts(make: Callable[..., Generator]) -> None:
    generator = make()
    text = generator.text(asked(generator, "There was hail?", 0, 40, prefix="There was "))
    assert text.startswith("There was hail")


def test_a_draft_that_fails_a_gate_is_given_only_where_all_do(make: Callable[..., Generator]) -> None:
    strict = make("[limits]\ncopied = 5000\nknown_words = 1.0\n")
    gates = strict.voice.gates
    assert gates is not None
    better = 0
    for seed in range(6):
        request = asked(strict, "Snow and wind from the east", seed, 4, temperature=1.5)
        judge = Keeper()
        "".join(strict.engine.submit(request, judge))
        passing = [draft for draft in judge.drafts if not gates.fault(draft)]
        text = strict.text(request)
        assert text in (passing or judge.drafts)
        better += 0 < len(passing) < 4
    assert better > 1


def test_what_is_not_well_formed_is_never_given(make: Callable[..., Generator]) -> None:
    generator = make(code="def check(text): return '' if 'hail' in text else 'no hail'\n")
    for seed in range(3):
        assert "hail" in generator.text(asked(generator, "snow", seed, 4))
    never = asked(generator, "snow", 0, 4, stop="h")
    with pytest.raises(UserError, match=rf"{TRIES} drafts were written and none will do: no hail \({TRIES}\)"):
        generator.text(never)


def test_a_slur_is_never_given(make: Callable[..., Generator]) -> None:
    generator = make(code="def finish(text): return text.replace('snow', 'you bitch')\n")
    for seed in range(3):
        assert "bitch" not in generator.text(asked(generator, "bitch", seed, 6))


class Keeper:
    """Takes the first draft and keeps all."""

    def choose(self, drafts: list[str]) -> str:
        self.drafts = drafts
        return drafts[0]

    def refusal(self) -> UserError:
        raise AssertionError
