"""A conversation, with voices of letter counts."""

import contextlib
import json
import math
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.conversation import CONTEXT, REMEMBERED, Conversation, Options
from bot.personas import Persona, bundled
from corpora.errors import UserError
from corpora.fetch import Places
from generators import registry
from generators.engine import Engine
from generators.receipt import Receipt, remade
from generators.voice import Voice, open_voice
from generators.worker import BusyError

Talk = Callable[..., Conversation]


@pytest.fixture
def notices() -> list[str]:
    return []


@pytest.fixture
def engine(weather: Path) -> Iterator[Engine]:
    """What the weather is, a voice that goes on about it until its length, and one that is never content."""
    for name, toml in {"endless": "[text]\nstop = ''\n", "picky": ""}.items():
        folder = weather.parent / name
        folder.mkdir()
        (folder / "plugin.toml").write_text(toml, encoding="utf-8")
        (folder / "corpus.txt").write_bytes((weather / "corpus.txt").read_bytes())
    (weather.parent / "picky" / "plugin.py").write_text("def check(text): return 'never'\n", encoding="utf-8")
    with Engine(opening(weather)) as engine:
        yield engine


def opening(weather: Path) -> Callable[[str], Voice]:
    found, home = registry.find(weather.parent), weather.parent.parent

    def open_one(name: str) -> Voice:
        return open_voice(found.get(name), home / "models", home / "cache", Places(home / "corpora"))

    return open_one


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
    assert remade(engine, turn.receipt) == answer


def test_a_fixed_seed_repeats_a_conversation_and_varies_its_turns(talk: Talk) -> None:
    def answers() -> list[str]:
        conversation = talk(options=Options(seed=5))
        return ["".join(conversation.reply("rain")) for _ in range(4)]

    first = answers()
    assert first == answers()
    assert len(set(first)) > 1


def test_a_stopped_reply_is_remembered_as_far_as_it_went(talk: Talk, engine: Engine) -> None:
    conversation = talk(options=Options(candidates=1))
    reply = conversation.reply("hello")
    said = next(reply) + next(reply)
    reply.close()
    turn = conversation.turns[-1]
    assert turn.answer == said
    assert remade(engine, turn.receipt) == said


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
        assert conversation.turns[-1].receipt.request.adapt == expected
    with pytest.raises(UserError, match="adapt = 1"):
        conversation.set(adapt=1)


def test_by_default_an_answer_is_chosen_unless_it_is_longer_than_usual(talk: Talk, engine: Engine) -> None:
    usual = engine.voice("weather").plugin.manifest.text
    for options, candidates in [
        ({}, usual.candidates),
        ({"length": usual.length}, usual.candidates),
        ({"length": usual.length + 1}, 1),
        ({"length": usual.length + 1, "candidates": 3}, 3),
        ({"candidates": 1}, 1),
    ]:
        conversation = talk(options=Options(**options))
        list(conversation.reply("rain"))
        assert conversation.turns[-1].receipt.request.candidates == candidates


def test_what_was_said_before_is_read_before(talk: Talk, engine: Engine) -> None:
    conversation = talk(options=Options(length=30))
    for message in ("rain", "snow", "hail"):
        list(conversation.reply(message))
    first, second, third = conversation.turns
    assert first.receipt.request.before == ""
    assert second.receipt.request.before == f"rain\n{first.answer}\n"
    assert third.receipt.request.before == f"rain\n{first.answer}\nsnow\n{second.answer}\n"
    read = engine.voice("weather").model.vocabulary.decode(engine.voice("weather").prompt(third.receipt.request))
    assert read == f"rain\n{first.answer}\nsnow\n{second.answer}\nhail\n"
    for _ in range(20):
        list(conversation.reply("fog"))
        assert len(conversation.turns[-1].receipt.request.before) <= CONTEXT
    conversation.speak_as("endless")
    list(conversation.reply("rain"))
    assert conversation.turns[-1].receipt.request.before == ""  # another voice's texts are none of its own


def test_again_answers_the_last_message_anew(talk: Talk, engine: Engine) -> None:
    conversation = talk()
    list(conversation.reply("rain"))
    list(conversation.reply("snow"))
    before, last = conversation.turns
    reply = conversation.again()
    said = "".join(reply)
    assert conversation.turns[0] == before
    turn = conversation.turns[1]
    assert reply.turn is turn
    assert len(conversation.turns) == 2
    assert (turn.message, turn.answer) == ("snow", said)
    assert turn.receipt.request.before == last.receipt.request.before
    assert turn.receipt.request.seed != last.receipt.request.seed
    assert remade(engine, turn.receipt) == said


