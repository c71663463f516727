"""A voice: a plugin and the model that speaks for it. What a request makes it read, and how well it predicts a text."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from corpora.errors import UserError, faults
from corpora.fetch import Places
from generators.adaptation import Recollection
from generators.automaton import automaton
from generators.blend import Blend
from generators.grammar import Table
from generators.inference import LanguageModel, Network
from generators.plugin import Plugin
from generators.quality import Gates, open_gates
from generators.sampling import Sampling
from training import checkpoint
from training.batches import held_out
from training.ngram import NGram
from training.vocabulary import Vocabulary

CONTEXT = 2000  # characters of a prompt that are read; what came before them no longer changes an answer
SPAN = 256  # characters scored at once


class Request(BaseModel):
    """One text to write: `prefix` begins it, `message` is what it should have to do with, `before` was said earlier.

    The same request gives the same text, on the same machine and model, whatever else is being written.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    style: str
    blend: tuple[str, Annotated[float, Field(ge=0, le=1)]] | None = Field(
        None, description="another style, and its part in every guess"
    )
    before: str = Field("", description="texts in the style that are read first; see Voice.after")
    message: str = ""
    prefix: str = ""
    sampling: Sampling = Sampling()
    adapt: float = Field(0.0, ge=0, lt=1, description="the part that recent text has in every guess; 0 is off")
    seed: int = Field(0, ge=0)
    length: int = Field(400, ge=1, le=100_000)
    stop: str = "\n"
    grammar: bool = Field(True, description="keep to the style's grammar, where it has one")
    whole: bool = Field(False, description="break off only after a sentence, a line or a word")
    candidates: int = Field(1, ge=1, le=64, description="drafts written side by side to choose from")


