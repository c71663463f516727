"""What would fix it? The last slide of the talk, measured: each remedy on the test text of War and Peace, gain or none.

    dynamic evaluation, cache   for errors that a memory of the last pages would put right
    pre-training                for rare words: another text is read first, and then the network's own
    clockwork                   for the word level: units that tick slowly, against a plain network

The first two are remedies for the best network of the table. The other two have to be trained, with the second smallest
budget and in one layer, and so have an LSTM and a plain network to compare them with.

What a remedy has to choose (the size of a step and how far it goes back, the flatness and the part of the cache), the
validation text chooses.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import product
from typing import Any

from training.checkpoint import load
from training.config import Kind
from training.evaluation.comparison import Nats
from training.evaluation.dynamic import cache_nats, dynamic_nats, gradient_sizes
from training.evaluation.held_out import network, text_nats
from training.study.analyses import peeled
from training.study.laboratory import Laboratory
from training.study.networks import Chosen, Counted
from training.sweep import Record, Task, Trial

RATES = (3e-4, 1e-3, 3e-3)  # of a step
DECAYS = (3e-3, 1e-2)  # of what was learned, at each step
LEARNED = 30_000  # characters of the training text that tell how large gradients usually are
FLATNESS = (0.3, 1.0, 3.0)
PARTS = (0.03, 0.1, 0.2)
DATA = "war-and-peace"
TRIED = 50_000  # characters of the validation text
KINDS: tuple[Kind, ...] = ("lstm", "rnn", "clockwork")
AGAINST = {"dynamic evaluation": "as it is", "cache": "as it is", "pre-training": "lstm", "clockwork": "rnn"}
Way = tuple[float, ...]


def measure(room: Laboratory, chosen: Chosen, ngrams: Counted) -> Iterator[Record]:
    """Yield what the chosen network loses as it is and with each remedy, and what errors are left of it.

    Where time is up before all networks are trained, theirs are left out; the next call goes on.
    """

    def told(name: str, what: dict[str, Any], losses: Callable[[], tuple[Nats, Way]]) -> Record:
        def found() -> dict[str, Any]:
            nats, way = losses()
            return {"nats": float(nats.mean()), "way": way, "errors": peeled(chosen, nats, ngrams)}

        return room.measured("remedies", {"name": name} | what, chosen.text, found)

    own = {"network": chosen.name, "model": chosen.record["model"]}
    yield told("as it is", own, lambda: (chosen.test_nats, ()))
    yield told("dynamic evaluation", own | {"rates": RATES, "decays": DECAYS}, lambda: _dynamic(chosen))
    yield told("cache", own | {"flatness": FLATNESS, "parts": PARTS}, lambda: _cache(chosen))
    for task in tasks(room):
        for record in room.trained("remedy-runs", [task]):
            trained = {"network": task.trial.name, "model": record["model"]}
            yield told(task.trial.name, trained, partial(_trained, task))


def gained(records: Sequence[Record]) -> dict[str, float]:
    """Return what each remedy takes from the loss of the same network without it, in nats per character."""
    found = {record["options"]["name"]: float(record["nats"]) for record in records}
    return {name: found[plain] - found[name] for name, plain in AGAINST.items() if {name, plain} <= found.keys()}


def tasks(room: Laboratory) -> list[Task]:
    """Return the networks that have to be trained: one of each kind, and an LSTM that read another text first."""
    scale, text = room.scale, room.text(DATA)
    lstm, *others = (scale.trial(kind, DATA, kind, 1, scale.sizes[1]) for kind in KINDS)
    before = lstm.train.model_copy(update={"epochs": scale.pretraining})
    twice = Task(Trial("pre-training", lstm.model, before, lstm.train), text, room.runs, room.more())
    return [room.task(lstm, text), twice, *(room.task(each, text) for each in others)]


def _trained(task: Task) -> tuple[Nats, Way]:
    return text_nats(load(task.model_folder), task.corpus.test), ()


def _dynamic(chosen: Chosen) -> tuple[Nats, Way]:
    encode = chosen.model.vocabulary.encode
    sizes = gradient_sizes(network(chosen.model), encode(chosen.text.train[:LEARNED]))

    def losses(text: str, way: Way) -> Nats:
        rate, decay = way
        return dynamic_nats(network(chosen.model), encode(text), rate, decay, sizes)

    return _best(chosen, losses, list(product(RATES, DECAYS)))


def _cache(chosen: Chosen) -> tuple[Nats, Way]:
    def losses(text: str, way: Way) -> Nats:
        flatness, part = way
        return cache_nats(network(chosen.model), chosen.model.vocabulary.encode(text), flatness, part)

    return _best(chosen, losses, list(product(FLATNESS, PARTS)))


def _best(chosen: Chosen, losses: Callable[[str, Way], Nats], ways: Sequence[Way]) -> tuple[Nats, Way]:
    """Return the losses on the test text in the way that does best on the beginning of the validation text."""
    tried = chosen.text.validation[:TRIED]
    best = min(ways, key=lambda way: float(losses(tried, way).mean()))
    return losses(chosen.text.test, best), best
