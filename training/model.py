"""The character model: embedding -> recurrent stack -> logits.

Read it beside the shapes: B streams, T characters, V characters in the vocabulary, E embedding, H units, L layers.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from training.cells import Cell, ClockworkCell, MultiplicativeCell, NormalisedCell, Stack
from training.config import Kind, ModelConfig
from training.variants import CELLS
from training.vocabulary import Vocabulary

State = tuple[Tensor, ...]  # (h,) for GRU and RNN, (h, c) for the LSTMs, more for some; each (L, B, H)

_FUSED: dict[Kind, type[nn.LSTM | nn.GRU | nn.RNN]] = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}
# Long memory: first biases of the gate that keeps, the second of each kind: the LSTM's forget gate (Gers et al. 2000;
# Jozefowicz et al. 2015, 2.1) and the GRU's update gate. With torch's, near zero, a GRU learned C more slowly.
_KEPT: dict[Kind, float] = {"lstm": 1.0, "gru": 2.0}
LOUD = 4.0  # gain of what the first layer hears; layers above learn more slowly if they hear as loudly
_CELLS: dict[Kind, type[Cell]] = {
    "mlstm": MultiplicativeCell,
    "lnlstm": NormalisedCell,
    "clockwork": ClockworkCell,
    **CELLS,
}


class CharacterModel(nn.Module):
    """Predicts the next character from all that came before, its memory a state of fixed size."""

    def __init__(self, config: ModelConfig, characters: int) -> None:
        """Draw fresh weights for a vocabulary of `characters` from torch's global generator."""
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(characters, config.embedding)
        self.stack = _stack(config)
        self.dropout = nn.Dropout(config.dropout)
        self.projection = nn.Linear(config.units, characters)
        self._initialise()

    def _initialise(self) -> None:
        """Draw first weights that let a character in loudly, and neither fade nor swell what is remembered.

        All kinds learn faster from these than from torch's own, and bear a larger learning rate.
        """
        for name, weight in self.stack.named_parameters():
            _, layer, part = _folder_name(f"stack.{name}").split(".", 2)
            for gate in torch.split(weight.detach(), self.config.units):
                if part == "input_weight":  # (H, E), or (H, H) above the first layer
                    nn.init.xavier_uniform_(gate, LOUD if layer == "0" else 1.0)
                elif part == "recurrent_weight":  # (H, H)
                    nn.init.orthogonal_(gate)
            if part == "input_bias" and (open_at := _KEPT.get(self.config.kind)):  # (4H,) or (3H,)
                nn.init.constant_(weight[self.config.units : 2 * self.config.units], open_at)
        nn.init.zeros_(self.projection.bias)
        if self.config.tied:
            nn.init.normal_(self.embedding.weight, std=1 / math.sqrt(self.config.embedding))
            self.projection.weight = self.embedding.weight  # (V, E = H)
        else:
            nn.init.xavier_uniform_(self.projection.weight)

    def start(self, streams: int) -> State:
        """Return the empty memory of `streams` streams."""
        like = self.projection.weight
        shape = (self.config.layers, streams, self.config.units)
        return tuple(like.new_zeros(shape) for _ in range(self.config.memories))

    def forward(self, ids: Tensor, state: State) -> tuple[Tensor, State]:
        """Read `ids` (B, T) from `state`; return logits (B, T, V) and the state after the last character."""
        outputs, after = self.read(ids, state)
        return self.projection(self.dropout(outputs)), after  # (B, T, V)

    def read(self, ids: Tensor, state: State) -> tuple[Tensor, State]:
        """Read `ids` (B, T) from `state`; return what the last layer shows, (B, T, H), and the state after them."""
        embedded = self.embedding(ids)  # (B, T, E)
        given = state if self.config.memories > 1 else state[0]
        if dropped := self._dropped():
            outputs, after = functional_call(self.stack, dropped, (embedded, given))
        else:
            outputs, after = self.stack(embedded, given)  # (B, T, H)
        return outputs, after if self.config.memories > 1 else (after,)

    def _dropped(self) -> dict[str, Tensor]:
        """Return the recurrent weights with some set to zero while training: the same ones for a whole window."""
        part = self.config.recurrent_dropout if self.training else 0.0
        own = self.stack.named_parameters() if part else ()
        return {name: functional.dropout(weight, part) for name, weight in own if name.startswith("weight_hh")}

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """Return the weights by the names of the model folder (see training/checkpoint.py)."""
        own = {name: tensor.detach().float().cpu().numpy() for name, tensor in self.state_dict().items()}
        if self.config.tied:
            del own["projection.weight"]
        return {_folder_name(name): array for name, array in own.items()}

    def load_arrays(self, arrays: dict[str, NDArray[np.float32]]) -> None:
        """Take the weights of a model folder."""
        whole = arrays | ({"projection.weight": arrays["embedding.weight"]} if self.config.tied else {})
        own = {name: whole[_folder_name(name)].astype(np.float32) for name in self.state_dict()}
        self.load_state_dict({name: torch.from_numpy(array) for name, array in own.items()})

    @torch.no_grad()
    def continue_text(self, vocabulary: Vocabulary, prefix: str, length: int, seed: int) -> str:
        """Return `length` characters drawn after `prefix` at temperature 1, one at a time."""
        training = self.training
        self.eval()
        device = self.projection.weight.device
        chance = torch.Generator().manual_seed(seed)
        ids = torch.tensor([vocabulary.encode(prefix).tolist()], device=device)  # (1, T)
        state, written = self.start(1), list[int]()
        for _ in range(length):
            logits, state = self(ids, state)
            probabilities = logits[0, -1].float().softmax(-1).cpu()  # (V,)
            written.append(int(torch.multinomial(probabilities, 1, generator=chance)))
            ids = torch.tensor([[written[-1]]], device=device)
        self.train(training)
        return vocabulary.decode(written)


_PARTS = {
    "weight_ih": "input_weight",
    "weight_hh": "recurrent_weight",
    "bias_ih": "input_bias",
    "bias_hh": "recurrent_bias",
}


def _stack(config: ModelConfig) -> nn.Module:
    between = config.dropout if config.layers > 1 else 0.0
    if config.kind in _FUSED:
        return _FUSED[config.kind](config.embedding, config.units, config.layers, batch_first=True, dropout=between)
    cell = _CELLS[config.kind]
    inputs = [config.embedding] + [config.units] * (config.layers - 1)
    return Stack([cell(each, config.units) for each in inputs], between)


def _folder_name(name: str) -> str:
    """`stack.weight_ih_l0` -> `layers.0.input_weight`, `stack.cells.0.` -> `layers.0.`; other names stay."""
    if name.startswith("stack.cells."):
        return name.replace("stack.cells.", "layers.", 1)
    module, _, rest = name.partition(".")
    if module != "stack":
        return name
    part, _, layer = rest.rpartition("_l")
    return f"layers.{layer}.{_PARTS[part]}"
