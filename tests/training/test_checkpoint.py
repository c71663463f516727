import hashlib
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load, save

from corpora.errors import UserError
from training import checkpoint
from training.checkpoint import CARD, WEIGHTS, Arrays, ModelCard, expected_shapes
from training.config import ModelConfig

CONFIG = ModelConfig(kind="gru", layers=2, units=6, embedding=4)
ALPHABET = "\nabc\u00e9\U0001f54a"


def card(**fields: Any) -> ModelCard:
    return ModelCard.model_validate({"model": CONFIG, "vocabulary": ALPHABET, "parameters": 9} | fields)


def drawn(seed: int = 0, config: ModelConfig = CONFIG) -> Arrays:
    chance = np.random.default_rng(seed)
    shapes = expected_shapes(config, len(ALPHABET))
    return {name: chance.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    checkpoint.save(tmp_path / "model", card(), drawn())
    return tmp_path / "model"


def rewrite(folder: Path, **fields: Any) -> None:
    """Change what the card says, as somebody with an editor would."""
    said = json.loads((folder / CARD).read_text(encoding="utf-8"))
    (folder / CARD).write_text(json.dumps(said | fields), encoding="utf-8")


def smuggle(folder: Path, data: bytes) -> None:
    """Put other weights in the folder and have the card vouch for them."""
    (folder / WEIGHTS).write_bytes(data)
    rewrite(folder, weights_sha256=hashlib.sha256(data).hexdigest())


@pytest.mark.parametrize("kind", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize("tied", [False, True])
def test_a_model_comes_back_as_it_left_but_for_rounding_to_half_precision(
    tmp_path: Path, kind: str, tied: bool
) -> None:
    config = ModelConfig.model_validate({"kind": kind, "units": 6, "embedding": 6 if tied else 4, "tied": tied})
    arrays = drawn(config=config)
    told = {"corpus": {"title": "T\u00eft"}, "scores": {"validation": 1.25}, "run": {"hours": 2, "step": [1, None]}}
    written = checkpoint.save(tmp_path / "a" / "model", card(model=config, **told), arrays)
    model = checkpoint.load(tmp_path / "a" / "model")
    assert model.card == written == card(model=config, weights_sha256=written.weights_sha256, **told)
    assert model.vocabulary.characters == ALPHABET
    assert model.arrays.keys() == arrays.keys()
    for name, array in model.arrays.items():
        assert array.dtype == np.float32
        assert np.array_equal(array, arrays[name].astype(np.float16))
        assert array == pytest.approx(arrays[name], rel=2**-11, abs=2**-24)


def test_a_folder_is_two_readable_files_and_nothing_pickled(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == [CARD, WEIGHTS]
    stored = load((folder / WEIGHTS).read_bytes())
    assert {array.dtype for array in stored.values()} == {np.dtype(np.float16)}
    said = json.loads((folder / CARD).read_text(encoding="utf-8"))
    assert said["vocabulary"] == ALPHABET
    assert said["weights_sha256"] == hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    assert "\U0001f54a" in (folder / CARD).read_text(encoding="utf-8")  # to be read by people


def test_the_digest_names_weights_sizes_and_characters_and_nothing_else(tmp_path: Path) -> None:
    def digest(arrays: Arrays, **fields: Any) -> str:
        checkpoint.save(tmp_path, card(**fields), arrays)
        return checkpoint.load(tmp_path).digest

    nudged = drawn()
    nudged["projection.bias"][3] += 0.01
    changed = [
        digest(drawn()),
        digest(nudged),
        digest(drawn(), vocabulary="\nabd\u00e9\U0001f54a"),
        digest(drawn(), model=CONFIG.model_copy(update={"dropout": 0.1})),
    ]
    assert len(set(changed)) == 4
    assert digest(drawn(), scores={"test": 1.0}, run={"hours": 3}, corpus={"title": "x"}) == changed[0]


@pytest.mark.parametrize("missing", [CARD, WEIGHTS])
def test_half_a_folder_is_no_model(folder: Path, missing: str) -> None:
    (folder / missing).unlink()
    with pytest.raises(UserError, match=rf"{folder}: no model folder \({missing}: No such file .* `apocrypha train`"):
        checkpoint.load(folder)


def test_a_foreign_folder_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"?")
    assert not checkpoint.exists(tmp_path)
    with pytest.raises(UserError, match=f"{tmp_path}: no model folder"):
        checkpoint.load(tmp_path)


@pytest.mark.parametrize("spoil", [lambda d: d[:-1], lambda d: d[:20], lambda _: b"", lambda d: d[:-1] + b"\x7f"])
def test_weights_that_are_not_the_cards_are_noticed(folder: Path, spoil: Callable[[bytes], bytes]) -> None:
    (folder / WEIGHTS).write_bytes(spoil((folder / WEIGHTS).read_bytes()))
    with pytest.raises(UserError, match=rf"{WEIGHTS}: these are not the weights that {CARD} describes"):
        checkpoint.load(folder)


class Trap:
    def __reduce__(self) -> tuple[Any, ...]:
        return (pytest.fail, ("a pickle was opened",))


@pytest.mark.parametrize(
    "data", [b"", b"not weights", pickle.dumps(Trap()), save({"a": np.zeros(4)})[:-3], b"\xff" * 8 + b"{}"]
)
def test_what_is_no_safetensors_file_is_refused_whoever_vouches_for_it(folder: Path, data: bytes) -> None:
    smuggle(folder, data)
    with pytest.raises(UserError, match=f"{WEIGHTS}: this is not a whole safetensors file"):
        checkpoint.load(folder)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"projection.bias": np.zeros(5)}, r"projection\.bias is \(5,\), expected \(6,\)"),
        ({"embedding.weight": np.zeros((4, 6))}, r"embedding\.weight is \(4, 6\), expected \(6, 4\)"),
        ({"layers.0.input_bias": np.full(18, np.nan)}, r"layers\.0\.input_bias holds NaN or infinity"),
        ({"projection.weight": np.full((6, 6), -np.inf)}, r"projection\.weight holds NaN or infinity"),
        ({"projection.weight": None}, r"projection\.weight is missing"),
        ({"layers.2.input_bias": np.zeros(18)}, r"layers\.2\.input_bias is not known"),
        ({"a": np.zeros(1), "projection.bias": None}, r"a is not known; projection\.bias is missing"),
    ],
)
def test_weights_that_do_not_fit_are_named(folder: Path, change: dict[str, Any], fault: str) -> None:
    arrays = {name: array for name, array in (drawn() | change).items() if array is not None}
    smuggle(folder, save(arrays))
    with pytest.raises(UserError, match=rf"the weights do not fit {CARD}: {fault}\."):
        checkpoint.load(folder)
    with pytest.raises(UserError, match=fault):
        checkpoint.save(folder, card(), arrays)


