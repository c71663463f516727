import json
import math
import shutil
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from corpora.corpus import Corpus
from corpora.errors import UserError
from training import checkpoint
from training.batches import held_out
from training.config import ModelConfig, TrainConfig
from training.evaluation.held_out import nats_per_character
from training.model import CharacterModel
from training.trainer import SAMPLE, Progress, Run, train

MODEL = ModelConfig(layers=1, units=16, embedding=8)
SHORT = {"batch": 4, "length": 16, "warmup": 5, "learning_rate": 0.02, "device": "cpu", "precision": "fp32"}


def trained(corpus: Corpus, folder: Path, model: ModelConfig = MODEL, **fields: Any) -> list[Progress]:
    return list(train(model, TrainConfig.model_validate(SHORT | fields), corpus, folder))


def looks(progress: list[Progress]) -> list[float]:
    return [step.validation for step in progress if step.validation is not None]


def log(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("kind", ["lstm", "gru", "rnn"])
def test_a_sentence_over_and_over_is_learned_by_heart(verse: Corpus, tmp_path: Path, kind: str) -> None:
    model = ModelConfig.model_validate(MODEL.model_dump() | {"kind": kind})
    progress = trained(verse, tmp_path, model, epochs=4, evaluations=1)
    assert progress[0].loss == pytest.approx(math.log(len(set(verse.train))), abs=0.5)
    assert progress[-1].best < 0.1
    # It writes what it has learned.
    assert "the beginning was the word\nin the" in progress[-1].sample


def test_what_is_left_of_a_coin_is_the_coin(coin: Corpus, tmp_path: Path) -> None:
    progress = trained(coin, tmp_path, epochs=5, batch=8, length=32, evaluations=3)
    assert math.log(2) - 0.002 < progress[-1].best < math.log(2) + 0.02
    assert math.log(2) - 0.05 < progress[-1].loss < math.log(2) + 0.05


def test_progress_and_log_tell_the_same_story(verse: Corpus, tmp_path: Path) -> None:
    progress = trained(verse, tmp_path, epochs=1, evaluations=4)
    per_epoch = (len(verse.train) - 1) // 4 // 16
    assert [step.step for step in progress] == list(range(1, per_epoch + 1))
    assert {step.steps for step in progress} == {per_epoch}
    assert progress[-1].epoch == pytest.approx(1)
    assert progress[-1].finished == "the schedule is complete"
    assert not any(step.finished for step in progress[:-1])
    assert progress[-1].characters_per_second > 0
    assert progress[-1].seconds_left == 0
    at = [step for step in progress if step.validation is not None]
    assert [step.step for step in at] == [math.ceil(per_epoch * k / 4) for k in (1, 2, 3, 4)]
    assert all(len(step.sample) == SAMPLE and set(step.sample) <= set(verse.alphabet) for step in at)
    rows = [(row["step"], row["validation"], row["loss"], row["sample"]) for row in log(tmp_path)]
    assert rows == [(step.step, step.validation, step.loss, step.sample) for step in at]


def test_the_model_folder_tells_what_it_is_and_speaks_without_the_corpus(verse: Corpus, tmp_path: Path) -> None:
    progress = trained(verse, tmp_path, epochs=1, evaluations=2)
    card = checkpoint.load(tmp_path / "model").card
    assert (card.model, card.vocabulary) == (MODEL, verse.alphabet)
    assert card.corpus == {"title": "Verse", "licence": "CC0", "digest": verse.digest}
    assert card.scores == {"validation": progress[-1].best}
    assert card.parameters == sum(array.size for array in checkpoint.load(tmp_path / "model").arrays.values())
    assert card.run["training"]["learning_rate"] == 0.02
    assert card.run["step"] == progress[-1].step
    assert card.run["precision"] == "fp32"
    assert (card.run["epochs"], card.run["torch"]) == (1.0, torch.__version__)


def test_the_best_model_is_kept_and_a_run_that_only_gets_worse_stops(noise: Corpus, tmp_path: Path) -> None:
    progress = trained(noise, tmp_path, epochs=400, evaluations=100, patience=3)
    validations = looks(progress)
    assert progress[-1].finished == "no better for 3 evaluations"
    assert progress[-1].step < progress[-1].steps / 2
    assert validations.index(min(validations)) == len(validations) - 4
    model = checkpoint.load(tmp_path / "model")
    assert model.card.scores["validation"] == progress[-1].best == min(validations) < validations[-1] - 0.05
    network = CharacterModel(MODEL, len(model.vocabulary))
    network.load_arrays(model.arrays)
    measured = nats_per_character(network, held_out(model.vocabulary.encode(noise.validation)))
    assert measured == pytest.approx(min(validations), abs=2e-3)  # half precision
    assert trained(noise, tmp_path, epochs=400, evaluations=100, patience=3) == []  # it is over


def test_what_is_measured_and_kept_may_be_the_mean_of_the_weights(verse: Corpus, tmp_path: Path) -> None:
    config = TrainConfig.model_validate(SHORT | {"average": 0.5})
    run = Run(MODEL, config, verse, tmp_path)
    mean: list[torch.Tensor] = []
    for _ in range(6):
        run.step()
        now = [parameter.detach().clone() for parameter in run.model.parameters()]
        mean = [0.5 * old + 0.5 * new for old, new in zip(mean, now, strict=True)] if mean else now
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(run.measured.parameters(), mean, strict=True))
    validation, _ = run.evaluate()
    assert validation == pytest.approx(nats_per_character(run.measured, run.validation))
    kept = checkpoint.load(tmp_path / "model").arrays["projection.weight"]
    assert kept == pytest.approx(run.measured.projection.weight.detach().numpy(), abs=1e-3)


