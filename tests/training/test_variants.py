"""Every variant of the LSTM beside a second one, written from the paper's equations gate by gate, and its gradients."""

import numpy as np
import pytest
import torch

from training.cells import Cell, ClockworkCell, Stack
from training.checkpoint import expected_shapes
from training.config import GATES, VARIANTS, ModelConfig
from training.model import CharacterModel
from training.variants import CELLS

KINDS = pytest.mark.parametrize("kind", [*VARIANTS, "clockwork"])
UNITS, INPUTS = 8, 3
Weights = dict[str, np.ndarray]
Vectors = list[np.ndarray]


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def cell(kind: str) -> Cell:
    torch.manual_seed(3)
    cells: dict[str, type[Cell]] = {**CELLS, "clockwork": ClockworkCell}
    return cells[kind](INPUTS, UNITS).double()


def blocks(own: Weights, names: str) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Return by gate what Greff et al. call W, R and b."""
    bias = own["input_bias"] + own["recurrent_bias"]
    parts = (np.split(array, len(names)) for array in (own["input_weight"], own["recurrent_weight"], bias))
    return dict(zip(names, zip(*parts, strict=True), strict=True))


def by_the_paper(kind: str, own: Weights, x: np.ndarray, before: Vectors) -> Vectors:
    """One step of one stream; `before` is [y, c] and for FGR the three gates too."""
    names = {"nig": "fzo", "nfg": "izo", "nog": "ifz", "cifg": "izo"}.get(kind, "ifzo")
    y, c = before[:2]
    weights = blocks(own, names)
    p = dict(zip(names.replace("z", ""), own["peephole_weight"], strict=True))

    def net(name: str) -> np.ndarray:
        weight, recurrent, bias = weights[name]
        total = weight @ x + recurrent @ y + bias
        if kind == "fgr" and name != "z":
            rows = own["gate_weight"][UNITS * "ifo".index(name) :][:UNITS]
            total = total + sum(rows[:, UNITS * k :][:, :UNITS] @ gate for k, gate in enumerate(before[2:]))
        return total

    z = net("z") if kind == "niaf" else np.tanh(net("z"))
    i = np.ones(UNITS) if kind == "nig" else sigmoid(net("i") + p["i"] * c)
    f = {"cifg": lambda: 1 - i, "nfg": lambda: np.ones(UNITS)}.get(kind, lambda: sigmoid(net("f") + p["f"] * c))()
    c = z * i + c * f
    o = np.ones(UNITS) if kind == "nog" else sigmoid(net("o") + p["o"] * c)
    y = (c if kind == "noaf" else np.tanh(c)) * o
    return [y, c, i, f, o] if kind == "fgr" else [y, c]


def clockwork(own: Weights, inputs: np.ndarray) -> np.ndarray:
    """Read a stream (T, E): at character t the units of group g are computed anew if 2 ** g divides t."""
    hidden, rows = np.zeros(UNITS), []
    for t, x in enumerate(inputs):
        new = hidden.copy()
        for unit in range(UNITS):  # eight groups of one unit each
            if t % 2**unit == 0:
                heard = sum(own["recurrent_weight"][unit, other] * hidden[other] for other in range(unit, UNITS))
                total = own["input_weight"][unit] @ x + heard + own["input_bias"][unit] + own["recurrent_bias"][unit]
                new[unit] = np.tanh(total)
        hidden = new
        rows.append(hidden)
    return np.array(rows)


def read(module: Cell, inputs: torch.Tensor, memories: int) -> torch.Tensor:
    """Let a stack of one cell read inputs (B, T, E) from nothing."""
    outputs, _ = Stack([module], 0.0)(inputs, (inputs.new_zeros(1, len(inputs), UNITS),) * memories)
    assert isinstance(outputs, torch.Tensor)
    return outputs


def memories(kind: str) -> int:
    return ModelConfig.model_validate({"kind": kind}).memories


@pytest.mark.parametrize("kind", VARIANTS)
def test_a_variant_is_what_its_equations_say(kind: str) -> None:
    module, inputs = cell(kind), torch.randn(2, 12, INPUTS, dtype=torch.float64)
    own = {name: parameter.detach().numpy() for name, parameter in module.named_parameters()}
    outputs = read(module, inputs, memories(kind)).detach().numpy()
    for stream in range(2):
        state = [np.zeros(UNITS) for _ in range(memories(kind))]
        for t in range(12):
            state = by_the_paper(kind, own, inputs[stream, t].numpy(), state)
            assert outputs[stream, t] == pytest.approx(state[0], abs=1e-12)


def test_clockwork_units_tick_at_their_own_rates() -> None:
    module, inputs = cell("clockwork"), torch.randn(2, 300, INPUTS, dtype=torch.float64)
    own = {name: parameter.detach().numpy() for name, parameter in module.named_parameters()}
    outputs = read(module, inputs, 2).detach().numpy()
    for stream in range(2):
        assert outputs[stream] == pytest.approx(clockwork(own, inputs[stream].numpy()), abs=1e-12)
    changes = [int((np.diff(outputs[0, :257, unit]) != 0).sum()) for unit in range(UNITS)]
    assert changes == [256, 128, 64, 32, 16, 8, 4, 2]


@KINDS
def test_gradients_are_those_of_finite_differences(kind: str) -> None:
    module = cell(kind)
    inputs = torch.randn(2, 5, INPUTS, dtype=torch.float64, requires_grad=True)
    names = [name for name, _ in module.named_parameters()]

    def through(*tensors: torch.Tensor) -> torch.Tensor:
        stack = Stack([module], 0.0)
        state = (torch.zeros(1, 2, UNITS, dtype=torch.float64),) * memories(kind)
        own = dict(zip([f"cells.0.{name}" for name in names], tensors[1:], strict=True))
        outputs = torch.func.functional_call(stack, own, (tensors[0], state))[0]
        assert isinstance(outputs, torch.Tensor)
        return outputs

    assert torch.autograd.gradcheck(through, (inputs, *module.parameters()), fast_mode=True)


@KINDS
def test_a_model_of_any_kind_carries_its_memory_and_keeps_its_weights(kind: str) -> None:
    config = ModelConfig.model_validate({"kind": kind, "layers": 2, "units": 9, "embedding": 4})
    torch.manual_seed(1)
    model, other = CharacterModel(config, 11).eval(), CharacterModel(config, 11).eval()
    arrays = model.arrays()
    assert {name: array.shape for name, array in arrays.items()} == expected_shapes(config, 11)
    other.load_arrays(arrays)
    ids = torch.randint(11, (2, 30))
    whole, end = model(ids, model.start(2))
    first, state = other(ids[:, :13], other.start(2))
    second, last = other(ids[:, 13:], state)
    assert torch.allclose(torch.cat([first, second], dim=1), whole, atol=1e-6)
    assert len(end) == len(last) == config.memories
    assert not torch.allclose(model(ids[:, 13:], model.start(2))[0], second, atol=1e-3)


@pytest.mark.parametrize("kind", VARIANTS)
def test_a_forget_gate_begins_open(kind: str) -> None:
    parts = {"nig": "fgo", "nfg": "igo", "nog": "ifg", "cifg": "igo"}.get(kind, "ifgo")
    assert len(parts) == GATES[kind]  # type: ignore[index]
    biases = np.split(cell(kind).input_bias.detach().numpy(), len(parts))
    assert [part for part, bias in zip(parts, biases, strict=True) if (bias == 1).all()] == ["f"] * parts.count("f")
