"""Held-out loss of a network, in nats per character."""

import torch
from torch.nn import functional

from training.batches import HeldOut
from training.model import CharacterModel

SPAN = 512  # characters read at once; bounds the memory, changes nothing in the result


@torch.no_grad()
def nats_per_character(model: CharacterModel, text: HeldOut) -> float:
    """Return the mean of -log p(character | all before it) over the scored characters, dropout off, in fp32."""
    training = model.training
    model.eval()
    device = model.projection.weight.device
    inputs, targets = torch.from_numpy(text.inputs), torch.from_numpy(text.targets)  # (rows, length)
    scored = torch.from_numpy(text.scored)
    state, total = model.start(len(inputs)), torch.zeros((), dtype=torch.float64, device=device)
    for at in range(0, inputs.shape[1], SPAN):
        span = slice(at, at + SPAN)
        logits, state = model(inputs[:, span].to(device), state)  # (rows, span, V)
        losses = functional.cross_entropy(
            logits.float().flatten(0, 1), targets[:, span].to(device).flatten(), reduction="none"
        )
        total += losses[scored[:, span].flatten().to(device)].sum(dtype=torch.float64)
    model.train(training)
    return float(total) / int(scored.sum())