def test_more_goes_on_with_another_text(talk: Talk, engine: Engine) -> None:
    conversation = talk()
    list(conversation.reply("rain"))
    whole = conversation.turns[-1].answer
    for parts in (1, 2, 3):
        reply = conversation.more()
        more = "".join(reply)
        assert more.startswith("\n")
        assert len(more) > 1
        whole += more
        turn = conversation.turns[-1]
        assert reply.turn is turn
        assert [turn] == conversation.turns
        assert (turn.message, turn.answer) == ("rain", whole)
        assert len(turn.receipt.more) == parts
        assert turn.receipt.last.before.endswith(f"{whole.removesuffix(more)}\n"[-CONTEXT:])
        assert remade(engine, turn.receipt) == whole


@pytest.mark.parametrize("pieces", [1, 2, 5])
def test_a_stopped_answer_goes_on_where_it_was(talk: Talk, engine: Engine, pieces: int) -> None:
    conversation = talk(options=Options(candidates=1, seed=3))
    whole = "".join(talk(options=Options(candidates=1, seed=3)).reply("rain"))
    reply = conversation.reply("rain")
    said = "".join(next(reply) for _ in range(pieces))
    reply.close()
    rest = "".join(conversation.more())
    assert said + rest == whole
    turn = conversation.turns[-1]
    assert turn.answer == whole
    assert turn.receipt.said is None
    assert turn.receipt.more == ()
    assert remade(engine, turn.receipt) == whole
    assert conversation.options.seed == 4


def test_what_goes_on_may_be_stopped_too(talk: Talk, engine: Engine) -> None:
    conversation = talk(options=Options(candidates=1))
    first = "".join(conversation.reply("rain"))
    answer = first
    for _ in range(2):  # the second time from where it was stopped
        with conversation.more() as reply:
            answer += next(reply) + next(reply)
        assert conversation.turns[-1].answer == answer
        assert remade(engine, conversation.turns[-1].receipt) == answer
    answer += "".join(conversation.more())
    assert conversation.turns[-1].answer == answer
    assert len(conversation.turns[-1].receipt.more) == 1
    assert remade(engine, conversation.turns[-1].receipt) == answer


def test_there_is_nothing_to_go_on_with_or_to_say_again_at_first(talk: Talk) -> None:
    for ask in (talk().again, talk().more):
        with pytest.raises(UserError, match="Nothing was said yet"):
            ask()


async def test_a_reply_is_read_by_an_event_loop_too(talk: Talk, engine: Engine) -> None:
    conversation = talk(options=Options(candidates=1))
    reply = conversation.reply("rain")
    said = "".join([piece async for piece in reply])
    assert reply.turn is conversation.turns[-1]
    assert conversation.turns[-1].answer == said == remade(engine, conversation.turns[-1].receipt)
    async with contextlib.aclosing(conversation.more()) as more:
        async for piece in more:
            said += piece
            break
    assert conversation.turns[-1].answer == said
    assert more.turn is conversation.turns[-1]


def test_a_reply_stopped_before_its_first_word_leaves_no_trace(talk: Talk) -> None:
    conversation = talk(options=Options(seed=5))
    conversation.reply("rain").close()
    with conversation.reply("rain"):
        pass
    del conversation.reply("rain").turn
    assert conversation.turns == []
    assert conversation.options.seed == 5
    list(conversation.reply("rain"))
    kept = conversation.turns[0]
    conversation.again().close()
    conversation.more().close()
    assert conversation.turns == [kept]
    assert conversation.options.seed == 6


def test_a_reply_that_fails_leaves_no_trace(talk: Talk, engine: Engine) -> None:
    conversation = talk(options=Options(seed=5))
    list(conversation.reply("rain"))
    before = conversation.memory()
    conversation.speak_as("picky")
    with pytest.raises(UserError, match="none will do: never"):
        list(conversation.reply("rain"))
    conversation.speak_as("weather")
    assert conversation.memory() == before


