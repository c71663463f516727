import numpy as np
import pytest

from corpora.errors import UserError
from training.checkpoint import Model
from training.insight import context
from training.insight.context import measure

LETTERS = "abc"


def delay_line(made, delay: int) -> Model:
    """Return an RNN that knows the last `delay` + 1 characters and says that the oldest of them comes again."""
    size = len(LETTERS)
    model = made(LETTERS, kind="rnn", layers=1, units=size * (delay + 1), embedding=size)
    for array in model.arrays.values():
        array[:] = 0
    model.arrays["embedding.weight"][:] = np.eye(size)
    model.arrays["layers.0.input_weight"][:size] = 5 * np.eye(size)
    for step in range(delay):
        rows, columns = slice(size * (step + 1), size * (step + 2)), slice(size * step, size * (step + 1))
        model.arrays["layers.0.recurrent_weight"][rows, columns] = 5 * np.eye(size)
    model.arrays["projection.weight"][:, -size:] = 9 * np.eye(size)
    return model


@pytest.mark.parametrize("delay", [0, 1, 4])
def test_what_reaches_back_so_far_needs_so_much(made, monkeypatch: pytest.MonkeyPatch, delay: int) -> None:
    for name, value in {"LONGEST": 20, "WINDOWS": 60, "EDGES": (1, 2, 3, 4, 5, 6, 10, 21)}.items():
        monkeypatch.setattr(context, name, value)
    period = np.random.default_rng(0).integers(3, size=delay + 1)
    text = "".join(LETTERS[k] for k in np.tile(period, 400)) if delay else "aab" * 200
    found = measure(delay_line(made, delay), text)
    assert found.enough == delay + 1
    assert list(zip(found.least, found.most, strict=True))[-1] == (10, 20)
    for least, excess in zip(found.least, found.excess, strict=True):
        if least <= delay:
            assert excess > 1  # nothing of what it needs was there: ln 3 and more, minus next to nothing
        else:
            assert excess == pytest.approx(0, abs=1e-3)
    if delay:
        assert found.nats == pytest.approx(0, abs=0.01)


def test_a_text_must_be_longer_than_what_is_measured(made) -> None:
    with pytest.raises(UserError, match="contexts up to 2,000 need 8,000"):
        measure(made("abc"), "abc" * 100)
