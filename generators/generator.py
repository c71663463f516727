"""A voice that speaks: a plugin and a language model, one text at a time."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from corpora import corpus
from corpora.errors import UserError, faults
from corpora.fetch import Places
from generators.inference import LanguageModel, Network
from generators.plugin import Plugin
from generators.sampling import Sampling, distribution, draw
from training import checkpoint
from training.batches import held_out
from training.ngram import NGram
from training.vocabulary import Vocabulary

CONTEXT = 2000  # characters of a prompt that are read; what came before them no longer changes an answer
TRIES = 20  # drafts before a voice is said to be unable to write a well-formed text
SPAN = 256  # characters scored at once


class Request(BaseModel):
    """One text to write: `prefix` begins it, `message` is what it should have to do with."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prefix: str = ""
    message: str = ""
    sampling: Sampling = Sampling()
    seed: int = Field(0, ge=0)
    length: int = Field(400, ge=1, le=100_000)
    stop: str = "\n"


@dataclass(frozen=True)
class Generator:
    """Writes in one plugin's voice. `trained` is False where n-gram counts stand in for a network."""

    plugin: Plugin
    model: LanguageModel
    digest: str
    trained: bool

    def request(self, sampling: Sampling, seed: int, **fields: object) -> Request:
        """Return a request with the plugin's own length and stop unless `fields` (not None) say otherwise."""
        shape = self.plugin.manifest.text
        given = {name: value for name, value in fields.items() if value is not None}
        try:
            return Request.model_validate(
                {"length": shape.length, "stop": shape.stop, "sampling": sampling, "seed": seed, **given}
            )
        except ValidationError as error:
            raise UserError(f"This text cannot be written: {faults(error)}.") from error

    def left_out(self, text: str) -> str:
        """Return the distinct characters of `text` that the model never saw; they are not read."""
        return self.model.vocabulary.known(text)[1]

    def stream(self, request: Request, draft: int = 0) -> Iterator[str]:
        """Yield the text character by character, from the prefix's end on, up to `stop` or `length`.

        The same request and draft give the same characters on the same machine and model.
        """
        chance = np.random.default_rng([request.seed, draft])
        logits, state = self._read(self._prompt(request))
        written, held = np.zeros(request.length, dtype=np.int64), ""
        for count in range(request.length):
            try:
                probabilities = distribution(logits, request.sampling, written[:count])
            except FloatingPointError as error:
                raise UserError(f"{self.plugin.name}: the network computed NaN; train it again.") from error
            written[count] = draw(probabilities, chance)
            held += self.model.vocabulary.characters[written[count]]
            if request.stop and held.endswith(request.stop):
                return
            sure = len(held) - _overlap(held, request.stop)  # what can no longer belong to the stop
            yield from held[:sure]
            held = held[sure:]
            step, state = self.model.step(written[count : count + 1], state)
            logits = step[0]
        yield from held

    def answer(self, request: Request) -> Iterator[str]:
        """Yield the answer to the request's message: as it is written, or judged first where the plugin judges."""
        if self.plugin.hook("check") or self.plugin.hook("finish"):
            yield from self.text(request)
        else:
            yield from self.stream(request)

    def text(self, request: Request) -> str:
        """Return a whole text, prefix included; drafts that the plugin's `check` rejects are drawn again.

        A text with a prefix is not judged: it begins as the person wants. Raises UserError with the tally of reasons
        where no draft is accepted.
        """
        finish, check = self.plugin.hook("finish"), self.plugin.hook("check")
        prefix = self.model.vocabulary.known(request.prefix)[0]
        rejected: Counter[str] = Counter()
        for draft in range(TRIES):
            text = prefix + "".join(self.stream(request, draft))
            text = finish(text) if finish else text
            fault = check(text) if check and not prefix else ""
            if not fault:
                return text
            rejected[fault] += 1
        tally = "; ".join(f"{fault} ({count})" for fault, count in rejected.most_common())
        raise UserError(f"{self.plugin.name}: {TRIES} drafts were written and none is well formed: {tally}.")

    def score(self, text: str) -> float:
        """Return the nats per character of a held-out `text`, as this voice computes it (8-bit for a network)."""
        laid = held_out(self.model.vocabulary.encode(text))
        state, total = self.model.start(len(laid.inputs)), 0.0
        for at in range(0, laid.inputs.shape[1], SPAN):
            span = slice(at, at + SPAN)
            logits, state = self.model.read(np.ascontiguousarray(laid.inputs[:, span].T), state)  # (T, rows, V)
            wide = logits.astype(np.float64)
            top = wide.max(axis=-1)
            sums = np.log(np.exp(wide - top[..., None]).sum(axis=-1)) + top
            right = np.take_along_axis(wide, laid.targets[:, span].T[..., None], axis=-1)[..., 0]
            total += float((sums - right)[laid.scored[:, span].T].sum())
        return total / int(laid.scored.sum())

    def _prompt(self, request: Request) -> str:
        """Return what the network reads before it writes."""
        shape, hook = self.plugin.manifest.text, self.plugin.hook("prompt")
        message = self.model.vocabulary.known(request.message)[0][-CONTEXT:]
        before = (hook(message) if hook else f"{message}{shape.start}") if message else shape.start
        prompt, _ = self.model.vocabulary.known(before + request.prefix)
        return prompt[-CONTEXT:] or self.model.vocabulary.characters[0]

    def _read(self, prompt: str) -> tuple[np.ndarray, np.ndarray]:
        ids = self.model.vocabulary.encode(prompt).astype(np.int64)[:, None]  # (T, 1)
        state = self.model.start(1)
        if len(ids) < 32:  # not worth opening the sequence graph for
            for row in ids:
                logits, state = self.model.step(row, state)
            return logits[0], state
        all_logits, state = self.model.read(ids, state)
        return all_logits[-1, 0], state


def open_voice(plugin: Plugin, models: Path, cache: Path, places: Places) -> Generator:
    """Open a plugin's voice: the user's own trained model, the plugin's, or n-gram counts of its corpus."""
    folder = plugin.trained_folder(models)
    if folder:
        model = checkpoint.load(folder)
        return Generator(plugin, Network(model, cache), model.digest, trained=True)
    text = corpus.build(plugin.manifest.corpus, plugin.folder, places, plugin.hook("clean"))
    return Generator(plugin, NGram(text.train, Vocabulary(text.alphabet)), f"ngram-{text.digest}", trained=False)


def _overlap(text: str, stop: str) -> int:
    """Return how many characters at the end of `text` may be the beginning of `stop`."""
    return next((size for size in range(min(len(stop) - 1, len(text)), 0, -1) if stop.startswith(text[-size:])), 0)
