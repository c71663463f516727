"""The verb `evaluate`: a voice's loss on text it never saw, beside the n-gram's."""

import json
import math
from collections.abc import Callable
from typing import Any

from bot.settings import Settings
from corpora import corpus
from corpora.corpus import Corpus
from generators.voice import Voice
from training import checkpoint
from training.vocabulary import Vocabulary

ORDERS = range(1, 10)  # characters of context of the n-gram models a network has to beat


def evaluate(voice: Voice, settings: Settings, say: Callable[[str], None], adapt: float = 0.0) -> dict[str, Any]:
    """Return the scores of `voice` on the test part of its corpus, which it was never trained on.

    With `adapt`, also the score of a voice that lets recent text count that much.
    """
    plugin = voice.plugin
    text = corpus.build(plugin.manifest.corpus, plugin.folder, settings.places, plugin.hook("clean"))
    folder = plugin.trained_folder(settings.models)
    card = checkpoint.read_card(folder) if folder else None
    if card and card.corpus.get("digest") != text.digest:
        say(f"({plugin.name}: the model was trained on another text or another split; it may have seen this test text)")
    nats = voice.score(text.test)
    order, best = best_ngram(text, settings)
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


def best_ngram(text: Corpus, settings: Settings) -> tuple[int, float]:
    """Return (order, nats) of the best modified Kneser-Ney model; kept by the text's digest, since it never changes."""
    path = settings.cache / f"ngram-{text.digest[:24]}.json"
    if not path.exists():
        from training.evaluation.kneser_ney import character_nats

        vocabulary = Vocabulary(text.alphabet)
        train, test = vocabulary.encode(text.train), vocabulary.encode(text.test)
        losses = character_nats(train, test, len(vocabulary), ORDERS)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")  # a kill leaves no half of it behind
        part.write_text(json.dumps({order: float(nats.mean()) for order, nats in losses.items()}))
        part.replace(path)
    means = {int(order): nats for order, nats in json.loads(path.read_text()).items()}
    order = min(means, key=means.__getitem__)
    return order, means[order]
