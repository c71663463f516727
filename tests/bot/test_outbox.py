"""The outbox on real databases, and what is made of each answer of a service."""

import asyncio
import random
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from bot.decisions import Decisions
from bot.ledger import Ledger
from bot.outbox import DeposedError, Outbox, Rules, Slot, Unwritten, Writing
from bot.posting import PAUSE, POLL, Courier
from bot.publish.publisher import FOR_EVER, LaterError, Parcel, Posted, RefusedError, Sent, UnreadableError
from bot.store import Delivery, Post, Store
from corpora.errors import UserError
from generators.pictures.picture import Picture

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
RULES = Rules(repeatable=timedelta(0), quiet=timedelta(seconds=30))


class LostError(Exception):
    """An answer that never came."""


class Service:
    """A service that keeps what it was given, and may lose its answers: the seam is a small real thing."""

    platform, timeout = "here", timedelta(seconds=20)

    def __init__(
        self, account: str = "us", repeatable: timedelta = timedelta(0), readable: bool = True, together: int = 1
    ) -> None:
        self.account, self.repeatable, self.readable, self.together = account, repeatable, readable, together
        self.posts: list[Parcel] = []
        self.script: list[Exception | str] = []  # for each request: an error, or "lost" after it was taken

    def fault(self, text: str, picture: Picture | None) -> str:
        return "" if len(text) <= 100 else "too long"

    def cost(self, text: str, picture: Picture | None) -> Decimal:
        return Decimal("0.005") if len(text) == 100 else Decimal("0.015")

    async def check(self) -> str:
        return self.account

    async def send(self, parcel: Parcel) -> Sent:
        answer = self.script.pop(0) if self.script else ""
        if isinstance(answer, Exception):
            raise answer
        known = self.repeatable and any(each.key == parcel.key for each in self.posts)
        if not known:
            self.posts.append(parcel)
        if answer == "lost":
            raise LostError("connection reset")
        return self._sent(parcel)

    async def find(self, parcel: Parcel) -> Sent | None:
        if not self.readable:
            raise UnreadableError("no credits for reading")
        return next((self._sent(each) for each in self.posts if each.text == parcel.text), None)

    async def recent(self, count: int) -> list[Posted]:
        return [self._sent(each).posted for each in self.posts[:-count:-1]]

    async def delete(self, post: str) -> None: ...

    async def close(self) -> None: ...

    def _sent(self, parcel: Parcel) -> Sent:
        return Sent(Posted(parcel.key[:8], f"https://here/{parcel.key[:8]}", parcel.text), Decimal("0.015"))


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def outbox(store: Store) -> Outbox:
    made = Outbox(store)
    made.lead(["us", "them"])
    return made


@pytest.fixture
def clock() -> Clock:
    return Clock()


def slot(name: str, hours: float = 1) -> Slot:
    return Slot("daily", name, {"style": "bible"}, NOON, NOON + timedelta(hours=hours))


def planned(outbox: Outbox, name: str = "2026-11-23T12:00", *accounts: str, wait: bool = False) -> int:
    (number,) = outbox.insert([slot(name)], NOON)
    text, costs = f"A verse for {name}.", dict.fromkeys(accounts or ("us",), Decimal("0.015"))
    writing = Writing(number, text, text, {"seed": 1}, costs, wait, rejected=[("A bad one", "goes in circles")])
    assert outbox.freeze([writing], NOON) == [number]
    return number


def states(store: Store) -> list[str]:
    with store.reading() as session:
        return [row.state for row in session.query(Delivery).order_by(Delivery.id)]


def story(store: Store) -> list[tuple[str, str]]:
    with store.reading() as session:
        rows = session.query(Delivery).order_by(Delivery.id)
        return [(attempt.what, attempt.outcome) for row in rows for attempt in row.attempts]


def courier(outbox: Outbox, service: Service, clock: Clock, cap: Decimal | None = None) -> Courier:
    return Courier(outbox, service, clock, random.Random(0).random, cap)


