"""The ONNX graphs against the PyTorch model, and 8 bits against 32."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from generators.inference import Network
from training import checkpoint
from training.checkpoint import Model, ModelCard
from training.config import ModelConfig
from training.model import CharacterModel
from training.vocabulary import Vocabulary

KINDS = pytest.mark.parametrize("kind", ["lstm", "gru", "rnn"])


def in_torch(model: Model) -> CharacterModel:
    network = CharacterModel(model.card.model, len(model.card.vocabulary)).eval()
    network.load_arrays(model.arrays)
    return network


def drawn(characters: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(1).integers(characters, size=shape)


@KINDS
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("tied", [False, True])
@torch.no_grad()
def test_fp32_is_the_torch_model(
    tmp_path: Path, make_model: Callable[..., Model], kind: str, layers: int, tied: bool
) -> None:
    model = make_model(kind=kind, layers=layers, tied=tied, embedding=7 if tied else 5)
    network, reference = Network(model, tmp_path, "fp32"), in_torch(model)
    ids = drawn(9, 100, 4)  # (T, streams)
    logits, memory = network.read(ids, network.start(4))
    expected, state = reference(torch.from_numpy(ids.T), reference.start(4))
    assert logits.shape == (100, 4, 9)
    assert np.abs(logits - expected.numpy().transpose(1, 0, 2)).max() < 1e-4
    assert np.abs(expected.numpy()).max() > 0.5  # nothing that agrees only for being near zero
    rows = torch.cat([part.transpose(0, 1).flatten(1) for part in state], dim=1)  # (streams, S)
    assert np.abs(memory - rows.numpy()).max() < 1e-4
    following = drawn(9, 4)
    logits, _ = network.step(following, memory)
    expected, _ = reference(torch.from_numpy(following)[:, None], state)
    assert np.abs(logits - expected[:, 0].numpy()).max() < 1e-4


@KINDS
@torch.no_grad()
def test_texts_of_unequal_length_are_what_torch_makes_of_each(
    tmp_path: Path, make_model: Callable[..., Model], kind: str
) -> None:
    model = make_model(kind=kind)
    network, reference = Network(model, tmp_path, "fp32"), in_torch(model)
    ids, lengths = drawn(9, 40, 3), [40, 13, 1]
    for stream, length in enumerate(lengths):
        ids[length:, stream] = -1
    logits, memory = network.read(ids, network.start(3))
    for stream, length in enumerate(lengths):
        expected, state = reference(torch.from_numpy(ids[:length, stream])[None], reference.start(1))
        assert np.abs(logits[:length, stream] - expected[0].numpy()).max() < 1e-4
        row = torch.cat([part.transpose(0, 1).flatten(1) for part in state], dim=1)[0]  # (S,)
        assert np.abs(memory[stream] - row.numpy()).max() < 1e-4


@KINDS
def test_eight_bits_are_integers_with_one_scale_per_column(
    tmp_path: Path, make_model: Callable[..., Model], kind: str
) -> None:
    """After one character nothing but the projection has been rounded, so it can be done again by hand."""
    model = make_model(kind=kind, layers=1, units=30, scale=1.0)
    ids = np.arange(9)
    exact, memory = (network := Network(model, tmp_path, "fp32")).step(ids, network.start(9))
    rounded, after = (network := Network(model, tmp_path, "int8")).step(ids, network.start(9))
    assert np.abs(memory - after).max() < 1e-6
    weight, hidden = model.arrays["projection.weight"], np.rint(memory[:, :30] * 127)  # (V, H), (9, H)
    level = np.abs(weight).max(axis=1, keepdims=True) / 127  # of a character's column
    by_hand = hidden @ np.rint(weight / level).T * level[:, 0] / 127 + model.arrays["projection.bias"]
    assert np.abs(rounded - by_hand).max() < 1e-5
    assert np.abs(rounded - exact).max() > 1e-3


def sentences(seed: int) -> str:
    chance = np.random.default_rng(seed)
    words = ["the cat", "a dog", "my hat"], ["sees", "eats", "is under"], ["the moon", "an egg", "a red door"]
    return "".join(" ".join(chance.choice(column) for column in words) + ".\n" for _ in range(160))


def trained(kind: str, folder: Path) -> Model:
    """Train for a second or so."""
    text = sentences(0)
    vocabulary, config = Vocabulary(text), ModelConfig(kind=kind, layers=2, units=32, embedding=16)
    torch.manual_seed(0)
    model = CharacterModel(config, len(vocabulary))
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    ids = torch.from_numpy(vocabulary.encode(text).astype(np.int64))
    windows = ids[: len(ids) // 33 * 33].view(-1, 33)  # (N, T + 1)
    for step in range(60):
        block = windows[torch.arange(step * 24, (step + 1) * 24) % len(windows)]
        logits, _ = model(block[:, :-1], model.start(24))
        loss = functional.cross_entropy(logits.flatten(0, 1), block[:, 1:].flatten())
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    assert loss.item() < 1.2  # it has learned what it can be rounded out of
    checkpoint.save(folder, ModelCard(model=config, vocabulary=vocabulary.characters, parameters=1), model.arrays())
    return checkpoint.load(folder)


def nats(network: Network, ids: np.ndarray) -> float:
    logits, _ = network.read(ids[:-1], network.start(ids.shape[1]))
    losses = functional.cross_entropy(torch.from_numpy(logits).flatten(0, 1), torch.from_numpy(ids[1:]).flatten())
    return losses.item()


@KINDS
def test_eight_bits_cost_under_a_hundredth_nat_on_its_own_samples(tmp_path: Path, kind: str) -> None:
    model = trained(kind, tmp_path / "model")
    exact, rounded = Network(model, tmp_path, "fp32"), Network(model, tmp_path, "int8")
    chance, memory = np.random.default_rng(2), exact.start(16)
    written = [np.zeros(16, dtype=np.int64)]
    for _ in range(250):
        logits, memory = exact.step(written[-1], memory)
        gumbel = logits + chance.gumbel(size=logits.shape)  # the largest is a draw from the softmax
        written.append(gumbel.argmax(axis=1))
    ids = np.stack(written)  # (T, streams)
    exact_nats, rounded_nats = nats(exact, ids), nats(rounded, ids)
    assert exact_nats != rounded_nats
    assert abs(exact_nats - rounded_nats) < 0.01
