"""How far back a gradient reaches: what vanishes first.

The norm of the gradient of the loss at a character with respect to the whole state k characters before it, for k = 1,
2 ... (Y. Bengio, P. Simard & P. Frasconi, Learning Long-Term Dependencies with Gradient Descent is Difficult, 1994).
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from corpora.errors import UserError
from training.checkpoint import Model
from training.model import CharacterModel

LONGEST = 500
WINDOWS = 32


def network(model: Model, trained: bool, seed: int = 0) -> CharacterModel:
    """Return the network of a model folder with its weights, or as it was when they were drawn anew."""
    torch.manual_seed(seed)
    made = CharacterModel(model.card.model, len(model.card.vocabulary)).eval()
    if trained:
        made.load_arrays(model.arrays)
    return made


def norms(network: CharacterModel, ids: NDArray[np.uint16], longest: int = LONGEST) -> NDArray[np.float64]:
    """Return the mean norm over WINDOWS places of a text for each k from 1 to `longest`: (longest,).

    The state is all vectors of all layers, an LSTM's cells among them. It is empty 2 * `longest` before.
    """
    warm = longest
    if len(ids) < 2 * (warm + longest):
        raise UserError(
            f"The text has {len(ids):,} characters; gradients over {longest} need {2 * (warm + longest):,}."
        )
    starts = np.linspace(0, len(ids) - warm - longest - 2, WINDOWS).astype(int)
    text = torch.from_numpy(ids[starts[:, None] + np.arange(warm + longest + 1)].astype(np.int64))  # (B, T + 1)
    with torch.no_grad():
        _, state = network(text[:, :warm], network.start(WINDOWS))
    states, logits = [], torch.empty(0)
    for place in range(warm, warm + longest):
        state = tuple(part.requires_grad_() for part in state)
        states.append(state)  # before the character that is read next
        logits, state = network(text[:, place : place + 1], state)
    loss = functional.cross_entropy(logits[:, -1], text[:, -1], reduction="sum")  # rows do not touch each other
    flat = [part for state in states for part in state]
    found = torch.autograd.grad(loss, flat)
    memories = len(states[0])
    squares = torch.stack([part.double().square().sum(dim=(0, 2)) for part in found])  # (T * memories, B)
    lengths = squares.view(longest, memories, WINDOWS).sum(dim=1).sqrt().mean(dim=1)  # (T,), the nearest last
    return np.asarray(lengths.flip(0).numpy())
