import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from corpora.corpus import Corpus
from corpora.errors import UserError
from training import checkpoint
from training.config import ModelConfig, TrainConfig
from training.trainer import Progress, train

CHECKOUT = Path(__file__).parents[2]
VARIANTS = {
    "lstm with dropout": {"layers": 2, "units": 12, "embedding": 6, "dropout": 0.3},
    "multiplicative": {"kind": "mlstm", "layers": 1, "units": 8, "embedding": 6},
    "lstm with dropped weights": {"layers": 1, "units": 8, "embedding": 6, "recurrent_dropout": 0.3},
    "gru, tied": {"kind": "gru", "layers": 1, "units": 8, "embedding": 8, "tied": True, "dropout": 0.1},
}
RNN = {"kind": "rnn", "layers": 2, "units": 8, "embedding": 8, "dropout": 0.2}
Room = Callable[[int], AbstractContextManager[None]]
CONFIG = {
    "epochs": 1.7,  # across the beginning of a pass
    "batch": 4,
    "length": 32,
    "warmup": 10,
    "evaluations": 5,
    "learning_rate": 0.02,
    "seed": 3,
    "device": "cpu",
    "precision": "fp32",
}


def begun(folder: Path, corpus: Corpus, model: dict[str, Any], **fields: Any) -> Any:
    return train(ModelConfig.model_validate(model), TrainConfig.model_validate(CONFIG | fields), corpus, folder)


def killed(folder: Path, corpus: Corpus, model: dict[str, Any], evaluation: int, steps: int) -> None:
    """Train in another process, and SIGKILL it `steps` steps behind an evaluation."""
    program = """
import json, os, signal, sys
from pathlib import Path
import torch
from corpora.corpus import Corpus
from training.config import ModelConfig, TrainConfig
from training.trainer import train
torch.set_num_threads(1)
model, config, corpus, folder, evaluation, steps = json.load(sys.stdin)
run = train(ModelConfig(**model), TrainConfig(**config), Corpus(**corpus), Path(folder))
while evaluation:
    evaluation -= next(run).validation is not None
for _ in range(steps):
    next(run)
os.kill(os.getpid(), signal.SIGKILL)
"""
    told = json.dumps([model, CONFIG, asdict(corpus), str(folder), evaluation, steps])
    unmeasured = {name: value for name, value in os.environ.items() if not name.startswith("COV")}  # it would be torn
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, input=told, cwd=CHECKOUT, env=unmeasured, text=True, check=False)
    assert done.returncode == -signal.SIGKILL


def story(folder: Path) -> list[dict[str, Any]]:
    """Return the log without what a clock said."""
    rows = [json.loads(line) for line in (folder / "log.jsonl").read_text(encoding="utf-8").split("\n")[:-1]]
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


def same(one: Path, other: Path) -> None:
    """Assert that two runs ended in the same weights, moments, random state, log and best model, bit for bit."""
    ours, theirs = (load_file(folder / "state-0.safetensors") for folder in (one, other))
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if not torch.equal(ours[name], theirs[name])] == []
    assert story(one) == story(other)
    steps = [row["step"] for row in story(one)]
    assert steps == sorted(set(steps))
    assert len(steps) == 5
    assert checkpoint.load(one / "model").digest == checkpoint.load(other / "model").digest


