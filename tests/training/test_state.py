from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional

from corpora.errors import UserError
from training import state
from training.config import ModelConfig, TrainConfig
from training.model import CharacterModel, State
from training.optimiser import optimisers
from training.state import Place

IDENTITY = {"model": {"kind": "lstm", "units": 6}, "training": {"clip": 1.0, "seed": 0}, "text": "abc", "processes": 1}
PLACE = Place(step=7, steps=90, evaluations=5, evaluated=2, due=9, seconds=1.5, best=0.1 + 0.2, worse=1, loss=1 / 3)
Parts = tuple[CharacterModel, list[torch.optim.Optimizer], State]


def started(seed: int, optimiser: str = "adamw", **fields: Any) -> Parts:
    torch.manual_seed(seed)
    config = ModelConfig.model_validate({"layers": 2, "units": 6, "embedding": 6, "dropout": 0.5} | fields)
    model = CharacterModel(config, 5)
    train = TrainConfig.model_validate({"learning_rate": 0.01, "optimiser": optimiser})
    return model, optimisers(model, train), model.start(3)


def stepped(parts: Parts) -> Parts:
    """Take one step, with dropout: random numbers count here."""
    model, shared, carried = parts
    logits, carried = model(torch.tensor([[0, 1], [2, 3], [4, 0]]), carried)
    model.zero_grad()
    functional.cross_entropy(logits.flatten(0, 1), torch.tensor([1, 2, 3, 4, 0, 1])).backward()
    for optimiser in shared:
        optimiser.step()
    return model, shared, tuple(tensor.detach() for tensor in carried)


def weights(parts: Parts) -> list[torch.Tensor]:
    return [*(parameter.detach().clone() for parameter in parts[0].parameters()), *parts[2]]


@pytest.mark.parametrize(
    "fields", [{"kind": "lstm"}, {"kind": "gru", "tied": True}, {"kind": "rnn"}, {"optimiser": "muon"}]
)
def test_a_restored_run_steps_on_as_if_nothing_had_happened(tmp_path: Path, fields: dict[str, Any]) -> None:
    path = tmp_path / "run" / "state.safetensors"
    parts = stepped(stepped(started(0, **fields)))
    state.save(path, IDENTITY, PLACE, *parts)
    left_alone = weights(stepped(stepped(parts)))

    model, shared, _ = started(99, **fields)
    restored = state.restore(path, IDENTITY, model, shared)
    assert restored is not None
    place, carried = restored
    assert place == PLACE
    resumed = weights(stepped(stepped((model, shared, carried))))
    assert all(torch.equal(a, b) for a, b in zip(left_alone, resumed, strict=True))
    assert [path.name for path in path.parent.iterdir()] == ["state.safetensors"]


def test_where_nothing_was_saved_there_is_nothing(tmp_path: Path) -> None:
    model, shared, _ = started(0)
    assert state.restore(tmp_path / "state.safetensors", IDENTITY, model, shared) is None


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"text": "abd"}, "text"),
        ({"processes": 2}, "processes"),
        ({"training": {"clip": 2.0, "seed": 0}}, "clip"),
        ({"training": {"clip": 2.0, "seed": 1}, "model": {"kind": "gru", "units": 6}}, "clip, kind, seed"),
        ({"training": {"clip": 1.0, "seed": 0, "rate": 1}}, "rate"),
    ],
)
def test_another_run_is_not_gone_on_with(tmp_path: Path, change: dict[str, Any], named: str) -> None:
    path = tmp_path / "state.safetensors"
    parts = started(0)
    state.save(path, IDENTITY, PLACE, *parts)
    with pytest.raises(UserError, match=rf"{path}: a run with another {named} stands here\. .* with --fresh"):
        state.restore(path, IDENTITY | change, *parts[:2])


@pytest.mark.parametrize("kept", [0, 40, -1])
def test_a_truncated_state_is_refused(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "state.safetensors"
    parts = started(0)
    state.save(path, IDENTITY, PLACE, *parts)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(UserError, match=f"{path}: the saved run cannot be read .* Delete it to start anew"):
        state.restore(path, IDENTITY, *parts[:2])


def test_a_torn_save_leaves_the_state_before_it(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    parts = started(0)
    state.save(path, IDENTITY, PLACE, *parts)
    path.with_suffix(".new").write_bytes(path.read_bytes()[:100])  # killed while writing the next one
    restored = state.restore(path, IDENTITY, *parts[:2])
    assert restored is not None
    assert restored[0] == PLACE


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file")
    with pytest.raises(UserError, match=r"state\.safetensors: the run's state could not be saved \(File exists\)"):
        state.save(tmp_path / "run" / "state.safetensors", IDENTITY, PLACE, *started(0))
