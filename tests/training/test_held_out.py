import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch.nn import functional

from training.batches import held_out
from training.config import ModelConfig
from training.evaluation.held_out import SPAN, nats_per_character
from training.model import CharacterModel

CHARACTERS = 13


def made(kind: str, dropout: float = 0.0) -> CharacterModel:
    torch.manual_seed(4)
    config = ModelConfig.model_validate({"kind": kind, "layers": 2, "units": 12, "embedding": 6, "dropout": dropout})
    model = CharacterModel(config, CHARACTERS)
    torch.nn.init.normal_(model.projection.weight)  # opinionated, so that a wrong context would show
    return model


def drawn(size: int) -> np.ndarray:
    return np.random.default_rng(2).integers(CHARACTERS, size=size).astype(np.uint16)


def one_by_one(model: CharacterModel, ids: list[int]) -> float:
    """Read the whole text in one stream, a character at a time, and sum up what each next one costs."""
    model.eval()
    state, total = model.start(1), 0.0
    with torch.no_grad():
        for character, following in pairwise(ids):
            logits, state = model(torch.tensor([[character]]), state)
            total -= float(functional.log_softmax(logits[0, 0].double(), dim=-1)[following])
    return total / (len(ids) - 1)


@pytest.mark.parametrize(("kind", "context"), [("lstm", 60), ("gru", 240), ("rnn", 60)])  # a GRU begins by keeping
def test_many_rows_with_their_contexts_measure_what_one_stream_does(kind: str, context: int) -> None:
    model, ids = made(kind), drawn(1500)
    expected = one_by_one(model, ids.tolist())
    assert nats_per_character(model, held_out(ids)) == pytest.approx(expected, abs=1e-4)
    assert nats_per_character(model, held_out(ids, rows=5, context=context)) == pytest.approx(expected, abs=1e-4)
    assert nats_per_character(model, held_out(ids, rows=5, context=0)) != pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("size", [2, 3, SPAN, SPAN + 1, SPAN + 2])
def test_nothing_is_lost_where_spans_meet(size: int) -> None:
    model, ids = made("lstm"), drawn(size)
    expected = one_by_one(model, ids.tolist())
    assert nats_per_character(model, held_out(ids, rows=1)) == pytest.approx(expected, abs=1e-6)


def test_a_model_without_opinions_pays_the_log_of_its_vocabulary() -> None:
    model = made("lstm")
    for parameter in model.parameters():
        torch.nn.init.zeros_(parameter)
    assert nats_per_character(model, held_out(drawn(700))) == pytest.approx(math.log(CHARACTERS), rel=1e-6)


@pytest.mark.parametrize("training", [True, False])
def test_dropout_is_off_while_measuring_and_the_mode_comes_back(training: bool) -> None:
    model, text = made("gru", dropout=0.5).train(training), held_out(drawn(300))
    random = torch.get_rng_state()
    assert nats_per_character(model, text) == nats_per_character(model, text)
    assert model.training is training
    assert torch.equal(torch.get_rng_state(), random)
    assert all(parameter.grad is None for parameter in model.parameters())
