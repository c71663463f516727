import numpy as np
import pytest
import torch

from training.config import ModelConfig, TrainConfig
from training.model import CharacterModel
from training.optimiser import BETAS, MOMENTUM, optimisers, set_rate

MUON = TrainConfig(optimiser="muon", learning_rate=0.01, weight_decay=0.0)


@pytest.fixture
def model() -> CharacterModel:
    torch.manual_seed(0)
    return CharacterModel(ModelConfig(layers=2, units=8, embedding=6), 5)


def names(model: CharacterModel, optimiser: torch.optim.Optimizer) -> set[str]:
    own = {id(weight) for group in optimiser.param_groups for weight in group["params"]}
    return {name for name, weight in model.named_parameters() if id(weight) in own}


def test_every_weight_has_one_optimiser(model: CharacterModel) -> None:
    (only,) = optimisers(model, TrainConfig())
    assert names(model, only) == {name for name, _ in model.named_parameters()}
    adamw, muon = optimisers(model, MUON)
    assert names(model, muon) == {f"stack.weight_{part}_l{layer}" for part in ("ih", "hh") for layer in (0, 1)}
    assert names(model, adamw) == {name for name, _ in model.named_parameters()} - names(model, muon)
    assert adamw.param_groups[0]["betas"] == BETAS


def test_both_go_by_one_rate(model: CharacterModel) -> None:
    shared = optimisers(model, MUON)
    set_rate(shared, 0.25)
    assert [group["lr"] for optimiser in shared for group in optimiser.param_groups] == [0.25, 0.25]


def test_a_step_of_muon_is_orthogonal_and_as_large_as_one_of_adamw(model: CharacterModel) -> None:
    """The first momentum is the gradient's direction; its polar factor by singular values is what Muon approximates."""
    _, muon = optimisers(model, MUON)
    weight = model.stack.weight_hh_l0
    before, gradient = weight.detach().clone(), torch.randn(weight.shape)
    weight.grad = gradient.clone()
    muon.step()
    step = (before - weight.detach()).numpy() / (0.2 * np.sqrt(max(weight.shape)) * MUON.learning_rate)
    left, _, right = np.linalg.svd(gradient.numpy(), full_matrices=False)
    singular = np.linalg.svd(step, compute_uv=False)
    assert 0.6 < singular.min() <= singular.max() < 1.3  # five rounds of Newton and Schulz come so near to one
    assert np.vdot(step, left @ right) / np.linalg.norm(step) / np.linalg.norm(left @ right) > 0.97
    assert muon.param_groups[0]["momentum"] == MOMENTUM
