"""Requests, judges and voices: what the one place that texts come from promises to all who ask."""

import asyncio
import gc
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from corpora.errors import UserError
from corpora.fetch import Places
from generators.batch import Batch, Draft
from generators.engine import OPEN, TRIES, Engine
from generators.plugin import Plugin
from generators.sampling import Sampling
from generators.stream import Stream
from generators.voice import Request, Voice, open_voice
from generators.worker import Worker
from training import checkpoint
from training.checkpoint import Model
from training.ngram import NGram
from training.vocabulary import Vocabulary

WARM = Sampling()
POND = "the old pond\na frog leaps in\nthe sound of water\n" * 30


class Reader:
    """A judge that reads all drafts and takes `wanted`, or the last of round `rounds`."""

    def __init__(self, rounds: int = 1, wanted: str | None = None) -> None:
        self.rounds, self.wanted = rounds, wanted
        self.read: list[list[str]] = []

    def choose(self, drafts: list[str]) -> str | None:
        self.read.append(drafts)
        if self.wanted is not None:
            return self.wanted
        return drafts[-1] if len(self.read) == self.rounds else None

    def refusal(self) -> UserError:
        return UserError(f"none of {sum(map(len, self.read))} would do")


def wanted(voice: Voice, seed: int = 0, length: int = 20, stop: str = "", **fields: object) -> Request:
    return voice.request(WARM, seed, length=length, stop=stop, **fields)


