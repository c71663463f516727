from typing import Any

import numpy as np
import pytest
import torch

from training.checkpoint import expected_shapes
from training.config import ModelConfig
from training.model import CharacterModel
from training.vocabulary import Vocabulary

CHARACTERS = 11
KINDS = pytest.mark.parametrize("kind", ["lstm", "gru", "rnn", "mlstm", "lnlstm"])


def made(seed: int = 0, **fields: Any) -> CharacterModel:
    torch.manual_seed(seed)
    config = ModelConfig.model_validate({"layers": 2, "units": 7, "embedding": 5} | fields)
    model = CharacterModel(config, CHARACTERS).eval()
    torch.nn.init.normal_(model.projection.bias)  # zero at first, where a forgotten bias would go unseen
    return model


def drawn(*shape: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(1).integers(CHARACTERS, size=shape))


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def normalised(x: np.ndarray) -> np.ndarray:
    return (x - x.mean()) / np.sqrt(x.var() + 1e-5)


Layer = dict[str, np.ndarray]


def cell(kind: str, own: Layer, x: np.ndarray, state: list[np.ndarray]) -> list[np.ndarray]:
    """Step one stream in one layer, as the textbooks have it."""
    into = own["input_weight"] @ x + own["input_bias"]
    back = own["recurrent_weight"] @ state[0] + own["recurrent_bias"]
    if kind == "rnn":
        return [np.tanh(into + back)]
    if kind == "gru":
        (reset, update, new), (reset_back, update_back, new_back) = np.split(into, 3), np.split(back, 3)
        update = sigmoid(update + update_back)
        return [(1 - update) * np.tanh(new + sigmoid(reset + reset_back) * new_back) + update * state[0]]
    if kind == "mlstm":
        factor = (own["factor_input_weight"] @ x) * (own["factor_recurrent_weight"] @ state[0])
        back = own["recurrent_weight"] @ factor + own["recurrent_bias"]
    if kind == "lnlstm":
        into = own["input_norm.weight"] * normalised(own["input_weight"] @ x) + own["input_bias"]
        back = own["recurrent_norm.weight"] * normalised(own["recurrent_weight"] @ state[0]) + own["recurrent_bias"]
    entry, forget, new, out = np.split(into + back, 4)
    memory = sigmoid(forget) * state[1] + sigmoid(entry) * np.tanh(new)
    shown = own["cell_norm.weight"] * normalised(memory) + own["cell_norm.bias"] if kind == "lnlstm" else memory
    return [sigmoid(out) * np.tanh(shown), memory]


def logits_by_hand(model: CharacterModel, ids: list[int]) -> np.ndarray:
    """The network once more in plain numpy and double precision, one character at a time, from folder names."""
    config, arrays = model.config, {name: array.astype(np.float64) for name, array in model.arrays().items()}
    states = [[np.zeros(config.units), np.zeros(config.units)] for _ in range(config.layers)]
    rows = []
    for character in ids:
        x = arrays["embedding.weight"][character]
        for layer, state in enumerate(states):
            at = f"layers.{layer}."
            own = {name.removeprefix(at): array for name, array in arrays.items() if name.startswith(at)}
            state[:] = cell(config.kind, own, x, state)
            x = state[0]
        projection = arrays["embedding.weight" if config.tied else "projection.weight"]
        rows.append(projection @ x + arrays["projection.bias"])
    return np.stack(rows)


@KINDS
@pytest.mark.parametrize("layers", [1, 2, 4])
@pytest.mark.parametrize("tied", [False, True])
def test_logits_are_those_of_the_plain_formulas(kind: str, layers: int, tied: bool) -> None:
    model = made(kind=kind, layers=layers, tied=tied, embedding=7 if tied else 5).double()
    ids = drawn(3, 40)
    logits, _ = model(ids, model.start(3))
    assert logits.shape == (3, 40, CHARACTERS)
    for stream in range(3):
        by_hand = logits_by_hand(model, ids[stream].tolist())
        assert logits[stream].detach().numpy() == pytest.approx(by_hand, abs=1e-9)


@KINDS
def test_a_carried_state_goes_on_where_the_text_was_cut(kind: str) -> None:
    model, ids = made(kind=kind), drawn(2, 30)
    whole, end = model(ids, model.start(2))
    first, state = model(ids[:, :13], model.start(2))
    second, last = model(ids[:, 13:], state)
    assert torch.allclose(torch.cat([first, second], dim=1), whole, atol=1e-6)
    assert len(end) == len(last) == (2 if kind.endswith("lstm") else 1)
    for a, b in zip(end, last, strict=True):
        assert a.shape == (2, 2, 7)
        assert torch.allclose(a, b, atol=1e-6)
    assert not torch.allclose(model(ids[:, 13:], model.start(2))[0], second, atol=1e-3)


