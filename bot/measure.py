"""The verb `evaluate`: a voice's loss on text it never saw, and judgements on what it writes."""

import importlib
import math
import statistics
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bot import yardsticks
from bot.settings import Settings
from corpora.corpus import Corpus
from corpora.errors import UserError
from generators.engine import Engine
from generators.generator import Form
from generators.plugin import Plugin
from generators.quality import Gates, Index, longest_loop
from generators.voice import Voice
from training import checkpoint

Say = Callable[[str], None]


def evaluate(voice: Voice, text: Corpus, settings: Settings, say: Say, adapt: float = 0.0) -> dict[str, Any]:
    """Return the scores of `voice` on the test part of its corpus `text`, which it was never trained on.

    With `adapt`, also the score of a voice that lets recent text count that much.
    """
    plugin = voice.plugin
    folder = plugin.trained_folder(settings.models)
    card = checkpoint.read_card(folder) if folder else None
    if card and card.corpus.get("digest") != text.digest:
        say(f"({plugin.name}: the model was trained on another text or another split; it may have seen this test text)")
    nats = voice.score(text.test)
    order, best = yardsticks.best_ngram(plugin, text, settings)
    return {
        "style": plugin.name,
        "model": voice.digest,
        "nats_per_character": nats,
        "bits_per_character": nats / math.log(2),
        "fp32_nats_per_character": card.scores.get("test") if card else None,
        "best_ngram_nats": best,
        "best_ngram_order": order,
        "parameters": card.parameters if card else 0,
        "test_characters": len(text.test),
    } | ({"adapted_nats": voice.score(text.test, adapt)} if adapt else {})


def judge(engine: Engine, voice: Voice, text: Corpus, settings: Settings, count: int) -> dict[str, Any]:
    """Return judgements on `count` texts of the style's own temperature, with the seeds 0, 1, 2 ...

    They pass the same gates as a post: a draft that does not is rejected and drawn again. Beside what is said of them
    stands the same of pieces of held-out text of the same lengths. Raise UserError where a seed gives no text at all.
    """
    plugin = voice.plugin
    folder = plugin.trained_folder(settings.models)
    index = Index.load(folder) if folder else Index.of(text.train)
    forms = [Form(plugin, gates=Gates(plugin.manifest.limits, index)) for _ in range(count)]
    requests = [voice.request(voice.sampling(), seed) for seed in range(count)]
    streams = [engine.submit(request, form) for request, form in zip(requests, forms, strict=True)]
    texts = ["".join(stream) for stream in streams]
    rejected = sum((form.rejected for form in forms), Counter[str]())
    faults = form_faults(plugin, texts)
    human = _pieces(text.test, texts)
    return (
        {
            "samples": count,
            "characters": sum(map(len, texts)),
            "form_rate": faults.count("") / count,
            "form_faults": dict(Counter(fault for fault in faults if fault)),
            "rejected_rate": rejected.total() / (count + rejected.total()),
            "rejected": dict(rejected),
            "copy_limit": plugin.manifest.limits.copied,
            "ppmd_nats": yardsticks.ppmd(plugin, text, settings),
        }
        | _statistics(index, texts)
        | {f"human_{name}": value for name, value in _statistics(index, human).items()}
    )


def form_faults(plugin: Plugin, texts: Sequence[str]) -> list[str]:
    """Return what keeps each text from being well formed, "" where nothing does.

    It is a real parser's word where the manifest names one, and the plugin's own `check` otherwise.
    """
    if plugin.manifest.form:
        try:
            parser = importlib.import_module(f"generators.forms.{plugin.manifest.form}")
        except ModuleNotFoundError as error:
            raise UserError(f"{error.name} is needed to judge {plugin.name}: pip install '.[train]'.") from error
        found: list[str] = parser.faults(texts)
        return found
    check = plugin.hook("check")
    return [check(text) if check else "" for text in texts]


def _statistics(index: Index, texts: Sequence[str]) -> dict[str, float]:
    """Return what is said of texts, be they written by a network or by people."""
    copies = [index.longest_copy(text) for text in texts]
    words = [index.known_words(text) for text in texts]
    return {
        "longest_copy": max(copies),
        "median_copy": statistics.median(copies),
        "known_words": statistics.mean(words),
        "longest_loop": max(longest_loop(text) for text in texts),
    }


def _pieces(text: str, like: Sequence[str]) -> list[str]:
    """Return a piece of `text` for each text in `like`, as long, spread evenly and begun at the beginning of a line."""
    starts = np.linspace(0, max(len(text) - max(map(len, like)), 0), len(like), dtype=int)
    lines = [text.find("\n", max(start - 1, 0)) + 1 for start in starts]
    return [text[line : line + len(each)] for line, each in zip(lines, like, strict=True)]
