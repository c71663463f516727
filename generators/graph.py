"""A trained network written out as an ONNX graph, in fp32 or with 8-bit weights.

B streams, T characters, V vocabulary, E embedding, H units, L layers. The memory of a stream is one row of `state`
(B, S): the hidden vectors of all layers, then, in an LSTM, their cells. Two graphs of the same cells are made:

    step      ids (B,)   + state (B, S)  ->  logits (B, V)     + state (B, S)
    sequence  ids (T, B) + state (B, S)  ->  logits (T, B, V)  + state (B, S)      an ONNX Scan over the step

In a sequence, id -1 is no character: the stream keeps its memory, so texts of unequal length are read together.

The embedding and the first layer's input product are folded into one table row per character. In 8 bits, weights have
one scale per output column; hidden vectors lie in (-1, 1) and take the *fixed* scale 1/127, so no row's rounding
depends on its neighbours: sums of integers are exact, and a stream computes the same alone and among others.
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from corpora.errors import UserError
from training.checkpoint import Model
from training.config import SPOKEN

Arithmetic = Literal["int8", "fp32"]

_OPSETS = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
_IR_VERSION = 10  # of opset 21; a newer one would shut out older runtimes


class _Graph:
    """Nodes and constants as they pile up; every method returns the name of what it computes."""

    def __init__(self, arithmetic: Arithmetic) -> None:
        self.arithmetic = arithmetic
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, NDArray[np.generic]] = {}
        self._quantised: dict[str, str] = {}

    def op(self, kind: str, *inputs: str, outputs: int = 1, domain: str = "", **attributes: Any) -> list[str]:
        names = [f"{kind}{len(self.nodes)}.{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, domain=domain, **attributes))
        return names

    def one(self, kind: str, *inputs: str, **attributes: Any) -> str:
        return self.op(kind, *inputs, **attributes)[0]

    def constant(self, name: str, array: NDArray[np.generic]) -> str:
        self.constants[name] = array
        return name

    def split(self, value: str, sizes: Sequence[int]) -> list[str]:
        lengths = self.constant("split." + ".".join(map(str, sizes)), np.array(sizes, dtype=np.int64))
        return self.op("Split", value, lengths, outputs=len(sizes), axis=-1)

    def product(self, hidden: str, name: str, weight: NDArray[np.float32], bias: NDArray[np.float32]) -> str:
        """Return hidden (B, H) x weight (G, H) transposed + bias (G,), as (B, G)."""
        columns = np.ascontiguousarray(weight.T)  # (H, G)
        if self.arithmetic == "fp32":
            inputs = (self.constant(f"{name}.weight", columns), self.constant(f"{name}.bias", bias))
            return self.one("Gemm", hidden, *inputs)
        scale = np.maximum(np.abs(columns).max(axis=0), 1e-12) / 127  # (G,)
        integers = np.rint(columns / scale).astype(np.int8)
        one_127th = self.constant("hidden.scale", np.array(1 / 127, dtype=np.float32))
        middle = self.constant("hidden.zero", np.array(128, dtype=np.uint8))
        if hidden not in self._quantised:
            self._quantised[hidden] = self.one("QuantizeLinear", hidden, one_127th, middle)  # (B, H) uint8
        return self.one(
            "MatMulIntegerToFloat",
            self._quantised[hidden],
            self.constant(f"{name}.integers", integers),
            one_127th,
            self.constant(f"{name}.scale", scale.astype(np.float32)),
            middle,
            "",
            self.constant(f"{name}.bias", bias),
            domain="com.microsoft",
        )


def _lstm(g: _Graph, given: str, recurrent: str, hidden: str, cell: str, units: int) -> tuple[str, str]:
    """Return (h, c) of Hochreiter & Schmidhuber 1997 with forget gates; columns come as input, forget, output, cell."""
    del hidden  # the recurrent product has it already
    gates, candidate = g.split(g.one("Add", given, recurrent), (3 * units, units))
    write, keep, show = g.split(g.one("Sigmoid", gates), (units, units, units))
    written = g.one("Mul", write, g.one("Tanh", candidate))
    cell = g.one("Add", g.one("Mul", keep, cell), written)
    return g.one("Mul", show, g.one("Tanh", cell)), cell


def _gru(g: _Graph, given: str, recurrent: str, hidden: str, units: int) -> str:
    """Return h of Cho et al. 2014 as cuDNN computes it: the reset gate acts after the recurrent product."""
    gates, new = g.split(given, (2 * units, units))
    recurrent_gates, recurrent_new = g.split(recurrent, (2 * units, units))
    reset, keep = g.split(g.one("Sigmoid", g.one("Add", gates, recurrent_gates)), (units, units))
    new = g.one("Tanh", g.one("Add", new, g.one("Mul", reset, recurrent_new)))
    return g.one("Add", new, g.one("Mul", keep, g.one("Sub", hidden, new)))  # (1 - z) n + z h


def _rnn(g: _Graph, given: str, recurrent: str) -> str:
    """Return h of Elman 1990."""
    return g.one("Tanh", g.one("Add", given, recurrent))


def _order(kind: str, array: NDArray[np.float32], units: int) -> NDArray[np.float32]:
    """Put an LSTM's gates together: torch has input, forget, cell, output; here the cell candidate comes last."""
    if kind != "lstm":
        return array
    i, f, c, o = (array[k * units : (k + 1) * units] for k in range(4))
    return np.concatenate([i, f, o, c])


