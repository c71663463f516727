"""The character model: embedding -> recurrent stack -> logits.

Read it beside the shapes: B streams, T characters, V characters in the vocabulary, E embedding, H units, L layers.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from training.config import ModelConfig
from training.vocabulary import Vocabulary

State = tuple[Tensor, ...]  # (h,) for GRU and RNN, (h, c) for LSTM; each (L, B, H)

_STACKS = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}


class CharacterModel(nn.Module):
    """Predicts the next character from all that came before, its memory a state of fixed size."""

    def __init__(self, config: ModelConfig, characters: int) -> None:
        """Draw fresh weights for a vocabulary of `characters` from torch's global generator."""
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(characters, config.embedding)
        self.stack: nn.RNNBase = _STACKS[config.kind](
            config.embedding,
            config.units,
            config.layers,
            batch_first=True,
            dropout=config.dropout if config.layers > 1 else 0.0,
        )
        self.dropout = nn.Dropout(config.dropout)
        self.projection = nn.Linear(config.units, characters)
        self._initialise()

    def _initialise(self) -> None:
        # Long memory from the start: a forget gate that opens at 1 (Gers et al. 2000; Jozefowicz et al. 2015, 2.1).
        if self.config.kind == "lstm":
            for layer in range(self.config.layers):
                bias = getattr(self.stack, f"bias_ih_l{layer}")  # (4H,)
                nn.init.ones_(bias[self.config.units : 2 * self.config.units])
        nn.init.normal_(self.embedding.weight, std=1 / math.sqrt(self.config.embedding))
        nn.init.zeros_(self.projection.bias)
        if self.config.tied:
            self.projection.weight = self.embedding.weight  # (V, E = H)

    def start(self, streams: int) -> State:
        """Return the empty memory of `streams` streams."""
        like = self.projection.weight
        shape = (self.config.layers, streams, self.config.units)
        return tuple(like.new_zeros(shape) for _ in range(2 if self.config.kind == "lstm" else 1))

    def forward(self, ids: Tensor, state: State) -> tuple[Tensor, State]:
        """Read `ids` (B, T) from `state`; return logits (B, T, V) and the state after the last character."""
        embedded = self.embedding(ids)  # (B, T, E)
        if self.config.kind == "lstm":
            outputs, after = self.stack(embedded, state)  # (B, T, H)
        else:
            outputs, hidden = self.stack(embedded, state[0])  # (B, T, H), (L, B, H)
            after = (hidden,)
        return self.projection(self.dropout(outputs)), after  # (B, T, V)

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """Return the weights by the names of the model folder (see training/checkpoint.py)."""
        own = {name: tensor.detach().float().cpu().numpy() for name, tensor in self.state_dict().items()}
        if self.config.tied:
            del own["projection.weight"]
        return {_folder_name(name): array for name, array in own.items()}

    def load_arrays(self, arrays: dict[str, NDArray[np.float32]]) -> None:
        """Take the weights of a model folder."""
        own = {_torch_name(name): torch.from_numpy(array.astype(np.float32)) for name, array in arrays.items()}
        if self.config.tied:
            own["projection.weight"] = own["embedding.weight"]
        self.load_state_dict(own)

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


def _folder_name(name: str) -> str:
    """`stack.weight_ih_l0` -> `layers.0.input_weight`; other names stay."""
    module, _, rest = name.partition(".")
    if module != "stack":
        return name
    part, _, layer = rest.rpartition("_l")
    return f"layers.{layer}.{_PARTS[part]}"


def _torch_name(name: str) -> str:
    """Undo `_folder_name`."""
    if not name.startswith("layers."):
        return name
    _, layer, part = name.split(".")
    return f"stack.{next(own for own, ours in _PARTS.items() if ours == part)}_l{layer}"