def test_a_slot_has_one_post_whoever_asks_how_often(store: Store, outbox: Outbox) -> None:
    other = Outbox(store)
    first = outbox.insert([slot("a"), slot("a"), slot("b")], NOON)
    assert len(first) == 2
    (new,) = other.insert([slot("a"), slot("b"), slot("c")], NOON)
    assert new not in first


def test_what_is_written_ahead_goes_out_and_is_dated_when_it_is_due(outbox: Outbox) -> None:
    early = NOON - timedelta(seconds=5)
    (number,) = outbox.insert([slot("a")], early)
    outbox.freeze([Writing(number, "A verse.", "A verse.", {}, {"us": Decimal(0)})], early)
    assert outbox.claim("us", early, RULES) == []
    assert outbox.following("us", early) == NOON
    assert outbox.following("them", early) is None
    (claim,) = outbox.claim("us", NOON, RULES)
    assert claim.parcel.created_at == NOON
    assert outbox.following("us", NOON) is None


def test_a_failed_post_and_a_written_one_are_frozen_together(outbox: Outbox, store: Store) -> None:
    good, bad = outbox.insert([slot("a"), slot("b")], NOON)
    written = Writing(good, "A verse.", "A verse.", {}, {"us": Decimal(0), "them": Decimal(0)})
    assert outbox.freeze([Unwritten(bad, "none fits", [("Draft", "too long")]), written], NOON) == [good]
    assert outbox.freeze([written], NOON) == []  # it is not due any more
    with store.reading() as session:
        rows = session.query(Post).order_by(Post.id)
        told = [(row.state, row.fault, [(each.text, each.fault) for each in row.candidates]) for row in rows]
    assert told == [("ready", "", [("A verse.", "")]), ("failed", "none fits", [("Draft", "too long")])]
    assert states(store) == ["planned", "planned"]


async def test_a_courier_wakes_when_something_is_due(outbox: Outbox) -> None:
    """Not at its next look, which is POLL seconds away."""
    start = time.monotonic()
    service, done = Service(), asyncio.Event()

    def clock() -> datetime:
        return NOON - timedelta(seconds=0.3) + timedelta(seconds=time.monotonic() - start)

    planned(outbox)
    carrying = asyncio.create_task(Courier(outbox, service, clock, lambda: 0.5).run(asyncio.Event(), done))
    async with asyncio.timeout(POLL / 2):
        while not service.posts:
            assert not carrying.done()
            await asyncio.sleep(0.01)
    assert clock() >= NOON
    carrying.cancel()


async def test_a_courier_may_be_stopped_while_it_looks_ahead(outbox: Outbox) -> None:
    """Nothing is left behind that was to be waited for: Python would warn of it."""
    looks = 0

    def clock() -> datetime:
        nonlocal looks
        looks += 1
        if looks == 2:  # the first is for what is due, the second for how long it may rest
            carrying.cancel()
        return NOON

    carrying = asyncio.create_task(Courier(outbox, Service(), clock, lambda: 0.5).run(asyncio.Event(), asyncio.Event()))
    await asyncio.wait([carrying])
    assert (carrying.cancelled(), looks) == (True, 2)


def test_what_is_too_late_is_not_written(outbox: Outbox, store: Store) -> None:
    late, other = outbox.insert([slot("a"), slot("b", hours=3)], NOON)
    assert outbox.to_write(NOON - HOUR, 10) == []
    assert [post.id for post in outbox.to_write(NOON, 10)] == [late, other]
    assert [post.id for post in outbox.to_write(NOON, 10, besides=[late])] == [other]
    assert [post.id for post in outbox.to_write(NOON + 2 * HOUR, 10)] == [other]
    outbox.expire(NOON + 2 * HOUR)
    with store.reading() as session:
        assert [post.state for post in session.query(Post).order_by(Post.id)] == ["expired", "due"]