def _cells(g: _Graph, model: Model, ids: str, state: str) -> tuple[str, str]:
    """Add one step of the whole network to `g`; return the names of logits (B, V) and the next state (B, S)."""
    config, arrays = model.card.model, model.arrays
    units, layers, kind = config.units, config.layers, config.kind
    parts = g.split(state, [units] * (layers * config.memories))
    hidden, cells = parts[:layers], parts[layers:]
    below = ""
    for layer in range(layers):
        own = {
            part: _order(kind, arrays[f"layers.{layer}.{part}"], units)
            for part in ("input_weight", "recurrent_weight", "input_bias", "recurrent_bias")
        }
        if layer == 0:
            table = arrays["embedding.weight"] @ own["input_weight"].T + own["input_bias"]  # (V, G*H)
            given = g.one("Gather", g.constant("table", table), ids)
        else:
            given = g.product(below, f"layer{layer}.input", own["input_weight"], own["input_bias"])
        recurrent = g.product(hidden[layer], f"layer{layer}.recurrent", own["recurrent_weight"], own["recurrent_bias"])
        if kind == "lstm":
            hidden[layer], cells[layer] = _lstm(g, given, recurrent, hidden[layer], cells[layer], units)
        elif kind == "gru":
            hidden[layer] = _gru(g, given, recurrent, hidden[layer], units)
        else:
            hidden[layer] = _rnn(g, given, recurrent)
        below = hidden[layer]
    projection = arrays["embedding.weight"] if config.tied else arrays["projection.weight"]
    logits = g.product(below, "projection", projection, arrays["projection.bias"])
    return logits, g.one("Concat", *hidden, *cells, axis=-1)


def _unless_nothing_is_read(g: _Graph, after: str) -> str:
    """Return the next state (B, S), the old one in rows whose id is -1."""
    zero, last = (g.constant(name, np.array(value, np.int64)) for name, value in (("no.id", 0), ("last.axis", [1])))
    reads = g.one("Unsqueeze", g.one("GreaterOrEqual", "ids", zero), last)  # (B, 1)
    return g.one("Where", reads, after, "state")


def state_size(model: Model) -> int:
    """Return S, the numbers a stream's memory has."""
    config = model.card.model
    return config.layers * config.units * config.memories


def build(model: Model, arithmetic: Arithmetic, sequence: bool) -> bytes:
    """Return the serialised ONNX model of one step, or of a sequence of steps."""
    if model.card.model.kind not in SPOKEN:
        raise UserError(f"No voice can speak with a network of kind {model.card.model.kind} yet: {', '.join(SPOKEN)}.")
    size, characters = state_size(model), len(model.card.vocabulary)
    g = _Graph(arithmetic)
    logits, after = _cells(g, model, "ids", "state")
    if sequence:
        after = _unless_nothing_is_read(g, after)

    def values(*shaped: tuple[str, int, list[Any]]) -> list[onnx.ValueInfoProto]:
        return [helper.make_tensor_value_info(name, kind, shape) for name, kind, shape in shaped]

    state_in = ("state", TensorProto.FLOAT, ["streams", size])
    state_out = (after, TensorProto.FLOAT, ["streams", size])
    one_ids = ("ids", TensorProto.INT64, ["streams"])
    inputs = values(state_in, one_ids)
    outputs = values(state_out, (logits, TensorProto.FLOAT, ["streams", characters]))
    nodes, constants = g.nodes, [numpy_helper.from_array(array, name) for name, array in g.constants.items()]
    if sequence:
        body = helper.make_graph(nodes, "step", inputs, outputs, constants)
        constants = []
        nodes = [helper.make_node("Scan", ["first", "text"], ["last", "all"], body=body, num_scan_inputs=1)]
        inputs = values(("first", *state_in[1:]), ("text", TensorProto.INT64, ["time", "streams"]))
        outputs = values(("last", *state_out[1:]), ("all", TensorProto.FLOAT, ["time", "streams", characters]))
    graph = helper.make_graph(nodes, "apocrypha", inputs, outputs, constants)
    made = helper.make_model(graph, opset_imports=_OPSETS, ir_version=_IR_VERSION)
    return bytes(made.SerializeToString())
