import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest

from corpora.errors import UserError
from training import checkpoint
from training.checkpoint import CARD, WEIGHTS, Arrays, ModelCard, expected_shapes
from training.config import ModelConfig

Room = Callable[[int], AbstractContextManager[None]]
CONFIG = ModelConfig(kind="rnn", layers=1, units=30, embedding=8)
ALPHABET = "\nabc"
OLD, NEW = 1.0, 2.0  # what all weights are in a model


def card(said: float) -> ModelCard:
    return ModelCard(model=CONFIG, vocabulary=ALPHABET, parameters=1, scores={"validation": said})


def weights(value: float) -> Arrays:
    shapes = expected_shapes(CONFIG, len(ALPHABET))
    return {name: np.full(shape, value, dtype=np.float32) for name, shape in shapes.items()}


def saved(folder: Path, value: float) -> Path:
    checkpoint.save(folder, card(value), weights(value))
    return folder


def stands(folder: Path) -> float:
    """Return which model a folder holds, having seen that card and weights are of the same one."""
    model = checkpoint.load(folder)
    assert {float(array.min()) for array in model.arrays.values()} == {model.card.scores["validation"]}
    return model.card.scores["validation"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return saved(tmp_path / "model", OLD)


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    return saved(tmp_path / "newer", NEW)


def test_a_save_replaces_the_model_before_it(folder: Path) -> None:
    assert stands(folder) == OLD
    saved(folder, NEW)
    assert stands(folder) == NEW
    assert sorted(path.name for path in folder.iterdir()) == [CARD, WEIGHTS]


def test_a_save_killed_between_its_two_moves_is_completed_by_the_next_reader(folder: Path, newer: Path) -> None:
    shutil.copy(newer / WEIGHTS, folder / WEIGHTS)
    shutil.copy(newer / CARD, folder / f"{CARD}.new")
    assert stands(folder) == NEW
    assert sorted(path.name for path in folder.iterdir()) == [CARD, WEIGHTS]
    assert stands(folder) == NEW


@pytest.mark.parametrize("torn", [0, 50, None])
def test_a_save_killed_before_its_first_move_leaves_the_old_model(folder: Path, newer: Path, torn: int | None) -> None:
    (folder / f"{WEIGHTS}.new").write_bytes((newer / WEIGHTS).read_bytes()[:torn])
    if torn != 0:
        (folder / f"{CARD}.new").write_bytes((newer / CARD).read_bytes()[:torn])
    assert stands(folder) == OLD
    assert stands(saved(folder, NEW)) == NEW
    assert sorted(path.name for path in folder.iterdir()) == [CARD, WEIGHTS]


def test_a_waiting_card_of_other_weights_is_not_believed(folder: Path, newer: Path, tmp_path: Path) -> None:
    shutil.copy(newer / CARD, folder / f"{CARD}.new")
    shutil.copy(saved(tmp_path / "third", 3.0) / WEIGHTS, folder / WEIGHTS)
    with pytest.raises(UserError, match=f"these are not the weights that {CARD} describes"):
        checkpoint.load(folder)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e6])  # the last is infinite in half precision
def test_weights_that_could_not_be_read_back_are_never_written(folder: Path, value: float) -> None:
    spoiled = weights(NEW)
    spoiled["projection.weight"][2, 3] = value
    with pytest.raises(UserError, match=r"projection\.weight holds NaN or infinity"):
        checkpoint.save(folder, card(NEW), spoiled)
    assert stands(folder) == OLD


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "model").write_text("a file")
    with pytest.raises(UserError, match=f"{tmp_path / 'model'}: the model could not be saved .File exists"):
        saved(tmp_path / "model", NEW)


@pytest.mark.parametrize("size", [0, 100, 4000])  # nothing, a part of the weights, the weights without their card
def test_a_full_disk_leaves_the_old_model(folder: Path, newer: Path, room: Room, size: int) -> None:
    assert 100 < (newer / WEIGHTS).stat().st_size < 4000
    long = card(NEW).model_copy(update={"run": {"sample": "a long one " * 1000}})
    with room(size), pytest.raises(UserError) as caught:
        checkpoint.save(folder, long, weights(NEW))
    assert str(caught.value) == f"{folder}: the model could not be saved (File too large); the one before it stays."
    assert stands(folder) == OLD
    assert stands(saved(folder, NEW)) == NEW
