"""What makes a step of a gradient: AdamW, or Muon for the matrices of the recurrent layers and AdamW for the rest.

Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon) makes the momentum of a matrix orthogonal, so that
all its directions are learned and not the few loudest. Its steps are scaled to the size of AdamW's (Liu et al. 2025,
"Muon is scalable for LLM training", 2.2), so that both go by one learning rate.
"""

from collections.abc import Sequence

import torch
from torch.optim import Optimizer

from training.config import TrainConfig
from training.model import CharacterModel

BETAS = (0.9, 0.99)
MOMENTUM = 0.95


def optimisers(model: CharacterModel, config: TrainConfig) -> list[Optimizer]:
    """Return those that share a model's weights among them."""
    if config.optimiser == "adamw":
        return [_adamw(list(model.parameters()), config)]
    matrices = [weight for weight in model.stack.parameters() if weight.ndim == 2]
    theirs = {id(weight) for weight in matrices}
    others = [weight for weight in model.parameters() if id(weight) not in theirs]
    muon = torch.optim.Muon(
        matrices,
        lr=config.learning_rate,
        weight_decay=config.weight_decay,
        momentum=MOMENTUM,
        adjust_lr_fn="match_rms_adamw",
    )
    return [_adamw(others, config), muon]


def set_rate(optimisers: Sequence[Optimizer], rate: float) -> None:
    """Let the next step be of this learning rate."""
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["lr"] = rate


def _adamw(weights: list[torch.nn.Parameter], config: TrainConfig) -> Optimizer:
    return torch.optim.AdamW(weights, betas=BETAS, weight_decay=config.weight_decay, foreach=True)
