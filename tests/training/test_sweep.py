import json
from pathlib import Path

import pytest

from corpora.corpus import Corpus
from training import sweep
from training.config import ModelConfig, TrainConfig
from training.sweep import Orders, Task, Trial
from training.tricks import SAID, trials

MODEL = ModelConfig(units=8, layers=1, embedding=4)
TRAIN = TrainConfig(epochs=1, batch=4, length=32, warmup=5, evaluations=2, learning_rate=0.02)
TRIALS = [
    Trial("plain", MODEL, TRAIN),
    Trial("smaller", MODEL.model_copy(update={"units": 4}), TRAIN),
    Trial("slower", MODEL, TRAIN, TRAIN.model_copy(update={"learning_rate": 0.001})),
]


def tasks(trials: list[Trial], corpus: Corpus, runs: Path) -> list[Task]:
    return [Task(trial, corpus, runs) for trial in trials]


def test_each_trial_leaves_a_record_and_is_made_once(verse: Corpus, tmp_path: Path) -> None:
    store, steps = tmp_path / "records.json", list[str]()
    orders = Orders(lambda trial, _: steps.append(trial.name))
    first = list(sweep.run(tasks(TRIALS[:2], verse, tmp_path), store, orders))
    made = len(steps)
    assert set(steps) == {"plain", "smaller"}
    records = list(sweep.run(tasks(TRIALS, verse, tmp_path), store, orders, about={"commit": "1234"}))
    assert records[:2] == first
    assert set(steps[made:]) == {"slower"}
    assert json.loads(store.read_text()) == records
    assert records[0]["validation"] < records[1]["validation"]
    assert records[2]["validation"] < records[0]["validation"]  # it went on from there
    assert records[2]["commit"] == "1234"
    assert records[0]["nats"] == pytest.approx(records[0]["validation"], abs=0.05)  # of the same kind of text
    assert {"parameters", "seconds", "hardware", "text", "options", "curve"} <= records[0].keys()


def test_a_finished_run_whose_record_is_lost_is_read_and_not_made_again(verse: Corpus, tmp_path: Path) -> None:
    store, steps = tmp_path / "records.json", list[str]()
    orders = Orders(lambda trial, _: steps.append(trial.name))
    records = list(sweep.run(tasks(TRIALS[2:], verse, tmp_path), store, orders))
    store.unlink()
    made = len(steps)
    assert list(sweep.run(tasks(TRIALS[2:], verse, tmp_path), store, orders)) == records
    assert len(steps) == made


def test_two_sweeps_that_share_a_store_lose_no_record(verse: Corpus, tmp_path: Path) -> None:
    store = tmp_path / "new" / "records.json"
    mine = sweep.run(tasks(TRIALS[:2], verse, tmp_path), store)
    first = next(mine)
    (theirs,) = sweep.run(tasks(TRIALS[2:], verse, tmp_path), store)
    last = next(mine)
    assert json.loads(store.read_text()) == [first, theirs, last]


def test_another_option_or_text_is_another_trial(verse: Corpus, coin: Corpus, tmp_path: Path) -> None:
    store = tmp_path / "records.json"
    (record,) = sweep.run(tasks(TRIALS[:1], verse, tmp_path), store)
    longer = Trial("plain", MODEL, TRAIN.model_copy(update={"epochs": 2.0}))
    (other,) = sweep.run(tasks([longer], verse, tmp_path), store)
    assert other["validation"] < record["validation"]
    assert json.loads(store.read_text()) == [other]
    (third,) = sweep.run(tasks([longer], coin, tmp_path), store)
    assert third["text"] == coin.digest
    assert json.loads(store.read_text()) == [other, third]


def test_tricks_differ_from_the_plain_run_in_one_thing_and_not_in_size() -> None:
    plain, *others = trials()
    assert [trial.name for trial in (plain, *others)] == list(SAID)
    for trial in others:
        fields = [
            name
            for ours, theirs in ((plain.model, trial.model), (plain.train, trial.train))
            for name, value in ours.model_dump().items()
            if theirs.model_dump()[name] != value
        ]
        assert fields, trial.name
        assert len(fields) == 1 or trial.then or {"kind", "tied", "optimiser"} & set(fields), trial.name


@pytest.mark.parametrize("trial", trials(), ids=lambda trial: trial.name)
def test_tricks_have_about_as_many_parameters(trial: Trial) -> None:
    from training.model import CharacterModel

    sizes = [
        sum(p.numel() for p in CharacterModel(model, 80).parameters()) for model in (trial.model, trials()[0].model)
    ]
    assert sizes[0] == pytest.approx(sizes[1], rel=0.2 if trial.model.tied else 0.03)
