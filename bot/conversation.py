"""A conversation: who speaks, with what options, and what was said. Shared by every frontend."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from generators.engine import Engine
from generators.generator import Generator
from generators.voice import Request, Voice

REMEMBERED = 20  # turns kept
SHOWN = 24  # strange characters listed in a notice


@dataclass(frozen=True)
class Options:
    """What a person may set. None stands for the style's own choice; a fixed seed counts up from turn to turn."""

    temperature: float | None = None
    seed: int | None = None
    length: int | None = None
    adapt: float | None = None


@dataclass(frozen=True)
class Turn:
    """A message and the answer to it, with the request that makes the answer again."""

    message: str
    answer: str
    style: str
    request: Request


@dataclass
class Conversation:
    """Turns a message into an answer, streamed; it remembers text, never a network's state.

    `engine` writes the answers, `draw_seed` gives a fresh seed, `notify` takes one-line notices.
    """

    engine: Engine
    draw_seed: Callable[[], int]
    notify: Callable[[str], None]
    style: str
    options: Options = Options()
    turns: list[Turn] = field(default_factory=list)
    _noticed: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Open the first voice, so that a conversation never starts without one."""
        self.speak_as(self.style)

    def speak_as(self, style: str) -> None:
        """Change the voice; raise UserError, with the old one kept, where there is none of that name."""
        voice = self.engine.voice(style)
        self.style = style
        if not voice.trained:
            self._notice(
                f"{style} has no trained model yet: it speaks from letter counts. `apocrypha train {style}` makes one."
            )

    @property
    def voice(self) -> Voice:
        """Return the voice that speaks now."""
        return self.engine.voice(self.style)

    def set(self, **changes: Any) -> None:
        """Set options after checking them; raise UserError, the old values kept, where one is out of bounds."""
        options = replace(self.options, **changes)
        self._request("", options, seed=options.seed or 0)
        self.options = options

    def reply(self, message: str) -> Iterator[str]:
        """Yield the answer to `message` as it is written. What was said before a reply is stopped is remembered."""
        self._report_strangers(message)
        seed = self.draw_seed() if self.options.seed is None else self.options.seed
        if self.options.seed is not None:
            self.options = replace(self.options, seed=seed + 1)
        request = self._request(message, self.options, seed)
        said: list[str] = []
        try:
            with Generator(self.engine, self.style).answer(request) as answer:
                for piece in answer:
                    said.append(piece)
                    yield piece
        finally:
            self.turns = [*self.turns, Turn(message, "".join(said), self.style, request)][-REMEMBERED:]

    def reset(self) -> None:
        """Forget what was said."""
        self.turns.clear()

    def _request(self, message: str, options: Options, seed: int) -> Request:
        voice = self.voice
        sampling = voice.sampling(temperature=options.temperature)
        return voice.request(sampling, seed, message=message, length=options.length, adapt=options.adapt)

    def _report_strangers(self, message: str) -> None:
        strangers = self.voice.left_out(message)
        if strangers:
            self._notice(f"{self.style} has never seen {strangers[:SHOWN]!r}; what it cannot read is left out.")

    def _notice(self, line: str) -> None:
        if line not in self._noticed:
            self._noticed.add(line)
            self.notify(line)
