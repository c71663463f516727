import numpy as np
import pytest
import torch

from training.config import ModelConfig, TrainConfig
from training.model import CharacterModel
from training.optimiser import BETAS, MOMENTUM, ROUNDS, Muon, optimisers, orthogonal, set_rate

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


@pytest.mark.parametrize("shape", [(32, 8), (8, 32), (12, 12), (1, 5)])
def test_steps_are_those_of_torchs_muon_without_its_rounding(shape: tuple[int, int]) -> None:
    """torch multiplies in bf16, which has 8 bits: its steps differ from ours by a part in a hundred or so."""
    torch.manual_seed(0)
    first = torch.randn(shape)
    ours, theirs = torch.nn.Parameter(first.clone()), torch.nn.Parameter(first.clone())
    options = {"lr": 0.01, "weight_decay": 0.1, "momentum": MOMENTUM, "adjust_lr_fn": "match_rms_adamw"}
    pairs = [(ours, Muon([ours], 0.01, 0.1)), (theirs, torch.optim.Muon([theirs], **options))]
    for _ in range(5):
        gradient = torch.randn(shape)
        for weight, optimiser in pairs:
            weight.grad = gradient.clone()
            optimiser.step()
    assert (ours - theirs).norm() < 0.03 * (ours - first).norm()


def test_orthogonal_is_the_iteration_written_plainly() -> None:
    plain = matrix = torch.randn(20, 7, dtype=torch.float64)
    plain = plain / plain.norm()
    for a, b, c in ROUNDS:
        square = plain @ plain.T
        plain = a * plain + b * square @ plain + c * square @ square @ plain
    assert torch.allclose(orthogonal(matrix), plain, atol=1e-9)
    assert torch.allclose(orthogonal(matrix.T), plain.T, atol=1e-9)
    assert torch.equal(orthogonal(torch.zeros(3, 2)), torch.zeros(3, 2))
