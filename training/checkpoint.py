"""The model folder: `weights.safetensors` (fp16) and `model.json`, and nothing else is needed to speak.

Weights, V characters, E embedding, H units, G gates (LSTM 4, GRU 3, RNN 1), in torch's gate order:

    embedding.weight            (V, E)
    layers.N.input_weight       (G*H, E), in later layers (G*H, H)
    layers.N.recurrent_weight   (G*H, H)
    layers.N.input_bias         (G*H,)
    layers.N.recurrent_bias     (G*H,)
    projection.weight           (V, H), absent in a tied model
    projection.bias             (V,)

Nothing is pickled. A save is two files, so it is made in two moves (`weights`, then `model.json`), and a reader who
finds the first move without the second completes it: an interrupted save leaves the old model or the new one.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from corpora.errors import UserError, faults
from training.config import GATES, VARIANTS, ModelConfig
from training.vocabulary import Vocabulary

WEIGHTS = "weights.safetensors"
CARD = "model.json"
FORMAT = 1

Arrays = dict[str, NDArray[np.float32]]


class ModelCard(BaseModel):
    """What `model.json` says: how to build the network, what it learned from, how well, and how it was made."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int = FORMAT
    model: ModelConfig
    vocabulary: str = Field(min_length=1, description="all characters, in the order of their ids")
    parameters: int = Field(ge=1)
    corpus: dict[str, str] = Field(default_factory=dict, description="title, licence, digest")
    scores: dict[str, float] = Field(default_factory=dict, description="nats per character, by text and arithmetic")
    run: dict[str, Any] = Field(default_factory=dict, description="configuration, epochs, seconds, hardware, versions")
    weights_sha256: str = ""


class _Format(BaseModel):
    """What can be read of any card, also of one that has fields unknown here."""

    format: int = FORMAT


@dataclass(frozen=True)
class Model:
    """A model folder in memory; `digest` (sha256 hex) changes with any weight, size or character."""

    card: ModelCard
    arrays: Arrays
    digest: str

    @property
    def vocabulary(self) -> Vocabulary:
        """Return the characters it reads and writes."""
        return Vocabulary(self.card.vocabulary)


def expected_shapes(config: ModelConfig, characters: int) -> dict[str, tuple[int, ...]]:
    """Return the name and shape of each weight of a model of this size."""
    rows = GATES[config.kind] * config.units
    shapes: dict[str, tuple[int, ...]] = {"embedding.weight": (characters, config.embedding)}
    for layer in range(config.layers):
        shapes[f"layers.{layer}.input_weight"] = (rows, config.embedding if layer == 0 else config.units)
        shapes[f"layers.{layer}.recurrent_weight"] = (rows, config.units)
        shapes[f"layers.{layer}.input_bias"] = (rows,)
        shapes[f"layers.{layer}.recurrent_bias"] = (rows,)
        shapes |= {f"layers.{layer}.{name}": shape for name, shape in _own_shapes(config, layer).items()}
    if not config.tied:
        shapes["projection.weight"] = (characters, config.units)
    shapes["projection.bias"] = (characters,)
    return shapes


def _own_shapes(config: ModelConfig, layer: int) -> dict[str, tuple[int, ...]]:
    """Return the weights of a layer that only its kind has."""
    units, inputs = config.units, config.embedding if layer == 0 else config.units
    if config.kind == "mlstm":
        return {"factor_input_weight": (units, inputs), "factor_recurrent_weight": (units, units)}
    if config.kind == "lnlstm":
        sums, cell = (4 * units,), (units,)
        shapes = [("input_norm.weight", sums), ("recurrent_norm.weight", sums)]
        return dict([*shapes, ("cell_norm.weight", cell), ("cell_norm.bias", cell)])
    if config.kind in VARIANTS:
        gates = GATES[config.kind] - 1
        more = {"gate_weight": (gates * units, gates * units)} if config.kind == "fgr" else {}
        return {"peephole_weight": (gates, units), **more}
    return {}


