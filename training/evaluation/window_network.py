"""The n-NN of the paper: a fully connected network that sees the last n characters and nothing before them.

One hidden layer with tanh over the n characters as one-hot vectors. A one-hot vector times a matrix is a row of it, so
the first layer is n tables of V rows, one for each place in the window, whose rows are added up.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from training.vocabulary import Ids

CHUNK = 8192  # windows scored at once


class WindowNetwork(nn.Module):
    """n characters in, one distribution over the next out. B windows, V characters, H hidden units."""

    def __init__(self, characters: int, window: int, units: int) -> None:
        """Draw weights: the sum of `window` rows has variance 1 / 3 in every unit at first."""
        super().__init__()
        self.window = window
        self.characters = characters
        self.first = nn.EmbeddingBag(window * characters, units, mode="sum")
        self.bias = nn.Parameter(torch.zeros(units))
        self.projection = nn.Linear(units, characters)
        nn.init.uniform_(self.first.weight, -(window**-0.5), window**-0.5)

    def forward(self, windows: Tensor) -> Tensor:
        """Return the logits (B, V) after windows (B, n) of ids."""
        rows = windows + torch.arange(self.window, device=windows.device) * self.characters  # (B, n)
        logits: Tensor = self.projection(torch.tanh(self.first(rows) + self.bias))
        return logits


def windows(ids: Ids, window: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return every run of `window` characters that one follows (N, n), and those that follow (N,)."""
    runs = np.lib.stride_tricks.sliding_window_view(ids, window)[:-1]
    return runs.astype(np.int64), ids[window:].astype(np.int64)


@dataclass(frozen=True)
class WindowTraining:
    """How such a network is trained: AdamW, the learning rates rising for a twentieth and then falling as a cosine.

    A character that is rarely seen moves its rows rarely, and a unit that tells a few windows from all others needs
    large weights: at the rate of the projection the tables would be far from done after many passes.
    """

    units: int = 1024
    epochs: int = 3
    batch: int = 1024  # windows
    learning_rate: float = 3e-3  # of the projection
    table_rate: float = 8e-2  # of the tables
    seed: int = 1


def trained(ids: Ids, characters: int, window: int, how: WindowTraining, device: str = "cpu") -> WindowNetwork:
    """Return a network that learned every window of `ids` (N,), in another order each time."""
    torch.manual_seed(how.seed)
    network = WindowNetwork(characters, window, how.units).to(device)
    read, following = (torch.from_numpy(part).to(device) for part in windows(ids, window))
    steps = how.epochs * (len(read) // how.batch)
    tables, others = [network.first.weight, network.bias], list[Tensor](network.projection.parameters())
    optimiser = torch.optim.AdamW([{"params": tables}, {"params": others}], fused=True)
    rates = [how.table_rate, how.learning_rate]
    rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, rates, total_steps=steps, pct_start=0.05)
    chance = torch.Generator().manual_seed(how.seed)
    for _ in range(how.epochs):
        order = torch.randperm(len(read), generator=chance).to(device)
        for chosen in order[: len(read) // how.batch * how.batch].view(-1, how.batch):
            optimiser.zero_grad(set_to_none=True)
            functional.cross_entropy(network(read[chosen]), following[chosen]).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            rate.step()
    return network


@torch.no_grad()
def window_nats(network: WindowNetwork, ids: Ids) -> NDArray[np.float32]:
    """Return -log p of every character of `ids` (T,) that has a whole window before it: (T - n,)."""
    device = network.bias.device
    read, following = (torch.from_numpy(part).to(device) for part in windows(ids, network.window))
    parts = zip(torch.split(read, CHUNK), torch.split(following, CHUNK), strict=True)
    losses = [functional.cross_entropy(network(given), right, reduction="none").cpu() for given, right in parts]
    found: NDArray[np.float32] = torch.cat(losses).numpy()
    return found
