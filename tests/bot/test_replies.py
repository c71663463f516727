"""The study of how answers are chosen, on a dialogue of the tests' own."""

import json
import math
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from bot import chat_verbs
from bot.replies import AMONG, CHOSEN, asks, interval, study, trials
from corpora.corpus import Corpus
from corpora.errors import UserError
from corpora.fetch import Places
from generators import registry
from generators.engine import Engine
from generators.ranking import Cache
from generators.voice import open_voice

ROOT = Path(__file__).parents[2]
SYLLABLES = ("bo", "ra", "lim", "tes", "gun", "vek", "dor", "pil")
REPLY = '"I saw the {} there."'
THINGS = [first + second + "a" for first in SYLLABLES for second in SYLLABLES]


def dialogue(size: int) -> str:
    """Return questions after a thing, and answers that name it, with lines between them that ask nothing."""
    things = np.random.default_rng(size).choice(THINGS, size)
    turns = (f'"{thing}?"\n{REPLY.format(thing)}\nSilence.\n' for thing in things)
    return "".join(turns)


@pytest.fixture
def corpus(weather: Path) -> Corpus:
    (weather / "corpus.txt").write_text(dialogue(300), encoding="utf-8")
    return Corpus("", "", dialogue(60), dialogue(20), dialogue(25))


@pytest.fixture
def engine(corpus: Corpus, weather: Path, home: Path) -> Iterator[Engine]:
    found = registry.find(weather.parent)
    places = Places(home / "corpora", None)
    with Engine(lambda name: open_voice(found.get(name), home / "models", home / "cache", places)) as engine:
        yield engine


@pytest.mark.parametrize(
    ("line", "reply", "is_question"),
    [
        ("Where art thou?", "I heard thy voice.", True),
        ('"Where are you?"', '"Here."', True),
        ('"Where are you?" asked the count.', '"Here."', True),
        ('"Where are you?"', "Nobody spoke.", False),
        ('"I am here," he said.', '"Why?"', False),
        ("He came.", "He saw.", False),
    ],
)
def test_what_a_question_is(line: str, reply: str, is_question: bool) -> None:
    assert asks(line, reply) == is_question


def test_a_trial_has_the_reply_first_and_others_from_elsewhere(engine: Engine, corpus: Corpus) -> None:
    found = list(trials(engine.voice("weather"), corpus, "test", True, np.random.default_rng(0)))
    assert len(found) == 25
    lines = corpus.test.split("\n")
    for trial in found:
        thing = trial.said.strip('"?')
        assert len(trial.texts) == AMONG
        (head, reply), *others = trial.texts
        assert (head, reply) == ("", REPLY.format(thing))
        assert reply == lines[lines.index(trial.said) + 1]
        assert reply not in [other for _, other in others] or lines.count(reply) > 1


def test_the_cache_knows_the_reply_and_a_few_letters_of_context_do_not(engine: Engine, corpus: Corpus) -> None:
    told = list[str]()
    record = study(engine, {"weather": corpus}, 20, told.append)
    rates = {row["score"]: row for row in record["scores"]}
    cached = rates["the words said as a cache"]
    assert cached["rate"] > 0.5 > rates["log p(reply | said)"]["rate"]
    assert cached["interval"] == interval(cached["rate"], 20)
    assert sum(part["questions"] for part in cached["of"].values()) == 40  # by style, and by part
    assert record["questions"] == 20
    assert max(row["rate"] for row in record["grid"]) == max(
        row["rate"] for row in record["grid"] if {**row, **record["chosen"]} == row
    )
    assert [row["candidates"] for row in record["answers"]] == [1, 4, 8]
    assert record["answers"][-1]["taken_up"] >= record["answers"][0]["taken_up"]
    assert told[0] == "weather: 45 questions"


def test_a_text_without_questions_is_left_out(engine: Engine) -> None:
    silent = Corpus("", "", "He came.\n" * 50, "He saw.\n" * 50, "He won.\n" * 50)
    with pytest.raises(UserError, match="None of these styles has questions"):
        study(engine, {"weather": silent}, 20, lambda _: None)


def test_the_interval_is_wilsons() -> None:
    for hits, count in ((1, 10), (77, 200), (299, 300)):
        low, high = interval(hits / count, count)
        for bound in (low, high):  # where the true rate would be 1.96 of its own standard errors away
            assert abs(hits / count - bound) == pytest.approx(1.959964 * math.sqrt(bound * (1 - bound) / count))
        assert low < hits / count < high
    assert interval(0, 10) == pytest.approx((0, 0.2775), abs=1e-4)


def test_the_verb_stores_what_it_tells(
    corpus: Corpus, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("APOCRYPHA_HOME", str(home))
    store = tmp_path / "study" / "replies.json"
    chat_verbs.replies(["weather"], count=20, store=store)
    told, record = capsys.readouterr().out.splitlines(), json.loads(store.read_text(encoding="utf-8"))
    assert told[0] == "chance: 10%"
    for line, row in zip(told[1:], record["scores"] + record["answers"], strict=True):
        assert line.startswith(f"{row['score']}: {row['rate']:.1%} (" if "score" in row else f"{row['style']}, of ")
    chat_verbs.replies(["weather"], count=20, store=store, as_json=True)
    assert json.loads(capsys.readouterr().out) == record


def test_answers_are_chosen_as_the_stored_record_says() -> None:
    record = json.loads((ROOT / "docs" / "study" / "replies.json").read_text(encoding="utf-8"))
    assert record["chosen"] == record["spoken"] == asdict(Cache())
    assert record["questions"] == 200
    cached = next(row for row in record["scores"] if row["score"] == CHOSEN)
    assert cached["interval"][0] > 3 / record["among"]  # chance picks one in `among`
