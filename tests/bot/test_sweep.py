"""Sweeps, as a person types them."""

import json

import pytest

from tests.conftest import Run

SMALL = ("sweep", "weather", "--vary", "units=8,16", "--vary", "kind=gru,rnn", "--epochs", "0.3")
pytestmark = pytest.mark.usefixtures("weather")


def test_every_combination_is_trained_once_and_the_best_comes_first(apocrypha: Run) -> None:
    records = json.loads(apocrypha(*SMALL, "--json").stdout)
    assert {record["options"]["name"] for record in records} == {
        f"units={units} kind={kind}" for units in (8, 16) for kind in ("gru", "rnn")
    }
    losses = [record["validation"] for record in records]
    assert losses == sorted(losses)
    assert not any("nats" in record for record in records)  # nobody chooses by the test text
    again = apocrypha(*SMALL)
    assert "epoch" not in again.stderr  # what was trained is known
    assert again.stdout.splitlines()[0].endswith(records[0]["options"]["name"])


@pytest.mark.parametrize(
    ("vary", "words"),
    [
        ("unitz=8", "no training option named 'unitz'. Did you mean 'units'"),
        ("units=many", "units = many"),
        ("units", "--vary takes an option and its values"),
    ],
)
def test_what_cannot_be_varied_gets_one_plain_message(apocrypha: Run, vary: str, words: str) -> None:
    told = apocrypha("sweep", "weather", "--vary", vary, "--epochs", "1", ok=False).stderr
    assert words in told
    assert "Traceback" not in told
