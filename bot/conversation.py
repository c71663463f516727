"""A conversation: who speaks, with what options, and what was said. Shared by every frontend."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from generators.generator import Generator, Request
from generators.sampling import Sampling

OpenVoice = Callable[[str], Generator]
REMEMBERED = 20  # turns kept
SHOWN = 24  # strange characters listed in a notice


@dataclass(frozen=True)
class Options:
    """What a person may set. None stands for the style's own choice; a fixed seed counts up from turn to turn."""

    temperature: float | None = None
    seed: int | None = None
    length: int | None = None


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

    `open_voice` finds a voice by name, `draw_seed` gives a fresh seed, `notify` takes one-line notices.
    """

    open_voice: OpenVoice
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
        self.voice = self.open_voice(style)
        self.style = style
        if not self.voice.trained:
            self._notice(
                f"{style} has no trained model yet: it speaks from letter counts. `apocrypha train {style}` makes one."
            )

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
            for character in self.voice.answer(request):
                said.append(character)
                yield character
        finally:
            self.turns = [*self.turns, Turn(message, "".join(said), self.style, request)][-REMEMBERED:]

    def reset(self) -> None:
        """Forget what was said."""
        self.turns.clear()

    def _request(self, message: str, options: Options, seed: int) -> Request:
        default = self.voice.plugin.manifest.text.temperature
        temperature = default if options.temperature is None else options.temperature
        sampling = Sampling.checked(temperature=temperature)
        return self.voice.request(sampling, seed, message=message, length=options.length)

    def _report_strangers(self, message: str) -> None:
        strangers = self.voice.left_out(message)
        if strangers:
            self._notice(f"{self.style} has never seen {strangers[:SHOWN]!r}; what it cannot read is left out.")

    def _notice(self, line: str) -> None:
        if line not in self._noticed:
            self._noticed.add(line)
            self.notify(line)
