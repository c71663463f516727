"""All that a run must remember to go on as if it had never stopped: tensors in safetensors, the rest as its JSON.

No pickle here either. The file is replaced in one move, so a kill leaves the state before or the state after.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as save_tensors
from torch import Tensor, nn
from torch.optim import Optimizer

from corpora.errors import UserError
from training.checkpoint import write_durably
from training.model import CharacterModel, State

OPTIMISERS = ("optimiser", "optimiser2")  # what their tensors are named


@dataclass
class Place:
    """Where a run is: the next step, the planned steps, what it has spent and the best it has seen."""

    step: int = 0
    steps: int = 0
    evaluations: int = 0  # planned
    evaluated: int = 0  # made
    due: int = 0  # the step of the next evaluation
    seconds: float = 0.0
    best: float = float("inf")
    worse: int = 0  # evaluations since the best one
    loss: float = 0.0  # running mean of the training loss, nats per character
    finished: str = ""
    scaler: dict[str, Any] = field(default_factory=dict)


def save(
    path: Path,
    identity: dict[str, Any],
    place: Place,
    model: CharacterModel,
    optimisers: Sequence[Optimizer],
    carried: State,
    average: nn.Module | None = None,
) -> None:
    """Write the state of a run; `identity` says which run it is (configuration and text)."""
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    if average:
        tensors |= {f"average.{name}": tensor for name, tensor in average.state_dict().items()}
    for prefix, optimiser in zip(OPTIMISERS, optimisers, strict=False):
        for index, moments in optimiser.state_dict()["state"].items():
            tensors |= {f"{prefix}.{index}.{name}": tensor for name, tensor in moments.items()}
    tensors |= {f"carried.{index}": tensor for index, tensor in enumerate(carried)}
    tensors["random.cpu"] = torch.get_rng_state()
    if torch.cuda.is_available():
        tensors["random.cuda"] = torch.cuda.get_rng_state()
    # clone: safetensors refuses tensors that share memory, as a tied model's do
    whole = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    header = {"identity": json.dumps(identity, sort_keys=True), "place": json.dumps(asdict(place))}
    new = path.with_suffix(".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(new, save_tensors(whole, metadata=header))
        os.replace(new, path)
    except OSError as error:
        raise UserError(f"{path}: the run's state could not be saved ({error.strerror}).") from error


def restore(
    path: Path,
    identity: dict[str, Any],
    model: CharacterModel,
    optimisers: Sequence[Optimizer],
    average: nn.Module | None = None,
) -> tuple[Place, State] | None:
    """Put a saved run back into the modules, `optimisers` and the random generators; None where nothing was saved."""
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata()
            # clone: tensors at odd addresses take other paths through the kernels, and their sums other last bits
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path}: the saved run cannot be read ({error}). Delete it to start anew.") from error
    theirs, ours = (_flat(json.loads(each)) for each in (header["identity"], json.dumps(identity)))
    if theirs != ours:
        different = sorted(key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key))
        raise UserError(
            f"{path}: a run with another {', '.join(different)} stands here. "
            "Go on with the same options, or start anew with --fresh."
        )
    model.load_state_dict(_below("model", tensors))
    if average:
        average.load_state_dict(_below("average", tensors))
    for prefix, optimiser in zip(OPTIMISERS, optimisers, strict=False):
        _restore_optimiser(optimiser, _below(prefix, tensors))
    torch.set_rng_state(tensors["random.cpu"])
    if torch.cuda.is_available() and "random.cuda" in tensors:
        torch.cuda.set_rng_state(tensors["random.cuda"])
    device = model.projection.weight.device
    carried = _below("carried", tensors)
    return Place(**json.loads(header["place"])), tuple(carried[name].to(device) for name in sorted(carried))


def _flat(identity: dict[str, Any]) -> dict[str, Any]:
    """Lay the options of all records side by side, so that one that differs can be named."""
    flat = dict[str, Any]()
    for key, value in identity.items():
        flat |= value if isinstance(value, dict) else {key: value}
    return flat


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(f"{prefix}."): t for name, t in tensors.items() if name.startswith(f"{prefix}.")}


def _restore_optimiser(optimiser: Optimizer, tensors: dict[str, Tensor]) -> None:
    moments: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        index, _, key = name.partition(".")
        moments.setdefault(int(index), {})[key] = tensor
    optimiser.load_state_dict({"state": moments, "param_groups": optimiser.state_dict()["param_groups"]})
