"""Network against n-gram on the test text: character by character, at closing braces, and what each gets wrong."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from training.evaluation import closing, comparison, oracles
from training.evaluation.closing import Pairs
from training.evaluation.comparison import Nats
from training.study.laboratory import Laboratory
from training.study.networks import Chosen
from training.study.texts import STREAMS
from training.sweep import Record

Ngrams = Mapping[int, Nats]
PAIRS: dict[str, dict[str, Callable[[str], Pairs]]] = {
    "linux": {
        "braces": closing.nested("{", "}"),
        "parentheses": closing.nested("(", ")"),
        "quotes": closing.strings,
    },
    "war-and-peace": {"quotes": closing.quotations, "parentheses": closing.nested("(", ")")},
}


def characters(room: Laboratory, chosen: Chosen, ngrams: Ngrams) -> Record:
    """Return which characters the network predicts better than the longest n-gram model, and whose errors are whose."""
    order = max(ngrams)

    def compared() -> dict[str, Any]:
        by_character = comparison.by_character(chosen.text.test, chosen.test_nats, ngrams[order])
        means = {"network": float(chosen.test_nats.mean()), "ngram": float(ngrams[order].mean())}
        return {
            "nats": means,
            "overlap": comparison.overlap(chosen.test_nats, ngrams[order]),
            "characters": by_character,
        }

    return room.measured("characters", _options(chosen, "best", order), chosen.text, compared)


def closings(room: Laboratory, chosen: Chosen, ngrams: Ngrams) -> Record:
    """Return how probable closing characters were to both, by the distance to the opening one."""
    order = max(ngrams)

    def probable() -> dict[str, Any]:
        found = {}
        for name, pairs in PAIRS[chosen.cell.data].items():
            places, distances = closing.measured(chosen.text.test, STREAMS, pairs)
            both = {"network": chosen.test_nats, "ngram": ngrams[order]}
            bins = {who: closing.binned(distances, np.exp(-nats[places - 1])) for who, nats in both.items()}
            found[name] = {"count": len(places), **bins}
        return {"pairs": found}

    return room.measured("closings", _options(chosen, "best", order), chosen.text, probable)


def errors(room: Laboratory, chosen: Chosen, role: str, ngrams: Ngrams) -> Record:
    """Return what the network gets wrong, peeled off by oracles; that of n-grams has up to 9 characters of context.

    `role` says why it was chosen; a record is replaced by that of another network in the same role.
    """
    short = {order: nats for order, nats in ngrams.items() if order < 10}

    def peeled() -> dict[str, Any]:
        return oracles.peeled(chosen.test_nats, short, chosen.text.train, chosen.text.test)

    return room.measured("errors", _options(chosen, role, max(short)), chosen.text, peeled)


def _options(chosen: Chosen, role: str, order: int) -> dict[str, Any]:
    own = {"network": chosen.name, "model": chosen.record["model"], "order": order}
    return {"name": f"{chosen.cell.data}-{role}", "data": chosen.cell.data, **own}
