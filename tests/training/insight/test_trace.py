from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from corpora.errors import UserError
from training import checkpoint
from training.batches import held_out
from training.checkpoint import Model
from training.evaluation.held_out import nats_per_character
from training.insight.trace import GATES, MEMORY, STATES, largest, log_softmax, trace
from training.model import CharacterModel

KINDS = pytest.mark.parametrize("kind", ["lstm", "gru", "rnn"])


def torch_model(model: Model) -> CharacterModel:
    network = CharacterModel(model.card.model, len(model.card.vocabulary)).eval()
    network.load_arrays(model.arrays)
    return network


@torch.no_grad()
def by_torch(model: Model, text: str) -> tuple[NDArray, list[tuple[Tensor, ...]]]:  # type: ignore[type-arg]
    """Return torch's logits (N, V) and its state after each character: (h,) or (h, c), each (L, H)."""
    network = torch_model(model)
    ids = torch.from_numpy(model.vocabulary.encode(text).astype(np.int64))[None]
    logits, _ = network(ids, network.start(1))
    states, state = [], network.start(1)
    for place in range(len(text)):
        _, state = network(ids[:, place : place + 1], state)
        states.append(tuple(part[:, 0] for part in state))
    return logits[0].numpy(), states


@KINDS
@pytest.mark.parametrize("tied", [False, True])
def test_it_is_torchs_network_to_a_hundred_thousandth(made, text: str, kind: str, tied: bool) -> None:
    model = made(kind=kind, layers=3, tied=tied, embedding=7 if tied else 5)
    found, (logits, states) = trace(model, text), by_torch(model, text)
    assert np.abs(found.logits - logits).max() < 1e-5
    assert np.abs(found.values["hidden"] - np.stack([state[0] for state in states])).max() < 1e-5
    if kind == "lstm":
        cells = np.stack([state[1] for state in states])
        assert np.allclose(found.values["cell"], cells, rtol=1e-5, atol=1e-5)  # they grow to dozens
    assert found.values.keys() == {*GATES[kind], *STATES[kind]}


def test_a_bundled_voice_is_traced_as_torch_runs_it() -> None:
    model = checkpoint.load(Path(__file__).parents[3] / "generators" / "styles" / "bible" / "model")
    text = "Genesis 51:1 And the LORD said unto the people, Behold, I am weary of the sea.\n"
    found, (logits, states) = trace(model, text), by_torch(model, text)
    assert np.abs(found.values["hidden"] - np.stack([state[0] for state in states])).max() < 1e-5
    assert np.allclose(found.logits, logits, rtol=1e-5, atol=1e-4)


@KINDS
def test_gates_are_those_of_the_equations(made, text: str, kind: str) -> None:
    """Compute each layer's gates in float64 from torch's own states."""
    model = made(kind=kind)
    found, (_, states) = trace(model, text), by_torch(model, text)
    hidden = np.stack([state[0] for state in states]).astype(float)  # (N, L, H)
    for layer in range(2):
        own = {part: model.arrays[f"layers.{layer}.{part}_weight"].astype(float) for part in ("input", "recurrent")}
        bias = {part: model.arrays[f"layers.{layer}.{part}_bias"].astype(float) for part in own}
        below = hidden[:, 0] if layer else model.arrays["embedding.weight"][model.vocabulary.encode(text)]
        before = np.vstack([np.zeros(7), hidden[:-1, layer]])
        given, again = below @ own["input"].T + bias["input"], before @ own["recurrent"].T + bias["recurrent"]
        sigmoid = lambda x: 1 / (1 + np.exp(-x))  # noqa: E731
        if kind == "lstm":
            i, f, g, o = np.split(given + again, 4, axis=1)
            wanted = {"input": sigmoid(i), "forget": sigmoid(f), "candidate": np.tanh(g), "output": sigmoid(o)}
        elif kind == "gru":
            (r, z, n), (rr, zz, nn) = np.split(given, 3, axis=1), np.split(again, 3, axis=1)
            reset = sigmoid(r + rr)
            wanted = {"reset": reset, "update": sigmoid(z + zz), "candidate": np.tanh(n + reset * nn)}
        else:
            wanted = {"hidden": np.tanh(given + again)}
        for name, values in wanted.items():
            assert np.abs(found.values[name][:, layer] - values).max() < 1e-5, (name, layer)


@KINDS
def test_parts_read_side_by_side_are_those_of_the_whole(made, kind: str) -> None:
    model = made(kind=kind, gain=0.8 if kind == "gru" else 1.0)  # forgets within the context
    text = "".join(np.random.default_rng(2).choice(list(model.card.vocabulary), 1500))
    whole, parts = trace(model, text), trace(model, text, [MEMORY[kind]], rows=3)
    assert np.abs(whole.cells - parts.cells).max() < 1e-4
    assert np.abs(whole.logits - parts.logits).max() < 1e-4
    assert np.array_equal(whole.cells, whole.values[MEMORY[kind]].reshape(1500, 14))


def test_losses_are_those_of_the_held_out_measure(made, text: str) -> None:
    model = made()
    found = trace(model, text)
    assert np.isnan(found.nats[0])
    measured = nats_per_character(torch_model(model), held_out(model.vocabulary.encode(text), rows=1))
    assert found.nats[1:].mean() == pytest.approx(measured, abs=1e-5)
    assert np.allclose(found.probabilities.sum(axis=1), 1, atol=1e-5)


def test_a_part_is_a_part(made, text: str) -> None:
    found = trace(made(), text)
    part = found.part(100, 130)
    assert part.text == text[100:130]
    assert np.array_equal(part.cells, found.cells[100:130])
    assert np.array_equal(part.nats, found.nats[100:130])


def test_what_cannot_be_traced_is_refused(made, text: str) -> None:
    with pytest.raises(UserError, match="kind mlstm cannot be traced yet: lstm, gru, rnn can"):
        trace(made(kind="mlstm"), text)
    with pytest.raises(UserError, match="never seen these characters: 'xy'"):
        trace(made(), "abxy")


def test_sizes_of_cells_and_of_logits_stay_in_bounds() -> None:
    cells = np.zeros((400, 2), np.float32)
    cells[:, 1] = np.linspace(-3, 3, 400)
    assert largest(cells)[0] > 0
    assert largest(cells)[1] == pytest.approx(3, abs=0.02)
    assert np.isfinite(log_softmax(np.array([[1e4, -1e4]], np.float32))).all()
