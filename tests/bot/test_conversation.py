from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.conversation import REMEMBERED, Conversation, Options
from corpora.errors import UserError
from corpora.fetch import Places
from generators import registry
from generators.engine import Engine
from generators.generator import Generator
from generators.voice import Voice, open_voice

Talk = Callable[..., Conversation]


@pytest.fixture
def notices() -> list[str]:
    return []


@pytest.fixture
def engine(weather: Path, home: Path) -> Iterator[Engine]:
    """What the weather is, and a voice that goes on about it until its length."""
    endless = weather.parent / "endless"
    endless.mkdir()
    (endless / "plugin.toml").write_text("[text]\nstop = ''\n", encoding="utf-8")
    (endless / "corpus.txt").write_bytes((weather / "corpus.txt").read_bytes())
    found = registry.find(weather.parent)

    def open_one(name: str) -> Voice:
        return open_voice(found.get(name), home / "models", home / "cache", Places(home / "corpora"))

    with Engine(open_one) as engine:
        yield engine


@pytest.fixture
def talk(engine: Engine, notices: list[str]) -> Talk:
    seeds = iter(range(1000))
    return lambda **fields: Conversation(engine, lambda: next(seeds), notices.append, "weather", **fields)


def test_a_reply_streams_and_is_remembered_with_what_makes_it_again(talk: Talk, engine: Engine) -> None:
    conversation = talk()
    answer = "".join(conversation.reply("On day 5 there was"))
    turn = conversation.turns[-1]
    assert turn.message == "On day 5 there was"
    assert turn.answer == answer != ""
    assert Generator(engine, turn.style).text(turn.request) == answer


def test_a_fixed_seed_repeats_a_conversation_and_varies_its_turns(talk: Talk) -> None:
    def answers() -> list[str]:
        conversation = talk(options=Options(seed=5))
        return ["".join(conversation.reply("rain")) for _ in range(4)]

    first = answers()
    assert first == answers()
    assert len(set(first)) > 1


def test_a_stopped_reply_is_remembered_as_far_as_it_went(talk: Talk, engine: Engine) -> None:
    conversation = talk()
    reply = conversation.reply("hello")
    said = next(reply) + next(reply)
    reply.close()  # type: ignore[attr-defined]  # a generator
    turn = conversation.turns[-1]
    assert turn.answer == said
    assert Generator(engine, "weather").text(turn.request).startswith(said)


def test_conversations_share_an_engine_and_do_not_hear_each_other(talk: Talk) -> None:
    alone = ["".join(talk(options=Options(seed=seed)).reply("rain")) for seed in range(8)]
    replies = [talk(options=Options(seed=seed)).reply("rain") for seed in range(8)]
    said = [next(reply) for reply in replies]
    assert [first + "".join(reply) for first, reply in zip(said, replies, strict=True)] == alone


def test_a_reply_is_cut_off_with_a_sentence_when_the_engine_is_closed(talk: Talk, engine: Engine) -> None:
    conversation = talk(options=Options(length=100_000))
    conversation.speak_as("endless")
    reply = conversation.reply("rain")
    said = [next(reply)]
    engine.close()
    with pytest.raises(UserError, match="engine was closed"):
        said.extend(reply)
    assert conversation.turns[-1].answer.startswith(said[0])


def test_old_turns_are_forgotten(talk: Talk) -> None:
    conversation = talk(options=Options(length=1))
    for number in range(REMEMBERED + 5):
        list(conversation.reply(str(number)))
    assert [turn.message for turn in conversation.turns] == [str(n) for n in range(5, REMEMBERED + 5)]
    conversation.reset()
    assert conversation.turns == []


def test_a_refused_option_or_voice_leaves_the_old_one(talk: Talk) -> None:
    conversation = talk(options=Options(temperature=0.5))
    with pytest.raises(UserError, match="temperature"):
        conversation.set(temperature=-2)
    with pytest.raises(UserError, match="no style named 'x'"):
        conversation.speak_as("x")
    assert conversation.options.temperature == 0.5
    assert conversation.style == "weather"


def test_an_option_is_in_the_request_and_off_again(talk: Talk) -> None:
    conversation = talk()
    for adapt, expected in [(0.3, 0.3), (None, 0.0)]:
        conversation.set(adapt=adapt)
        list(conversation.reply("rain"))
        assert conversation.turns[-1].request.adapt == expected
    with pytest.raises(UserError, match="adapt = 1"):
        conversation.set(adapt=1)


def test_notices_come_once(talk: Talk, notices: list[str]) -> None:
    conversation = talk()
    assert len(notices) == 1
    assert "letter counts" in notices[0]
    for _ in range(3):
        list(conversation.reply("爱"))
    assert len(notices) == 2
    assert "'爱'" in notices[1]