@KINDS
@pytest.mark.parametrize("tied", [False, True])
def test_weights_leave_and_come_back_by_the_names_of_the_folder(kind: str, tied: bool) -> None:
    fields = {"kind": kind, "tied": tied, "embedding": 7 if tied else 5}
    model, other = made(**fields), made(seed=9, **fields)
    arrays = model.arrays()
    assert {name: array.shape for name, array in arrays.items()} == expected_shapes(model.config, CHARACTERS)
    assert sum(array.size for array in arrays.values()) == sum(p.numel() for p in model.parameters())
    ids = drawn(2, 9)
    before = model(ids, model.start(2))[0]
    assert not torch.allclose(other(ids, other.start(2))[0], before, atol=1e-3)
    other.load_arrays(arrays)
    assert torch.equal(other(ids, other.start(2))[0], before)
    assert (other.projection.weight is other.embedding.weight) == tied


@pytest.mark.parametrize(("kind", "open_at"), [("lstm", 1), ("gru", 2)])
def test_gates_that_keep_start_open_and_the_rest_near_zero(kind: str, open_at: int) -> None:
    for name, array in made(kind=kind, layers=3, units=16).arrays().items():
        if name.endswith("input_bias"):
            assert (array[16:32] == open_at).all()
            assert np.abs(np.delete(array, np.s_[16:32])).max() <= 1 / 4  # torch's bound, 1 / sqrt(units)
        elif name.endswith("recurrent_bias"):
            assert np.abs(array).max() <= 1 / 4


@KINDS
def test_only_the_first_layer_hears_loudly(kind: str) -> None:
    """Bounds of Glorot & Bengio's uniform weights, times the gain."""
    arrays = made(kind=kind, layers=3, units=64, embedding=32).arrays()
    loudest = [np.abs(arrays[f"layers.{layer}.input_weight"]).max() for layer in range(3)]
    assert np.allclose(loudest, [4 * (6 / 96) ** 0.5, (6 / 128) ** 0.5, (6 / 128) ** 0.5], rtol=0.01)


def test_dropout_works_while_training_and_only_then() -> None:
    for layers in (1, 2):
        model, ids = made(layers=layers, dropout=0.5), drawn(2, 9)
        assert torch.equal(model(ids, model.start(2))[0], model(ids, model.start(2))[0])
        model.train()
        assert not torch.equal(model(ids, model.start(2))[0], model(ids, model.start(2))[0])


@pytest.mark.parametrize("kind", ["lstm", "gru", "rnn"])
def test_recurrent_dropout_takes_weights_away_for_a_whole_window(kind: str) -> None:
    model, ids = made(kind=kind, recurrent_dropout=0.5), drawn(2, 9)
    plain = made(kind=kind)
    assert torch.equal(model(ids, model.start(2))[0], plain(ids, plain.start(2))[0])  # not while measuring
    model.train()
    torch.manual_seed(4)
    logits = model(ids, model.start(2))[0]
    assert not torch.allclose(logits, plain(ids, plain.start(2))[0], atol=1e-3)
    torch.manual_seed(4)
    for name, weight in plain.stack.named_parameters():
        if name.startswith("weight_hh"):
            kept = torch.nn.functional.dropout(weight.detach(), 0.5)
            assert 0.2 < (kept == 0).float().mean() < 0.8
            weight.data = kept
    assert torch.allclose(plain(ids, plain.start(2))[0], logits, atol=1e-6)
    logits.sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


@pytest.fixture
def vocabulary() -> Vocabulary:
    return Vocabulary("\nabcdefghij")


def test_text_is_drawn_as_the_seed_says_and_nothing_else_is_touched(vocabulary: Vocabulary) -> None:
    model = made(dropout=0.5).train()
    torch.manual_seed(5)
    before = torch.get_rng_state()
    texts = [model.continue_text(vocabulary, "\n", 60, seed) for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]
    assert [len(text) for text in texts] == [60, 60, 60]
    assert torch.equal(torch.get_rng_state(), before)
    assert model.training


def test_the_prefix_is_read_and_its_last_character_counts(vocabulary: Vocabulary) -> None:
    model = made(kind="rnn", layers=1, units=11, embedding=11, tied=False)
    for name, parameter in model.named_parameters():
        torch.nn.init.zeros_(parameter)
        if name in ("embedding.weight", "stack.weight_ih_l0", "projection.weight"):
            scale = 50 if name.startswith("projection") else 3
            parameter.data += scale * torch.eye(11).roll(1 if name.startswith("projection") else 0, dims=0)
    # What is read lights one unit, and that unit's projection names the next character: a, b, c, ... round and round.
    assert model.continue_text(vocabulary, "ghab", 13, seed=0) == "cdefghij\nabcd"


def test_characters_come_as_often_as_the_model_says(vocabulary: Vocabulary) -> None:
    model = made(kind="gru", layers=1)
    for parameter in model.parameters():
        torch.nn.init.zeros_(parameter)
    odds = torch.arange(1, 12, dtype=torch.float32)
    model.projection.bias.data = odds.log()
    counts = np.bincount(vocabulary.encode(model.continue_text(vocabulary, "a", 2000, seed=3)), minlength=11)
    expected = (odds / odds.sum()).numpy()
    spread = np.sqrt(2000 * expected * (1 - expected))
    assert (np.abs(counts - 2000 * expected) / spread).max() < 3.5
