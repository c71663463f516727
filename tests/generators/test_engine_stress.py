"""Ten thousand requests at random: no row is lost, nothing hangs, nothing is left, and all texts are what they were."""

import gc
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corpora.errors import UserError
from generators.batch import Batch, Draft
from generators.engine import Engine
from generators.sampling import Sampling
from generators.stream import Stream
from generators.voice import Request, Voice
from generators.worker import BusyError, Job

EXAMPLES, REQUESTS = 50, 200
WORDS = """def grammar(alphabet):
    return 'root ::= ("ab" | "(" root ")" | "c" | "d"+ )+ "."'
"""

fields = st.fixed_dictionaries(
    {
        "style": st.sampled_from(["haiku", "other"]),
        "length": st.integers(1, 40),
    },
    optional={
        "blend": st.sampled_from([*[None] * 6, ("haiku", 0.3), ("other", 1.0)]),
        "message": st.sampled_from(["", "cab", "(dab.)" * 20, "abcd" * 100, "c", "d.", "ab" * 40, "x"]),
        "prefix": st.sampled_from(["a", "ab", "((c", "ab.", "x", "d" * 90]),
        "sampling": st.builds(
            Sampling,
            temperature=st.sampled_from([0, 0.5, 1, 2]),
            top_k=st.sampled_from([0, 2]),
            repetition=st.sampled_from([1, 1.5]),
        ),
        "stop": st.sampled_from(["", ".", "ab", "dcd"]),
        "adapt": st.sampled_from([0.0, 0.2]),
        "grammar": st.booleans(),
        "candidates": st.sampled_from([1, 1, 1, 2, 5]),
    },
)
rounds = st.sampled_from([0, 0, 0, 0, 1, 2, 30])


@dataclass
class Choosy:
    """A judge that takes the longest draft of its round, or none."""

    rounds: int

    def choose(self, drafts: list[str]) -> str | None:
        self.rounds -= 1
        return max(drafts, key=len) if self.rounds == 0 else None

    def refusal(self) -> UserError:
        return UserError("none would do")


@dataclass(frozen=True)
class Order:
    """A request, the round whose draft is taken (0: as it is written), and after how many pieces it is closed."""

    fields: dict[str, Any]
    rounds: int
    cut: int | None

    def submit(self, engine: Engine, **options: Any) -> Stream:
        request = Request.model_validate({"stop": ""} | self.fields)
        rounds = self.rounds or int(request.candidates > 1)
        return engine.submit(request, Choosy(rounds) if rounds else None, **options)


@dataclass
class Reading:
    """A stream and what was read of it."""

    order: Order
    stream: Stream
    pieces: list[str] = field(default_factory=list)
    error: str = ""

    def go_on(self) -> bool:
        """Read a piece; False at the end, or where it is closed."""
        if len(self.pieces) == self.order.cut:
            self.stream.close()
            return False
        try:
            self.pieces.append(next(self.stream))
        except StopIteration:
            return False
        except UserError as error:
            self.error = str(error)
            return False
        return True

    @property
    def result(self) -> tuple[str, str]:
        return "".join(self.pieces), self.error


def test_ten_thousand_requests(make_voice: Callable[..., Voice], speaking: Callable[..., Engine]) -> None:
    voices = (
        make_voice("", WORDS, characters="().abcd"),
        make_voice("", "", name="other", kind="gru", units=9, characters="().abcde", seed=5),
    )
    crowded, alone = speaking(*voices, rows=48, places=40), speaking(*voices)
    tally = Counter[str]()
    kept = {id(thing) for thing in gc.get_objects()}  # of other tests

    @settings(max_examples=EXAMPLES, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.tuples(fields, rounds), min_size=1, max_size=12), st.integers(0, 2**32))
    def ask(kinds: list[tuple[dict[str, Any], int]], seed: int) -> None:
        chance = random.Random(seed)  # who reads when depends on threads, so hypothesis could not repeat it
        running: list[Reading] = []
        over: list[Reading] = []
        for number in range(REQUESTS):
            wanted, round_ = chance.choice(kinds)
            cut = chance.choice([None, None, 0, 1, 2])
            order = Order(wanted | {"seed": number}, round_, cut)
            tally["asked"] += 1
            try:
                running.append(Reading(order, order.submit(crowded, user=chance.choice(["", "ann", "bob"]))))
            except BusyError:
                tally["refused"] += 1
            while len(running) > 150 or (running and chance.random() < 0.3):
                reading = chance.choice(running)
                if not reading.go_on():
                    running.remove(reading)
                    over.append(reading)
        for reading in running:
            while reading.go_on():
                pass
        tally["cut"] += sum(reading.order.cut is not None for reading in over)
        whole = [reading for reading in over + running if reading.order.cut is None]
        tally["whole"] += len(whole)
        tally["errors"] += sum(bool(reading.error) for reading in whole)
        for reading in chance.sample(whole, min(5, len(whole))):
            again = Reading(reading.order, reading.order.submit(alone))
            while again.go_on():
                pass
            assert again.result == reading.result
        for style in ("haiku", "other"):
            for blend in (None, ("haiku", 0.3), ("other", 1.0)):  # when these are written, the closed have left
                assert "".join(crowded.submit(Request(style=style, blend=blend, length=9, stop="")))

    ask()
    gc.collect()
    assert tally["asked"] >= EXAMPLES * REQUESTS
    assert min(tally[what] for what in ("refused", "cut", "errors")) > 100, tally
    assert tally["whole"] > 3000
    things = gc.get_objects()
    assert {len(thing) for thing in things if type(thing) is Batch} == {0}
    assert [thing for thing in things if type(thing) in (Draft, Job, Stream) and id(thing) not in kept] == []
