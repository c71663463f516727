from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

from training.checkpoint import Model
from training.insight.ablation import CONTROLS, Stillness
from training.insight.cells import Cell
from training.insight.trace import trace
from training.model import CharacterModel

KINDS = pytest.mark.parametrize("kind", ["lstm", "gru", "rnn"])


@torch.no_grad()
def losses_by_torch(model: Model, text: str, cell: Cell | None, value: float) -> Tensor:
    """Return the losses of all characters but the first, a unit's state set after each step of torch's own layer."""
    config = model.card.model
    network = CharacterModel(config, len(model.card.vocabulary)).eval()
    network.load_arrays(model.arrays)
    ids = torch.from_numpy(model.vocabulary.encode(text).astype(np.int64))
    layers = [type(network.stack)(config.units if k else config.embedding, config.units) for k in range(config.layers)]
    for k, layer in enumerate(layers):
        layer.load_state_dict({n[:-1] + "0": w for n, w in network.stack.state_dict().items() if n.endswith(f"_l{k}")})
    states = [None] * config.layers
    losses = []
    for this, after in pairwise(ids):
        below = network.embedding(this)[None]
        for k, layer in enumerate(layers):
            below, state = layer(below, states[k])
            if cell and cell.layer == k:
                if config.kind == "lstm":
                    hidden, memory = state
                    opened = hidden[0, cell.unit] / memory[0, cell.unit].tanh()  # the output gate
                    memory[0, cell.unit] = value
                    hidden[0, cell.unit] = opened * memory[0, cell.unit].tanh()
                    state = (hidden, memory)
                else:
                    state[0, cell.unit] = value
                below = state[0] if config.kind == "lstm" else state
            states[k] = state
        losses.append(-network.projection(below)[0].log_softmax(-1)[after])
    return torch.stack(losses)


@KINDS
def test_holding_a_cell_is_what_torch_makes_of_it(made, text: str, kind: str) -> None:
    model, piece = made(kind=kind), text[:60]  # short enough that its parts are read from the beginning
    holds = np.arange(60) % 3 == 0
    means = trace(model, piece).cells.mean(axis=0).reshape(2, 7)
    cells = [Cell(0, 3), Cell(1, 6), Cell(0, 5)]
    found = Stillness(model, piece, means).ablate(holds, cells).effects
    plain = losses_by_torch(model, piece, None, 0)
    for cell, effect in zip(cells, found, strict=True):
        value = float(means[cell.layer, cell.unit])
        added = (losses_by_torch(model, piece, cell, value) - plain).numpy()
        assert (effect.layer, effect.unit, effect.value) == (cell.layer, cell.unit, value)
        assert effect.where == pytest.approx(added[holds[:-1]].mean(), abs=1e-4)
        assert effect.elsewhere == pytest.approx(added[~holds[:-1]].mean(), abs=1e-4)
    assert max(abs(effect.where) for effect in found) > 0.01


def test_a_cell_that_nobody_reads_can_be_held_without_harm(made, text: str) -> None:
    model = made(kind="rnn", layers=1)
    for name in ("layers.0.recurrent_weight", "projection.weight"):
        model.arrays[name][:, 3] = 0  # nothing looks at unit 3
    labels = np.array([character in "aei" for character in text])
    means = trace(model, text).cells.mean(axis=0).reshape(1, 7)
    found = Stillness(model, text, means).ablate(labels, [Cell(0, 3), Cell(0, 1)])
    idle, busy = found.effects
    assert (idle.where, idle.elsewhere) == pytest.approx((0, 0), abs=1e-6)
    assert not found.used(idle)
    assert abs(busy.where) > 0.001
    assert len(found.controls) == min(CONTROLS, 7 - 2)
    assert {control.unit for control in found.controls} == {0, 2, 4, 5, 6}


def test_the_character_that_suffers_most_is_named(made) -> None:
    """A unit that alone foretells b after a: without it b suffers, and nothing else."""
    model = made("ab\n", kind="rnn", layers=1, units=3, embedding=3)
    for array in model.arrays.values():
        array[:] = 0
    model.arrays["embedding.weight"][:] = np.eye(3)
    model.arrays["layers.0.input_weight"][:] = 5 * np.eye(3)
    model.arrays["projection.weight"][2, 1] = 6  # "\n", a, b are 0, 1, 2
    text = "ab\n" * 100
    still = Stillness(model, text, np.zeros((1, 3), np.float32))
    found = still.ablate(np.array([c == "a" for c in text]), [Cell(0, 1)]).effects[0]
    assert found.worst == "b"
    assert found.worst_by == pytest.approx(found.where) == pytest.approx(np.log(3), abs=0.02)
    assert found.elsewhere == pytest.approx(0, abs=1e-6)
