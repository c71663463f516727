"""How often an answer is shown while it is written, by a clock that is set by hand."""

from itertools import pairwise

from bot.chat.discord.pace import KNOWN, PAUSE, TOGETHER, Pace


def test_a_channel_is_edited_at_a_rate_that_discord_takes() -> None:
    now = 0.0
    pace = Pace(lambda: now)
    taken = []
    for tick in range(1000):  # ten seconds
        now = tick / 100
        taken += [now] if pace.take(1) else []
    assert len(taken) == 9
    assert all(later - earlier > PAUSE - 1e-9 for earlier, later in pairwise(taken))


def test_all_channels_together_leave_room_for_what_cannot_wait() -> None:
    now = 0.0
    pace = Pace(lambda: now)
    taken = 0
    for tick in range(1000):
        now = tick / 100
        taken += sum(pace.take(channel) for channel in range(200))
    assert taken <= 10 / TOGETHER
    assert taken > 5 / TOGETHER


def test_what_was_sent_counts_too() -> None:
    now = 0.0
    pace = Pace(lambda: now)
    pace.hold(1)
    assert not pace.take(1)
    assert pace.take(2)
    now = PAUSE
    assert pace.take(1)


def test_channels_of_long_ago_take_no_room() -> None:
    now = 0.0
    pace = Pace(lambda: now)
    for channel in range(3 * KNOWN):
        now += 10
        pace.take(channel)
    assert len(pace._free) <= KNOWN + 1
