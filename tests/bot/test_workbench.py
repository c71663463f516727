"""The verbs `train`, `evaluate` and `bench` from end to end, on a text that is learned in seconds."""

import json
import math
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]
SMALL = ("--units", "24", "--layers", "1", "--batch", "4", "--epochs", "6", "--seed", "3", "--learning-rate", "0.02")


@pytest.fixture
def trained(apocrypha: Run, weather: Path, home: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Train the text once, and give every test a copy of that home; return what was shown."""
    assert weather.is_relative_to(home)
    kept = tmp_path_factory.getbasetemp() / "trained"
    if not kept.exists():
        shown = apocrypha("train", "weather", *SMALL).stderr
        shutil.copytree(home, kept / "home")
        (kept / "shown").write_text(shown, encoding="utf-8")
    shutil.copytree(kept / "home", home, dirs_exist_ok=True)
    return (kept / "shown").read_text(encoding="utf-8")


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


def test_training_shows_what_it_learns(trained: str, home: Path) -> None:
    assert all(word in trained for word in ("validation", "bits", "saved"))
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
def test_what_is_done_is_not_done_again(apocrypha: Run, home: Path) -> None:
    card = home / "models" / "weather" / "model.json"
    before = card.stat().st_mtime_ns
    again = apocrypha("train", "weather", *SMALL)
    assert "was made by just this recipe; --fresh makes another" in again.stderr
    assert "step" not in again.stderr
    assert card.stat().st_mtime_ns == before
    assert "validation" in apocrypha("train", "weather", *SMALL, "--seed", "4", "--epochs", "1").stderr


@pytest.mark.usefixtures("trained")
def test_several_styles_are_trained_in_the_order_given(apocrypha: Run, home: Path, weather: Path) -> None:
    shutil.copytree(weather, weather.with_name("climate"))
    done = apocrypha("train", "climate", "weather", *SMALL)
    assert done.stderr.index("climate: ") < done.stderr.index("weather: the model in")
    assert (home / "models" / "climate" / "weights.safetensors").exists()


@pytest.mark.parametrize("arguments", [(), ("weather", "--all"), ("weather", "weather", "--into", "folder")])
def test_train_says_what_it_wants(apocrypha: Run, weather: Path, arguments: tuple[str, ...]) -> None:
    assert "Name the styles to train, or give --all" in apocrypha("train", *arguments, ok=False).stderr


@pytest.mark.usefixtures("trained")
def test_a_voice_may_begin_with_the_weights_of_another(apocrypha: Run, home: Path, weather: Path) -> None:
    climate = weather.with_name("climate")
    shutil.copytree(weather, climate)
    text = (climate / "corpus.txt").read_text(encoding="utf-8")
    (climate / "corpus.txt").write_text(text.replace("hail", "zephyr"), encoding="utf-8")
    short = ("--batch", "4", "--epochs", "0.5", "--learning-rate", "0.002")
    done = apocrypha("train", "climate", "--from-style", "weather", *short)
    card = json.loads((home / "models" / "climate" / "model.json").read_text(encoding="utf-8"))
    other = json.loads((home / "models" / "weather" / "model.json").read_text(encoding="utf-8"))
    assert card["run"]["begun"]["digest"] == other["corpus"]["digest"]
    assert card["model"]["units"] == 24  # as the other has, whatever the recipe says
    assert "z" in card["vocabulary"]
    assert "z" not in other["vocabulary"]
    assert "validation" in done.stderr
    refused = apocrypha("train", "climate", "--from-style", "weather", "--units", "25", ok=False).stderr
    assert "has units = 24" in refused
    assert "not trained" in apocrypha("train", "climate", "--from-style", "essays", ok=False).stderr


def test_a_larger_text_comes_first_where_the_recipe_says_so(apocrypha: Run, home: Path, weather: Path) -> None:
    text = (weather / "corpus.txt").read_text(encoding="utf-8")
    (weather / "more.txt").write_text(text.replace("rain", "drizzle") * 2, encoding="utf-8")
    manifest = (weather / "plugin.toml").read_text(encoding="utf-8")
    more = '[pretraining]\nepochs = 2\n[pretraining.corpus]\ntitle = "More weather"\nfile = "more.txt"\n'
    (weather / "plugin.toml").write_text(manifest + more, encoding="utf-8")
    done = apocrypha("train", "weather", *SMALL)
    assert done.stderr.index("More weather: ") < done.stderr.index("weather: 1")
    card = json.loads((home / "models" / "weather" / "model.json").read_text(encoding="utf-8"))
    assert card["run"]["begun"]["title"] == "More weather"
    first = json.loads(next((home / "runs").glob("*-pretraining/model/model.json")).read_text(encoding="utf-8"))
    assert first["run"]["training"]["epochs"] == 2
    assert 0 < card["run"]["begun"]["epochs"] <= 2  # where it was best
    assert not list((home / "runs").glob("*/state-*"))
    assert "was made by just this recipe" in apocrypha("train", "weather", *SMALL).stderr
    assert json.loads(apocrypha("evaluate", "weather", "--json").stdout)["best_ngram_nats"] > 0


@pytest.mark.usefixtures("trained")
def test_texts_are_judged_beside_what_people_wrote(apocrypha: Run, weather: Path) -> None:
    (weather / "plugin.py").write_text("def check(text): return '' if text.endswith('.') else 'no end'\n")
    limits = "[limits]\ncopied = 500\nknown_words = 0\n"
    (weather / "plugin.toml").write_text(f'summary = "What the sky does"\n{limits}', encoding="utf-8")
    first, again = (json.loads(apocrypha("evaluate", "weather", "--samples", "20", "--json").stdout) for _ in range(2))
    assert first == again
    assert first["samples"] == 20
    assert first["form_rate"] == 1.0
    assert first["rejected_rate"] == pytest.approx(
        sum(first["rejected"].values()) / (20 + sum(first["rejected"].values()))
    )
    assert first["copy_limit"] == 500
    assert 0 < first["longest_copy"] <= 500
    assert 0.5 < first["known_words"] <= 1
    assert first["human_known_words"] > 0.9
    assert 0 < first["ppmd_nats"] < 1


def test_a_voice_without_a_network_is_judged_too(apocrypha: Run, weather: Path) -> None:
    report = json.loads(apocrypha("evaluate", "weather", "--samples", "3", "--json").stdout)
    assert (report["parameters"], report["form_rate"]) == (0, 1.0)


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
