"""Score cards that are kept, so that nothing is measured twice, and what a person allowed in spite of one.

A card is kept by the digest of plugin and model: where either changes, it is made anew. What comes with apocrypha has
passed before it came.
"""

import json
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bot import yardsticks
from bot.settings import Settings
from corpora.corpus import Corpus
from corpora.errors import UserError
from generators import conformance
from generators.conformance import Card, Line, Losses
from generators.engine import Engine
from generators.plugin import OURS
from generators.quality import open_gates
from generators.voice import Voice
from training import checkpoint
from training.checkpoint import write_durably


class UnfitError(UserError):
    """A voice whose card fails was to post."""


@dataclass(frozen=True)
class Cards:
    """The cards of a user's plugins. Thread-safe: of several who want the same card, one makes it."""

    settings: Settings
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def card(self, engine: Engine, style: str, anew: bool = False) -> Card:
        """Return the card of the voice that speaks now, made where there is none of just this voice."""
        with self._lock:
            return self._card(engine, style, anew)

    def _card(self, engine: Engine, style: str, anew: bool) -> Card:
        try:
            voice = engine.voice(style)
        except UserError as error:
            return Card(plugin=style, digest="", lines=(Line(name="loads", passed=False, said=str(error)),))
        kept = None if anew else self._kept(style)
        if kept and kept.digest == conformance.digest(voice):
            return kept
        gates = open_gates(voice.plugin, self.settings.models, self.settings.places)
        card = conformance.check(engine, voice, gates, self._losses(voice), self.settings.models)
        self._write(style, self._read(style) | {"card": card.model_dump()})
        return card

    def require(self, engine: Engine, style: str) -> Voice:
        """Return the voice that speaks now for a style; raise UnfitError, line by line, where it may not post."""
        voice = engine.voice(style)
        if voice.plugin.origin == OURS or self.allowed(style):
            return voice
        if failed := self.card(engine, style).failed:
            told = "\n".join(f"  {line.name}: {line.said}" for line in failed)
            raise UnfitError(
                f"{style} may chat but not post:\n{told}\nMend it, or answer for it: "
                f'`apocrypha check {style} --allow "why"`.'
            )
        return voice

    def allow(self, style: str, who: str, when: str, why: str) -> None:
        """Record that a style may post whatever its card says; an empty `why` takes that back."""
        state = self._read(style) | {"allowed": {"by": who, "at": when, "why": why}}
        if not why:
            del state["allowed"]
        self._write(style, state)

    def allowed(self, style: str) -> dict[str, str]:
        """Return who allowed a style to post whatever its card says, when and why; nothing where nobody did."""
        found: dict[str, str] = self._read(style).get("allowed", {})
        return found

    def told(self, style: str) -> str:
        """Return what the last card said, without looking whether it is still the voice's."""
        kept = self._kept(style)
        if kept is None:
            return "none yet"
        return f"fails: {', '.join(line.name for line in kept.failed)}" if kept.failed else "passed"

    def _losses(self, voice: Voice) -> Losses | None:
        """Return the losses on the test part of its text: measured before where it was the same, or measured now."""
        folder = voice.plugin.trained_folder(self.settings.models)
        if not folder:
            return None
        model, text = checkpoint.read_card(folder), self._text(voice)
        told = Losses.told(model.scores)
        if text is None or (told and text.digest == model.corpus.get("digest")):
            return told
        order, ngram = yardsticks.best_ngram(voice.plugin, text, self.settings)
        return Losses(voice.score(text.test), ngram, order)

    def _text(self, voice: Voice) -> Corpus | None:
        """Return the text that the plugin learned from where it is at hand; a packaged one may have left it out."""
        spec = voice.plugin.manifest.corpus
        place = self.settings.places.cached(spec) if spec.remote else voice.plugin.folder / spec.file
        return voice.plugin.text(self.settings.places) if place.exists() else None

    def _kept(self, style: str) -> Card | None:
        try:
            return Card.model_validate(self._read(style).get("card"))
        except ValidationError:  # there is none, or one of another version
            return None

    def _read(self, style: str) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads(self._path(style).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found

    def _write(self, style: str, state: dict[str, Any]) -> None:
        path = self._path(style)
        part = path.with_suffix(".new")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_durably(part, (json.dumps(state, ensure_ascii=False, indent=1) + "\n").encode())
            part.replace(path)
        except OSError as error:
            raise UserError(f"{path}: the score card could not be kept ({error.strerror}).") from error

    def _path(self, style: str) -> Path:
        return self.settings.cards / f"{style}.json"
