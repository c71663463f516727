"""Two ways to learn from the test text as it is read, each character predicted before it is learned from.

Dynamic evaluation (B. Krause, E. Kahembwe, I. Murray & S. Renals, Dynamic Evaluation of Neural Sequence Models, 2018,
section 4, in its plain form): after each segment one step of gradient descent. The neural cache (E. Grave, A. Joulin &
N. Usunier, Improving Neural Language Models with a Continuous Cache, 2017, section 3): what followed the last few
thousand hidden vectors is likely to follow a similar one.

B streams, T characters, H units, V characters in the vocabulary. Both read the text in one stream.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from training.model import CharacterModel, State
from training.vocabulary import Ids

Losses = NDArray[np.float32]


def dynamic_nats(model: CharacterModel, ids: Ids, rate: float, segment: int = 50) -> Losses:
    """Return -log p of ids[1:] (T - 1,) to a model that after each `segment` characters takes a step of size `rate`.

    `model` has other weights afterwards. The gradient's norm is at most 1.
    """
    inputs, targets = (torch.from_numpy(half.astype(np.int64))[None] for half in (ids[:-1], ids[1:]))
    optimiser = torch.optim.SGD(model.parameters(), lr=rate)
    state, losses = model.start(1), list[Tensor]()
    for at in range(0, inputs.shape[1], segment):
        span = slice(at, at + segment)
        logits, state = model(inputs[:, span], tuple(part.detach() for part in state))
        found = functional.cross_entropy(logits[0], targets[0, span], reduction="none")
        losses.append(found.detach())
        optimiser.zero_grad(set_to_none=True)
        found.mean().backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
    read: Losses = torch.cat(losses).numpy()
    return read


@torch.no_grad()
def cache_nats(
    model: CharacterModel, ids: Ids, flatness: float, part: float, size: int = 2000, segment: int = 500
) -> Losses:
    """Return -log p of ids[1:] (T - 1,) where `part` of the probability is the cache's.

    The cache gives each of the last `size` characters a weight of exp(flatness * h . h'), h being the hidden vector now
    and h' the one it was predicted from.
    """
    inputs, targets = (torch.from_numpy(half.astype(np.int64)) for half in (ids[:-1], ids[1:]))
    state, kept = model.start(1), torch.empty(0, model.config.units)
    losses = list[Tensor]()
    for at in range(0, len(inputs), segment):
        span = slice(at, at + segment)
        hidden, logits, state = _read(model, inputs[span], state)  # (S, H), (S, V)
        own = logits.softmax(-1).gather(1, targets[span, None])[:, 0]
        keys = torch.cat([kept, hidden])  # (K + S, H)
        followed = targets[at - len(kept) : at + len(hidden)]  # what followed each key
        losses.append(-((1 - part) * own + part * _cached(hidden, keys, followed, targets[span], flatness, size)).log())
        kept = keys[-size:]
    read: Losses = torch.cat(losses).numpy()
    return read


def _read(model: CharacterModel, inputs: Tensor, state: State) -> tuple[Tensor, Tensor, State]:
    """Read a segment (S,); return its hidden vectors (S, H), logits (S, V) and the state after it."""
    outputs, state = model.read(inputs[None], state)
    return outputs[0], model.projection(outputs[0]), state


def _cached(hidden: Tensor, keys: Tensor, followed: Tensor, targets: Tensor, flatness: float, size: int) -> Tensor:
    """Return the probability (S,) that the cache gives each target; none where it is empty.

    `hidden` (S, H) are the last of the `keys` (K + S, H); a character sees the `size` keys before its own.
    """
    own = torch.arange(len(keys) - len(hidden), len(keys))[:, None]  # each character's place among the keys
    places = torch.arange(len(keys))
    seen = (places < own) & (places >= own - size)  # (S, K + S)
    weights = (flatness * hidden @ keys.T).masked_fill(~seen, -torch.inf).softmax(-1).nan_to_num(0.0)
    return (weights * (followed == targets[:, None])).sum(-1)
