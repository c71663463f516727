import numpy as np
import pytest

from corpora.errors import UserError
from training.insight.gates import saturation, summary
from training.insight.trace import GATES, trace


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_it_counts_what_a_trace_has(made, text: str, kind: str) -> None:
    model = made(kind=kind, gain=4.0)
    piece = text[:32]  # every part is read from the beginning
    found, traced = saturation(model, piece), trace(model, piece)
    for gate in GATES[kind]:
        left, right = found[gate]
        assert np.allclose(left, (traced.values[gate] < 0.1).mean(axis=0))
        assert np.allclose(right, (traced.values[gate] > 0.9).mean(axis=0))
    assert max(side.max() for sides in found.values() for side in sides) > 0.2


def test_gates_that_are_held_by_their_biases_are_told(made, text: str) -> None:
    model = made(layers=1, gain=0.0)
    bias = model.arrays["layers.0.input_bias"].reshape(4, 7)  # input, forget, candidate, output
    bias[0], bias[1], bias[3, :3] = -9, 9, 9
    found = saturation(model, text)
    assert [side.tolist() for side in found["input"]] == [[[1.0] * 7], [[0.0] * 7]]
    assert found["forget"][1].tolist() == [[1.0] * 7]
    assert found["output"][1].tolist() == [[1.0] * 3 + [0.0] * 4]
    told = summary(found).splitlines()
    assert told[1].split("forget")[1] == (
        "  under 0.1 for 0% of the text, over 0.9 for 100%; nearly always so in 0% and 100% of the units"
    )


def test_a_network_without_gates_is_refused(made, text: str) -> None:
    with pytest.raises(UserError, match="kind rnn has no gates"):
        saturation(made(kind="rnn"), text)