@pytest.fixture(scope="module")
def alone(verse: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of RNN that nothing happened to."""
    folder = tmp_path_factory.mktemp("alone")
    list(begun(folder, verse, RNN))
    return folder


@pytest.mark.parametrize(("variant", "evaluation", "steps"), [("lstm with dropout", 2, 5), ("gru, tied", 3, 1)])
def test_a_killed_run_ends_in_the_weights_of_one_left_alone(
    verse: Corpus, tmp_path: Path, variant: str, evaluation: int, steps: int
) -> None:
    unbroken, broken = tmp_path / "alone", tmp_path / "broken"
    whole: list[Progress] = list(begun(unbroken, verse, VARIANTS[variant]))
    killed(broken, verse, VARIANTS[variant], evaluation, steps)
    assert len(story(broken)) == evaluation
    rest: list[Progress] = list(begun(broken, verse, VARIANTS[variant]))
    assert rest[0].step == story(broken)[evaluation - 1]["step"] + 1
    assert (rest[-1].validation, rest[-1].loss, rest[-1].best) == (
        whole[-1].validation,
        whole[-1].loss,
        whole[-1].best,
    )
    same(unbroken, broken)


def test_a_mean_of_weights_resumes_exactly_too(verse: Corpus, tmp_path: Path) -> None:
    model = {"layers": 1, "units": 8, "embedding": 6}
    unbroken = list(begun(tmp_path / "a", verse, model, average=0.9))
    for step in begun(tmp_path / "b", verse, model, average=0.9):
        if step.validation is not None and step.step > unbroken[-1].step / 3:
            break
    rest = list(begun(tmp_path / "b", verse, model, average=0.9))
    assert 0 < len(rest) < len(unbroken)
    assert (rest[-1].validation, rest[-1].loss) == (unbroken[-1].validation, unbroken[-1].loss)
    same(tmp_path / "a", tmp_path / "b")


def test_a_run_stopped_at_any_evaluation_or_before_the_first_goes_on_exactly(
    verse: Corpus, alone: Path, tmp_path: Path
) -> None:
    for more in (3, 17, 40, 1000):  # steps before it is stopped again
        run = begun(tmp_path / "broken", verse, RNN)
        for _, _step in zip(range(more), run, strict=False):
            pass
        run.close()
    same(alone, tmp_path / "broken")


def test_a_run_killed_before_its_state_is_saved_says_nothing_twice(verse: Corpus, alone: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    run = begun(broken, verse, RNN)
    for saved in range(3):  # the log and the best model are one evaluation ahead of the state
        if saved == 2:
            shutil.copy(broken / "state-0.safetensors", tmp_path / "earlier")
        while next(run).validation is None:
            pass
    run.close()
    shutil.move(tmp_path / "earlier", broken / "state-0.safetensors")
    assert len(story(broken)) == 3
    list(begun(broken, verse, RNN))
    same(alone, broken)


@pytest.mark.parametrize(
    ("size", "logged", "unsaved"),
    [
        (0, 0, "the model could not be saved"),
        (4000, 5000, "the log could not be written"),
        (4000, 0, "the run's state could not be saved"),
    ],
)
def test_a_disk_that_fills_up_stops_the_run_and_loses_nothing(
    verse: Corpus, alone: Path, tmp_path: Path, room: Room, size: int, logged: int, unsaved: str
) -> None:
    broken = tmp_path / "broken"
    run = begun(broken, verse, RNN)
    while next(run).step < 31:  # past the first evaluation and the last of the early samples
        pass
    before = checkpoint.load(broken / "model").card.scores["validation"]
    with (broken / "log.jsonl").open("a", encoding="utf-8") as file:
        file.write("x" * logged)  # a long story, beyond the room there is
    with room(size), pytest.raises(UserError, match=f"{unsaved} .File too large"):
        list(run)
    assert checkpoint.load(broken / "model").card.scores["validation"] <= before
    list(begun(broken, verse, RNN))
    same(alone, broken)


def test_a_log_survives_a_torn_row_and_every_kind_of_line_end(verse: Corpus, tmp_path: Path) -> None:
    odd = {part: getattr(verse, part).replace(" ", "\u2028").replace("w", "\x85") for part in ("train", "validation")}
    corpus = replace(verse, **odd)
    list(begun(tmp_path / "alone", corpus, RNN))
    run = begun(tmp_path / "broken", corpus, RNN)
    while next(run).validation is None:
        pass
    run.close()
    with (tmp_path / "broken" / "log.jsonl").open("ab") as file:
        file.write('{"step": 1, "sample": "\u2028'.encode()[:-1])
    list(begun(tmp_path / "broken", corpus, RNN))
    assert "\u2028" in story(tmp_path / "broken")[0]["sample"]
    same(tmp_path / "alone", tmp_path / "broken")


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_reduced_precision_resumes_exactly_too(verse: Corpus, tmp_path: Path, precision: str) -> None:
    for folder, stops in (("alone", []), ("broken", [40])):
        for more in [*stops, 1000]:
            run = begun(tmp_path / folder, verse, RNN, precision=precision)
            for _, _step in zip(range(more), run, strict=False):
                pass
            run.close()
    same(tmp_path / "alone", tmp_path / "broken")