@dataclass(frozen=True)
class Voice:
    """One plugin's voice. `trained` is False where n-gram counts stand in for a network.

    `is_current` tells whether opening it again would give the same model; `open_gates` opens what judges its texts.
    """

    plugin: Plugin
    model: LanguageModel
    digest: str
    trained: bool
    is_current: Callable[[], bool] = field(default=lambda: True, repr=False, compare=False)
    open_gates: Callable[[], Gates] | None = field(default=None, repr=False, compare=False)

    def request(self, sampling: Sampling, seed: int, **fields: object) -> Request:
        """Return a request with the plugin's own length and stop unless `fields` (not None) say otherwise."""
        shape = self.plugin.manifest.text
        given = {name: value for name, value in fields.items() if value is not None}
        own = {"style": self.plugin.name, "length": shape.length, "stop": shape.stop}
        try:
            return Request.model_validate(own | {"sampling": sampling, "seed": seed} | given)
        except ValidationError as error:
            raise UserError(f"This text cannot be written: {faults(error)}.") from error

    def sampling(self, **options: object) -> Sampling:
        """Return sampling options, the style's own temperature unless it is given; raise UserError (see Sampling)."""
        if options.get("temperature") is None:
            options["temperature"] = self.plugin.manifest.text.temperature
        return Sampling.checked(**options)

    def left_out(self, text: str) -> str:
        """Return the distinct characters of `text` that the model never saw; they are not read."""
        return self.model.vocabulary.known(text)[1]

    def prompt(self, request: Request) -> NDArray[np.int64]:
        """Return the ids (T,) that the model reads before it writes; at least one."""
        read, _ = self.model.vocabulary.known(self._laid(request) + request.prefix)
        return self.model.vocabulary.encode(read[-CONTEXT:] or self.model.vocabulary.characters[0]).astype(np.int64)

    def after(self, request: Request, text: str) -> str:
        """Return what a request that goes on after `text`, the answer to `request`, has `before` it."""
        return self._laid(request) + text + self.gap(text)

    def history(self, turns: Iterable[tuple[str, str]]) -> str:
        """Return what a request has `before` it that follows on messages and the answers to them."""
        before = ""
        for message, answer in turns:
            before = self.after(Request(style=self.plugin.name, before=before, message=message), answer)
        return before

    def gap(self, text: str) -> str:
        """Return what is missing at the end of `text` before another may begin: the line feeds between two texts."""
        start = self.plugin.manifest.text.start
        between, has = (len(each) - len(each.rstrip("\n")) for each in (start, text))
        return "\n" * (between - has)

    def _laid(self, request: Request) -> str:
        """Return what is read before the prefix: what was said before, and the message as the plugin lays it out."""
        shape, hook = self.plugin.manifest.text, self.plugin.hook("prompt")
        message = self.model.vocabulary.known(request.message)[0][-CONTEXT:]
        laid = (hook(message) if hook else f"{message}{shape.start}") if message else shape.start
        return request.before + laid.removeprefix(shape.start) if request.before else laid

    @cached_property
    def grammar(self) -> Table | None:
        """Return the plugin's grammar as a table for one thread, or None; raise UserError where it cannot be used."""
        hook = self.plugin.hook("grammar")
        if hook is None:
            return None
        alphabet = self.model.vocabulary.characters
        made = self.plugin.call("grammar", automaton, hook(alphabet), alphabet)
        return Table(made, self.model.vocabulary, partial(self.plugin.call, "grammar"))

    @cached_property
    def gates(self) -> Gates | None:
        """Return what a text should pass, or None; raise UserError where the index of the model cannot be read."""
        return self.open_gates() if self.open_gates else None

    def blended(self, other: "Voice", weight: float) -> "Voice":
        """Return this voice with `other`'s guesses mixed into its own; form and shape stay this one's."""
        model = Blend(self.model, other.model, weight)
        digest = f"{self.digest}+{weight:g}*{other.digest}"
        both = (self.is_current, other.is_current)
        trained = self.trained and other.trained
        return Voice(self.plugin, model, digest, trained, lambda: all(ask() for ask in both), self.open_gates)

    def score(self, text: str, adapt: float = 0.0) -> float:
        """Return the nats per character of a held-out `text`, as this voice computes it (8-bit for a network).

        With `adapt` what was said before counts too, as it would in a request; every row of the held-out layout
        remembers its own part of the text.
        """
        laid = held_out(self.model.vocabulary.encode(text))
        state, total = self.model.start(len(laid.inputs)), 0.0
        memories = [Recollection(row[:1], adapt) for row in laid.inputs] if adapt else []
        for at in range(0, laid.inputs.shape[1], SPAN):
            span = slice(at, at + SPAN)
            logits, state = self.model.read(np.ascontiguousarray(laid.inputs[:, span].T), state)  # (T, rows, V)
            targets = laid.targets[:, span].T
            for row, memory in enumerate(memories):
                for guess, target in zip(logits[:, row], targets[:, row], strict=True):
                    guess[:] = memory.mixed(guess)
                    memory.add(int(target))
            wide = logits.astype(np.float64)
            top = wide.max(axis=-1)
            sums = np.log(np.exp(wide - top[..., None]).sum(axis=-1)) + top
            right = np.take_along_axis(wide, targets[..., None], axis=-1)[..., 0]
            total += float((sums - right)[laid.scored[:, span].T].sum())
        return total / int(laid.scored.sum())


def open_voice(plugin: Plugin, models: Path, cache: Path, places: Places, threads: int = 1) -> Voice:
    """Open a plugin's voice: the user's own trained model, the plugin's, or n-gram counts of its corpus."""
    folder = plugin.trained_folder(models)
    mark, cut_off = checkpoint.mark(folder) if folder else None, plugin.cut_off
    gates = partial(open_gates, plugin, models, places)

    def is_current() -> bool:
        if plugin.changed or plugin.cut_off != cut_off:
            return False
        now = plugin.trained_folder(models)  # a folder deleted since is no reason to stop
        return now is None or (now, checkpoint.mark(now)) == (folder, mark)

    if folder:
        model = checkpoint.load(folder)
        return Voice(plugin, Network(model, cache, threads=threads), model.digest, True, is_current, gates)
    text = plugin.text(places)
    counts = NGram(text.train, Vocabulary(text.alphabet))
    return Voice(plugin, counts, f"ngram-{text.digest}", False, is_current, gates)
