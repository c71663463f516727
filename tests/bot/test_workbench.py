"""The verbs `train`, `evaluate` and `bench` from end to end, on a text that is learned in seconds."""

import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]
SMALL = ("--units", "24", "--layers", "1", "--batch", "4", "--epochs", "6", "--seed", "3", "--learning-rate", "0.02")


@pytest.fixture
def trained(apocrypha: Run, weather: Path) -> subprocess.CompletedProcess[str]:
    return apocrypha("train", "weather", *SMALL)


@pytest.mark.usefixtures("trained")
def test_a_trained_style_speaks_and_is_measured(apocrypha: Run, home: Path) -> None:
    value = json.loads(apocrypha("sample", "weather", "-n", "3", "--seed", "1", "--json").stdout)
    assert value["trained"] is True
    report = json.loads(apocrypha("evaluate", "weather", "--json").stdout)
    assert {"nats_per_character", "bits_per_character", "best_ngram_nats", "best_ngram_order", "parameters"} <= set(
        report
    )
    assert report["bits_per_character"] == pytest.approx(report["nats_per_character"] / math.log(2))
    assert 1 <= report["best_ngram_order"] <= 9
    card = json.loads((home / "models" / "weather" / "model.json").read_text(encoding="utf-8"))
    assert card["scores"]["test_int8"] == pytest.approx(report["nats_per_character"], abs=1e-6)
    assert abs(card["scores"]["test_int8"] - card["scores"]["test"]) < 0.01
    assert {"epochs", "hours", "hardware", "training"} <= set(card["run"])


def test_training_shows_what_it_learns(trained: subprocess.CompletedProcess[str], home: Path) -> None:
    assert "validation" in trained.stderr
    assert "bits" in trained.stderr
    assert "saved" in trained.stderr
    rows = [json.loads(line) for line in (home / "runs" / "weather" / "log.jsonl").read_text().splitlines()]
    assert rows[-1]["validation"] < rows[0]["validation"]
    assert not list((home / "runs" / "weather").glob("state-*"))


@pytest.mark.usefixtures("trained")
def test_a_worse_model_does_not_replace_a_better_one(apocrypha: Run, home: Path, tmp_path: Path) -> None:
    before = (home / "models" / "weather" / "model.json").read_bytes()
    worse = apocrypha("train", "weather", "--units", "4", "--layers", "1", "--batch", "4", "--epochs", "0.5")
    assert "is better" in worse.stderr
    assert (home / "models" / "weather" / "model.json").read_bytes() == before
    apocrypha("train", "weather", "--units", "4", "--batch", "4", "--epochs", "0.5", "--into", str(tmp_path / "m"))
    assert (tmp_path / "m" / "weights.safetensors").exists()


@pytest.mark.usefixtures("trained")
def test_bench_times_all_and_divides(apocrypha: Run) -> None:
    report = json.loads(apocrypha("bench", "weather", "--seconds", "1", "--json").stdout)
    for part in ("one_stream", "streams_64"):
        speeds = report[part]
        assert {"engine", "torch_eager", "onnxruntime_fp32", "bound", "ratio"} <= speeds.keys()
        assert min(speeds.values()) > 0
        assert speeds["ratio"] == pytest.approx(speeds["engine"] / speeds["torch_eager"])
    grammar, clients, training = report["grammar"], report["clients_64"], report["training"]
    assert grammar["slower"] == pytest.approx(grammar["off"] / grammar["on"] - 1)
    assert {type(value) for value in clients.values()} <= {int, float}
    assert training["overhead"] == pytest.approx(training["bare_loop"] / training["trainer"] - 1)
    assert 0 < report["cold_start"]["peak_megabytes"] < 200


def test_killed_and_resumed_ends_like_one_left_alone(
    apocrypha: Run, environment: dict[str, str], weather: Path, home: Path, tmp_path: Path
) -> None:
    alone = tmp_path / "alone"
    apocrypha("train", "weather", *SMALL, "--into", str(alone))
    command = [sys.executable, "-m", "bot", "train", "weather", *SMALL, "--into", str(tmp_path / "killed")]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        evaluations = (line for line in process.stderr if line.startswith("step "))
        for _ in range(4):
            next(evaluations)
        os.kill(process.pid, signal.SIGKILL)
    assert list((home / "runs" / "weather").glob("state-*"))
    assert not (tmp_path / "killed").exists()
    refused = apocrypha("train", "weather", *SMALL, "--units", "25", ok=False)
    assert "--fresh" in refused.stderr
    apocrypha("train", "weather", *SMALL, "--into", str(tmp_path / "killed"))
    cards = [json.loads((folder / "model.json").read_text()) for folder in (alone, tmp_path / "killed")]
    assert cards[0]["scores"] == cards[1]["scores"]
    assert cards[0]["weights_sha256"] == cards[1]["weights_sha256"]


def test_without_torch_training_says_what_to_install(environment: dict[str, str], weather: Path) -> None:
    code = "import sys; sys.modules['torch'] = None; from bot.__main__ import main; main()"
    command = [sys.executable, "-c", code, "train", "weather"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 1
    assert "make train" in done.stderr