async def test_a_post_arrives_and_all_of_it_is_kept(outbox: Outbox, store: Store, clock: Clock) -> None:
    planned(outbox)
    service = Service()
    assert await courier(outbox, service, clock).step()
    assert not await courier(outbox, service, clock).step()
    (parcel,) = service.posts
    assert (parcel.text, len(parcel.key), parcel.created_at) == ("A verse for 2026-11-23T12:00.", 64, NOON)
    with store.reading() as session:
        (row,) = session.query(Delivery)
        assert (row.state, row.remote, row.url, row.sent) == (
            "sent",
            parcel.key[:8],
            f"https://here/{parcel.key[:8]}",
            NOON,
        )
        assert row.cost == Decimal("0.015")
        assert [(each.text, each.fault) for each in row.post.candidates] == [
            ("A bad one", "goes in circles"),
            ("A verse for 2026-11-23T12:00.", ""),
        ]
    assert story(store) == [("send", "sent")]
    assert outbox.recent("us", 5) == ["A verse for 2026-11-23T12:00."]


async def test_a_lost_answer_is_looked_for_after_a_quiet_time(outbox: Outbox, store: Store, clock: Clock) -> None:
    planned(outbox)
    service = Service()
    service.script = ["lost"]
    ours = courier(outbox, service, clock)
    assert await ours.step()
    assert states(store) == ["unknown"]
    clock.now += timedelta(seconds=29)
    assert not await ours.step()
    clock.now += timedelta(seconds=2)
    assert await ours.step()
    assert states(store) == ["sent"]
    assert len(service.posts) == 1
    assert story(store) == [("send", "unknown"), ("find", "sent")]


async def test_what_was_looked_for_and_is_not_there_is_sent_again(outbox: Outbox, store: Store, clock: Clock) -> None:
    planned(outbox)
    service = Service()
    service.script = [LostError("before it was taken")]
    ours = courier(outbox, service, clock)
    await ours.step()
    clock.now += timedelta(seconds=31)
    while await ours.step():
        pass
    assert story(store) == [("send", "unknown"), ("find", "planned"), ("send", "sent")]
    assert len(service.posts) == 1


async def test_where_a_repetition_is_recognised_it_is_repeated(outbox: Outbox, store: Store, clock: Clock) -> None:
    planned(outbox)
    service = Service(repeatable=FOR_EVER)
    service.script = ["lost", "lost", "lost"]
    ours = courier(outbox, service, clock)
    for _ in range(4):
        assert await ours.step()
        clock.now += HOUR / 10
    assert story(store) == [("send", "unknown")] * 3 + [("send", "sent")]
    assert len(service.posts) == 1


async def test_a_doubt_outlives_a_refused_connection_and_the_time_of_the_key(
    outbox: Outbox, store: Store, clock: Clock
) -> None:
    planned(outbox)
    service = Service(repeatable=HOUR)
    service.script = ["lost", LaterError("connection refused", timedelta(hours=2))]
    ours = courier(outbox, service, clock)
    await ours.step()
    clock.now += timedelta(minutes=1)
    await ours.step()
    assert states(store) == ["unknown"]
    clock.now += 2 * HOUR  # the service has forgotten the key, and would post again
    await ours.step()
    assert story(store) == [("send", "unknown"), ("send", "unknown"), ("find", "sent")]
    assert len(service.posts) == 1


async def test_where_nobody_may_look_a_person_decides(outbox: Outbox, store: Store, clock: Clock) -> None:
    number = planned(outbox)
    service = Service(readable=False)
    service.script = ["lost"]
    ours = courier(outbox, service, clock)
    await ours.step()
    clock.now += timedelta(seconds=31)
    await ours.step()
    assert states(store) == ["review"]
    clock.now += HOUR
    assert not await ours.step()
    assert Decisions(store, "anna").retry(number, clock.now) == ["us"]
    assert await ours.step()
    assert states(store) == ["sent"]


