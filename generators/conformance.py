"""The score card: what a plugin must show before it may post. A line for each thing, and what it says when it fails.

What a voice writes is judged draft by draft, as a post would be, but without drawing again: a post is chosen among many
drafts, so a line fails where so many of them fall that choosing is luck.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from corpora.errors import UserError
from generators.automaton import Automaton, automaton
from generators.engine import Engine
from generators.hooks import Hooks
from generators.host import HOOKS
from generators.judgement import form_faults
from generators.plugin import CODE, Plugin, own
from generators.quality import Gates, longest_loop, unsayable
from generators.voice import Voice

EDITION = 1  # of this card; one of another edition is not kept
DRAFTS = 48
LEAST = 0.25  # the part of the drafts that must pass each gate
UNSAFE = 0.05  # the part of them that may have a word of the blocklist
TRIED = 6  # texts that hooks are tried with
READ = 300  # characters of each
SLOW = 0.25  # seconds that a hook may take for one text
SLUGGISH = 50.0  # characters per second of one text: about twice as fast as people read
LARGE = 100.0  # megabytes of a model folder

Clock = Callable[[], float]


class Line(BaseModel):
    """One thing that was looked at."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    passed: bool
    said: str


class Card(BaseModel):
    """All of them; `digest` is that of the plugin and the model they were seen in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    plugin: str
    digest: str
    lines: tuple[Line, ...]

    @property
    def failed(self) -> tuple[Line, ...]:
        """Return the lines that keep the plugin from posting."""
        return tuple(line for line in self.lines if not line.passed)

    def __str__(self) -> str:
        """Show a line for each."""
        return "\n".join(f"{'ok  ' if line.passed else 'FAIL'}  {line.name:<16} {line.said}" for line in self.lines)


@dataclass(frozen=True)
class Losses:
    """Nats per character on held-out text: the voice's, and the best n-gram model's with its order."""

    voice: float
    ngram: float
    order: int

    @classmethod
    def told(cls, scores: Mapping[str, float]) -> "Losses | None":
        """Return those that a model folder tells, which training measured; None where it tells none."""
        if not {"test_int8", "best_ngram", "best_ngram_order"} <= scores.keys():
            return None
        return cls(scores["test_int8"], scores["best_ngram"], int(scores["best_ngram_order"]))


def digest(voice: Voice) -> str:
    """Return what changes when the card has to be made anew: the plugin's own files, the model, or the card itself."""
    whole = hashlib.sha256(json.dumps([EDITION, voice.digest]).encode())
    for name in own(voice.plugin.folder):
        path = voice.plugin.folder / name
        whole.update(path.read_bytes() if path.exists() else b"\0")
    return whole.hexdigest()


def check(
    engine: Engine,
    voice: Voice,
    gates: Gates,
    losses: Losses | None,
    models: Path,
    drafts: int = DRAFTS,
    clock: Clock = time.perf_counter,
) -> Card:
    """Look at everything. `losses` are None where there is no network; `models` are the user's own."""
    plugin = voice.plugin
    try:
        texts, speed = _written(engine, voice, drafts, clock)
        lines = [
            Line(name="loads", passed=True, said=f"{plugin.origin}, {plugin.folder}"),
            _licence(plugin),
            _hooks(plugin, voice, texts, clock),
            _loss(voice, losses),
            _form(plugin, texts),
            *_gates(gates, texts),
            _speed(speed),
            _size(plugin.trained_folder(models)),
        ]
    except UserError as error:
        lines = [Line(name="loads", passed=False, said=str(error))]
    return Card(plugin=plugin.name, digest=digest(voice), lines=tuple(lines))


def _written(engine: Engine, voice: Voice, count: int, clock: Clock) -> tuple[list[str], float]:
    """Return drafts with the seeds 0, 1, 2 ..., finished, and the characters per second of the first one alone."""
    requests = [voice.request(voice.sampling(), seed) for seed in range(count)]
    engine.submit(requests[0].model_copy(update={"length": 1})).close()  # the prompt is read, the grammar is there
    started = clock()
    first = "".join(engine.submit(requests[0]))
    speed = len(first) / max(clock() - started, 1e-9)
    streams = [engine.submit(request) for request in requests[1:]]
    finish = voice.plugin.hook("finish")
    drafts = [first, *("".join(stream) for stream in streams)]
    return [finish(draft) if finish else draft for draft in drafts], speed


def _licence(plugin: Plugin) -> Line:
    licence = plugin.manifest.corpus.licence
    named = licence.strip().lower() not in ("", "unknown")
    said = licence if named else 'say whose text it is: [corpus] licence = "..." in plugin.toml'
    return Line(name="licence", passed=named, said=said)