@pytest.mark.parametrize("candidates", [1, 3, 20, 64])
def test_drafts_are_numbered_on_through_the_rounds(
    candidates: int, make_voice: Callable[..., Voice], speaking: Callable[..., Engine], by_hand: Callable[..., str]
) -> None:
    voice = make_voice()
    rounds = -(-TRIES // candidates)  # the last that there are
    judge = Reader(rounds)
    stream = speaking(voice, rows=5).submit(wanted(voice, 4, candidates=candidates, prefix="ab"), judge)
    drafts = ["ab" + by_hand(voice.model, "\nab", 4, number, WARM, 20) for number in range(rounds * candidates)]
    assert list(stream) == drafts[-1:]  # in one piece
    assert stream.reason == "chosen"
    assert [draft for read in judge.read for draft in read] == drafts
    assert {len(read) for read in judge.read} == {candidates}


@pytest.mark.parametrize(("candidates", "drafts"), [(1, 20), (3, 21), (20, 20), (64, 64)])
def test_after_so_many_drafts_the_judge_says_why_not(
    candidates: int, drafts: int, make_voice: Callable[..., Voice], speaking: Callable[..., Engine]
) -> None:
    voice = make_voice()
    stream = speaking(voice).submit(wanted(voice, candidates=candidates), Reader(rounds=100))
    with pytest.raises(UserError, match=rf"^none of {drafts} would do$"):
        next(stream)
    assert list(stream) == []


def test_a_judge_may_choose_what_is_in_no_draft_even_nothing(
    make_voice: Callable[..., Voice], speaking: Callable[..., Engine]
) -> None:
    voice = make_voice()
    engine = speaking(voice)
    assert list(engine.submit(wanted(voice), Reader(wanted="other"))) == ["other"]
    assert list(engine.submit(wanted(voice), Reader(wanted=""))) == []


def test_a_judge_that_fails_ends_its_own_text(
    make_voice: Callable[..., Voice], speaking: Callable[..., Engine]
) -> None:
    class Failing(Reader):
        def choose(self, drafts: list[str]) -> str | None:
            raise ZeroDivisionError(len(drafts))

    voice = make_voice()
    engine = speaking(voice)
    with pytest.raises(ZeroDivisionError):
        next(engine.submit(wanted(voice), Failing()))
    assert len("".join(engine.submit(wanted(voice)))) == 20


def test_among_several_somebody_has_to_choose(
    make_voice: Callable[..., Voice], speaking: Callable[..., Engine]
) -> None:
    voice = make_voice()
    with pytest.raises(ValueError, match="somebody has to choose"):
        speaking(voice).submit(wanted(voice, candidates=2))


def test_a_judged_text_that_is_closed_is_judged_no_more(
    make_voice: Callable[..., Voice], speaking: Callable[..., Engine]
) -> None:
    judging, go_on = threading.Event(), threading.Event()

    class Slow(Reader):
        def choose(self, drafts: list[str]) -> str | None:
            judging.set()
            assert go_on.wait(30)
            return super().choose(drafts)

    voice, judge = make_voice(), Slow(rounds=5)
    engine = speaking(voice)
    stream = engine.submit(wanted(voice), judge)
    assert judging.wait(30)
    stream.close()
    go_on.set()
    assert len("".join(engine.submit(wanted(voice), Reader(5)))) == 20
    assert len(judge.read) == 1


def test_plain_and_async_iteration_give_the_same(
    make_voice: Callable[..., Voice], speaking: Callable[..., Engine]
) -> None:
    voice = make_voice()
    engine = speaking(voice)
    requests = [wanted(voice, seed, 150, prefix="abc"[: seed % 3]) for seed in range(20)]
    plain = ["".join(engine.submit(request)) for request in requests]

    async def read(stream: Stream) -> str:
        return "".join([piece async for piece in stream])

    async def read_all() -> list[str]:
        return await asyncio.gather(*(read(engine.submit(request)) for request in requests))

    assert asyncio.run(read_all()) == plain
    judged = engine.submit(wanted(voice, candidates=4), Reader())
    assert asyncio.run(read(judged)) == "".join(engine.submit(wanted(voice, candidates=4), Reader()))


def test_a_cancelled_reader_leaves_the_engine_whole(
    make_voice: Callable[..., Voice], speaking: Callable[..., Engine]
) -> None:
    voice = make_voice()
    engine = speaking(voice, rows=2)

    async def first(stream: Stream) -> str:
        async with asyncio.timeout(30):
            return await anext(stream)

    async def cut_short() -> None:
        for seed in range(10):
            stream = engine.submit(wanted(voice, seed, 100_000))
            assert len(await first(stream)) == 1
            task = asyncio.ensure_future(first(engine.submit(wanted(voice, seed, 100_000), Reader())))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await stream.aclose()

    asyncio.run(cut_short())
    assert len("".join(engine.submit(wanted(voice)))) == 20


def test_threads_may_share_an_engine(make_voice: Callable[..., Voice], speaking: Callable[..., Engine]) -> None:
    voice = make_voice()
    engine = speaking(voice, rows=4)
    expected = ["".join(engine.submit(wanted(voice, seed, 50))) for seed in range(40)]
    found = [""] * 40

    def read(first: int) -> None:
        for seed in range(first, 40, 8):
            found[seed] = "".join(engine.submit(wanted(voice, seed, 50)))

    readers = [threading.Thread(target=read, args=(n,)) for n in range(8)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join(60)
    assert found == expected


def test_an_unknown_style_is_the_callers_fault_and_no_harm(make_voice: Callable[..., Voice]) -> None:
    voice = make_voice()

    def open_one(style: str) -> Voice:
        if style != "haiku":
            raise UserError(f"no style named '{style}'")
        return voice

    with Engine(open_one) as engine:
        for request in (Request(style="haiky"), wanted(voice, blend=("haiky", 0.5))):
            with pytest.raises(UserError, match=r"^no style named 'haiky'$"):
                engine.submit(request)
        assert len("".join(engine.submit(wanted(voice)))) == 20


# Closing

CLOSED = r"^(haiku: the|The) engine was closed\.$"


@pytest.mark.parametrize("rounds", range(5))
def test_closing_ends_every_text_with_a_sentence(rounds: int, make_voice: Callable[..., Voice]) -> None:
    voice = make_voice()
    with Engine(lambda _: voice, rows=3) as engine:
        streams = [engine.submit(wanted(voice, seed, 100_000)) for seed in range(6)]  # some have to wait
        streams += [engine.submit(wanted(voice, seed, 100_000, candidates=5), Reader()) for seed in range(2)]
        for _ in range(rounds):
            next(streams[0])
    for stream in streams:
        with pytest.raises(UserError, match=CLOSED):
            list(stream)
    engine.close()  # again
    for ask in (lambda: engine.submit(wanted(voice)), lambda: engine.voice("haiku")):
        with pytest.raises(UserError, match=CLOSED):
            ask()


def test_closing_ends_those_who_wait_for_a_judge(make_voice: Callable[..., Voice]) -> None:
    judging, go_on = threading.Semaphore(0), threading.Event()

    class Slow(Reader):
        def choose(self, drafts: list[str]) -> str | None:
            judging.release()
            assert go_on.wait(30)
            return super().choose(drafts)

    voice = make_voice()
    with Engine(lambda _: voice) as engine:
        chosen = [engine.submit(wanted(voice, seed), Slow()) for seed in range(4)]
        for _ in range(4):  # all the judges there are
            assert judging.acquire(timeout=30)
        again, waiting = engine.submit(wanted(voice), Slow(2)), engine.submit(wanted(voice), Reader())
        list(engine.submit(wanted(voice, 9, 200)))  # meanwhile they are written
    go_on.set()
    assert [len("".join(stream)) for stream in chosen] == [20] * 4
    for stream in (again, waiting):
        with pytest.raises(UserError, match=CLOSED):
            list(stream)


def test_closing_between_two_rounds_opens_nothing(make_voice: Callable[..., Voice]) -> None:
    judging, go_on, opened = threading.Event(), threading.Event(), []

    class Slow(Reader):
        def choose(self, drafts: list[str]) -> str | None:
            judging.set()
            assert go_on.wait(30)
            return super().choose(drafts)

    def open_one(style: str) -> Voice:
        opened.append(style)
        return voice

    voice = make_voice()
    with Engine(open_one) as engine:
        stream = engine.submit(wanted(voice), Slow(2))
        assert judging.wait(30)
    go_on.set()
    with pytest.raises(UserError, match=CLOSED):
        list(stream)
    assert opened == ["haiku"]


def test_closing_ends_what_a_replaced_model_was_writing(
    saved: tuple[Path, Callable[[str], Voice]], make_model: Callable[..., Model]
) -> None:
    folder, open_one = saved
    with Engine(open_one, rows=1) as engine:
        streams = []
        for seed in range(3):
            drawn(make_model, folder, seed)
            voice = engine.voice("haiku")
            streams += [engine.submit(wanted(voice, 0, 100_000)) for _ in range(2)]
    for stream in streams:
        with pytest.raises(UserError, match=CLOSED):
            list(stream)


# Which voices are open


@pytest.fixture
def counts() -> Callable[[str], NGram]:
    return lambda characters: NGram(characters * 1000, Vocabulary(characters))


def test_the_least_recently_used_is_let_go_over_the_budget(
    make_plugin: Callable[..., Plugin], counts: Callable[[str], NGram]
) -> None:
    opened: list[str] = []
    voices = {name: Voice(make_plugin(name=name), counts("\nab"), name, True) for name in ("a", "b", "c")}
    one = voices["a"].model.megabytes

    def open_one(style: str) -> Voice:
        opened.append(style)
        return voices[style]

    def speak(*styles: str) -> None:
        for style in styles:
            assert len("".join(engine.submit(wanted(voices[style], length=5)))) == 5

    with Engine(open_one, megabytes=2.5 * one) as engine:
        speak("a", "b", "a", "b", "a")
        assert opened == ["a", "b"]
        speak("c", "a")  # b is let go of
        assert opened == ["a", "b", "c"]
        speak("b")  # for c
        assert opened == ["a", "b", "c", "b"]
        speak("a", "b", "c")
        assert opened == ["a", "b", "c", "b", "c"]
        speak("b", "c", "b")
        assert opened == ["a", "b", "c", "b", "c"]


def test_blends_by_ever_other_weights_do_not_pile_up(make_voice: Callable[..., Voice]) -> None:
    voice = make_voice()
    before = threading.active_count()
    with Engine(lambda _: voice) as engine:
        for n in range(2 * OPEN):
            blend = ("other", n / (2 * OPEN))
            assert len("".join(engine.submit(wanted(voice, length=5).model_copy(update={"blend": blend})))) == 5
        assert len(engine._workers) <= OPEN
        assert threading.active_count() <= before + OPEN + 1


def test_who_is_speaking_is_kept_whatever_it_takes(
    make_plugin: Callable[..., Plugin], counts: Callable[[str], NGram], by_hand: Callable[..., str]
) -> None:
    opened: list[str] = []
    voices = {name: Voice(make_plugin(name=name), counts("\nab"), name, True) for name in ("a", "b", "c")}

    def open_one(style: str) -> Voice:
        opened.append(style)
        return voices[style]

    with Engine(open_one, megabytes=0.001) as engine:
        long = {style: engine.submit(wanted(voices[style], length=100_000)) for style in voices}
        for _ in range(3):
            for style, stream in long.items():
                expected = by_hand(voices[style].model, "\n", 1, length=5)
                assert "".join(engine.submit(wanted(voices[style], 1, length=5))) == expected
                assert len(next(stream)) > 0
        assert opened == ["a", "b", "c"]


@pytest.fixture
def saved(tmp_path: Path, make_plugin: Callable[..., Plugin]) -> tuple[Path, Callable[[str], Voice]]:
    """A style without a model, where its model is to be, and what opens its voice as it is at the time."""
    plugin = make_plugin(corpus=POND)
    models = tmp_path / "models"
    return models / "haiku", lambda _: open_voice(plugin, models, tmp_path / "cache", Places(tmp_path / "texts"))


def drawn(make_model: Callable[..., Model], folder: Path, seed: int) -> Model:
    return make_model(folder, "\nabc", seed=seed, scale=1.0)


def test_a_model_that_changes_speaks_next_and_the_old_one_finishes(
    saved: tuple[Path, Callable[[str], Voice]], make_model: Callable[..., Model], by_hand: Callable[..., str]
) -> None:
    folder, open_one = saved
    with Engine(open_one, rows=2) as engine:
        streams: list[tuple[Stream, Voice]] = []
        digests = []
        for seed in range(4):
            digests.append(drawn(make_model, folder, seed).digest)
            voice = engine.voice("haiku")
            assert voice.digest == digests[-1]
            streams += [(engine.submit(wanted(voice, n, 400)), voice) for n in range(3)]  # one has to wait
        assert len(set(digests)) == 4
        for n, (stream, voice) in enumerate(streams):
            assert "".join(stream) == by_hand(voice.model, "\n", n % 3, length=400)


def test_a_replaced_model_is_let_go_of(
    saved: tuple[Path, Callable[[str], Voice]], make_model: Callable[..., Model]
) -> None:
    folder, open_one = saved
    drawn(make_model, folder, 0)
    with Engine(open_one) as engine:
        stream = engine.submit(wanted(engine.voice("haiku")))
        (thread,) = (thread for thread in threading.enumerate() if thread.name == "voice haiku")
        drawn(make_model, folder, 1)
        assert engine.voice("haiku")
        assert len("".join(stream)) == 20
        thread.join(30)
        assert not thread.is_alive()


def test_a_voice_keeps_speaking_when_its_folder_is_deleted(
    saved: tuple[Path, Callable[[str], Voice]], make_model: Callable[..., Model], by_hand: Callable[..., str]
) -> None:
    folder, open_one = saved
    drawn(make_model, folder, 1)
    with Engine(open_one) as engine:
        voice = engine.voice("haiku")
        expected = by_hand(voice.model, "\n", 0, length=200)
        stream = engine.submit(wanted(voice, 0, 200))
        next_ = next(stream)
        shutil.rmtree(folder)
        assert next_ + "".join(stream) == expected
        assert "".join(engine.submit(wanted(voice, 0, 200))) == expected
        assert "".join(engine.submit(wanted(voice, 0, 20, prefix="ab" * 100))).startswith("abab")  # first long prompt
        assert engine.voice("haiku") is voice
        other = drawn(make_model, folder, 2)  # and when there is one again, that one speaks
        assert engine.voice("haiku").digest == other.digest


def test_letter_counts_make_way_for_a_trained_model(
    saved: tuple[Path, Callable[[str], Voice]], make_model: Callable[..., Model]
) -> None:
    folder, open_one = saved
    with Engine(open_one) as engine:
        counts = engine.voice("haiku")
        assert not counts.trained
        stream = engine.submit(wanted(counts, 0, 300))
        model = drawn(make_model, folder, 0)
        assert engine.voice("haiku").digest == model.digest
        assert engine.voice("haiku").trained
        assert len("".join(stream)) == 300  # and those still finish
        assert set("".join(stream)) <= set(POND)


def test_a_broken_model_is_told_and_the_old_one_finishes(
    saved: tuple[Path, Callable[[str], Voice]], make_model: Callable[..., Model]
) -> None:
    folder, open_one = saved
    drawn(make_model, folder, 0)
    with Engine(open_one) as engine:
        voice = engine.voice("haiku")
        stream = engine.submit(wanted(voice, 0, 300))
        (folder / checkpoint.CARD).write_text("{}")
        for _ in range(2):
            with pytest.raises(UserError, match=r"model\.json: "):
                engine.submit(wanted(voice))
        assert len("".join(stream)) == 300
        mended = drawn(make_model, folder, 3)
        assert engine.voice("haiku").digest == mended.digest


def test_a_blend_follows_both_its_models(
    saved: tuple[Path, Callable[[str], Voice]],
    make_model: Callable[..., Model],
    make_plugin: Callable[..., Plugin],
    counts: Callable[[str], NGram],
) -> None:
    folder, open_one = saved
    drawn(make_model, folder, 0)
    other = Voice(make_plugin(name="other"), counts("\nab"), "counts", True)
    with Engine(lambda style: other if style == "other" else open_one(style)) as engine:
        before, after = (Request(style="other", blend=("haiku", 0.9), length=60, stop="") for _ in range(2))
        text = "".join(engine.submit(before))
        assert "".join(engine.submit(after)) == text
        assert text != "".join(engine.submit(Request(style="other", length=60, stop="")))
        drawn(make_model, folder, 1)
        assert "".join(engine.submit(after)) != text


def test_a_style_is_opened_once_however_many_ask(make_voice: Callable[..., Voice]) -> None:
    voice, opened, go = make_voice(), list[str](), threading.Event()

    def open_one(style: str) -> Voice:
        opened.append(style)
        assert go.wait(30)
        return voice

    with Engine(open_one) as engine:
        texts: list[str] = []

        def read() -> None:
            texts.append("".join(engine.submit(wanted(voice))))

        askers = [threading.Thread(target=read) for _ in range(8)]
        for asker in askers:
            asker.start()
        go.set()
        for asker in askers:
            asker.join(30)
        assert len(texts) == 8
        assert opened == ["haiku"]


def parts() -> list[object]:
    gc.collect()
    return [thing for thing in gc.get_objects() if type(thing) in (Engine, Worker, Batch, Draft, Stream)]


def test_nothing_is_left_of_many_engines(make_voice: Callable[..., Voice]) -> None:
    voices = [make_voice(name="a"), make_voice(name="b", units=3)]
    by_name = {voice.plugin.name: voice for voice in voices}

    def use() -> None:
        with Engine(by_name.__getitem__, rows=40) as engine:
            streams = [engine.submit(wanted(voice, seed, 9)) for voice in voices for seed in range(35)]
            streams += [engine.submit(wanted(voices[0], seed, blend=("b", 0.3))) for seed in range(3)]
            judged = engine.submit(wanted(voices[1], candidates=3), Reader(2))
            for stream in [*streams[::2], judged]:
                assert "".join(stream)

    def settle() -> None:
        for thread in set(threading.enumerate()) - others:
            if thread.name.startswith(("voice ", "judge")):
                thread.join(30)

    others, kept = set(threading.enumerate()), {id(thing) for thing in parts()}  # of other tests
    use()
    settle()
    threads = set(threading.enumerate())
    for _ in range(20):
        use()
    settle()
    assert [thing for thing in parts() if id(thing) not in kept] == []
    assert set(threading.enumerate()) <= threads
