"""What a network is measured beside: the best n-gram model of the same text, and a compressor.

They never change for one text, so they are kept by its digest.
"""

import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from bot.settings import Settings
from corpora.corpus import Corpus
from generators.plugin import Plugin
from training.vocabulary import Vocabulary

ORDERS = range(1, 10)  # characters of context of the n-gram models a network has to beat


def best_ngram(plugin: Plugin, text: Corpus, settings: Settings) -> tuple[int, float]:
    """Return (order, nats) of the best modified Kneser-Ney model of the plugin's `text`.

    Where the recipe has a network read another text first, one of both texts is tried too: it may be the better.
    """
    before = plugin.text_before(settings.places)
    found = [(nats, order) for order, nats in _ngrams(text, settings, "").items()]
    if before:
        found += [(nats, order) for order, nats in _ngrams(text, settings, before.train).items()]
    nats, order = min(found)
    return order, nats


def ppmd(plugin: Plugin, text: Corpus, settings: Settings) -> float:
    """Return the nats per character of the compressor PPMd, primed with all that a network may read."""
    before = plugin.text_before(settings.places)
    more = before.train if before else ""

    def measured() -> float:
        from training.evaluation.compressor import primed_nats

        return primed_nats(more + text.train, text.test)

    return float(_kept("ppmd", text, settings, more, measured))


def _ngrams(text: Corpus, settings: Settings, more: str) -> dict[int, float]:
    def measured() -> dict[int, float]:
        from training.evaluation.kneser_ney import character_nats

        vocabulary = Vocabulary(text.alphabet + more)
        train, test = vocabulary.encode(more + text.train), vocabulary.encode(text.test)
        losses = character_nats(train, test, len(vocabulary), ORDERS)
        return {order: float(nats.mean()) for order, nats in losses.items()}

    return {int(order): nats for order, nats in _kept("ngram", text, settings, more, measured).items()}


def _kept(name: str, text: Corpus, settings: Settings, more: str, measure: Callable[[], Any]) -> Any:
    """Return what was measured before, or measure it."""
    extra = f"-{sha256(more.encode()).hexdigest()[:12]}" if more else ""
    path = settings.cache / f"{name}-{text.digest[:24]}{extra}.json"
    if not path.exists():
        value = measure()
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")  # a kill leaves no half of it behind
        part.write_text(json.dumps(value))
        part.replace(path)
    return json.loads(path.read_text())