def save(folder: Path, card: ModelCard, arrays: Arrays) -> ModelCard:
    """Write the model folder; the old one stays whole until the new one is. Return the card as written."""
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused
        halves = {name: np.ascontiguousarray(array, dtype=np.float16) for name, array in arrays.items()}
    _check_arrays(folder, card, halves)
    data = save_tensors(halves, metadata={"format": "apocrypha"})
    card = card.model_copy(update={"weights_sha256": hashlib.sha256(data).hexdigest()})
    text = json.dumps(card.model_dump(), indent=1, ensure_ascii=False) + "\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_durably(folder / f"{WEIGHTS}.new", data)
        write_durably(folder / f"{CARD}.new", text.encode())
        (folder / f"{WEIGHTS}.new").replace(folder / WEIGHTS)
        (folder / f"{CARD}.new").replace(folder / CARD)
    except OSError as error:
        raise UserError(
            f"{folder}: the model could not be saved ({error.strerror}); the one before it stays."
        ) from error
    return card


def write_durably(path: Path, data: bytes) -> None:
    """Write `data` and wait until it is on the disk."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def load(folder: Path) -> Model:
    """Read and verify a model folder; raise UserError saying what is wrong with it and what to do."""
    data, text = _read(folder, WEIGHTS), _read(folder, CARD)
    digest = hashlib.sha256(data).hexdigest()
    card = _parse_card(folder / CARD, text)
    if card.weights_sha256 != digest:
        card = _interrupted_save(folder, digest) or card
    if card.weights_sha256 != digest:
        raise UserError(f"{folder / WEIGHTS}: these are not the weights that {CARD} describes. Restore or train again.")
    try:
        stored = load_tensors(data)
    except (SafetensorError, ValueError, KeyError) as error:
        raise UserError(f"{folder / WEIGHTS}: this is not a whole safetensors file ({error}).") from error
    arrays = {name: array.astype(np.float32) for name, array in stored.items()}
    _check_arrays(folder, card, arrays)
    shape = card.model.model_dump(exclude={"recurrent_dropout"})  # digests are older than this field
    identity = json.dumps([digest, shape, card.vocabulary])
    return Model(card, arrays, hashlib.sha256(identity.encode()).hexdigest())


def exists(folder: Path) -> bool:
    """Return whether `folder` looks like a model folder, whole or not."""
    return (folder / CARD).exists()


def mark(folder: Path) -> tuple[int, int] | None:
    """Return what changes when a model folder is saved again, None where there is none."""
    try:
        found = (folder / CARD).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def read_card(folder: Path) -> ModelCard:
    """Read what a model folder says of itself, its weights untouched."""
    return _parse_card(folder / CARD, _read(folder, CARD))


def _read(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise UserError(
            f"{folder}: no model folder ({name}: {error.strerror}). It holds {WEIGHTS} and {CARD}; `apocrypha train` "
            "makes one."
        ) from error


def _parse_card(path: Path, text: bytes) -> ModelCard:
    try:
        found = _Format.model_validate_json(text).format
        if found != FORMAT:
            raise UserError(f"{path}: format {found}; this version reads format {FORMAT}. Update apocrypha.")
        card = ModelCard.model_validate_json(text)
    except ValidationError as error:
        raise UserError(f"{path}: this is not the card of a model ({faults(error)}).") from error
    if card.vocabulary != Vocabulary(card.vocabulary).characters:
        raise UserError(f"{path}: the vocabulary is not sorted or has a character twice.")
    return card


def _interrupted_save(folder: Path, digest: str) -> ModelCard | None:
    """Complete a save whose weights arrived and whose card did not."""
    waiting = folder / f"{CARD}.new"
    if not waiting.exists():
        return None
    card = _parse_card(waiting, waiting.read_bytes())
    if card.weights_sha256 == digest and os.access(folder, os.W_OK):
        waiting.replace(folder / CARD)
    return card


def _check_arrays(folder: Path, card: ModelCard, arrays: Mapping[str, NDArray[Any]]) -> None:
    expected = expected_shapes(card.model, len(card.vocabulary))
    wrong = [f"{name} is missing" for name in expected.keys() - arrays.keys()]
    wrong += [f"{name} is not known" for name in arrays.keys() - expected.keys()]
    for name, shape in expected.items():
        if name in arrays and arrays[name].shape != shape:
            wrong.append(f"{name} is {arrays[name].shape}, expected {shape}")
        elif name in arrays and not np.isfinite(arrays[name]).all():
            wrong.append(f"{name} holds NaN or infinity")
    if wrong:
        raise UserError(f"{folder / WEIGHTS}: the weights do not fit {CARD}: {'; '.join(sorted(wrong)[:5])}.")
