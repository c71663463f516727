"""The study `replies`: how often the score that answers are chosen by knows the true reply to a question among ten.

Texts come in lines, be they verses or paragraphs. A trial is a line, the line after it, and nine others of about its
length from elsewhere in the same part; a score picks the one it gives most. How words are cached is chosen on lines of
the validation part that ask nothing. It is reported on questions of both held-out parts, which nobody was trained on.
"""

import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from corpora.corpus import Corpus
from corpora.errors import UserError
from generators.engine import Engine
from generators.generator import Generator
from generators.quality import WORD
from generators.ranking import COUNTED, Cache, likelihoods
from generators.voice import Request, Voice

AMONG = 10
NEAR = 30  # lines of the nearest length that the nine are drawn from
LONGEST = 1000  # characters of a line
FEWEST = 20  # questions that a style has to have
SEED = 1
LETTERS = 5  # of a word that is worth taking up
CANDIDATES = (1, 4, 8)
HELD_OUT = ("validation", "test")
REFERENCE = re.compile(r"[\w ]+ \d+:\d+ ")  # at the head of a verse: it would give away the next one's
QUOTATION = re.compile(r'"[^"]*"')
GRID = [Cache(*choice) for choice in product((0.2, 0.4, 0.6, 0.8), (4, 6, 99), (False, True))]


Nats = NDArray[np.float64]  # log-probabilities of the characters of a text


@dataclass(frozen=True)
class Trial:
    """What was said, and texts, the first of them the true reply; the head of each, often empty, is given away."""

    style: str
    part: str  # of the corpus
    said: str
    texts: tuple[tuple[str, str], ...]


PLAIN: dict[str, Callable[[Nats, Nats], float]] = {  # of a text after what was said, and alone
    "log p(reply | said)": lambda after, _: after.sum(),
    "log p(reply | said) per character": lambda after, _: after.mean(),
    "log p(reply | said) - log p(reply)": lambda after, alone: (after - alone).sum(),
    "log p(reply | said) - log p(reply) per character": lambda after, alone: (after - alone).mean(),
}
CHOSEN = "the words said as a cache"