def test_the_same_seed_is_the_same_run_and_another_is_not(verse: Corpus, tmp_path: Path) -> None:
    runs = [looks(trained(verse, tmp_path / str(n), epochs=0.5, evaluations=1, seed=n // 2)) for n in range(3)]
    assert runs[0] == runs[1] != runs[2]


def test_other_options_in_the_same_folder_are_refused_by_name(verse: Corpus, coin: Corpus, tmp_path: Path) -> None:
    trained(verse, tmp_path, epochs=0.2, evaluations=1)
    with pytest.raises(UserError, match=r"another clip, learning_rate stands here\..*--fresh"):
        trained(verse, tmp_path, epochs=0.2, evaluations=1, learning_rate=0.01, clip=9)
    with pytest.raises(UserError, match=r"another kind stands here"):
        trained(verse, tmp_path, MODEL.model_copy(update={"kind": "gru"}), epochs=0.2, evaluations=1)
    with pytest.raises(UserError, match=r"another text stands here"):
        trained(coin, tmp_path, epochs=0.2, evaluations=1)


def test_each_stream_carries_its_memory_on_or_begins_anew_as_its_window_says(verse: Corpus, tmp_path: Path) -> None:
    run = Run(MODEL, TrainConfig.model_validate(SHORT | {"reset": 0.4}), verse, tmp_path)
    carried, kept, lost = run.model.start(4), 0, 0
    for step in range(12):
        window = run.streams.window(step)
        kept, lost = kept + int((~window.fresh).sum()), lost + int(window.fresh.sum())
        memory = tuple(torch.where(torch.from_numpy(window.fresh)[:, None], 0.0, tensor) for tensor in carried)
        with torch.no_grad():
            carried = run.model(torch.from_numpy(window.inputs), memory)[1]
        run.step()
        assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(carried, run.carried, strict=True))
    assert min(kept, lost) > 10


@pytest.mark.parametrize(("kind", "precision"), [("lstm", "fp32"), ("gru", "fp16")])  # fp16 is scaled, and unscaled
@pytest.mark.parametrize("clip", [1e-3, 1e3])
def test_a_step_is_adamws_with_the_clipped_gradient(
    verse: Corpus, tmp_path: Path, clip: float, kind: Literal["lstm", "gru"], precision: str
) -> None:
    fields = {"clip": clip, "precision": precision, "weight_decay": 0.1, "warmup": 4}
    run = Run(MODEL.model_copy(update={"kind": kind}), TrainConfig.model_validate(SHORT | fields), verse, tmp_path)
    before = [parameter.detach().clone() for parameter in run.model.parameters()]
    window = run.streams.window(0)
    logits, _ = run.model(torch.from_numpy(window.inputs), run.model.start(4))
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), torch.from_numpy(window.targets).flatten())
    whole = torch.autograd.grad(loss, list(run.model.parameters()))
    norm = math.sqrt(sum(float((gradient**2).sum()) for gradient in whole))
    run.step()
    rate, exact = 0.02 / 4, precision == "fp32"
    for old, parameter, gradient in zip(before, run.model.parameters(), whole, strict=True):
        clipped = gradient * min(1, clip / norm)
        assert parameter.grad is not None
        assert torch.allclose(parameter.grad, clipped, rtol=1e-3, atol=1e-6 * clip if exact else 1e-2 * min(clip, norm))
        # Kingma & Ba 2015, algorithm 1, at its first step; Loshchilov & Hutter 2019, algorithm 2, for the decay.
        moved = old * (1 - rate * 0.1) - rate * parameter.grad / (parameter.grad.abs() + 1e-8)
        assert torch.allclose(parameter.detach(), moved, atol=1e-6)


