"""Eight variants of the LSTM, each with one thing taken away, changed or added, and the cell that they vary.

K. Greff, R. K. Srivastava, J. Koutnik, B. R. Steunebrink & J. Schmidhuber, LSTM: A Search Space Odyssey (IEEE
Transactions on Neural Networks and Learning Systems 2017), sections 2 and 3. What they call the vanilla LSTM has
peepholes: its gates see the cell. Their eighth variant, NP, has none and is the plain LSTM.

B streams, T characters, E inputs, H units. The sums stand in torch's order, those that a variant lacks left out: input
gate, forget gate, what is new, output gate.
"""

import torch
from torch import Tensor
from torch.nn import functional

from training.cells import Cell, Memory
from training.config import Kind


class PeepholeCell(Cell):
    """The LSTM with peepholes (Gers & Schmidhuber 2000).

    i = sigmoid(W_i x + R_i h + p_i * c + b_i)      f = sigmoid(W_f x + R_f h + p_f * c + b_f)
    g = tanh(W_g x + R_g h + b_g)                   c' = f * c + i * g
    o = sigmoid(W_o x + R_o h + p_o * c' + b_o)     h' = o * tanh(c')
    """

    def __init__(self, inputs: int, units: int) -> None:
        """Draw weights; a peephole is a number for each unit of a gate."""
        super().__init__(inputs, units)
        self.gates = self.parts.replace("g", "")
        self.peephole_weight = self.drawn(len(self.gates), units)

    def step(self, given: Tensor, memory: Memory) -> Memory:
        """Return (h', c') from what the input brings (B, parts * H) and (h, c)."""
        sums, cell = self.sums(given, memory), memory[1]
        write = self.gate("i", sums, cell)
        keep = self.keep(sums, cell, write)
        cell = keep * cell + write * self.entering(sums["g"])
        show = self.gate("o", sums, cell)
        return show * self.shown(cell), cell

    def sums(self, given: Tensor, memory: Memory) -> dict[str, Tensor]:
        """Return the sum of each part, (B, H), from the input and the hidden vector."""
        sums = given + functional.linear(memory[0], self.recurrent_weight)
        return dict(zip(self.parts, sums.chunk(len(self.parts), dim=-1), strict=True))

    def gate(self, name: str, sums: dict[str, Tensor], cell: Tensor) -> Tensor:
        """Return how far a gate stands open, (B, H): one that is not there, all the way."""
        if name not in sums:
            return torch.ones_like(cell)
        return (sums[name] + self.peephole_weight[self.gates.index(name)] * cell).sigmoid()

    def keep(self, sums: dict[str, Tensor], cell: Tensor, write: Tensor) -> Tensor:
        """Return how far the forget gate stands open."""
        del write
        return self.gate("f", sums, cell)

    def entering(self, new: Tensor) -> Tensor:
        """Return what may enter the cell."""
        return new.tanh()


class NoInputGate(PeepholeCell):
    """NIG: i = 1."""

    parts = "fgo"


class NoForgetGate(PeepholeCell):
    """NFG: f = 1."""

    parts = "igo"


class NoOutputGate(PeepholeCell):
    """NOG: o = 1."""

    parts = "ifg"


class NoInputActivation(PeepholeCell):
    """NIAF: g = W_g x + R_g h + b_g."""

    def entering(self, new: Tensor) -> Tensor:
        """Let it enter as it is."""
        return new


class NoOutputActivation(PeepholeCell):
    """NOAF: h' = o * c'."""

    def shown(self, cell: Tensor) -> Tensor:
        """Show the cell as it is."""
        return cell


class CoupledGates(PeepholeCell):
    """CIFG: f = 1 - i."""

    parts = "igo"

    def keep(self, sums: dict[str, Tensor], cell: Tensor, write: Tensor) -> Tensor:
        """Forget as much as is written."""
        del sums, cell
        return 1 - write


class FullGateRecurrence(PeepholeCell):
    """FGR: every gate also sees the three gates of the step before. The memory is (h, c, i, f, o)."""

    def __init__(self, inputs: int, units: int) -> None:
        """Draw weights; nine matrices more."""
        super().__init__(inputs, units)
        self.gate_weight = self.drawn(3 * units, 3 * units)

    def step(self, given: Tensor, memory: Memory) -> Memory:
        """Return (h', c', i, f, o)."""
        sums, cell = self.sums(given, memory), memory[1]
        seen = functional.linear(torch.cat(memory[2:], dim=-1), self.gate_weight).chunk(3, dim=-1)
        sums |= {name: sums[name] + more for name, more in zip(self.gates, seen, strict=True)}
        write, keep = self.gate("i", sums, cell), self.gate("f", sums, cell)
        cell = keep * cell + write * self.entering(sums["g"])
        show = self.gate("o", sums, cell)
        return show * self.shown(cell), cell, write, keep, show


CELLS: dict[Kind, type[Cell]] = {
    "peephole": PeepholeCell,
    "nig": NoInputGate,
    "nfg": NoForgetGate,
    "nog": NoOutputGate,
    "niaf": NoInputActivation,
    "noaf": NoOutputActivation,
    "cifg": CoupledGates,
    "fgr": FullGateRecurrence,
}
