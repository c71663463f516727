"""What admins chose, on both kinds of database, and the count of a day."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from bot.chat.servers import RoomSettings, Servers, ServerSettings
from bot.store import Store
from corpora.errors import UserError

Open = Callable[[], Store]
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_what_was_chosen_is_there_for_the_next_process(open_store: Open) -> None:
    servers = Servers(open_store())
    chosen = ServerSettings().changed(
        style="code", zone="Europe/Berlin", quiet="22:00-07:00", admins=5, desk=6, daily=9
    )
    servers.put(1, chosen.changed(channels=(7, 8)).with_room(7, style="bible", quiet="01:00-02:00"))
    again = Servers(open_store())
    assert again.get(1) == servers.get(1)
    assert again.get(1).room(7) == RoomSettings(style="bible", quiet="01:00-02:00")
    assert again.get(1).room(8).style == "code"
    assert again.get(2) == ServerSettings()
    again.forget(1)
    assert Servers(open_store()).get(1) == ServerSettings()


def test_what_is_exported_is_what_was_chosen_and_can_be_taken_back() -> None:
    chosen = ServerSettings().changed(quiet="22:00-07:00").with_room(7, style="bible")
    assert chosen.stored == {"quiet": "22:00-07:00", "rooms": {"7": {"style": "bible"}}}
    assert ServerSettings.model_validate(chosen.stored) == chosen
    assert chosen.with_room(7, style="").stored == {"quiet": "22:00-07:00"}


@pytest.mark.parametrize(
    ("moment", "until"),
    [
        ("2026-11-23T20:59", None),
        ("2026-11-23T21:00", "07:00"),
        ("2026-11-24T05:59", "07:00"),
        ("2026-11-24T06:00", None),
    ],
)
def test_quiet_hours_are_local(moment: str, until: str | None) -> None:
    settings = ServerSettings().changed(zone="Europe/Berlin", quiet="22:00-07:00")
    ends = settings.quiet_until(7, datetime.fromisoformat(moment).replace(tzinfo=UTC))
    assert (f"{ends:%H:%M}" if ends else None) == until
    assert ServerSettings().quiet_until(7, NOON) is None


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"quiet": "late"}, "two times of day"),
        ({"zone": "Berlim"}, "did you mean 'Europe/Berlin'"),
        ({"daily": -1}, "daily"),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_reason(fields: dict[str, object], words: str) -> None:
    with pytest.raises(UserError, match=words):
        ServerSettings().changed(**fields)


def test_the_answers_of_a_day_are_counted_over_restarts(open_copy: Open) -> None:
    servers = Servers(open_copy())
    assert servers.left(1, NOON, 3) == 3
    for _ in range(2):
        servers.count(1, NOON)
    servers.save()
    again = Servers(open_copy())
    assert again.left(1, NOON, 3) == 1
    again.put(1, ServerSettings().changed(daily=2))
    assert again.left(1, NOON, 3) == 0
    assert again.left(2, NOON, 3) == 3
    tomorrow = NOON + timedelta(days=1)
    assert again.left(1, tomorrow, 3) == 2
    again.count(1, tomorrow)
    assert again.left(1, tomorrow, 3) == 1


def test_who_sets_nothing_and_is_counted_has_no_settings(open_copy: Open) -> None:
    servers = Servers(open_copy())
    servers.count(1, NOON)
    servers.save()
    assert Servers(open_copy()).get(1).stored == {}