def test_who_comes_when_too_many_wait_is_refused_at_once(engine: Engine, weather: Path) -> None:
    with Engine(opening(weather), rows=1, places=1) as busy:
        talks = [Conversation(busy, lambda: 0, lambda _: None, "endless") for _ in range(3)]
        for conversation in talks:
            conversation.set(length=100_000, candidates=1)
        writing = talks[0].reply("rain", "ann")
        next(writing)
        waiting = talks[1].reply("rain", "bob")
        with pytest.raises(BusyError, match="endless is busy; try again in"):
            talks[2].reply("rain", "carol")
        assert talks[2].turns == []
        for reply in (writing, waiting):
            reply.close()


def test_a_reset_forgets_what_is_being_said_too(talk: Talk) -> None:
    conversation = talk(options=Options(candidates=1))
    list(conversation.reply("rain"))
    reply = conversation.reply("snow")
    next(reply)
    conversation.reset()
    list(reply)
    assert conversation.turns == []


def test_a_persona_is_a_style_and_options_and_can_be_left(talk: Talk) -> None:
    personas = {
        "herald": Persona(style="weather", temperature=0.4, prefix="On day 7 ", summary="Tells of the seventh day"),
        "babbler": Persona(style="endless", blend=("weather", 0.5)),
        "lost": Persona(style="nowhere"),
    }
    conversation = talk(personas=personas, options=Options(length=50))
    conversation.set(persona="herald")
    assert "".join(conversation.reply("rain")).startswith("On day 7 ")
    request = conversation.turns[-1].receipt.request
    assert (request.sampling.temperature, request.length) == (0.4, 50)
    conversation.set(persona="babbler")
    assert (conversation.style, conversation.options.prefix) == ("endless", None)
    list(conversation.reply("rain"))
    assert conversation.turns[-1].receipt.request.blend == ("weather", 0.5)
    for wrong, said in [("heralt", "Did you mean 'herald'. Known: babbler, herald, lost"), ("lost", "no style named")]:
        with pytest.raises(UserError, match=said.replace("'. ", "'\\? ")):
            conversation.set(persona=wrong)
        assert (conversation.style, conversation.options.persona) == ("endless", "babbler")
    conversation.speak_as("weather")
    assert conversation.options == Options(length=50)
    conversation.set(persona="herald")
    conversation.set(persona=None)
    assert (conversation.style, conversation.options) == ("weather", Options(length=50))


def test_the_personas_that_come_along_can_speak() -> None:
    styles = registry.find().plugins
    for name, persona in bundled().items():
        assert persona.summary, name
        assert persona.style in styles, name
        assert persona.blend is None or persona.blend[0] in styles, name


def test_a_blend_is_checked_when_it_is_set(talk: Talk, engine: Engine) -> None:
    conversation = talk()
    conversation.set(blend=("endless", 0.25))
    said = "".join(conversation.reply("rain"))
    receipt = conversation.turns[-1].receipt
    assert receipt.request.blend == ("endless", 0.25)
    assert receipt.model == f"{engine.voice('weather').digest}+0.25*{engine.voice('endless').digest}"
    assert remade(engine, receipt) == said
    for blend, wrong in [(("nowhere", 0.5), "no style named"), (("endless", 1.5), "blend.1 = 1.5"), ("x", "blend")]:
        with pytest.raises(UserError, match=wrong):
            conversation.set(blend=blend)
        assert conversation.options.blend == ("endless", 0.25)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"temperature": 1e9}, "temperature = 1000000000.0"),
        ({"temperature": math.nan}, "temperature = nan"),
        ({"temperature": "hot"}, "temperature = hot"),
        ({"length": 0}, "length = 0"),
        ({"length": 10**9}, "length = 1000000000"),
        ({"seed": -1}, "seed = -1"),
        ({"candidates": 0}, "candidates = 0"),
        ({"candidates": 65}, "candidates = 65"),
        ({"adapt": 1.0}, "adapt = 1.0"),
        ({"mood": "bad"}, "mood = bad"),
    ],
)
def test_absurd_options_are_refused_by_name(talk: Talk, options: dict[str, Any], said: str) -> None:
    conversation = talk()
    before = conversation.memory()
    with pytest.raises(UserError, match=said):
        conversation.set(**options)
    assert conversation.memory() == before
    assert "".join(conversation.reply("rain"))