async def test_a_refusal_is_final_and_a_delay_is_kept(outbox: Outbox, store: Store, clock: Clock) -> None:
    planned(outbox, "a")
    planned(outbox, "b")
    service = Service()
    service.script = [RefusedError("403: not here"), LaterError("429", timedelta(minutes=7))]
    ours = courier(outbox, service, clock)
    assert await ours.step()
    assert await ours.step()
    assert states(store) == ["failed", "planned"]
    clock.now += timedelta(minutes=6, seconds=59)
    assert not await ours.step()
    clock.now += timedelta(seconds=1)
    assert await ours.step()
    assert states(store) == ["failed", "sent"]


async def test_pauses_grow_and_differ(outbox: Outbox, clock: Clock) -> None:
    pauses = [[courier(outbox, Service(), clock)._pause(tries) for tries in (1, 2, 3, 20)] for _ in range(2)]
    for each in pauses:
        assert PAUSE / 2 <= each[0] <= PAUSE
        assert timedelta(minutes=15) <= each[3] <= timedelta(minutes=30)
    differing = Courier(outbox, Service(), clock, random.Random(0).random)
    assert len({differing._pause(3) for _ in range(5)}) == 5


async def test_what_comes_too_late_expires(outbox: Outbox, store: Store, clock: Clock) -> None:
    planned(outbox)
    clock.now += 2 * HOUR
    assert not await courier(outbox, Service(), clock).step()
    assert states(store) == ["planned"]
    outbox.expire(clock.now)
    assert states(store) == ["expired"]


def test_what_nobody_approves_in_time_expires(outbox: Outbox, store: Store) -> None:
    number = planned(outbox, wait=True)
    outbox.expire(NOON + 2 * HOUR)
    assert states(store) == ["expired"]
    with pytest.raises(UserError, match=rf"Post {number} is expired"):
        Decisions(store, "anna").approve(number, NOON + 2 * HOUR)


async def test_a_dead_process_leaves_a_doubt_that_the_next_one_resolves(
    outbox: Outbox, store: Store, clock: Clock
) -> None:
    planned(outbox)
    (claim,) = outbox.claim("us", clock.now, RULES)
    service = Service()
    await service.send(claim.parcel)  # and there it died
    heir = Outbox(store)
    heir.lead(["us"])
    with pytest.raises(DeposedError):
        outbox.claim("us", clock.now, RULES)
    ours = courier(heir, service, clock)
    assert not await ours.step()  # the dead one's request may still be on its way
    clock.now += RULES.quiet
    assert await ours.step()
    assert states(store) == ["sent"]
    assert len(service.posts) == 1


async def test_a_doubt_about_an_account_that_is_gone_needs_a_person(outbox: Outbox, store: Store, clock: Clock) -> None:
    number = planned(outbox, "a", "us", "them")
    assert outbox.claim("us", clock.now, RULES)
    Outbox(store).lead(["them"])
    assert states(store) == ["review", "planned"]
    assert "no account of this name" in Ledger(store).post(number)["deliveries"][0]["error"]


async def test_a_dead_service_holds_up_nobody_else(outbox: Outbox, store: Store, clock: Clock) -> None:
    for name in ("a", "b"):
        planned(outbox, name, "us", "them")
    ours, theirs = Service("us"), Service("them")
    ours.script = [LostError("dead")] * 9
    first, second = courier(outbox, ours, clock), courier(outbox, theirs, clock)
    assert await first.step()
    while await second.step():
        pass
    assert states(store) == ["unknown", "sent", "planned", "sent"]


async def test_one_at_a_time_for_an_account(outbox: Outbox, clock: Clock) -> None:
    planned(outbox, "a")
    planned(outbox, "b")
    assert len(outbox.claim("us", clock.now, RULES)) == 1
    assert outbox.claim("us", clock.now, RULES) == []


async def test_several_at_once_where_the_service_takes_them(outbox: Outbox, store: Store, clock: Clock) -> None:
    for name in "abcde":
        planned(outbox, name)
    service = Service(together=3)
    service.script = ["", RefusedError("no"), "lost"]
    assert await courier(outbox, service, clock).step()
    assert states(store) == ["sent", "failed", "unknown", "planned", "planned"]
    assert not await courier(outbox, service, clock).step()  # there were two
    assert states(store) == ["sent", "failed", "unknown", "sent", "sent"]


