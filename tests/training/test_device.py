import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from corpora.corpus import Corpus
from corpora.errors import UserError
from training import checkpoint
from training.config import ModelConfig, TrainConfig
from training.device import Device, choose, prepare_processor
from training.trainer import train

CHECKOUT = Path(__file__).parents[2]
MODEL = {"layers": 1, "units": 16, "embedding": 8}
SHORT = {"batch": 8, "length": 16, "warmup": 5, "learning_rate": 0.02, "device": "cpu", "precision": "fp32"}
EPOCHS = {"epochs": 1, "evaluations": 2}
MINUTES = {"minutes": 0.1, "evaluations": 3}


def test_one_process_is_the_first_of_one() -> None:
    device = choose(TrainConfig(device="cpu", precision="fp32"), ModelConfig())
    assert device == Device(torch.device("cpu"), "fp32", rank=0, size=1)
    assert "1 CPU threads" in device.name
    assert device.agree([3, 1 << 40]) == [3, 1 << 40]


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA GPU")
def test_a_gpu_that_is_not_there_is_refused() -> None:
    with pytest.raises(UserError, match=r"torch sees no CUDA GPU here\. Use device = cpu or auto"):
        choose(TrainConfig(device="cuda"), ModelConfig())
    assert choose(TrainConfig(device="auto"), ModelConfig()).device.type == "cpu"


@pytest.mark.parametrize(
    ("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16), ("fp16", torch.float16)]
)
def test_arithmetic_is_what_was_asked_for(precision: str, dtype: torch.dtype) -> None:
    with Device(torch.device("cpu"), precision).arithmetic():
        assert torch.nn.functional.linear(torch.ones(2, 2), torch.ones(2, 2)).dtype == dtype


def test_an_arithmetic_that_torch_lacks_here_is_refused() -> None:
    with pytest.raises(UserError, match=r"precision = fp16: .* on a CPU\. Use bf16, fp32 or auto"):
        choose(TrainConfig(device="cpu", precision="fp16"), ModelConfig(kind="lstm"))


def test_auto_precision_is_single_for_small_models_and_those_the_cpu_does_not_fuse() -> None:
    for model in (ModelConfig(units=32), ModelConfig(kind="gru", units=512)):
        assert choose(TrainConfig(device="cpu"), model).precision == "fp32"


def test_threads_are_those_asked_for_or_a_share_of_what_there_is() -> None:
    try:
        prepare_processor(2)
        assert torch.get_num_threads() == 2
        prepare_processor(None, processes=10_000)
        assert torch.get_num_threads() == 1
        prepare_processor(None)
        assert torch.get_num_threads() == len(os.sched_getaffinity(0))
    finally:
        torch.set_num_threads(1)


PROGRAM = """
import itertools, json
from pathlib import Path
import torch
from corpora.corpus import Corpus
from corpora.errors import UserError
from training.config import ModelConfig, TrainConfig
from training.trainer import train
torch.set_num_threads(1)
told = json.loads(Path("told.json").read_text())
ends, ticks = [], itertools.count()


def clock():  # that of the second process goes twice as fast
    return next(ticks) * 0.02 * (1 + torch.distributed.get_rank())


for folder, config, steps, lost in told["runs"]:
    if ends and torch.distributed.get_rank() == 1 and lost:
        Path(folder, "state-1.safetensors").unlink()
    try:
        run = train(ModelConfig(**told["model"]), TrainConfig(**config), Corpus(**told["corpus"]), Path(folder), clock)
        ended = [(step.step, step.validation, step.finished) for _, step in zip(range(steps), run)][-1]
    except UserError as error:
        ended = str(error)
    ends.append(ended)
rank = torch.distributed.get_rank()
Path(f"ends-{rank}.json").write_text(json.dumps(ends))
"""


@pytest.fixture(scope="module")
def shared(verse: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder where torchrun had two processes train together, one run after the other: it takes seconds to start."""
    folder = tmp_path_factory.mktemp("shared")
    runs: list[tuple[str, dict[str, Any], int, bool]] = [
        ("whole", EPOCHS, 10**9, False),
        ("minutes", MINUTES, 10**9, False),
        ("batch", {"batch": 7}, 10**9, False),
        ("broken", EPOCHS, 30, False),
        ("broken", EPOCHS, 10**9, False),
        ("lost", EPOCHS, 30, False),
        ("lost", EPOCHS, 10**9, True),
    ]
    told = [(name, SHORT | config, steps, lost) for name, config, steps, lost in runs]
    (folder / "told.json").write_text(json.dumps({"model": MODEL, "runs": told, "corpus": asdict(verse)}))
    (folder / "program.py").write_text(PROGRAM)
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "program.py"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(CHECKOUT)}
    done = subprocess.run(
        [sys.executable, *launch], cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def ends(shared: Path) -> list[tuple[Any, Any]]:
    """What both processes ended each run with: step, validation and why, or what the error said."""
    first, second = (json.loads((shared / f"ends-{rank}.json").read_text()) for rank in (0, 1))
    return list(zip(first, second, strict=True))


def test_two_processes_train_the_same_model_as_one(
    verse: Corpus, shared: Path, ends: list[tuple[Any, Any]], tmp_path: Path
) -> None:
    alone = list(train(ModelConfig(**MODEL), TrainConfig.model_validate(SHORT | EPOCHS), verse, tmp_path))
    first, second = ends[0]
    assert first == second == [alone[-1].step, pytest.approx(alone[-1].validation, abs=1e-5), alone[-1].finished]
    assert alone[-1].best < alone[0].loss - 0.7
    rows = (shared / "whole" / "log.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(row)["step"] for row in rows] == [step.step for step in alone if step.validation is not None]
    card = checkpoint.load(shared / "whole" / "model").card
    assert card.run["hardware"].startswith("2 x 1 CPU threads")
    ours, theirs = (load_file(shared / "whole" / f"state-{rank}.safetensors") for rank in (0, 1))
    assert torch.equal(ours["model.projection.weight"], theirs["model.projection.weight"])
    assert not torch.equal(ours["random.cpu"], theirs["random.cpu"])  # each drops out other units


def test_two_processes_keep_to_one_plan_of_a_time_budget(ends: list[tuple[Any, Any]]) -> None:
    first, second = ends[1]
    assert first == second
    assert first[2] == "the schedule is complete"


def test_streams_that_cannot_be_shared_are_refused_in_every_process(ends: list[tuple[Any, Any]]) -> None:
    for end in ends[2]:
        assert end.startswith("A batch of 7 streams cannot be shared by 2 processes")


def test_two_processes_resume_exactly(shared: Path, ends: list[tuple[Any, Any]]) -> None:
    assert ends[4][0] == ends[4][1] == ends[0][0]
    models = [checkpoint.load(shared / name / "model") for name in ("whole", "broken")]
    assert models[0].digest == models[1].digest


def test_processes_that_were_stopped_at_different_steps_do_not_go_on(ends: list[tuple[Any, Any]]) -> None:
    for end in ends[6]:
        assert "stopped at different steps. Start anew with --fresh" in end
