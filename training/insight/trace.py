"""Every gate and state of a network for every character of a text, from the weights of a model folder.

A second implementation beside torch's, in numpy, one readable step per architecture; it needs no torch. R rows of text
are read side by side, N characters in all; L layers of H units; V characters in the vocabulary. Layers and units are
counted from 0, as in the model folder.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from corpora.errors import UserError
from training.batches import side_by_side
from training.checkpoint import Model

Array = NDArray[np.float32]
Values = dict[str, Array]  # what a layer computed for a character, by name, each (R, H)

GATES = {"lstm": ("input", "forget", "output"), "gru": ("reset", "update"), "rnn": ()}
STATES = {"lstm": ("candidate", "cell", "hidden"), "gru": ("candidate", "hidden"), "rnn": ("hidden",)}
MEMORY = {"lstm": "cell", "gru": "hidden", "rnn": "hidden"}  # what is called a cell: the state carried from far
CONTEXT = 400  # characters that a row reads before its own


@dataclass(frozen=True)
class Held:
    """Units of a layer that are kept at a value, each in one row: three arrays of equal length."""

    rows: NDArray[np.int64]
    units: NDArray[np.int64]
    values: Array

    def put(self, state: Array) -> None:
        """Set them in `state` (R, H)."""
        state[self.rows, self.units] = self.values


@dataclass(frozen=True)
class Trace:
    """What a network did with the N characters of a text: plain arrays."""

    kind: str
    text: str
    values: dict[str, Array]  # by name, each (N, L, H)
    logits: Array  # (N, V), of the character after each
    nats: Array  # (N,): -log p of each, from what came before it; NaN where nothing did

    @property
    def cells(self) -> Array:
        """Return the value of each cell after each character, (N, L*H), layer by layer."""
        memory = self.values[MEMORY[self.kind]]
        return memory.reshape(len(memory), -1)

    @property
    def probabilities(self) -> Array:
        """Return the chances of every character after each, (N, V)."""
        return np.exp(log_softmax(self.logits))

    def part(self, start: int, end: int) -> "Trace":
        """Return what is said of some of the characters."""
        values = {name: array[start:end] for name, array in self.values.items()}
        return Trace(self.kind, self.text[start:end], values, self.logits[start:end], self.nats[start:end])


def trace(model: Model, text: str, names: Sequence[str] = (), rows: int = 1) -> Trace:
    """Return the values of these names (GATES, STATES; all of the network's kind by default) after each character.

    With several rows the text is read in as many parts side by side, each from CONTEXT characters before it on.
    Raise UserError where the model never saw a character, or is of another kind.
    """
    kind, config = model.card.model.kind, model.card.model
    _refuse(model)
    ids = model.vocabulary.encode(text)
    places, own = side_by_side(len(ids), rows, CONTEXT if rows > 1 else 0)
    shape = (len(ids), config.layers, config.units)
    values = {name: np.empty(shape, np.float32) for name in names or GATES[kind] + STATES[kind]}
    logits = np.empty((len(ids), len(model.card.vocabulary)), np.float32)
    for place, mine, (layers, after) in zip(places.T, own.T, steps(model, ids[places]), strict=True):
        logits[place[mine]] = after[mine]
        for name, array in values.items():
            for layer, computed in enumerate(layers):
                array[place[mine], layer] = computed[name][mine]
    nats = np.full(len(ids), np.nan, np.float32)
    nats[1:] = -log_softmax(logits[:-1])[np.arange(len(ids) - 1), ids[1:]]
    return Trace(kind, text, values, logits, nats)


def steps(
    model: Model, ids: NDArray[np.integer[Any]], held: Mapping[int, Held] | None = None
) -> Iterator[tuple[list[Values], Array]]:
    """Read `ids` (R, T) from an empty memory; yield after each column the values of all layers and logits (R, V).

    `held` says by layer which units do not move.
    """
    config, arrays, held = model.card.model, model.arrays, held or {}
    step = _STEPS[config.kind]
    weights = [_Weights.of(model, layer) for layer in range(config.layers)]
    table = arrays["embedding.weight"] @ weights[0].inputs + weights[0].input_bias  # (V, G*H)
    projection = np.ascontiguousarray(arrays["embedding.weight" if config.tied else "projection.weight"].T)  # (H, V)
    empty = np.zeros((len(ids), config.units), np.float32)
    layers: list[Values] = [{"cell": empty, "hidden": empty}] * config.layers
    for column in ids.T:
        below, before = empty, layers
        layers = []
        for layer, own in enumerate(weights):
            given = below @ own.inputs + own.input_bias if layer else table[column]  # (R, G*H)
            recurrent = before[layer]["hidden"] @ own.recurrent + own.recurrent_bias  # (R, G*H)
            layers.append(step(given, recurrent, before[layer], held.get(layer)))
            below = layers[-1]["hidden"]
        yield layers, below @ projection + arrays["projection.bias"]


@dataclass(frozen=True)
class _Weights:
    """A layer's weights, columns of G gates of H units."""

    inputs: Array  # (E or H, G*H)
    recurrent: Array  # (H, G*H)
    input_bias: Array  # (G*H,)
    recurrent_bias: Array

    @classmethod
    def of(cls, model: Model, layer: int) -> "_Weights":
        parts = ("input_weight", "recurrent_weight", "input_bias", "recurrent_bias")
        return cls(*(np.ascontiguousarray(model.arrays[f"layers.{layer}.{part}"].T) for part in parts))


def _lstm(given: Array, recurrent: Array, before: Values, held: Held | None) -> Values:
    """Hochreiter & Schmidhuber 1997 with the forget gates of Gers et al. 2000, gates in torch's order."""
    write, keep, new, show = np.split(given + recurrent, 4, axis=1)
    write, keep, new, show = _sigmoid(write), _sigmoid(keep), np.tanh(new), _sigmoid(show)
    cell = keep * before["cell"] + write * new
    if held:
        held.put(cell)
    hidden = show * np.tanh(cell)
    return {"input": write, "forget": keep, "output": show, "candidate": new, "cell": cell, "hidden": hidden}


def _gru(given: Array, recurrent: Array, before: Values, held: Held | None) -> Values:
    """Cho et al. 2014 as cuDNN computes it: the reset gate acts after the recurrent product."""
    (reset, keep, new), (again_reset, again_keep, again_new) = (np.split(x, 3, axis=1) for x in (given, recurrent))
    reset, keep = _sigmoid(reset + again_reset), _sigmoid(keep + again_keep)
    new = np.tanh(new + reset * again_new)
    hidden = (1 - keep) * new + keep * before["hidden"]
    if held:
        held.put(hidden)
    return {"reset": reset, "update": keep, "candidate": new, "hidden": hidden}


def _rnn(given: Array, recurrent: Array, before: Values, held: Held | None) -> Values:
    """Elman 1990."""
    del before  # the recurrent product has it already
    hidden = np.tanh(given + recurrent)
    if held:
        held.put(hidden)
    return {"hidden": hidden}


_STEPS: dict[str, Callable[[Array, Array, Values, Held | None], Values]] = {"lstm": _lstm, "gru": _gru, "rnn": _rnn}


def _sigmoid(x: Array) -> Array:
    half: Array = np.tanh(0.5 * x)  # which cannot overflow
    return 0.5 * half + 0.5


def largest(cells: Array) -> Array:
    """Return how far each cell (N, C) goes from zero, but for one value in 200: (C,), over zero."""
    far: Array = np.quantile(np.abs(cells), 0.995, axis=0).astype(np.float32)
    return far.clip(min=1e-6)


def log_softmax(logits: Array) -> Array:
    """Return the log-probabilities (..., V)."""
    shifted: Array = logits - logits.max(axis=-1, keepdims=True)
    normal: Array = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return normal


def _refuse(model: Model) -> None:
    if model.card.model.kind not in _STEPS:
        raise UserError(f"A network of kind {model.card.model.kind} cannot be traced yet: {', '.join(_STEPS)} can.")
