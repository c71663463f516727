"""Cells that torch has no fused layer for, one readable step each, and the scan that repeats it over a text.

B streams, T characters, E inputs, H units. Gates stand in torch's order: input, forget, cell, output.
"""

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

Memory = tuple[Tensor, Tensor]  # (h, c), each (B, H)


class Cell(nn.Module):
    """An LSTM cell with forget gates (Gers et al. 2000), and what its variants share."""

    def __init__(self, inputs: int, units: int) -> None:
        """Draw weights for `inputs` (E) and `units` (H) as torch does, from +-1/sqrt(H)."""
        super().__init__()
        bound = units**-0.5
        self.units = units

        def drawn(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.empty(*shape).uniform_(-bound, bound))

        self.input_weight, self.recurrent_weight = drawn(4 * units, inputs), drawn(4 * units, units)
        self.input_bias, self.recurrent_bias = drawn(4 * units), drawn(4 * units)

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
        self.factor_input_weight = nn.Parameter(torch.empty(units, inputs).uniform_(-(units**-0.5), units**-0.5))
        self.factor_recurrent_weight = nn.Parameter(torch.empty(units, units).uniform_(-(units**-0.5), units**-0.5))

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


class Stack(nn.Module):
    """Layers of cells, called as `torch.nn.LSTM` is."""

    KINDS: ClassVar[dict[str, type[Cell]]] = {"mlstm": MultiplicativeCell, "lnlstm": NormalisedCell}

    def __init__(self, kind: str, inputs: int, units: int, layers: int, dropout: float) -> None:
        """Stack `layers` cells of a kind, with dropout between them."""
        super().__init__()
        cell = self.KINDS[kind]
        self.cells = nn.ModuleList(cell(inputs if layer == 0 else units, units) for layer in range(layers))
        self.dropout = nn.Dropout(dropout)

    def forward(self, inputs: Tensor, state: Memory) -> tuple[Tensor, Memory]:
        """Read inputs (B, T, E) from state (h, c), each (L, B, H); return outputs (B, T, H) and the last state."""
        outputs, ends = inputs, []
        for layer, cell in enumerate(self.cells):
            assert isinstance(cell, Cell)
            memory, shown = (state[0][layer], state[1][layer]), []
            for given in cell.given(self.dropout(outputs) if layer else outputs).unbind(1):
                memory = cell.step(given, memory)
                shown.append(memory[0])
            outputs = torch.stack(shown, dim=1)
            ends.append(memory)
        hidden, cells = zip(*ends, strict=True)
        return outputs, (torch.stack(hidden), torch.stack(cells))
