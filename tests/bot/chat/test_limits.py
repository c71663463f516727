"""How often somebody is answered, by a clock that is set by hand."""

from dataclasses import dataclass

import pytest

from bot.chat.limits import KNOWN, TELL, Limits, Rate, Rates

PLENTY = Rate(1e6, 1e-6)


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


def test_so_many_at_once_and_then_one_after_the_other() -> None:
    clock = Clock()
    limits = Limits(Rates(Rate(3, 10), PLENTY, PLENTY), clock)
    assert [limits.wait(1, 1) for _ in range(3)] == [0, 0, 0]
    assert limits.wait(1, 1) == pytest.approx(10)
    clock.now += 4
    assert limits.wait(1, 1) == pytest.approx(6)
    clock.now += 6
    assert limits.wait(1, 1) == 0
    assert limits.wait(1, 1) == pytest.approx(10)
    clock.now += 1000
    assert [limits.wait(1, 1) for _ in range(4)] == [0, 0, 0, pytest.approx(10)]


def test_each_person_and_each_channel_has_its_own() -> None:
    limits = Limits(Rates(Rate(1, 10), Rate(3, 5), PLENTY), Clock())
    assert [limits.wait(person, 7) for person in (1, 2, 3)] == [0, 0, 0]
    assert limits.wait(1, 8) == pytest.approx(10)
    assert limits.wait(4, 7) == pytest.approx(5)
    assert limits.wait(4, 8) == 0


def test_everybody_together_has_one_too() -> None:
    limits = Limits(Rates(PLENTY, PLENTY, Rate(50, 1)), Clock())
    assert sum(limits.wait(person, person) == 0 for person in range(500)) == 50


def test_who_is_refused_uses_up_nothing() -> None:
    clock = Clock()
    limits = Limits(Rates(Rate(1, 10), Rate(2, 10), PLENTY), clock)
    assert limits.wait(1, 7) == 0
    for _ in range(500):
        assert limits.wait(1, 7) > 0
    assert limits.wait(2, 7) == 0
    clock.now += 10
    assert limits.wait(1, 7) == 0


def test_a_person_is_told_to_wait_once_in_a_while() -> None:
    clock = Clock()
    limits = Limits(Rates(), clock)
    assert [limits.tell(1) for _ in range(500)].count(True) == 1
    assert limits.tell(2)
    clock.now += TELL
    assert limits.tell(1)


def test_people_of_long_ago_take_no_room() -> None:
    clock = Clock()
    limits = Limits(Rates(), clock)
    for person in range(3 * KNOWN):
        clock.now += 60
        limits.wait(person, person)
    assert len(limits._full) < KNOWN + 10
