"""The verb `evaluate`: a voice's loss on text it never saw, and judgements on what it writes."""

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

from bot import yardsticks
from bot.settings import Settings
from corpora.corpus import Corpus
from generators.engine import Engine
from generators.generator import Form
from generators.judgement import form_faults, pieces, statistics_of
from generators.quality import open_gates
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
    gates = open_gates(plugin, settings.models, settings.places)
    forms = [Form(plugin, gates=gates) for _ in range(count)]
    requests = [voice.request(voice.sampling(), seed) for seed in range(count)]
    streams = [engine.submit(request, form) for request, form in zip(requests, forms, strict=True)]
    texts = ["".join(stream) for stream in streams]
    rejected = sum((form.rejected for form in forms), Counter[str]())
    faults = form_faults(plugin, texts)
    human = pieces(text.test, texts)
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
        | statistics_of(gates.index, texts)
        | {f"human_{name}": value for name, value in statistics_of(gates.index, human).items()}
    )