async def test_a_month_has_its_cap(outbox: Outbox, store: Store, clock: Clock) -> None:
    for name in ("a", "b", "c"):
        planned(outbox, name)
    ours = courier(outbox, Service(), clock, cap=Decimal("0.03"))
    while await ours.step():
        pass
    assert states(store) == ["sent", "sent", "failed"]
    assert outbox.spent("us", NOON - HOUR) == Decimal("0.03")


def test_approval_editing_redrawing_and_dropping(outbox: Outbox, store: Store) -> None:
    number = planned(outbox, wait=True)
    anna = Decisions(store, "anna")
    assert [post.id for post in anna.waiting()] == [number]
    assert outbox.claim("us", NOON, RULES) == []
    anna.edit(number, "A better verse.", NOON)
    anna.redraw(number, NOON)
    assert [post.order for post in outbox.to_write(NOON, 5)] == [{"style": "bible", "redrawn": 1}]
    another = Writing(number, "Another verse.", "Another verse.", {"seed": 9}, {"us": Decimal(0)}, wait=True)
    assert outbox.freeze([another], NOON)
    anna.approve(number, NOON + HOUR / 2)
    (claim,) = outbox.claim("us", NOON + HOUR / 2, RULES)
    assert (claim.parcel.text, claim.parcel.created_at) == ("Another verse.", NOON + HOUR / 2)
    with pytest.raises(UserError, match=rf"Post {number} is ready; to approve it, it must be waiting"):
        anna.approve(number, NOON)
    with pytest.raises(UserError, match="There is no post 77"):
        anna.drop(77, NOON)
    with store.reading() as session:
        made = session.get_one(Post, number).decisions
        assert [(each.who, each.what) for each in made] == [("anna", what) for what in ("edit", "redraw", "approve")]
        assert made[0].detail == "A verse for 2026-11-23T12:00."


def test_an_edited_text_has_to_fit_and_costs_what_it_costs(outbox: Outbox, store: Store) -> None:
    number = planned(outbox, "a", "us", "them", wait=True)
    anna = Decisions(store, "anna", {"us": Service()})
    with pytest.raises(UserError, match=rf"Post {number} stays as it is: us: too long\."):
        anna.edit(number, "a" * 101, NOON)
    before = Ledger(store).post(number)
    assert (before["text"], before["decisions"]) == ("A verse for a.", [])
    anna.edit(number, "a" * 100, NOON)
    after = Ledger(store).post(number)
    assert after["text"] == "a" * 100
    assert [each["cost"] for each in after["deliveries"]] == ["0.005", "0.015"]


async def test_what_was_paid_is_told_by_month_and_account(outbox: Outbox, store: Store, clock: Clock) -> None:
    for name in "abc":
        planned(outbox, name, "us", "them")
    assert Ledger(store).costs({}) == []
    ours = courier(outbox, Service(), clock)
    await ours.step()
    await ours.step()
    with store.writing() as session:
        session.query(Delivery).filter_by(id=1).update({"first_try": NOON - timedelta(days=30)})
    assert Ledger(store).costs({"us": Decimal(5)}) == [
        {"month": "2026-10", "account": "us", "posts": 1, "cost": "0.015", "cap": "5"},
        {"month": "2026-11", "account": "us", "posts": 1, "cost": "0.015", "cap": "5"},
    ]


def test_a_dropped_post_does_not_go_out(outbox: Outbox, store: Store) -> None:
    number = planned(outbox, "a", "us", "them")
    Decisions(store, "anna").drop(number, NOON)
    assert outbox.claim("us", NOON, RULES) == []
    assert states(store) == ["dropped", "dropped"]
    assert outbox.freeze([Writing(number, "late", "late", {}, {})], NOON) == []
