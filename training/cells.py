"""Cells that torch has no fused layer for, one readable step each, and the scan that repeats it over a text.

B streams, T characters, E inputs, H units. Gates stand in torch's order: input, forget, cell, output.
"""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

Memory = tuple[Tensor, ...]  # (h, c), each (B, H), and in some cells more; what is shown comes first


class Cell(nn.Module):
    """An LSTM cell with forget gates (Gers et al. 2000), and what its variants share."""

    parts: ClassVar[str] = "ifgo"  # what a step sums up: three gates, and g, which is new

    def __init__(self, inputs: int, units: int) -> None:
        """Draw weights for `inputs` (E) and `units` (H) as torch does, from +-1/sqrt(H); a forget gate begins open."""
        super().__init__()
        self.units = units
        rows = len(self.parts) * units
        self.input_weight, self.recurrent_weight = self.drawn(rows, inputs), self.drawn(rows, units)
        self.input_bias, self.recurrent_bias = self.drawn(rows), self.drawn(rows)
        if (place := self.parts.find("f")) >= 0:
            nn.init.ones_(self.input_bias[place * units : (place + 1) * units])

    def drawn(self, *shape: int) -> nn.Parameter:
        """Return fresh weights."""
        bound = self.units**-0.5
        return nn.Parameter(torch.empty(*shape).uniform_(-bound, bound))

    def given(self, inputs: Tensor) -> Tensor:
        """Return all that depends on the inputs (B, T, E) alone, in one product: (B, T, ...)."""
        return functional.linear(inputs, self.input_weight, self.input_bias + self.recurrent_bias)  # (B, T, 4H)

    def step(self, given: Tensor, memory: Memory) -> Memory:
        """Return the memory after one character, of which `given` (B, ...) says what the input brings."""
        hidden, cell = memory
        return self.gated(given + functional.linear(hidden, self.recurrent_weight), cell)

    def gated(self, sums: Tensor, cell: Tensor) -> Memory:
        """Return the memory that the four sums (B, 4H) make of the cell (B, H)."""
        write, keep, new, show = sums.chunk(4, dim=-1)
        cell = keep.sigmoid() * cell + write.sigmoid() * new.tanh()
        return show.sigmoid() * self.shown(cell), cell

    def shown(self, cell: Tensor) -> Tensor:
        """Return what the output gate lets out of the cell (B, H)."""
        return cell.tanh()


class MultiplicativeCell(Cell):
    """Every input has a recurrent matrix of its own, factored (Krause, Lu, Murray & Renals 2016, equations 10 to 12).

    The cell's output is the LSTM's, o * tanh(c), as in Radford et al. 2017.
    """

    def __init__(self, inputs: int, units: int) -> None:
        """Draw weights; the two further ones make the factor m."""
        super().__init__(inputs, units)
        self.factor_input_weight, self.factor_recurrent_weight = self.drawn(units, inputs), self.drawn(units, units)

    def given(self, inputs: Tensor) -> Tensor:
        """Return the sums and the inputs' half of the factor, (B, T, 5H)."""
        return torch.cat([super().given(inputs), functional.linear(inputs, self.factor_input_weight)], dim=-1)

    def step(self, given: Tensor, memory: Memory) -> Memory:
        """Let the sums see m = (W_mx x) * (W_mh h) where an LSTM's see h."""
        hidden, cell = memory
        sums, factor = torch.split(given, [4 * self.units, self.units], dim=-1)
        factor = factor * functional.linear(hidden, self.factor_recurrent_weight)  # (B, H)
        return self.gated(sums + functional.linear(factor, self.recurrent_weight), cell)


class NormalisedCell(Cell):
    """Layer normalisation of both products and of the cell shown (Ba, Kiros & Hinton 2016, equations 20 to 22)."""

    def __init__(self, inputs: int, units: int) -> None:
        """Draw weights; every normalisation begins with gain 1 and bias 0, and the inputs' biases stay."""
        super().__init__(inputs, units)
        self.input_norm, self.recurrent_norm = nn.LayerNorm(4 * units, bias=False), nn.LayerNorm(4 * units, bias=False)
        self.cell_norm = nn.LayerNorm(units)

    def given(self, inputs: Tensor) -> Tensor:
        """Return the normalised sums of the inputs, (B, T, 4H)."""
        bias = self.input_bias + self.recurrent_bias
        normalised: Tensor = self.input_norm(functional.linear(inputs, self.input_weight))
        return normalised + bias

    def step(self, given: Tensor, memory: Memory) -> Memory:
        """Add the normalised product of the hidden vector."""
        hidden, cell = memory
        return self.gated(given + self.recurrent_norm(functional.linear(hidden, self.recurrent_weight)), cell)

    def shown(self, cell: Tensor) -> Tensor:
        """Normalise what is shown; the cell itself is left to grow."""
        normalised: Tensor = self.cell_norm(cell)
        return normalised.tanh()


class ClockworkCell(Cell):
    """A plain recurrent cell whose units tick at different rates (Koutnik, Greff, Gomez & Schmidhuber 2014, section 3).

    The units stand in eight groups with periods 1, 2, 4 ... 128 characters; a group is computed anew when its period is
    over and stays as it is between. It hears the groups as slow as itself and slower, so that a slow group keeps what
    words and sentences are about, undisturbed by letters. The memory is (h, age), the age in characters since the
    stream began, modulo the longest period; both (B, H).
    """

    parts = "g"
    GROUPS: ClassVar[int] = 8

    def __init__(self, inputs: int, units: int) -> None:
        """Draw weights; those that would carry from quick units to slow ones are there and never used."""
        super().__init__(inputs, units)
        group = torch.arange(units) * self.GROUPS // units  # (H,)
        self.register_buffer("periods", 2.0**group, persistent=False)
        self.register_buffer("heard", (group[None, :] >= group[:, None]).float(), persistent=False)

    def step(self, given: Tensor, memory: Memory) -> Memory:
        """Compute anew the groups whose turn it is: at the stream's first character, of every group."""
        hidden, age = memory
        assert isinstance(self.heard, Tensor)
        assert isinstance(self.periods, Tensor)
        new = (given + functional.linear(hidden, self.recurrent_weight * self.heard)).tanh()
        return torch.where(age % self.periods == 0, new, hidden), (age + 1) % 2.0 ** (self.GROUPS - 1)


class Stack(nn.Module):
    """Layers of cells, called as `torch.nn.LSTM` is."""

    def __init__(self, cells: Sequence[Cell], dropout: float) -> None:
        """Stack cells, with dropout between them."""
        super().__init__()
        self.cells = nn.ModuleList(cells)
        self.dropout = nn.Dropout(dropout)

    def forward(self, inputs: Tensor, state: Memory) -> tuple[Tensor, Memory]:
        """Read inputs (B, T, E) from the state, each part (L, B, H); return outputs (B, T, H) and the last state."""
        outputs, ends = inputs, []
        for layer, cell in enumerate(self.cells):
            assert isinstance(cell, Cell)
            memory, shown = tuple(part[layer] for part in state), []
            for given in cell.given(self.dropout(outputs) if layer else outputs).unbind(1):
                memory = cell.step(given, memory)
                shown.append(memory[0])
            outputs = torch.stack(shown, dim=1)
            ends.append(memory)
        return outputs, tuple(torch.stack(parts) for parts in zip(*ends, strict=True))
