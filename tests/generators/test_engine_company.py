"""The engine's promise: a seeded request gives the same text, byte for byte, whatever else is written meanwhile."""

import random
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from generators import registry
from generators.engine import Engine
from generators.inference import Network
from generators.sampling import Sampling
from generators.voice import Request, Voice
from training import checkpoint

NEIGHBOURS = 32
OPTIONS = (
    Sampling(),
    Sampling(temperature=0),
    Sampling(temperature=0.7, top_p=0.9),
    Sampling(temperature=1.5, top_k=3, repetition=1.4),
    Sampling(temperature=1.1, min_p=0.05),
)
NESTED = """def grammar(alphabet):
    return '''root ::= item* "\\\\n"
              item ::= [^\\\\n()] | "(" item* ")"'''
"""


class Company:
    """Neighbours that come, read prompts of their own, speak, are cut short and end, all by chance."""

    def __init__(self, engine: Engine, voice: Voice, chance: random.Random) -> None:
        self.engine, self.voice, self.chance = engine, voice, chance
        self.streams = [engine.submit(self.request()) for _ in range(NEIGHBOURS)]

    def stir(self) -> None:
        place = self.chance.randrange(NEIGHBOURS)
        if self.chance.random() < 0.3 or next(self.streams[place], None) is None:
            self.streams[place].close()
            self.streams[place] = self.engine.submit(self.request())

    def request(self) -> Request:
        chance = self.chance
        said = "".join(chance.choices(self.voice.model.vocabulary.characters, k=chance.choice([1, 9, 70, 300])))
        shape = {"length": chance.randrange(1, 200), "adapt": chance.choice([0, 0, 0.2]), "grammar": False}
        return self.voice.request(chance.choice(OPTIONS), chance.randrange(1000), message=said, **shape)


def differ(alone: Engine, crowded: Engine, requests: Iterable[Request], style: str) -> list[tuple[Request, str, str]]:
    """Write each request alone and among neighbours; return those with two texts."""
    chance, found = random.Random(0), []
    company = Company(crowded, crowded.voice(style), chance)
    for request in requests:
        expected = "".join(alone.submit(request))
        pieces = []
        for piece in crowded.submit(request):
            pieces.append(piece)
            company.stir()
        if "".join(pieces) != expected:
            found.append((request, expected, "".join(pieces)))
    return found


@pytest.mark.parametrize("threads", [1, 2])
def test_the_bible_is_not_put_off_by_neighbours(threads: int, tmp_path: Path, speaking: Callable[..., Engine]) -> None:
    bible = registry.find().get("bible")
    model = checkpoint.load(bible.folder / "model")
    one, several = (Voice(bible, Network(model, tmp_path, threads=n), model.digest, True) for n in (1, threads))
    prompts: list[dict[str, Any]] = [
        {"message": "Who shall enter the city? " * 30},
        {"message": "What is love?"},
        {"prefix": "Genesis 1:1 In the beginning", "adapt": 0.1},
        {"prefix": "And it came to pass", "stop": "the", "grammar": False},
        {},
    ]
    options = [(OPTIONS[n % 5], prompts[(n + n // 5) % 5]) for n in range(15)]
    requests = [one.request(chosen, seed, length=120, **prompt) for seed, (chosen, prompt) in enumerate(options)]
    assert differ(speaking(one), speaking(several), requests, "bible") == []


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    "shape",
    [
        {"kind": "lstm", "units": 7, "layers": 1},
        {"kind": "lstm", "units": 33, "layers": 3, "embedding": 1},
        {"kind": "gru", "units": 19},
        {"kind": "rnn", "units": 1},
        {"kind": "rnn", "units": 29, "layers": 4},
    ],
    ids=lambda shape: f"{shape['kind']}-{shape['units']}",
)
def test_no_network_is(
    shape: dict[str, Any], threads: int, make_voice: Callable[..., Voice], speaking: Callable[..., Engine]
) -> None:
    voice = make_voice("", NESTED, threads=threads, characters="\n()abcd", **shape)
    chance, prompts = random.Random(1), ["", "a", "dab" * 50, "abcdabc" * 100]
    requests = [
        voice.request(
            chance.choice(OPTIONS),
            seed,
            message=prompts[seed % 4],
            prefix=chance.choice(["", "ab", "((", "(c)" * 20]),
            stop=chance.choice(["", "ab", "\n"]),
            length=chance.randrange(3, 130),
            grammar=seed % 3 > 0,
            adapt=chance.choice([0, 0, 0.3]),
        )
        for seed in range(24)
    ]
    assert differ(speaking(voice), speaking(voice), requests, "haiku") == []
