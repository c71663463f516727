"""Trials made elsewhere: in processes side by side, and on a Ray cluster, which is started here for the time being."""

import json
import time
from pathlib import Path

import pytest

from corpora.corpus import Corpus
from corpora.errors import UserError
from training import sweep, workers
from training.config import ModelConfig, TrainConfig
from training.sweep import Orders, Task, Trial, Workers

MODEL = ModelConfig(units=6, layers=1, embedding=4)
TRAIN = TrainConfig(epochs=1, batch=4, length=32, warmup=5, evaluations=2, learning_rate=0.02, device="cpu")
TRIALS = [Trial(f"seed-{seed}", MODEL, TRAIN.model_copy(update={"seed": seed})) for seed in range(3)]


def tasks(corpus: Corpus, runs: Path, trials: list[Trial] = TRIALS) -> list[Task]:
    return [Task(trial, corpus, runs) for trial in trials]


def losses(store: Path, made: list[Task], how: Workers) -> dict[str, float]:
    records = list(sweep.run(made, store, workers=how))
    assert json.loads(store.read_text()) == records
    return {record["options"]["name"]: record["validation"] for record in records}


def check_workers(how: Workers, verse: Corpus, folder: Path) -> None:
    alone = losses(folder / "alone.json", tasks(verse, folder / "alone"), sweep.one_by_one)
    beside = losses(folder / "beside.json", tasks(verse, folder / "beside"), how)
    assert beside == pytest.approx(alone, abs=1e-6)


def test_processes_make_what_one_does(verse: Corpus, tmp_path: Path) -> None:
    check_workers(workers.Processes(2, 1), verse, tmp_path)


def test_a_trial_that_fails_is_told_of_when_the_others_are_done(verse: Corpus, tmp_path: Path) -> None:
    wild = Trial("wild", MODEL, TRAIN.model_copy(update={"learning_rate": 1e9, "clip": 1e9}))
    made = tasks(verse, tmp_path, [wild, *TRIALS[:2]])
    store = tmp_path / "store.json"
    with pytest.raises(UserError, match="wild: The loss stopped being a sensible number"):
        list(sweep.run(made, store, workers=workers.Processes(2, 1)))
    assert sorted(record["options"]["name"] for record in json.loads(store.read_text())) == ["seed-0", "seed-1"]


def test_work_that_is_told_to_stop_goes_on_later_to_the_same_end(verse: Corpus, tmp_path: Path) -> None:
    store, made = tmp_path / "store.json", tasks(verse, tmp_path / "a", TRIALS[:1])
    steps = list[int]()
    stopping = Orders(lambda _, progress: steps.append(progress.step), lambda: bool(steps) and steps[-1] >= 30)
    assert list(sweep.run(made, store, stopping)) == []
    assert not store.exists()
    (resumed,) = sweep.run(made, store)
    (straight,) = sweep.run(tasks(verse, tmp_path / "b", TRIALS[:1]), tmp_path / "other.json")
    assert resumed["validation"] == straight["validation"]
    assert resumed["curve"] == straight["curve"]


@pytest.mark.e2e
def test_a_ray_cluster_makes_what_one_process_does(
    verse: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray")
    monkeypatch.setenv("RAY_ADDRESS", "local")
    started = time.monotonic()
    check_workers(workers.Cluster(), verse, tmp_path)
    assert time.monotonic() - started < 300
