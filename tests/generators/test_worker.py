"""One voice's thread: who comes in when, who is refused, what ends a text before its time, and whom that concerns."""

import dataclasses
import math
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from corpora.errors import UserError
from generators.engine import Engine
from generators.inference import LanguageModel, Logits, Network, State
from generators.stream import Reason, Stream
from generators.voice import Request, Voice
from generators.worker import BUDGET, READERS, SPAN, BusyError, Job, LateError, Worker
from training.checkpoint import Model

SOON = 30  # seconds until something that has to happen is given up


class Clock:
    """Seconds that pass when they are told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Paced:
    """A model that waits before every call until it is let; `calls` are what was asked for, and of how many rows."""

    def __init__(self, model: LanguageModel) -> None:
        self.model, self.vocabulary, self.megabytes = model, model.vocabulary, model.megabytes
        self.calls: list[tuple[str, int]] = []
        self._seen = 0
        self._asked, self._allowed = threading.Semaphore(0), threading.Semaphore(0)

    def start(self, streams: int) -> State:
        return self.model.start(streams)

    def step(self, ids: NDArray[np.int64], state: State) -> tuple[Logits, State]:
        self._wait("step", len(ids))
        return self.model.step(ids, state)

    def read(self, ids: NDArray[np.int64], state: State) -> tuple[Logits, State]:
        self._wait("read", ids.shape[1])
        return self.model.read(ids, state)

    def _wait(self, call: str, rows: int) -> None:
        self.calls.append((call, rows))
        self._asked.release()
        assert self._allowed.acquire(timeout=SOON)

    def let(self, calls: int) -> None:
        self._allowed.release(calls)

    def next(self) -> tuple[str, int]:
        """Return the next call, which then waits."""
        assert self._asked.acquire(timeout=SOON)
        self._seen += 1
        return self.calls[self._seen - 1]

    def go(self) -> tuple[str, int]:
        """Let the waiting call be done; return the one after it."""
        self.let(1)
        return self.next()


@pytest.fixture
def paced(make_voice: Callable[..., Voice]) -> Callable[..., tuple[Voice, Paced]]:
    def make(*code: str, **fields: Any) -> tuple[Voice, Paced]:
        voice = make_voice(*code, **fields)
        model = Paced(voice.model)
        return dataclasses.replace(voice, model=model), model

    return make


def wanted(voice: Voice, seed: int = 0, **fields: Any) -> Request:
    return voice.request(voice.sampling(), seed, **({"stop": "", "length": 20} | fields))


def said(stream: Stream) -> tuple[str, BaseException | None]:
    """Read to the end; return the text, and the error that broke it off."""
    pieces: list[str] = []
    try:
        pieces.extend(stream)
    except BaseException as error:
        return "".join(pieces), error
    return "".join(pieces), None


def test_texts_share_a_step_and_a_closed_one_leaves_before_the_next(
    paced: Callable[..., tuple[Voice, Paced]], speaking: Callable[..., Engine]
) -> None:
    voice, model = paced()
    engine = speaking(voice)
    first = engine.submit(wanted(voice))
    assert model.next() == ("read", 1)
    others = [engine.submit(wanted(voice, seed)) for seed in (1, 2, 3)]
    assert model.go() == ("step", 1)
    assert model.go() == ("step", 4)  # their prompt is known by now
    others[1].close()
    assert model.go() == ("step", 3)
    first.close()
    others[2].close()
    assert model.go() == ("step", 1)
    model.let(1000)
    assert len("".join(others[0])) == 20
    assert others[0].reason == "length"
    assert {rows for _, rows in model.calls[5:]} == {1}


def test_a_stream_nobody_holds_is_written_no_more(
    paced: Callable[..., tuple[Voice, Paced]], speaking: Callable[..., Engine]
) -> None:
    voice, model = paced()
    engine = speaking(voice)
    kept, dropped = engine.submit(wanted(voice)), engine.submit(wanted(voice, 1))
    model.next()
    while model.go() != ("step", 2):
        pass
    del dropped
    assert model.go() == ("step", 1)
    model.let(1000)
    assert len("".join(kept)) == 20


def test_prompts_are_read_together_in_spans_between_steps(
    paced: Callable[..., tuple[Voice, Paced]], speaking: Callable[..., Engine], by_hand: Callable[..., str]
) -> None:
    voice, model = paced()
    engine = speaking(voice)
    speaker = engine.submit(wanted(voice, length=60))
    model.next()
    assert model.go() == ("step", 1)
    prompts = ["abc" * 60, "cab" * 3, "bca" * 30]
    long = [engine.submit(wanted(voice, 3, prefix=prompt)) for prompt in prompts]
    spans = math.ceil(181 / min(SPAN, BUDGET // 3))
    calls = [model.go() for _ in range(2 * spans)]
    assert [rows for call, rows in calls if call == "read"] == [3, 2, 1][:spans]
    assert [call for call, _ in calls] == ["read", "step"] * spans  # whoever speaks gets a character each time
    assert calls[1::2][0] == ("step", 2)  # the shortest has begun
    model.let(1000)
    assert "".join(speaker) == by_hand(model.model, "\n", 0, sampling=voice.sampling(), length=60)
    for prompt, stream in zip(prompts, long, strict=True):
        assert "".join(stream) == prompt + by_hand(model.model, "\n" + prompt, 3, 0, voice.sampling(), 20)


def test_only_so_many_read_at_once(
    paced: Callable[..., tuple[Voice, Paced]], speaking: Callable[..., Engine], by_hand: Callable[..., str]
) -> None:
    voice, model = paced()
    engine = speaking(voice)
    first = engine.submit(wanted(voice))
    model.next()
    prefixes = ["cab" * (n % 5) + "abc"[: n % 3 + 1] * n for n in range(1, READERS + 5)]
    others = [engine.submit(wanted(voice, prefix=prefix)) for prefix in prefixes]
    model.let(10_000)
    for prefix, stream in zip(prefixes, others, strict=True):
        assert "".join(stream) == prefix + by_hand(model.model, "\n" + prefix, 0, 0, voice.sampling(), 20)
    assert max(rows for call, rows in model.calls if call == "read") == READERS
    assert len("".join(first)) == 20


def test_whoever_would_wait_too_long_is_refused_at_once(
    paced: Callable[..., tuple[Voice, Paced]], speaking: Callable[..., Engine]
) -> None:
    voice, model = paced()
    engine = speaking(voice, rows=1, places=4)
    streams = [engine.submit(wanted(voice))]
    model.next()
    streams += [engine.submit(wanted(voice, seed)) for seed in range(4)]
    for user in ("", "ann"):
        with pytest.raises(BusyError, match=r"^haiku is busy; try again in 1 s\.$") as caught:
            engine.submit(wanted(voice), user=user)
        assert caught.value.retry_after == 1
    model.let(1000)
    assert [len("".join(stream)) for stream in streams] == [20] * 5
    assert len("".join(engine.submit(wanted(voice)))) == 20  # and now there is room again


def test_it_says_when_to_come_again(paced: Callable[..., tuple[Voice, Paced]], speaking: Callable[..., Engine]) -> None:
    """200 characters a text at 2000 a second until it knows better: of a clock that stands still it learns nothing."""
    voice, model = paced()
    engine = speaking(voice, rows=1, places=30 * 64, clock=Clock())
    first = engine.submit(wanted(voice))
    model.next()
    many = [engine.submit(wanted(voice, seed, candidates=64), Refusing()) for seed in range(30)]
    with pytest.raises(BusyError, match=r"^haiku is busy; try again in 192 s\.$") as caught:
        engine.submit(wanted(voice))
    assert caught.value.retry_after == 30 * 64 * 200 / 2000
    for stream in many:
        stream.close()
    model.let(1000)
    assert len("".join(first)) == 20


class Refusing:
    """A judge whom nothing pleases."""

    def choose(self, drafts: list[str]) -> str | None:
        return None if drafts else ""

    def refusal(self) -> UserError:
        return UserError("nothing pleases")


def test_no_user_takes_all_places(paced: Callable[..., tuple[Voice, Paced]], speaking: Callable[..., Engine]) -> None:
    voice, model = paced()
    engine = speaking(voice, rows=1, places=8)
    streams = [engine.submit(wanted(voice), user="ann")]
    model.next()
    streams += [engine.submit(wanted(voice, seed), user="ann") for seed in range(4)]
    with pytest.raises(BusyError):
        engine.submit(wanted(voice), user="ann")
    streams += [engine.submit(wanted(voice, seed), user="bob") for seed in range(4)]
    with pytest.raises(BusyError):
        engine.submit(wanted(voice), user="cid")  # now all are taken
    model.let(1000)
    assert [len("".join(stream)) for stream in streams] == [20] * 9


def test_one_request_of_many_drafts_always_fits(
    paced: Callable[..., tuple[Voice, Paced]], speaking: Callable[..., Engine]
) -> None:
    voice, model = paced()
    engine = speaking(voice, rows=3, places=2)
    first = engine.submit(wanted(voice))
    model.next()
    large = engine.submit(wanted(voice, candidates=10), Longest(), user="ann")
    with pytest.raises(BusyError):
        engine.submit(wanted(voice))
    model.let(1000)
    assert len("".join(first)) == len("".join(large)) == 20
    assert max(rows for _, rows in model.calls) == 3


class Longest:
    """A judge who likes the longest."""

    def choose(self, drafts: list[str]) -> str | None:
        return max(drafts, key=len)

    def refusal(self) -> UserError:
        raise AssertionError


class Ends:
    """In what order jobs ended, by user."""

    def __init__(self) -> None:
        self.order: list[str] = []
        self._ended = threading.Semaphore(0)

    def job(self, voice: Voice, user: str, **fields: Any) -> Job:
        def say(number: int, piece: str) -> None:
            pass

        def end(number: int, reason: Reason | None, error: BaseException | None) -> None:
            self.order.append(user)
            self._ended.release()

        request = wanted(voice, **fields)
        return Job(request, voice.prompt(request), 0, say, end, user)

    def wait(self, count: int) -> list[str]:
        for _ in range(count):
            assert self._ended.acquire(timeout=SOON)
        return self.order


@pytest.mark.parametrize("rows", [1, 2])
def test_one_request_is_not_behind_all_of_another_users(rows: int, paced: Callable[..., tuple[Voice, Paced]]) -> None:
    voice, model = paced()
    worker, ends = Worker(voice, rows, 1000, Clock()), Ends()
    worker.offer(ends.job(voice, "ann", length=3))
    model.next()
    for user in [*["ann"] * 50, "bob", "cid", "bob"]:
        worker.offer(ends.job(voice, user, length=3))
    model.let(1000)
    order = ends.wait(54)
    assert sorted(order[:5]) == ["ann", "ann", "bob", "bob", "cid"]
    worker.retire()


def test_a_users_drafts_count_as_rows(paced: Callable[..., tuple[Voice, Paced]]) -> None:
    voice, model = paced()
    worker, ends = Worker(voice, 6, 1000, Clock()), Ends()
    worker.offer(ends.job(voice, "ann", candidates=3))
    model.next()
    for user in ["ann", "bob", "bob", "bob"]:
        worker.offer(ends.job(voice, user, length=3))
    model.let(1000)
    assert ends.wait(7)[:3] == ["bob"] * 3
    worker.retire()


@pytest.mark.parametrize("calls", [1, 2, 3, 9])  # while it waits, or reads, or writes
def test_a_text_ends_when_its_time_is_over(
    calls: int, paced: Callable[..., tuple[Voice, Paced]], speaking: Callable[..., Engine], by_hand: Callable[..., str]
) -> None:
    voice, model = paced()
    clock = Clock()
    engine = speaking(voice, clock=clock)
    clock.now = 100
    other = engine.submit(wanted(voice))
    model.next()
    late = engine.submit(wanted(voice, 1, message="abc" * 40, length=1000), seconds=5)
    for _ in range(calls - 1):
        model.go()
    clock.now = 105
    model.let(10_000)
    text, error = said(late)
    assert isinstance(error, LateError)
    assert str(error) == "haiku: the time for this text is over."
    prompt = "abc" * 40 + "\n"
    assert by_hand(model.model, prompt, 1, sampling=voice.sampling(), length=20).startswith(text)
    assert (len(text) > 0) == (calls == 9)
    assert said(other) == (by_hand(model.model, "\n", 0, sampling=voice.sampling(), length=20), None)
    assert len(model.calls) < 30  # it was written no further


def test_who_waits_for_a_row_is_told_in_time(
    paced: Callable[..., tuple[Voice, Paced]], speaking: Callable[..., Engine]
) -> None:
    voice, model = paced()
    clock = Clock()
    engine = speaking(voice, rows=1, clock=clock)
    first = engine.submit(wanted(voice, length=1000))
    model.next()
    waiting = [engine.submit(wanted(voice, seed), seconds=seed) for seed in (1, 2, 3)]
    clock.now = 2
    model.go()
    model.go()
    assert all(isinstance(said(stream)[1], LateError) for stream in waiting[:2])
    first.close()
    model.let(1000)
    text, error = said(waiting[2])
    assert (len(text), error) == (20, None)


# What a grammar can do wrong. Its state is the number of characters written; the twelfth is fatal.
COUNTING = """
class Counting:
    start = 0
    def __init__(self, alphabet):
        self.alphabet = alphabet
    def moves(self, state):
        if state == 12:
            FAULT
        return {self.alphabet: state + 1}
    def distance(self, state):
        return DISTANCE
