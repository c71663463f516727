"""What the routes need of the process they are in."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bot.chat.desk import Desk
from bot.chat.web.keys import Keys
from bot.chat.web.numbers import Numbers
from bot.chat.web.writer import Writer
from generators.registry import Registry


@dataclass(frozen=True)
class House:
    """Its parts. `models` is the folder of the user's trained models, `style` the voice that the page begins with.

    `clock` returns seconds that only go forward, `now` the date and time.
    """

    writer: Writer
    registry: Registry
    desk: Desk
    models: Path
    style: str
    keys: Keys
    numbers: Numbers
    clock: Callable[[], float]
    now: Callable[[], datetime]
    draw_seed: Callable[[], int]