ZALGO = "r̵̨̛͉̖̰͎̗̬̞̮̫̣͔̥̱̲̫̬̈́̓̇̿͌̀̆͌̓̉̊̍͗̈́̓̚̕͝͝ą̷̛̥̙̣̰̩̩̺̠̖̣̭͙̬͚̖͌̓̐̒̑͋̀̓͆̓͊̐̀̋͜͠ͅi̴n̸"


@pytest.mark.parametrize(
    ("message", "read"),
    [
        ("", ""),
        ("😀" * 2000, ""),
        ("爱是什么", ""),
        ("‮niar‬ ‏מה‏ ‎rain\u200b\u200d\u2060", "niar  rain"),
        (ZALGO, "rin"),
        ("\x1b[31mrain\x07\0\r\n", "31mrain\n"),
        ("rain \ud83d", "rain "),
        ("rain " * 100_000, "rain " * 2000),
    ],
    ids=["empty", "emoji", "chinese", "directions", "zalgo", "ansi", "surrogate", "half a megabyte"],
)
def test_only_what_the_voice_can_read_is_read_and_kept_in_the_receipt(
    talk: Talk, engine: Engine, message: str, read: str
) -> None:
    conversation = talk(options=Options(seed=1, length=50))
    answer = "".join(conversation.reply(message))
    turn = conversation.turns[-1]
    assert turn.receipt.request.message == read
    assert remade(engine, Receipt.read(str(turn.receipt))) == answer == turn.answer
    assert json.loads(json.dumps(conversation.memory())) == conversation.memory()
    if not read:
        assert answer == "".join(talk(options=Options(seed=1, length=50)).reply(""))


def test_a_conversation_is_taken_up_again_after_a_restart(talk: Talk, engine: Engine) -> None:
    conversation = talk(options=Options(seed=9, length=60, blend=("endless", 0.1)))
    list(conversation.reply("rain"))
    list(conversation.more())
    memory = json.loads(json.dumps(conversation.memory()))
    again = Conversation.recall(memory, engine=engine, draw_seed=lambda: 0, notify=print)
    assert again.memory() == conversation.memory()
    assert "".join(again.reply("snow")) == "".join(conversation.reply("snow"))
    for broken in ({}, memory | {"turns": [{"message": "rain"}]}, memory | {"options": {"temperatur": 1}}):
        with pytest.raises(UserError, match="cannot be taken up again"):
            Conversation.recall(broken, engine=engine, draw_seed=lambda: 0, notify=print)


def test_a_style_that_is_removed_is_named_and_another_one_speaks(talk: Talk, weather: Path) -> None:
    conversation = talk(options=Options(seed=1))
    conversation.speak_as("endless")
    list(conversation.reply("rain"))
    before = conversation.memory()
    shutil.rmtree(weather.parent / "endless")
    for ask in (lambda: conversation.reply("rain"), conversation.again, conversation.more):
        with pytest.raises(UserError, match="endless"):
            list(ask())
    assert conversation.memory() == before
    conversation.speak_as("weather")
    assert "".join(conversation.reply("rain"))


def test_an_answer_of_a_model_that_is_gone_does_not_go_on(talk: Talk, engine: Engine, weather: Path) -> None:
    conversation = talk()
    list(conversation.reply("rain"))
    old = conversation.turns[-1]
    (weather / "corpus.txt").write_text("On day 1 there was nothing.\n" * 50, encoding="utf-8")
    with Engine(opening(weather)) as newer:
        conversation.engine = newer
        with pytest.raises(UserError, match="another model wrote this"):
            conversation.more()
        with pytest.raises(UserError, match="for letter counts the same corpus"):
            remade(newer, old.receipt)
        assert "nothing" in "".join(conversation.again())


def test_an_answer_that_its_length_breaks_off_ends_after_a_word(talk: Talk) -> None:
    conversation = talk(options=Options(length=25))
    for seed in range(10):
        conversation.set(seed=seed)
        whole = "".join(conversation.reply("rain"))
        conversation.set(seed=seed, length=400)
        assert "".join(conversation.reply("rain"))
        assert len(whole) <= 25
        assert whole[-1] not in " "
        conversation.set(length=25)


def test_notices_come_once(talk: Talk, notices: list[str]) -> None:
    conversation = talk()
    assert len(notices) == 1
    assert "letter counts" in notices[0]
    for _ in range(3):
        list(conversation.reply("爱"))
    assert len(notices) == 2
    assert "'爱'" in notices[1]
