"""The n-grams: modified Kneser-Ney models of 1 to 9 and 20 characters of context, and the compressor PPMd."""

from typing import Any

from corpora.corpus import Corpus
from training.evaluation.compressor import primed_nats
from training.evaluation.kneser_ney import character_nats, table_bytes
from training.study.laboratory import Laboratory
from training.study.texts import Layout
from training.sweep import Record
from training.vocabulary import Vocabulary

PPMD_ORDERS = (12, 24)


def measure(room: Laboratory, data: str, layout: Layout) -> Record:
    """Return the losses of all orders on a test text, and what their longest tables weigh."""
    text, orders = room.text(data, layout), room.scale.orders
    options = {"name": f"{data}-{layout}", "data": data, "layout": layout, "orders": orders}
    return room.measured("ngrams", options, text, lambda: _losses(text, orders))


def _losses(text: Corpus, orders: tuple[int, ...]) -> dict[str, Any]:
    vocabulary = Vocabulary(text.alphabet)
    train, test = vocabulary.encode(text.train), vocabulary.encode(text.test)
    nats = character_nats(train, test, len(vocabulary), orders)
    read = text.train + text.validation  # a compressor goes on reading, so what validates is no secret to it
    return {
        "nats": {str(order): float(nats[order].mean()) for order in orders},
        "ppmd": {str(order): primed_nats(read, text.test, order, "latin-1") for order in PPMD_ORDERS},
        "table_bytes": table_bytes(train, len(vocabulary), max(orders)),
        "characters": {"train": len(train), "test": len(test)},
    }
