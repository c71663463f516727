from collections.abc import Callable
from pathlib import Path

import pytest

from bot.conversation import REMEMBERED, Conversation, Options
from corpora.errors import UserError
from corpora.fetch import Places
from generators import registry
from generators.generator import Generator, open_voice

Talk = Callable[..., Conversation]


@pytest.fixture
def notices() -> list[str]:
    return []


@pytest.fixture
def talk(weather: Path, home: Path, notices: list[str]) -> Talk:
    found = registry.find(weather.parent)

    def open_one(name: str) -> Generator:
        return open_voice(found.get(name), home / "models", home / "cache", Places(home / "corpora"))

    seeds = iter(range(1000))
    return lambda **fields: Conversation(open_one, lambda: next(seeds), notices.append, "weather", **fields)


def test_a_reply_streams_and_is_remembered_with_what_makes_it_again(talk: Talk) -> None:
    conversation = talk()
    answer = "".join(conversation.reply("On day 5 there was"))
    turn = conversation.turns[-1]
    assert turn.message == "On day 5 there was"
    assert turn.answer == answer != ""
    assert "".join(conversation.voice.stream(turn.request)) == answer


def test_a_fixed_seed_repeats_a_conversation_and_varies_its_turns(talk: Talk) -> None:
    def answers() -> list[str]:
        conversation = talk(options=Options(seed=5))
        return ["".join(conversation.reply("rain")) for _ in range(4)]

    first = answers()
    assert first == answers()
    assert len(set(first)) > 1


def test_a_stopped_reply_is_remembered_as_far_as_it_went(talk: Talk) -> None:
    conversation = talk()
    reply = conversation.reply("hello")
    said = next(reply) + next(reply)
    reply.close()
    assert conversation.turns[-1].answer == said


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


def test_notices_come_once(talk: Talk, notices: list[str]) -> None:
    conversation = talk()
    assert len(notices) == 1
    assert "letter counts" in notices[0]
    for _ in range(3):
        list(conversation.reply("爱"))
    assert len(notices) == 2
    assert "'爱'" in notices[1]
