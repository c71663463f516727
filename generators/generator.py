"""What a frontend holds: one style of an engine, its texts finished and judged as the plugin says."""

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from corpora.errors import UserError
from generators.engine import Engine
from generators.plugin import Plugin
from generators.quality import Gates, unsayable
from generators.ranking import ranked
from generators.stream import Stream
from generators.voice import Request, Voice

AHEAD = 64  # drafts written side by side where many are wanted


@dataclass(frozen=True)
class Generator:
    """Writes in one style."""

    engine: Engine
    style: str

    @property
    def voice(self) -> Voice:
        """Return the voice that speaks for the style now."""
        return self.engine.voice(self.style)

    def answer(self, request: Request, user: str = "") -> Stream:
        """Return a text, prefix included: as it is written, or whole where the plugin finishes or judges its texts.

        Drafts that the plugin's `check` rejects are drawn again. A text that has its form from a grammar is not judged,
        nor one with a prefix: it begins as the person wants. Of several candidates the one is given that was called
        for most (see Choice). The stream raises UserError with the tally of reasons where no draft is accepted.
        """
        voice = self.voice
        plugin = voice.plugin
        form = Form(plugin, bool(request.prefix))
        if request.candidates > 1:
            return self.engine.submit(request, Choice(self.engine, request, form), user)
        formed = request.prefix or (request.grammar and plugin.hook("grammar"))
        judged = plugin.hook("finish") or (plugin.hook("check") and not formed)
        return self.engine.submit(request, form if judged else None, user)

    def text(self, request: Request) -> str:
        """Return a whole text."""
        return "".join(self.answer(request))

    def texts(self, requests: Iterable[Request]) -> Iterator[str]:
        """Yield the texts of `requests` in order, many of them being written at once."""
        streams: deque[Stream] = deque()
        for request in requests:
            streams.append(self.answer(request))
            if len(streams) * request.candidates >= AHEAD:
                yield "".join(streams.popleft())
        for stream in streams:
            yield "".join(stream)


@dataclass
class Form:
    """Gives the first draft that is well formed and passes the gates, and counts what is wrong with the others."""

    plugin: Plugin
    prefixed: bool = False
    gates: Gates | None = None
    rejected: Counter[str] = field(default_factory=Counter)

    def choose(self, drafts: list[str]) -> str | None:
        """Return the first that will do, finished."""
        return next((text for text in map(self.finished, drafts) if text is not None), None)

    def finished(self, draft: str) -> str | None:
        """Return a draft as it is shown, or None where it will not do."""
        finish, check = self.plugin.hook("finish"), self.plugin.hook("check")
        text = finish(draft) if finish else draft
        fault = check(text) if check and not self.prefixed else ""
        if self.gates and not fault:
            fault = self.gates.fault(text)
        if fault:
            self.rejected[fault] += 1
        return None if fault else str(text)

    def refusal(self) -> UserError:
        """Say how many drafts were written, and what was wrong with them."""
        tally = "; ".join(f"{fault} ({count})" for fault, count in self.rejected.most_common())
        drafts = self.rejected.total()
        return UserError(f"{self.plugin.name}: {drafts} drafts were written and none will do: {tally}.")


@dataclass
class Choice:
    """Gives the well-formed draft that was called for most by what was said (generators/ranking.py).

    One that passes the gates comes before all that do not; a word of the blocklist is never said.
    """

    engine: Engine
    request: Request
    form: Form

    def choose(self, drafts: list[str]) -> str | None:
        """Return the best that will do, finished."""
        voice = self.engine.voice(self.request.style, self.request.blend)
        spare = None
        for draft in self._by_rank(voice, drafts):
            text = self.form.finished(draft)
            if text is None or self._unsayable(text):
                continue
            if voice.gates is None or not voice.gates.fault(text):
                return text
            spare = text if spare is None else spare
        return spare

    def refusal(self) -> UserError:
        """Say what was wrong with the drafts."""
        return self.form.refusal()

    def _by_rank(self, voice: Voice, drafts: list[str]) -> list[str]:
        begun = len(voice.model.vocabulary.known(self.request.prefix)[0])
        said = self.request.message or self.request.before
        places = ranked(voice.model, self.engine.mind(self.request), said, [draft[begun:] for draft in drafts])
        return [drafts[place] for place in places]

    def _unsayable(self, text: str) -> bool:
        found = unsayable(text)
        self.form.rejected["has a word of the blocklist"] += bool(found)
        return bool(found)
