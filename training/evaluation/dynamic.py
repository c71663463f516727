"""Two ways to learn from the test text as it is read, each character predicted before it is learned from.

Dynamic evaluation (B. Krause, E. Kahembwe, I. Murray & S. Renals, Dynamic Evaluation of Neural Sequence Models, 2018,
section 5): after each segment one step down its gradient, shorter where gradients are usually large, and one back to
the weights that were trained, longer where they are. The neural cache (E. Grave, A. Joulin & N. Usunier, Improving
Neural Language Models with a Continuous Cache, 2017, section 3): what followed the last few thousand hidden vectors is
likely to follow a similar one.

B streams, T characters, H units, V characters in the vocabulary. Both read the text in one stream.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from training.model import CharacterModel, State
from training.vocabulary import Ids

Losses = NDArray[np.float32]

SEGMENT = 20  # characters between two steps


def dynamic_nats(
    model: CharacterModel, ids: Ids, rate: float, decay: float, sizes: Sequence[Tensor], segment: int = SEGMENT
) -> Losses:
    """Return -log p of ids[1:] (T - 1,) to a model that takes a step after each `segment` characters.

    Of a weight w that began as w0, with a gradient g and a usual one of size s (`sizes`, from `gradient_sizes`), the
    step is  -rate g / (s + mean s) + min(decay s / mean s, 1) (w0 - w).  `model` has other weights afterwards.
    """
    weights = list(model.parameters())
    first = [weight.detach().clone() for weight in weights]
    mean = sum(float(size.sum()) for size in sizes) / sum(size.numel() for size in sizes)
    rates = [rate / (size + mean) for size in sizes]
    pulls = [(decay * size / mean).clamp(max=1.0) for size in sizes]
    losses = list[Tensor]()
    for found, gradients in _read_and_derived(model, ids, segment):
        losses.append(found)
        with torch.no_grad():
            for weight, old, gradient, own_rate, pull in zip(weights, first, gradients, rates, pulls, strict=True):
                weight.add_(pull * (old - weight) - own_rate * gradient)
    read: Losses = torch.cat(losses).numpy()
    return read


def gradient_sizes(model: CharacterModel, ids: Ids, segment: int = SEGMENT) -> list[Tensor]:
    """Return the root mean square of each weight's gradient over the segments of ids (T,), of the training text."""
    squares, count = [torch.zeros_like(weight) for weight in model.parameters()], 0
    for _, gradients in _read_and_derived(model, ids, segment):
        count += 1
        for square, gradient in zip(squares, gradients, strict=True):
            square += gradient**2
    return [(square / count).sqrt() for square in squares]


def _read_and_derived(model: CharacterModel, ids: Ids, segment: int) -> Iterator[tuple[Tensor, tuple[Tensor, ...]]]:
    """Yield the losses (S,) of each segment and the gradients of their mean, with the weights of that moment."""
    inputs, targets = (torch.from_numpy(half.astype(np.int64)) for half in (ids[:-1], ids[1:]))
    state = model.start(1)
    for at in range(0, len(inputs), segment):
        span = slice(at, at + segment)
        logits, state = model(inputs[None, span], tuple(part.detach() for part in state))
        found = functional.cross_entropy(logits[0], targets[span], reduction="none")
        yield found.detach(), torch.autograd.grad(found.mean(), list(model.parameters()))


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
