"""What makes a step of a gradient: AdamW, or Muon for the matrices of the recurrent layers and AdamW for the rest.

Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon) makes the momentum of a matrix orthogonal, so that
all its directions are learned and not the few loudest. Its steps are scaled to the size of AdamW's (Liu et al. 2025,
"Muon is scalable for LLM training", 2.2), so that both go by one learning rate.

torch has a Muon of its own (torch.optim.Muon), which multiplies in bf16. Few processors are quick at that; elsewhere it
took as long as all the rest of a step (512 units x 2). This one multiplies in single precision, and less: 60 ms
for a matrix of 2048 x 512 where that one took 330.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from training.config import TrainConfig
from training.model import CharacterModel

BETAS = (0.9, 0.99)
MOMENTUM = 0.95
SIZE = 0.2  # root mean square of AdamW's steps, as Liu et al. found it


def optimisers(model: CharacterModel, config: TrainConfig) -> list[Optimizer]:
    """Return those that share a model's weights among them."""
    if config.optimiser == "adamw":
        return [_adamw(list(model.parameters()), config)]
    matrices = [weight for weight in model.stack.parameters() if weight.ndim == 2]
    theirs = {id(weight) for weight in matrices}
    others = [weight for weight in model.parameters() if id(weight) not in theirs]
    return [_adamw(others, config), Muon(matrices, config.learning_rate, config.weight_decay)]


def set_rate(optimisers: Sequence[Optimizer], rate: float) -> None:
    """Let the next step be of this learning rate."""
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["lr"] = rate


class Muon(Optimizer):
    """Momentum (Nesterov's) made orthogonal, for weights that are matrices; weight decay as in AdamW."""

    def __init__(self, weights: Sequence[nn.Parameter], rate: float, weight_decay: float) -> None:
        """Take matrices; `rate` is what AdamW's would be."""
        super().__init__(weights, {"lr": rate, "weight_decay": weight_decay, "momentum": MOMENTUM})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        """Make a step of each weight that has a gradient."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                mean = self.state[weight].setdefault("momentum_buffer", torch.zeros_like(weight))
                mean.lerp_(weight.grad, 1 - group["momentum"])
                direction = orthogonal(weight.grad.lerp(mean, group["momentum"]))
                weight.mul_(1 - group["lr"] * group["weight_decay"])
                weight.add_(direction, alpha=-group["lr"] * SIZE * max(weight.shape) ** 0.5)


# Jordan's quintic; five rounds of it bring every singular value that is not tiny to about one.
ROUNDS: tuple[tuple[float, float, float], ...] = ((3.4445, -4.7750, 2.0315),) * 5


def orthogonal(matrix: Tensor) -> Tensor:
    """Return the matrix (M, N) with its singular values brought near one, by the iteration of Newton and Schulz.

    A round takes X to X (a + b X'X + c (X'X)^2) = X P. As X'X then becomes P X'X P, all rounds are made of it alone,
    which is square and as small as the matrix allows, and the product of their P is applied to X once.
    """
    tall = matrix.size(0) > matrix.size(1)
    scaled = matrix / matrix.norm().clamp(min=1e-7)  # singular values are one at most
    gram = scaled.T @ scaled if tall else scaled @ scaled.T  # (m, m), m the smaller of M and N
    whole = torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
    for a, b, c in ROUNDS:
        factor = torch.addmm(gram, gram, gram, beta=b, alpha=c)
        factor.diagonal().add_(a)
        whole = whole @ factor
        gram = factor @ gram @ factor
    made: Tensor = scaled @ whole if tall else whole @ scaled
    return made


def _adamw(weights: list[nn.Parameter], config: TrainConfig) -> Optimizer:
    return torch.optim.AdamW(weights, betas=BETAS, weight_decay=config.weight_decay, foreach=True)