def grammar(alphabet):
    return Counting(alphabet)
"""
FAULTS = {
    "return {}": r"haiku: the grammar allows no character after WRITTEN, in state 12\.",
    "return {'xyz': 3}": r"haiku: the grammar allows no character after WRITTEN, in state 12\.",
    "raise KeyError('stack')": r"haiku: .*plugin\.py: grammar failed \(KeyError: 'stack'\)\.",
    "return 7": r"haiku: .*plugin\.py: grammar failed \(AttributeError: .*\)\.",
    "raise SystemExit": r"haiku: .*plugin\.py: grammar failed \(SystemExit: \)\.",
    "while True: pass": r"haiku: .*plugin\.py: (grammar took longer than 2 s and was cut off"
    r"|its code was cut off a moment ago, and its grammar with it)\.",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_grammar_that_fails_ends_its_own_texts_only(
    fault: str, make_voice: Callable[..., Voice], speaking: Callable[..., Engine], by_hand: Callable[..., str]
) -> None:
    distance = "int(state >= 12)" if "return {" in fault else "0"
    voice = make_voice("", COUNTING.replace("FAULT", fault).replace("DISTANCE", distance))
    engine = speaking(voice)
    streams = [
        engine.submit(wanted(voice, seed, length=length, grammar=grammar))
        for seed, (length, grammar) in enumerate([(300, False), (40, True), (11, True), (40, True), (300, False)])
    ]
    for seed, stream in enumerate(streams):
        text, error = said(stream)
        whole = by_hand(voice.model, "\n", seed, sampling=voice.sampling(), length=300)
        if seed in (1, 3):
            assert text == whole[:12]
            assert isinstance(error, UserError)
            assert_matches(FAULTS[fault].replace("WRITTEN", re.escape(repr(whole[:12]))), str(error))
        else:
            assert (text, error) == (whole[: (300, 0, 11, 0, 300)[seed]], None)


def assert_matches(pattern: str, text: str) -> None:
    with pytest.raises(UserError, match=f"^{pattern}$"):
        raise UserError(text)


def test_a_grammar_that_fails_at_once_is_no_end_of_the_voice(
    make_voice: Callable[..., Voice], speaking: Callable[..., Engine]
) -> None:
    code = COUNTING.replace("state == 12", "state == 0").replace("FAULT", "return 1 / 0").replace("DISTANCE", "0")
    voice = make_voice("", code)
    engine = speaking(voice)
    for _ in range(2):
        text, error = said(engine.submit(wanted(voice)))
        assert text == ""
        assert_matches(r".*plugin\.py: grammar failed \(ZeroDivisionError: division by zero\)\.", str(error))
        assert len(said(engine.submit(wanted(voice, grammar=False)))[0]) == 20


WORDS = 'def grammar(alphabet):\n    return \'root ::= ("ab" | "(" root ")" | "c")+ "."\'\n'


def test_a_text_is_closed_before_its_length_is_reached(
    make_voice: Callable[..., Voice], speaking: Callable[..., Engine]
) -> None:
    voice = make_voice("", WORDS, characters="().abc")
    engine = speaking(voice)
    for length in range(2, 40):
        streams = [engine.submit(wanted(voice, seed, length=length)) for seed in range(8)]
        for text, error in map(said, streams):
            assert error is None
            assert 2 <= len(text) <= length
            assert well_formed(text)


def well_formed(text: str) -> bool:
    """Say whether a text is one of WORDS, by taking away what is closed until nothing is left."""
    before, text, end = "", text[:-1], text[-1]
    while text != before:
        before, text = text, text.replace("ab", "c").replace("cc", "c").replace("(c.)", "c")
    return text + end == "c."


def test_a_length_too_short_for_the_grammar_is_said(
    make_voice: Callable[..., Voice], speaking: Callable[..., Engine]
) -> None:
    voice = make_voice("", 'def grammar(alphabet): return \'root ::= "abc" "."\'\n', characters=".abc")
    engine = speaking(voice)
    neighbour = engine.submit(wanted(voice, length=200, grammar=False))
    for prefix, least in [("", 4), ("ab", 2)]:
        text, error = said(engine.submit(wanted(voice, prefix=prefix, length=least - 1)))
        assert text == prefix
        assert isinstance(error, UserError)
        expected = f"haiku: its texts have at least {least} characters, and the length is {least - 1}."
        assert str(error) == expected
        enough = engine.submit(wanted(voice, prefix=prefix, length=least))
        assert said(enough) == ("abc.", None)
        assert enough.reason == "complete"
    assert len("".join(neighbour)) == 200


def test_a_prefix_may_be_the_whole_of_the_form(
    make_voice: Callable[..., Voice], speaking: Callable[..., Engine]
) -> None:
    voice = make_voice("", 'def grammar(alphabet): return \'root ::= "abc" "."\'\n', characters=".abc")
    engine = speaking(voice)
    stream = engine.submit(wanted(voice, prefix="abc."))
    assert said(stream) == ("abc.", None)
    assert stream.reason == "complete"
    judged = engine.submit(wanted(voice, prefix="abc.", candidates=3), Longest())
    assert said(judged) == ("abc.", None)


def test_a_prefix_that_does_not_have_the_form_is_gone_on_with_freely(
    make_voice: Callable[..., Voice], speaking: Callable[..., Engine]
) -> None:
    voice = make_voice("", WORDS, characters="().abc")
    engine = speaking(voice)
    for seed, prefix in enumerate(["ba", "ab)", "(.", "ab."]):
        text, error = said(engine.submit(wanted(voice, seed, prefix=prefix)))
        assert error is None
        if prefix == "ab.":
            assert text == "ab."  # that one has it
            continue
        assert text == "".join(engine.submit(wanted(voice, seed, prefix=prefix, grammar=False)))
        assert len(text) == len(prefix) + 20


@pytest.mark.parametrize("options", [{}, {"temperature": 0}, {"top_p": 0.9, "repetition": 1.2}])
def test_nan_is_a_sentence_and_stops_no_other_voice(
    options: dict[str, float],
    make_model: Callable[..., Model],
    make_voice: Callable[..., Voice],
    speaking: Callable[..., Engine],
    tmp_path: Path,
) -> None:
    healthy, voice = make_voice(name="limerick"), make_voice("", WORDS, characters="().abc")
    model = make_model(tmp_path / "nan", characters="().abc")
    bias = {"projection.bias": np.full(6, np.nan, dtype=np.float32)}
    broken = dataclasses.replace(model, arrays=model.arrays | bias)
    voice = dataclasses.replace(voice, model=Network(broken, tmp_path / "nan-cache"))
    engine = speaking(voice, healthy)
    other = engine.submit(wanted(healthy, length=200))
    for fields in ({}, {"grammar": False}, {"adapt": 0.5, "message": "abcabcabcabcabcabcabc"}):
        request = voice.request(voice.sampling(**options), 0, length=20, **fields)
        assert said(engine.submit(request))[0] == ""
        assert str(said(engine.submit(request))[1]) == "haiku: the network computed NaN; train it again."
    assert len("".join(other)) == 200


class Failing(Paced):
    """A model with a bug: its third step raises."""

    def step(self, ids: NDArray[np.int64], state: State) -> tuple[Logits, State]:
        if len([call for call, _ in self.calls if call == "step"]) == 2:
            raise RuntimeError("a bug")
        return super().step(ids, state)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # it keeps its traceback
def test_a_bug_reaches_every_reader(make_voice: Callable[..., Voice], speaking: Callable[..., Engine]) -> None:
    voice = make_voice()
    models = [Failing(voice.model), voice.model]
    failing = models[0]
    assert isinstance(failing, Failing)
    opened = iter(models)
    with Engine(lambda _: dataclasses.replace(voice, model=next(opened)), rows=3) as engine:
        streams = [engine.submit(wanted(voice))]
        failing.next()
        streams += [engine.submit(wanted(voice, candidates=2), Longest())]
        streams += [engine.submit(wanted(voice, seed)) for seed in range(4)]
        failing.let(1000)
        for stream in streams:
            text, error = said(stream)
            assert isinstance(error, RuntimeError)
            assert str(error) == "a bug"
            assert len(text) <= 3
        assert len(said(engine.submit(wanted(voice)))[0]) == 20  # the voice is opened again


def test_a_fault_ends_all_drafts_of_its_request_once(
    make_voice: Callable[..., Voice], speaking: Callable[..., Engine]
) -> None:
    voice = make_voice("", COUNTING.replace("FAULT", "return {}").replace("DISTANCE", "int(state >= 12)"))
    engine = speaking(voice)
    other = engine.submit(wanted(voice, length=200, grammar=False))
    text, error = said(engine.submit(wanted(voice, candidates=5), Longest()))
    assert text == ""
    assert "in state 12" in str(error)
    assert said(other)[1] is None
    assert len("".join(engine.submit(wanted(voice, length=11, candidates=5), Longest()))) == 11


def test_where_only_more_than_is_left_may_follow_a_text_has_its_length(
    make_voice: Callable[..., Voice], speaking: Callable[..., Engine]
) -> None:
    voice = make_voice("", "def grammar(alphabet): return 'root ::= (\"abc\")+'\n")
    engine = speaking(voice)
    for length in range(3, 20):
        stream = engine.submit(wanted(voice, length=length))
        assert said(stream) == ("abc" * (length // 3), None)
        assert stream.reason == "length"


@pytest.mark.parametrize("largest", [0, 3, 50])
def test_texts_go_on_where_states_of_a_grammar_are_forgotten(
    largest: int,
    make_voice: Callable[..., Voice],
    speaking: Callable[..., Engine],
    by_hand: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counting = make_voice(
        "", COUNTING.replace("state == 12", "False").replace("FAULT", "pass").replace("DISTANCE", "0")
    )
    nested = make_voice("", WORDS, name="nested", characters="().abc")
    before = ["".join(speaking(nested).submit(wanted(nested, seed, length=60))) for seed in range(10)]
    monkeypatch.setattr("generators.grammar.LARGEST", largest)
    engine = speaking(counting, dataclasses.replace(nested))  # with a table of its own
    streams = [engine.submit(wanted(counting, seed, length=100 + seed)) for seed in range(10)]
    deep = [engine.submit(wanted(nested, seed, length=60)) for seed in range(10)]
    for seed, stream in enumerate(streams):
        assert "".join(stream) == by_hand(counting.model, "\n", seed, 0, counting.sampling(), 100 + seed)
    assert ["".join(stream) for stream in deep] == before
