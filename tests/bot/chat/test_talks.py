"""What is kept of talks, for how long, and that a question is claimed once; in part on both kinds of database."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from sqlalchemy import func, select

from bot.chat.talks import KEPT, REPLAYED, Asked, Talks
from bot.chat_tables import Answer, Talk
from bot.conversation import REMEMBERED, Options, Turn
from bot.store import Store
from corpora.errors import UserError
from generators.receipt import Receipt
from generators.voice import Request

Open = Callable[[], Store]
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
numbers = count(100)


def turn(message: str, answer: str = "so be it", style: str = "bible") -> Turn:
    return Turn(
        message=message, answer=answer, receipt=Receipt(request=Request(style=style, message=message), model="m")
    )


def asked(number: int | None = None, channel: int = 1, person: int = 2, server: int = 3) -> Asked:
    return Asked(next(numbers) if number is None else number, channel, person, server, channel)


def told(talks: Talks, message: str, now: datetime = NOON, follows: int | None = None, **who: int) -> Asked:
    """Have a question answered."""
    question = asked(**who)
    assert talks.begin(question, now) is not None
    talks.keep(question, turn(message), follows=follows)
    talks.end(question.id, [question.id + 1])
    return question


def messages(talks: Talks, channel: int = 1, person: int = 2) -> list[str]:
    return [each.message for each in talks.recall(channel, person).turns]


def test_a_question_is_claimed_once_by_whoever_comes_first(open_store: Open) -> None:
    several = [Talks(open_store()) for _ in range(4)]
    question = asked()
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda n: several[n % 4].begin(question, NOON), range(40)))
    assert sum(memory is not None for memory in won) == 1


def test_what_was_said_is_remembered_by_channel_and_person(open_copy: Open) -> None:
    talks = Talks(open_copy())
    for message, who in (("a", {}), ("b", {}), ("elsewhere", {"channel": 9}), ("another", {"person": 9})):
        told(talks, message, **who)
    assert messages(talks) == ["a", "b"]
    assert messages(talks, person=9) == ["another"]


def test_an_answer_said_differently_takes_the_place_of_the_first(store: Store) -> None:
    talks = Talks(store)
    first, second = told(talks, "a"), told(talks, "b")
    again = told(talks, "a, said differently", follows=first.id)
    assert messages(talks) == ["a, said differently", "b"]
    for number, expected in ((first, ["a"]), (again, ["a, said differently"]), (second, ["a, said differently", "b"])):
        answered = talks.answer(number.id)
        assert answered
        assert [each.message for each in answered.memory.turns] == expected
        assert answered.turn == answered.memory.turns[-1]
        assert answered.messages == (number.id + 1,)
    assert talks.latest(1, 2) == again.id
    assert talks.answer(1) is None


def test_only_the_last_turns_are_kept(open_copy: Open) -> None:
    store = open_copy()
    talks = Talks(store)
    for number in range(REMEMBERED + 5):
        told(talks, f"message {number}")
    assert messages(talks) == [f"message {number}" for number in range(5, REMEMBERED + 5)]
    with store.reading() as session:
        assert session.scalar(select(func.count()).where(Answer.turn.is_not(None))) == REMEMBERED


def test_what_is_too_old_is_forgotten(store: Store) -> None:
    talks = Talks(store)
    talks.choose(asked(), "code", Options(), NOON)
    old, young = told(talks, "old"), told(talks, "young", NOON + timedelta(days=2))
    unanswered = asked()
    talks.begin(unanswered, NOON)
    talks.sweep(NOON + REPLAYED + timedelta(hours=1))
    assert messages(talks) == ["old", "young"]
    assert talks.begin(unanswered, NOON) is not None
    talks.sweep(NOON + KEPT + timedelta(hours=1))
    assert messages(talks) == ["young"]
    assert talks.answer(old.id) is None
    assert talks.recall(1, 2).style == "code"
    talks.sweep(NOON + KEPT + timedelta(days=3))
    assert messages(talks) == []
    with store.reading() as session:
        assert session.scalar(select(func.count()).select_from(Talk)) == 0
    assert young


def test_a_choice_holds_until_another_one_and_a_fixed_seed_counts_up(open_copy: Open) -> None:
    talks = Talks(open_copy())
    talks.choose(asked(), "code", Options(temperature=0.5, seed=7), NOON)
    assert talks.recall(1, 2).options == Options(temperature=0.5, seed=7)
    question = asked()
    talks.begin(question, NOON)
    talks.keep(question, turn("a"), seed=8)
    assert (talks.recall(1, 2).style, talks.recall(1, 2).options.seed) == ("code", 8)
    talks.choose(asked(), "", Options(), NOON)
    assert talks.recall(1, 2).options == Options()


def test_a_deleted_question_is_forgotten_with_what_came_after(open_copy: Open) -> None:
    talks = Talks(open_copy())
    told(talks, "a")
    second = told(talks, "b")
    told(talks, "c")
    told(talks, "elsewhere", channel=9)
    talks.retract(second.id)
    talks.retract(12345)
    assert messages(talks) == ["a"]
    assert messages(talks, channel=9) == ["elsewhere"]
    assert talks.begin(second, NOON) is None


def test_a_person_who_wants_to_be_forgotten_is(open_store: Open) -> None:
    talks = Talks(open_store())
    talks.choose(asked(), "code", Options(), NOON)
    told(talks, "a")
    told(talks, "b", channel=9)
    told(talks, "another", person=9)
    running = asked()
    talks.begin(running, NOON)
    assert talks.forget(2, always=False) == 2
    talks.keep(running, turn("said while it was forgotten"))
    assert messages(talks) == messages(talks, channel=9) == []
    assert messages(talks, person=9) == ["another"]
    assert told(talks, "c")
    talks.forget(2, always=True)
    again = Talks(open_store())
    assert again.opted_out(2)
    told(again, "d")
    assert messages(again) == []
    with pytest.raises(UserError, match="keep nothing about you"):
        again.choose(asked(), "code", Options(), NOON)
    again.welcome(2)
    told(again, "e")
    assert messages(again) == ["e"]


def test_nothing_is_left_of_a_server(open_copy: Open) -> None:
    talks = Talks(open_copy())
    told(talks, "a")
    told(talks, "elsewhere", channel=9, server=4)
    talks.leave(3)
    assert messages(talks) == []
    assert messages(talks, channel=9) == ["elsewhere"]


def test_what_was_begun_and_not_ended_is_known_to_the_next_process(open_copy: Open) -> None:
    talks = Talks(open_copy())
    old, young, given_up, half_shown = asked(), asked(), asked(), asked()
    for question in (young, given_up, half_shown):
        talks.begin(question, NOON)
    talks.begin(old, NOON - timedelta(minutes=5))
    talks.end(given_up.id)
    talks.keep(half_shown, turn("half shown"))
    told(talks, "answered")
    again = Talks(open_copy())
    assert {each.id for each in again.unfinished(NOON - timedelta(minutes=2))} == {young.id, half_shown.id}
    for question in (young, half_shown, given_up):
        again.unclaim(question.id)
    assert messages(again) == ["answered"]
    assert again.begin(young, NOON) is not None
    assert again.begin(given_up, NOON) is None