def study(engine: Engine, texts: Mapping[str, Corpus], count: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Return the rates at which scores pick the true reply to `count` questions of styles, given with their `texts`."""
    chance = np.random.default_rng(SEED)
    asked, others = dict[str, list[Trial]](), list[Trial]()
    for style, text in texts.items():
        voice = engine.voice(style)
        found = [trial for part in HELD_OUT for trial in trials(voice, text, part, True, chance)]
        if len(found) >= FEWEST:
            asked[style] = found
            others += _some(list(trials(voice, text, "validation", False, chance)), count, chance)
        say(f"{style}: {len(found)} questions{'' if style in asked else ', too few'}")
    if not asked:
        raise UserError("None of these styles has questions and replies in its held-out text.")
    questions = _shared(asked, count, chance)
    say(f"choosing on {len(others)} lines that ask nothing")
    best, grid = _choose(engine, others)
    say(f"reporting on {len(questions)} questions")
    scores = _scores(engine, questions, best)
    say("writing answers")
    return {
        "among": AMONG,
        "questions": len(questions),
        "chosen_on": len(others),
        "scores": scores,
        "answers": [_answered(engine, style, questions, number) for style in asked for number in CANDIDATES],
        "chosen": asdict(best),
        "spoken": asdict(Cache()),
        "grid": grid,
    }


def trials(voice: Voice, text: Corpus, part: str, asking: bool, chance: np.random.Generator) -> Iterator[Trial]:
    """Yield the trials of a part of a text whose line is a question, or is none."""
    start = voice.plugin.manifest.text.start
    between = start[len(start.rstrip("\n")) :]
    lines = [line for line in voice.model.vocabulary.known(getattr(text, part))[0].split(between) if line.strip()]
    following = [(at, line) for at, line in enumerate(lines[1:]) if len(line) <= LONGEST]
    for at, reply in following:
        if len(lines[at]) > LONGEST or asks(lines[at], reply) != asking:
            continue
        far = (other for other in following if abs(other[0] - at) > 1)
        near = sorted(far, key=lambda other: abs(math.log(len(other[1]) / len(reply))))[:NEAR]
        drawn = [near[place][1] for place in chance.permutation(len(near))[: AMONG - 1]]
        if len(drawn) == AMONG - 1:
            yield Trial(voice.plugin.name, part, _headed(lines[at])[1], tuple(map(_headed, (reply, *drawn))))


def asks(line: str, reply: str) -> bool:
    """Return whether a line is a question that has a reply: it ends with one, or has one in a dialogue."""
    spoken = QUOTATION.findall(line)
    if spoken:
        return reply.startswith('"') and any(speech.endswith('?"') for speech in spoken)
    return line.rstrip("'\")").endswith("?")


def hear(engine: Engine, trial: Trial, said: str) -> list[Nats]:
    """Let a voice read the texts of a trial after what was `said`."""
    mind = engine.mind(Request(style=trial.style, message=said))
    nats = likelihoods(engine.voice(trial.style).model, mind, [head + text for head, text in trial.texts])
    return [each[len(head) :] for (head, _), each in zip(trial.texts, nats, strict=True)]


def interval(rate: float, count: int) -> tuple[float, float]:
    """Return the 95 % confidence interval of a rate (Wilson 1927)."""
    z = 1.959964
    middle, spread = rate + z * z / (2 * count), z * math.sqrt(rate * (1 - rate) / count + (z / (2 * count)) ** 2)
    return (middle - spread) / (1 + z * z / count), (middle + spread) / (1 + z * z / count)


def _choose(engine: Engine, tried: Sequence[Trial]) -> tuple[Cache, list[dict[str, Any]]]:
    """Return the cache that picks the most true replies, and how many each of the GRID picks."""
    heard = [hear(engine, trial, trial.said) for trial in tried]
    rates = [float(np.mean(_picks_by(cache, tried, heard))) for cache in GRID]
    return GRID[int(np.argmax(rates))], [
        asdict(cache) | {"rate": rate} for cache, rate in zip(GRID, rates, strict=True)
    ]


def _scores(engine: Engine, asked: Sequence[Trial], cache: Cache) -> list[dict[str, Any]]:
    """Return what each score picks of the true replies."""
    after = [hear(engine, trial, trial.said) for trial in asked]
    both = list(zip(after, (hear(engine, trial, "") for trial in asked), strict=True))
    picks = {name: [_pick(list(map(score, *each))) for each in both] for name, score in PLAIN.items()}
    picks[CHOSEN] = _picks_by(cache, asked, after)
    return [_reported(name, asked, each) for name, each in picks.items()]


def _headed(line: str) -> tuple[str, str]:
    """Split a line after its reference; of the rest only so much counts as of an answer."""
    head = match[0] if (match := REFERENCE.match(line)) else ""
    return head, line[len(head) : len(head) + COUNTED]


def _picks_by(cache: Cache, tried: Sequence[Trial], heard: Sequence[Sequence[Nats]]) -> list[float]:
    return [
        _pick([cache.gain(trial.said, text, nats) for (_, text), nats in zip(trial.texts, each, strict=True)])
        for trial, each in zip(tried, heard, strict=True)
    ]


def _pick(given: list[float]) -> float:
    """Return 1.0 where the first is given most, and its part where several are given as much."""
    return float(given[0] == max(given)) / given.count(max(given))


def _reported(name: str, asked: Sequence[Trial], picks: Sequence[float]) -> dict[str, Any]:
    rate = float(np.mean(picks))
    groups = defaultdict[str, list[float]](list)
    for trial, pick in zip(asked, picks, strict=True):
        for group in (trial.style, trial.part):
            groups[group].append(pick)
    of = {group: {"questions": len(own), "rate": float(np.mean(own))} for group, own in groups.items()}
    return {"score": name, "rate": rate, "interval": interval(rate, len(picks)), "of": of}


def _answered(engine: Engine, style: str, asked: Sequence[Trial], candidates: int) -> dict[str, Any]:
    """Return how many answers take up a longer word of the question, where each is chosen among `candidates`."""
    said = [trial.said for trial in asked if trial.style == style]
    voice = engine.voice(style)
    fields = {"candidates": candidates, "whole": True}
    requests = [voice.request(voice.sampling(), seed, message=each, **fields) for seed, each in enumerate(said)]
    answers = Generator(engine, style).texts(requests)
    taken = [bool(_longer(answer) & _longer(each)) for answer, each in zip(answers, said, strict=True)]
    return {"style": style, "candidates": candidates, "answers": len(said), "taken_up": sum(taken) / len(taken)}


def _longer(text: str) -> set[str]:
    return {word.casefold() for word in WORD.findall(text) if len(word) >= LETTERS}


def _some(many: list[Trial], count: int, chance: np.random.Generator) -> list[Trial]:
    return [many[place] for place in chance.permutation(len(many))[:count]]


def _shared(asked: Mapping[str, list[Trial]], count: int, chance: np.random.Generator) -> list[Trial]:
    """Return `count` questions: as many of every style, and more of those that have more."""
    taken, left = list[Trial](), count
    for rest, style in zip(range(len(asked), 0, -1), sorted(asked, key=lambda style: len(asked[style])), strict=True):
        own = _some(asked[style], left // rest, chance)
        taken, left = taken + own, left - len(own)
    return taken
