import pytest
import torch

from training.insight.lags import (
    COPIED,
    LAGS,
    LAYERS,
    PARAMETERS,
    SIGNS,
    SIZES,
    Solver,
    all_tasks,
    climb,
    examples,
    learn,
    longest,
)


def test_a_latch_is_the_sign_that_is_marked() -> None:
    inputs, classes = examples("latch", 30, 200)
    assert inputs.shape == (200, 31, 2)
    assert torch.equal((inputs[:, 0, 0] > 0).long(), classes[:, 0])
    assert inputs[:, :, 1].sum() == 200
    assert set(inputs[:, :, 0].unique().tolist()) == {-1.0, 1.0}


def test_what_is_copied_stood_a_lag_before() -> None:
    inputs, signs = examples("copy", 12, 50)
    written = inputs.argmax(dim=-1)
    assert torch.equal(written[:, :COPIED], signs)
    assert inputs.shape == (50, COPIED + 12 + COPIED - 1, SIGNS + 2)
    assert (written[:, COPIED:-COPIED] == SIGNS).all()  # nothing until it is told to say them
    assert (written[:, -COPIED] == SIGNS + 1).all()
    assert (written[:, -COPIED + 1 :] == SIGNS).all()


def test_two_numbers_are_marked_and_their_sum_is_asked() -> None:
    inputs, sums = examples("add", 50, 200)
    values, marks = inputs.unbind(dim=-1)
    assert (marks.sum(dim=1) == 2).all()
    assert torch.allclose((values * marks).sum(dim=1), sums[:, 0])
    assert marks[:, :5].sum() == marks[:, 25:50].sum() == 200


@pytest.mark.parametrize(("kind", "task"), all_tasks())
def test_all_have_about_as_many_parameters(kind, task) -> None:
    numbers = sum(parameter.numel() for parameter in Solver(kind, *SIZES[task], 20).parameters())
    assert numbers == pytest.approx(PARAMETERS, rel=0.02)


def test_gates_begin_open_for_as_long_as_the_lag() -> None:
    torch.manual_seed(0)
    for kind, lag in (("lstm", 100), ("gru", 7)):
        layer = Solver(kind, 2, 2, lag).layer
        biases = layer.bias_ih_l0.detach().view(LAYERS[kind][1], -1)
        times = 1 / (1 - torch.sigmoid(biases[1])) - 1
        assert 1 <= times.min() < times.max() <= lag - 1 + 1e-3
        assert times.max() > lag / 2
        assert not layer.bias_hh_l0.any()
        if kind == "lstm":
            assert torch.equal(biases[0], -biases[1])


def test_an_orthogonal_rnn_keeps_lengths_and_a_plain_one_does_not() -> None:
    torch.manual_seed(0)
    weights = {kind: Solver(kind, 2, 2, 20).layer.weight_hh_l0.detach() for kind in ("rnn", "orthogonal rnn")}
    assert torch.linalg.svdvals(weights["orthogonal rnn"]).numpy() == pytest.approx(1, abs=1e-5)
    assert torch.linalg.eigvals(weights["rnn"]).abs().max() < 0.8


@pytest.fixture
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.insight.lags.BATCH", 16)


@pytest.mark.usefixtures("_small_batches")
def test_a_short_lag_is_learned_and_no_time_is_not_enough() -> None:
    solved = learn("lstm", "latch", 3, seed=0, updates=100)
    assert solved.solved
    assert solved.score > 0.99
    assert solved.updates == 100
    failed = learn("rnn", "add", 60, seed=0, updates=2)
    assert (failed.solved, failed.updates) == (False, 2)
    assert failed.score > 0.05


@pytest.mark.usefixtures("_small_batches")
def test_the_ladder_is_climbed_to_the_first_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.insight.lags.LAGS", (2, 90, 100))
    monkeypatch.setattr("training.insight.lags.UPDATES", 100)
    reached = list(climb("rnn", "latch", 0))
    assert [(step.lag, step.solved) for step in reached] == [(2, True), (90, False)]


def test_the_longest_lag_is_told_by_seed() -> None:
    row = {"kind": "rnn", "task": "add", "seed": 1, "lag": LAGS[0], "solved": True}
    rows = [row, row | {"lag": 10, "solved": False}, row | {"seed": 0, "solved": False}]
    assert longest(rows) == {("rnn", "add"): [0, LAGS[0]]}
