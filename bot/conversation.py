"""A conversation: who speaks, with what options, and what was said. Shared by every frontend."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from bot.personas import Persona, bundled
from corpora.errors import UserError, faults, unknown
from generators.engine import Engine
from generators.generator import Generator
from generators.receipt import Receipt, digest, speaker
from generators.stream import Reason, Stream
from generators.voice import Request, Voice

REMEMBERED = 20  # turns kept
READ = 3  # of them that are read before an answer, those in the same voice ...
CONTEXT = 300  # ... and as many characters of these at most
LONGEST = 10_000  # characters of a message
SHOWN = 24  # strange characters listed in a notice


class Options(BaseModel):
    """What a person may set. None stands for the style's own choice; a fixed seed counts up from turn to turn."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    temperature: float | None = None
    seed: int | None = None
    length: int | None = None
    adapt: float | None = None
    blend: tuple[str, float] | None = None
    candidates: int | None = None
    prefix: str | None = None
    persona: str | None = None  # whose style, temperature, blend and prefix were taken over


class Turn(BaseModel):
    """A message and the answer to it, with the receipt that makes the answer again."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    message: str
    answer: str
    receipt: Receipt


class Reply(Stream):
    """An answer as it is said: iterate it, plainly or with `async for`.

    When it is over, `turn` is what the conversation remembers of it; None where nothing was said. What was said before
    it was closed, or went wrong, is remembered.
    """

    def __init__(self, stream: Stream, remember: Callable[[str, bool], Turn | None], skipped: int, gap: str) -> None:
        """Read `stream`, without its first `skipped` characters, the rest after `gap`."""
        super().__init__(*stream.detach())
        self.turn: Turn | None = None
        self._remember, self._skipped, self._gap = remember, skipped, gap
        self._said: list[str] = []
        self._settled = False

    def close(self) -> None:
        """Stop the writing; what was said so far is remembered."""
        if self._open:
            super().close()
            self._settle(whole=False)

    def _received(self, item: tuple[str, Reason | None, BaseException | None]) -> str:
        try:
            piece = super()._received(item)
        except BaseException:
            self._settle(whole=False)
            raise
        if not self._open:
            self._settle(whole=True)
        kept = piece[self._skipped :]
        self._skipped -= len(piece) - len(kept)
        if kept:
            kept, self._gap = self._gap + kept, ""
            self._said.append(kept)
        return kept

    def _settle(self, whole: bool) -> None:
        if not self._settled:
            self._settled = True
            self.turn = self._remember("".join(self._said), whole)


@dataclass
class Conversation:
    """Turns a message into an answer, streamed; it remembers text, never a network's state.

    `engine` writes the answers, `draw_seed` gives a fresh seed, `notify` takes one-line notices. One reply at a time;
    what asks for one may open a voice, which takes a while, so an event loop does that on another thread.
    """

    engine: Engine
    draw_seed: Callable[[], int]
    notify: Callable[[str], None]
    style: str
    options: Options = field(default_factory=Options)
    turns: list[Turn] = field(default_factory=list)
    personas: Mapping[str, Persona] = field(default_factory=bundled)
    _noticed: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Open the first voice, so that a conversation never starts without one."""
        self.speak_as(self.style)

    @classmethod
    def recall(cls, memory: Mapping[str, Any], **parts: Any) -> Self:
        """Return the conversation that `memory()` was asked of; `parts` are the fields that it does not hold."""
        try:
            kept = _Memory.model_validate(memory)
        except ValidationError as error:
            raise UserError(f"This conversation cannot be taken up again: {faults(error)}.") from error
        return cls(style=kept.style, options=kept.options, turns=kept.turns, **parts)

    def memory(self) -> dict[str, Any]:
        """Return the style, the options and the last turns, to be kept as JSON."""
        return _Memory(style=self.style, options=self.options, turns=self.turns).model_dump(mode="json")

    def speak_as(self, style: str) -> None:
        """Change the voice; raise UserError, with the old one kept, where there is none of that name.

        A persona is left behind with its own voice.
        """
        voice = self.engine.voice(style)
        if self.options.persona and style != self.style:
            self.options = self.options.model_copy(update=Persona().manner | {"persona": None})
        self.style = style
        if not voice.trained:
            self._notice(
                f"{style} has no trained model yet: it speaks from letter counts. `apocrypha train {style}` makes one."
            )

    @property
    def voice(self) -> Voice:
        """Return the voice that speaks now."""
        return self.engine.voice(self.style, self.options.blend)

    def set(self, **changes: Any) -> None:
        """Set options after checking them; raise UserError, the old values kept, where one cannot be used.

        `persona` sets the style too, and None takes back what the last one set.
        """
        style = self.style
        if "persona" in changes:
            persona = self._persona(changes["persona"])
            style = persona.style or style
            changes = persona.manner | changes
        try:
            options = Options.model_validate(self.options.model_dump() | changes)
        except ValidationError as error:
            raise UserError(f"These options cannot be used: {faults(error)}.") from error
        _request(self.engine.voice(style, options.blend), options, seed=options.seed or 0)
        self.speak_as(style)
        self.options = options

    def reply(self, message: str, user: str = "") -> Reply:
        """Answer `message`; raise BusyError where too many wait, or `user` has too many waiting."""
        message = message.encode("utf-8", "ignore").decode()[-LONGEST:]  # halves of characters cannot be kept
        self._report_strangers(message)
        return self._answer(message, self.turns, user, None)

    def again(self, user: str = "") -> Reply:
        """Answer the last message anew, with a fresh seed; once it is over, this is the answer."""
        last = self._last()
        return self._answer(last.message, self.turns[:-1], user, last)

    def more(self, user: str = "") -> Reply:
        """Let the last answer go on: one that was stopped from there, a whole one with another text after it."""
        last = self._last()
        receipt, answer = last.receipt, last.answer
        voice = speaker(self.engine, receipt)
        if receipt.said is not None:
            return self._say(last.message, receipt, user, last, answer)
        options = self.options.model_copy(update={"prefix": None, "blend": receipt.request.blend})
        before = voice.after(receipt.request, answer)[-CONTEXT:]
        more = (*receipt.more, _request(voice, options, self._seed(), before=before))
        return self._say(last.message, receipt.model_copy(update={"more": more}), user, last, answer, voice.gap(answer))

    def reset(self) -> None:
        """Forget what was said; what is being said now is not remembered either."""
        self.turns = []

    def _answer(self, message: str, turns: list[Turn], user: str, replaced: Turn | None) -> Reply:
        voice = self.voice
        known, _ = voice.model.vocabulary.known(message)
        request = _request(voice, self.options, self._seed(), message=known, before=self._before(voice, turns))
        return self._say(message, Receipt(request=request, model=voice.digest), user, replaced)

    def _before(self, voice: Voice, turns: list[Turn]) -> str:
        """Return the last turns in this voice as it reads them."""
        theirs = [turn for turn in turns if turn.receipt.request.style == self.style][-READ:]
        return voice.history((turn.message, turn.answer) for turn in theirs)[-CONTEXT:]

    def _say(
        self, message: str, receipt: Receipt, user: str, replaced: Turn | None, earlier: str = "", gap: str = ""
    ) -> Reply:
        """Begin to write the last part of `receipt`; what is said of it, after `earlier` and `gap`, will be a turn."""
        turns, skipped = self.turns, receipt.said or 0
        stream = Generator(self.engine, receipt.request.style).answer(receipt.last, user)

        def remember(said: str, whole: bool) -> Turn | None:
            if not said and not whole:
                return None
            answer = earlier + said
            stopped = None if whole else skipped + len(said) - len(gap)
            kept = receipt.model_copy(update={"said": stopped, "digest": digest(answer)})
            turn = Turn(message=message, answer=answer, receipt=kept)
            place = next((place for place, each in enumerate(turns) if each is replaced), len(turns))
            turns[place : place + 1] = [turn]
            del turns[:-REMEMBERED]
            if self.options.seed == receipt.last.seed:  # the next turn has the next
                self.options = self.options.model_copy(update={"seed": receipt.last.seed + 1})
            return turn

        return Reply(stream, remember, skipped, gap)

    def _last(self) -> Turn:
        if not self.turns:
            raise UserError("Nothing was said yet.")
        return self.turns[-1]

    def _seed(self) -> int:
        return self.draw_seed() if self.options.seed is None else self.options.seed

    def _persona(self, name: str | None) -> Persona:
        if name is None:
            return Persona()
        if name not in self.personas:
            raise unknown("persona", name, self.personas)
        return self.personas[name]

    def _report_strangers(self, message: str) -> None:
        strangers = self.voice.left_out(message)
        if strangers:
            self._notice(f"{self.style} has never seen {strangers[:SHOWN]!r}; what it cannot read is left out.")

    def _notice(self, line: str) -> None:
        if line not in self._noticed:
            self._noticed.add(line)
            self.notify(line)


class _Memory(BaseModel):
    """What is kept of a conversation."""

    model_config = ConfigDict(extra="forbid")

    style: str
    options: Options
    turns: list[Turn]


def _request(voice: Voice, options: Options, seed: int, **fields: object) -> Request:
    """Return the request of an answer; one longer than usual is shown as it comes, unless it is to be chosen."""
    shape = voice.plugin.manifest.text
    usual = options.length is None or options.length <= shape.length
    candidates = options.candidates if options.candidates is not None else shape.candidates if usual else 1
    own = {"length": options.length, "adapt": options.adapt, "blend": options.blend, "prefix": options.prefix}
    sampling = voice.sampling(temperature=options.temperature)
    return voice.request(sampling, seed, whole=True, candidates=candidates, **(own | fields))
