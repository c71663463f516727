"""What the routes need of the process they are in."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bot.chat.web.keys import Keys
from bot.chat.web.numbers import Numbers
from bot.store import Store
from generators.engine import Engine
from generators.registry import Registry


@dataclass(frozen=True)
class House:
    """Its parts. `models` is the folder of the user's trained models, `accounts` the names that a post may go to.

    `clock` returns seconds that only go forward, `now` the date and time.
    """

    engine: Engine
    registry: Registry
    store: Store
    models: Path
    accounts: tuple[str, ...]
    keys: Keys
    numbers: Numbers
    clock: Callable[[], float]
    now: Callable[[], datetime]
    draw_seed: Callable[[], int]