def _hooks(plugin: Plugin, voice: Voice, texts: Sequence[str], clock: Clock) -> Line:
    """Try each hook twice here and once in a process of its own, with some of the texts."""
    elsewhere = Hooks(plugin.name, plugin.folder / CODE)
    had, faults, slowest = list[str](), list[str](), 0.0
    for name in HOOKS:
        here, there = plugin.hook(name), elsewhere.get(name)
        if here is None or there is None:
            continue
        had.append(name)
        if name == "grammar":
            alphabet = voice.model.vocabulary.characters
            here, there = (_followed(automaton(make(alphabet), alphabet)) for make in (here, there))
        for text in (text[:READ] for text in texts[:TRIED]):
            started = clock()
            answer = here(text)
            slowest = max(slowest, (clock() - started) / (len(text) + 1 if name == "grammar" else 1))
            if answer != here(text) or answer != there(text):
                faults.append(f"{name} does not always give the same answer to the same text")
                break
    if slowest > SLOW:
        faults.append(f"one call took {slowest:.2g} s; at most {SLOW} s")
    said = f"{', '.join(had)}: pure, {slowest * 1000:.2g} ms at most" if had else "none"
    return Line(name="hooks", passed=not faults, said="; ".join(faults) or said)


def _followed(form: Automaton) -> Callable[[str], list[Any]]:
    """Return a function that tells what a grammar allows at each place of a text, up to where it has not the form."""

    def told(text: str) -> Iterator[Any]:
        state: Any = form.start
        for character in text:
            moves = form.moves(state)
            yield sorted("".join(moves)), form.distance(state)
            after = [to for characters, to in moves.items() if character in characters]
            if not after:
                return
            state = after[0]

    return lambda text: list(told(text))


def _loss(voice: Voice, losses: Losses | None) -> Line:
    if not voice.trained:
        said = f"it speaks from letter counts: `apocrypha train {voice.plugin.name}`"
    elif losses is None:
        said = "never measured, and its text is not here; `apocrypha train` measures"
    else:
        said = f"{losses.voice:.3f} nats per character, the best n-gram (order {losses.order}) {losses.ngram:.3f}"
    better = voice.trained and losses is not None and losses.voice < losses.ngram
    return Line(name="held-out loss", passed=better, said=said)


def _form(plugin: Plugin, texts: Sequence[str]) -> Line:
    faults = [fault for fault in form_faults(plugin, texts) if fault]
    judged = "" if plugin.manifest.form or plugin.hook("check") else ", for it has no form"
    told = f"; the others: {max(set(faults), key=faults.count)}" if faults else judged
    return _rate("form", len(texts) - len(faults), len(texts), LEAST, f"are well formed{told}")


def _gates(gates: Gates, texts: Sequence[str]) -> list[Line]:
    """Let every gate judge every draft; a post has to pass them all."""
    limits, count = gates.limits, len(texts)
    copied = sum(gates.index.longest_copy(text) <= limits.copied for text in texts)
    loops = sum(longest_loop(text) <= limits.loop for text in texts)
    known = sum(gates.index.known_words(text) >= limits.known_words for text in texts)
    decent = sum(not unsayable(text) for text in texts)
    passed = sum(not gates.fault(text) for text in texts)
    return [
        _rate("copied runs", copied, count, LEAST, f"copy at most {limits.copied} characters in a row"),
        _rate("repetition", loops, count, LEAST, "do not go in circles"),
        _rate("known words", known, count, LEAST, f"have {limits.known_words:.0%} of their words from the text"),
        _rate("unsafe words", decent, count, 1 - UNSAFE, "have no word of the blocklist"),
        _rate("all gates", passed, count, LEAST, "could be posted"),
    ]


def _rate(name: str, good: int, count: int, least: float, what: str) -> Line:
    passed = good >= least * count
    wanted = "" if passed else f" (at least {least:.0%} must)"
    return Line(
        name=name, passed=passed, said=f"{good} of {count} drafts {what}{wanted}".replace("drafts well", "well")
    )


def _speed(speed: float) -> Line:
    said = f"{speed:,.0f} characters a second, alone" + ("" if speed >= SLUGGISH else f"; at least {SLUGGISH:.0f}")
    return Line(name="speed", passed=speed >= SLUGGISH, said=said)


def _size(folder: Path | None) -> Line:
    megabytes = sum(file.stat().st_size for file in folder.iterdir() if file.is_file()) / 1e6 if folder else 0.0
    said = f"{megabytes:.2g} MB" + ("" if megabytes <= LARGE else f"; at most {LARGE:.0f} MB")
    return Line(name="size", passed=megabytes <= LARGE, said=said)