def test_an_arithmetic_that_numpy_lacks_is_refused(folder: Path) -> None:
    header = json.dumps({"a": {"dtype": "BF16", "shape": [4], "data_offsets": [0, 8]}}).encode()
    smuggle(folder, len(header).to_bytes(8, "little") + header + bytes(8))
    with pytest.raises(UserError, match=rf"{WEIGHTS}: this is not a whole safetensors file .*BF16"):
        checkpoint.load(folder)


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"format": 2}, r"format 2; this version reads format 1\. Update apocrypha"),
        ({"format": 2, "tokenizer": "bytes"}, r"format 2; this version reads format 1\. Update apocrypha"),
        ({"vocabulary": ALPHABET[::-1]}, "the vocabulary is not sorted or has a character twice"),
        ({"vocabulary": "\nabcdd"}, "the vocabulary is not sorted or has a character twice"),
        ({"vocabulary": ALPHABET + "\U0001f600"}, r"the weights do not fit model\.json: embedding\.weight is \(6, 4\)"),
        ({"vocabulary": ""}, r"not the card of a model \(vocabulary = : "),
        ({"model": {"units": -1}}, r"not the card of a model \(model\.units = -1: "),
        ({"model": {"kind": "gpt"}, "parameters": "many"}, r"model\.kind = gpt: .*; parameters = many: "),
        ({"author": "me"}, r"not the card of a model \(author = me: Extra inputs"),
        ({"weights_sha256": "0" * 64}, "these are not the weights that"),
        ({"model": CONFIG.model_dump() | {"units": 5}}, r"layers\.0\.input_weight is \(18, 4\), expected \(15, 4\)"),
    ],
)
def test_a_card_that_was_tampered_with_is_told_what_is_wrong(folder: Path, fields: dict[str, Any], fault: str) -> None:
    rewrite(folder, **fields)
    with pytest.raises(UserError, match=fault) as caught:
        checkpoint.load(folder)
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"null", b'{"vocabulary": "\xff"}', b'{"format": "two"}'])
def test_a_card_that_is_none_is_refused(folder: Path, text: bytes) -> None:
    (folder / CARD).write_bytes(text)
    with pytest.raises(UserError, match=f"{CARD}: this is not the card of a model"):
        checkpoint.load(folder)


def test_the_card_alone_can_be_read(folder: Path) -> None:
    assert checkpoint.read_card(folder) == checkpoint.load(folder).card
    (folder / CARD).unlink()
    with pytest.raises(UserError, match="no model folder"):
        checkpoint.read_card(folder)
