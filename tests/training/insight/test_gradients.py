import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from corpora.errors import UserError
from training.checkpoint import Model
from training.insight.gradients import WINDOWS, network, norms
from training.model import CharacterModel, State

LONGEST = 6


def lost(net: CharacterModel, read: Tensor, after: Tensor, state: State) -> float:
    logits, _ = net(read, state)
    return float(functional.cross_entropy(logits[:, -1], after))


def moved(state: State, part: int, place: tuple[int, ...], by: float) -> State:
    copies = [each.clone() for each in state]
    copies[part][place] += by
    return tuple(copies)


@torch.no_grad()
def by_differences(model: Model, ids: np.ndarray, lag: int) -> float:
    """Return the mean norm of the gradient at one lag from differences of losses, in float64."""
    net, lengths = network(model, trained=True).double(), []
    for start in np.linspace(0, len(ids) - 2 * LONGEST - 2, WINDOWS).astype(int):
        text = torch.from_numpy(ids[start : start + 2 * LONGEST + 1].astype(np.int64))[None]
        read, after = text[:, 2 * LONGEST - lag : 2 * LONGEST], text[:, -1]
        _, state = net(text[:, : 2 * LONGEST - lag], net.start(1))
        slopes = [
            (
                lost(net, read, after, moved(state, part, place, 1e-5))
                - lost(net, read, after, moved(state, part, place, -1e-5))
            )
            / 2e-5
            for part, whole in enumerate(state)
            for place in np.ndindex(*whole.shape)
        ]
        lengths.append(np.linalg.norm(slopes))
    return float(np.mean(lengths))


@pytest.mark.parametrize("kind", ["lstm", "gru", "rnn"])
def test_norms_are_those_of_differences(made, text: str, kind: str) -> None:
    model = made(kind=kind, units=3, layers=2, embedding=4)
    ids = model.vocabulary.encode(text)
    found = norms(network(model, trained=True), ids, LONGEST)
    assert found.shape == (LONGEST,)
    for lag in (1, 2, LONGEST):
        assert found[lag - 1] == pytest.approx(by_differences(model, ids, lag), rel=1e-3)


def test_an_rnn_of_small_weights_forgets_by_the_same_factor_at_each_step(made, text: str) -> None:
    model = made(kind="rnn", layers=1, gain=1.0)
    model.arrays["layers.0.recurrent_weight"][:] = 0.5 * np.eye(7)
    for name in ("layers.0.input_weight", "layers.0.input_bias", "layers.0.recurrent_bias"):
        model.arrays[name][:] = 0
    found = norms(network(model, trained=True), model.vocabulary.encode(text), LONGEST)
    assert found[1:] / found[:-1] == pytest.approx([0.5] * (LONGEST - 1), rel=1e-4)


def test_first_weights_are_drawn_anew(made, text: str) -> None:
    model = made()
    fresh = [network(model, trained=False, seed=seed).arrays() for seed in (1, 1, 2)]
    assert np.array_equal(fresh[0]["projection.weight"], fresh[1]["projection.weight"])
    assert not np.array_equal(fresh[0]["projection.weight"], fresh[2]["projection.weight"])
    with pytest.raises(UserError, match="gradients over 500 need 2,000"):
        norms(network(model, trained=True), model.vocabulary.encode(text))