def test_a_text_shorter_than_one_step_is_refused_before_anything_is_written(noise: Corpus, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="64 streams of 16 need at least 1,025"):
        trained(noise, tmp_path / "run", batch=64)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("evaluations", [1, 1000])  # at the end only, and after every step
def test_an_absurd_learning_rate_ends_in_a_sentence(verse: Corpus, tmp_path: Path, evaluations: int) -> None:
    with pytest.raises(UserError, match=r"There is no model yet\. Start anew with a learning rate under 1e\+30"):
        trained(verse, tmp_path, epochs=1, evaluations=evaluations, learning_rate=1e30, warmup=0)
    assert not checkpoint.exists(tmp_path / "model")


def test_nan_in_the_middle_leaves_the_best_model(verse: Corpus, tmp_path: Path) -> None:
    running = train(MODEL, TrainConfig.model_validate(SHORT | {"epochs": 1, "evaluations": 4}), verse, tmp_path)
    best = next(step.best for step in running if step.validation is not None)
    shutil.copytree(tmp_path / "model", tmp_path / "kept")
    state = tmp_path / "state-0.safetensors"
    with safe_open(state, framework="pt") as file:
        header, tensors = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    tensors["model.embedding.weight"][0] = torch.nan
    save_file(tensors, state, metadata=header)
    with pytest.raises(
        UserError, match=rf"sensible number at step \d+ \(it is nan\)\. .*{best:.4f} nats.* stays in"
    ) as caught:
        trained(verse, tmp_path, epochs=1, evaluations=4)
    assert str(tmp_path / "model") in str(caught.value)
    assert checkpoint.load(tmp_path / "model").digest == checkpoint.load(tmp_path / "kept").digest


def test_a_time_budget_is_kept_by_whatever_clock_it_is_told(verse: Corpus, tmp_path: Path) -> None:
    ticks = iter(range(10**9))

    def clock() -> float:  # each look at the clock takes 50 ms: about 0.15 s a step
        return next(ticks) * 0.05

    config = TrainConfig.model_validate(SHORT | {"minutes": 0.5, "evaluations": 5, "epochs": 1e9})
    progress = list(train(MODEL, config, verse, tmp_path, clock))
    assert progress[0].steps == 0
    assert math.isinf(progress[0].seconds_left)
    assert 29.5 < progress[-1].seconds < 30.5
    assert progress[-1].finished == "the schedule is complete"
    assert log(tmp_path)[-1]["step"] == progress[-1].step
