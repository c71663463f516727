"""Held-out loss of a network, in nats per character."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from training.batches import HeldOut, held_out
from training.checkpoint import Model
from training.model import CharacterModel

SPAN = 512  # characters read at once; bounds the memory, changes nothing in the result


def nats_per_character(model: CharacterModel, text: HeldOut) -> float:
    """Return the mean of -log p(character | all before it) over the scored characters, dropout off, in fp32."""
    return float(character_nats(model, text).mean(dtype=np.float64))


@torch.no_grad()
def character_nats(model: CharacterModel, text: HeldOut) -> NDArray[np.float32]:
    """Return -log p(character | all before it) of each scored character, in the order of the text: (T - 1,)."""
    training = model.training
    model.eval()
    device = model.projection.weight.device
    inputs, targets = torch.from_numpy(text.inputs), torch.from_numpy(text.targets)  # (rows, length)
    state, losses = model.start(len(inputs)), torch.empty(inputs.shape)
    for at in range(0, inputs.shape[1], SPAN):
        span = slice(at, at + SPAN)
        logits, state = model(inputs[:, span].to(device), state)  # (rows, span, V)
        following = targets[:, span].to(device)
        losses[:, span] = functional.cross_entropy(logits.float().transpose(1, 2), following, reduction="none")
    model.train(training)
    scored: NDArray[np.float32] = losses.numpy()[text.scored]
    return scored


def network(model: Model) -> CharacterModel:
    """Return the network of a model folder, to be measured."""
    made = CharacterModel(model.card.model, len(model.card.vocabulary))
    made.load_arrays(model.arrays)
    return made.eval()


def text_nats(model: Model, text: str) -> NDArray[np.float32]:
    """Return what each character of `text` but the first costs a model folder's network: (T - 1,)."""
    return character_nats(network(model), held_out(model.vocabulary.encode(text)))
