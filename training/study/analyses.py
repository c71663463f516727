"""Network against n-gram on the test text: character by character, at closing braces, and what each gets wrong."""

from collections.abc import Callable
from typing import Any

import numpy as np

from training.evaluation import closing, comparison, oracles
from training.evaluation.closing import Pairs
from training.evaluation.comparison import Nats
from training.study.laboratory import Laboratory
from training.study.networks import Chosen, Counted
from training.study.texts import STREAMS
from training.sweep import Record

SHORT = 9  # characters of context of the n-gram models that count as an oracle
PAIRS: dict[str, dict[str, Callable[[str], Pairs]]] = {
    "linux": {
        "braces": closing.nested("{", "}"),
        "parentheses": closing.nested("(", ")"),
        "quotes": closing.strings,
    },
    "war-and-peace": {"quotes": closing.quotations, "parentheses": closing.nested("(", ")")},
}


def characters(room: Laboratory, chosen: Chosen, ngrams: Counted) -> Record:
    """Return which characters the network predicts better than the longest n-gram model, and whose errors are whose."""
    order = max(room.scale.orders)

    def compared() -> dict[str, Any]:
        ours, theirs = chosen.test_nats, ngrams()[order]
        return {
            "nats": {"network": float(ours.mean()), "ngram": float(theirs.mean())},
            "overlap": comparison.overlap(ours, theirs),
            "characters": comparison.by_character(chosen.text.test, ours, theirs),
        }

    return room.measured("characters", _options(chosen, "best", order), chosen.text, compared)


def closings(room: Laboratory, chosen: Chosen, ngrams: Counted) -> Record:
    """Return how probable closing characters were to both, by the distance to the opening one."""
    order = max(room.scale.orders)

    def probable() -> dict[str, Any]:
        found = {}
        for name, pairs in PAIRS[chosen.cell.data].items():
            places, distances = closing.measured(chosen.text.test, STREAMS, pairs)
            both = {"network": chosen.test_nats, "ngram": ngrams()[order]}
            bins = {who: closing.binned(distances, np.exp(-nats[places - 1])) for who, nats in both.items()}
            found[name] = {"count": len(places), **bins}
        return {"pairs": found}

    return room.measured("closings", _options(chosen, "best", order), chosen.text, probable)


def errors(room: Laboratory, chosen: Chosen, role: str, ngrams: Counted) -> Record:
    """Return what the network gets wrong, peeled off by oracles; of n-grams, those of SHORT or less.

    `role` says why it was chosen; a record is replaced by that of another network in the same role.
    """
    return room.measured(
        "errors", _options(chosen, role, SHORT), chosen.text, lambda: peeled(chosen, chosen.test_nats, ngrams)
    )


def peeled(chosen: Chosen, nats: Nats, ngrams: Counted) -> dict[str, Any]:
    """Return what errors `nats` on the test text of a network hold, taken off by one oracle after another."""
    short = {order: each for order, each in ngrams().items() if order <= SHORT}
    return oracles.peeled(nats, short, chosen.text.train, chosen.text.test)


def _options(chosen: Chosen, role: str, order: int) -> dict[str, Any]:
    own = {"network": chosen.name, "model": chosen.record["model"], "order": order}
    return {"name": f"{chosen.cell.data}-{role}", "data": chosen.cell.data, **own}
