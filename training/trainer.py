"""The training loop: read a window, push the loss down, look at the validation text now and then, keep the best.

`train` is an iterator: each step yields a `Progress`, and whoever iterates decides what to show and when to stop.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional
from torch.nn.utils import clip_grad_norm_
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from corpora.corpus import Corpus
from corpora.errors import UserError
from training import checkpoint, log, state
from training.batches import Streams, held_out
from training.checkpoint import Model, ModelCard
from training.config import ModelConfig, TrainConfig
from training.device import choose
from training.evaluation.held_out import nats_per_character
from training.model import CharacterModel, State
from training.optimiser import optimisers, set_rate
from training.pace import Pace, learning_rate
from training.state import Place
from training.transfer import transfer
from training.vocabulary import Vocabulary

SAMPLE = 200  # characters written at each evaluation, to watch the network learn
SAMPLES = "samples.jsonl"  # and at steps that grow, from the first on
HOPELESS = 1e4  # nats per character; a run that has come to this has weights beyond all bounds


@dataclass(frozen=True)
class Progress:
    """Where a run stands after a step. Losses are in nats per character, times in seconds."""

    step: int
    steps: int  # planned; 0 while a time budget is still being measured
    epoch: float
    loss: float  # running mean over about 50 steps
    characters_per_second: float
    seconds: float
    seconds_left: float
    best: float
    validation: float | None = None  # set where this step ended with an evaluation
    sample: str = ""
    finished: str = ""  # why the run ended, at its last step


def train(
    model_config: ModelConfig,
    config: TrainConfig,
    corpus: Corpus,
    folder: Path,
    clock: Callable[[], float] = time.monotonic,
    begin: Model | None = None,
) -> Iterator[Progress]:
    """Train on `corpus`, keeping the best model in `folder/model` and the run's state beside it.

    `begin` is the model whose weights are the first ones; without it they are drawn.
    Called again with the same arguments after a stop of any kind, it goes on from the last evaluation and ends in
    the same weights as a run left alone. Raises UserError where the text is too short, where another run's state
    stands in `folder`, and where the loss stops being a number.
    """
    run = Run(model_config, config, corpus, folder, begin)
    run.resume()
    pace = Pace(config, run.streams.steps_per_epoch, run.place)
    before, started = run.place.seconds, clock()
    while not run.place.finished:
        tick = clock()
        run.step()
        pace.stepped(clock() - tick)
        run.watch()
        validation, sample = None, ""
        if pace.evaluation_due(run.place):
            tick = clock()
            run.place.seconds = before + tick - started  # the model's card tells them
            validation, sample = run.evaluate()
            pace.evaluated(clock() - tick)
            run.place.seconds = before + clock() - started
            pace.plan(run.place)
            run.agree()
            run.finish_if_done()
            run.save(validation, sample)
        yield Progress(
            step=run.place.step,
            steps=run.place.steps,
            epoch=run.epoch,
            loss=run.place.loss,
            characters_per_second=pace.characters_per_second,
            seconds=before + clock() - started,
            seconds_left=pace.seconds_left(run.place),
            best=run.place.best,
            validation=validation,
            sample=sample,
            finished=run.place.finished,
        )


class Run:
    """The network, its optimisers and its text; `place` is all that changes besides."""

    def __init__(
        self, model_config: ModelConfig, config: TrainConfig, corpus: Corpus, folder: Path, begin: Model | None = None
    ) -> None:
        """Draw fresh weights from the seed, or take those of `begin`, and lay the text out."""
        self.config, self.model_config, self.corpus, self.folder = config, model_config, corpus, folder
        self.begin = begin
        self.device = choose(config, model_config)
        self.vocabulary = Vocabulary(corpus.alphabet + (begin.card.vocabulary if begin else ""))  # of both, merged
        self.streams = Streams(
            self.vocabulary.encode(corpus.train), config.batch, config.length, config.seed, config.reset
        )
        self.validation = held_out(self.vocabulary.encode(corpus.validation))
        torch.manual_seed(config.seed)  # the same first weights in every process ...
        self.model = CharacterModel(model_config, len(self.vocabulary)).to(self.device.device)
        if begin:
            self.model.load_arrays(transfer(begin, model_config, self.vocabulary, self.model.arrays()))
        torch.manual_seed(config.seed + self.device.rank)  # ... and other dropout
        self.optimisers = optimisers(self.model, config)
        self.scaler = torch.amp.GradScaler(self.device.device.type, enabled=self.device.precision == "fp16")
        mean = get_ema_multi_avg_fn(config.average)  # type: ignore[no-untyped-call]
        self.average = AveragedModel(self.model, multi_avg_fn=mean) if config.average else None
        self.carried: State = self.model.start(config.batch // self.device.size)
        self.place = Place()

    @property
    def identity(self) -> dict[str, Any]:
        """Return what makes two runs the same run."""
        newer = {"optimiser"} if self.config.optimiser == "adamw" else set()  # than runs that may still go on
        configs = {"model": self.model_config.model_dump(), "training": self.config.model_dump(exclude=newer)}
        begin = self.begin.digest if self.begin else ""
        return configs | {"text": self.corpus.digest, "first weights": begin, "processes": self.device.size}

    @property
    def measured(self) -> CharacterModel:
        """Return the network that is measured and kept: the running mean of the one that learns, where there is one."""
        if self.average is None:
            return self.model
        assert isinstance(self.average.module, CharacterModel)
        return self.average.module

    @property
    def epoch(self) -> float:
        """Return the passes made over the training text."""
        return self.place.step / self.streams.steps_per_epoch

    @property
    def state_path(self) -> Path:
        """Return where this process keeps its state."""
        return self.folder / f"state-{self.device.rank}.safetensors"

    @property
    def log_path(self) -> Path:
        """Return where the run tells its story, one JSON object a line."""
        return self.folder / "log.jsonl"

    @property
    def samples_path(self) -> Path:
        """Return where it keeps what it wrote when it was young."""
        return self.folder / SAMPLES

    def resume(self) -> None:
        """Go back to the last saved state, if there is one."""
        saved = state.restore(self.state_path, self.identity, self.model, self.optimisers, self.average)
        if saved:
            self.place, self.carried = saved
            self.scaler.load_state_dict(self.place.scaler)
        if not self.device.unanimous(self.place.step):
            raise UserError(f"{self.folder}: its processes were stopped at different steps. Start anew with --fresh.")
        if self.device.rank == 0:
            for path in (self.log_path, self.samples_path):
                log.drop_after(path, self.place.step)

    def step(self) -> None:
        """Update the weights once."""
        window = self.streams.window(self.place.step)
        mine = slice(self.device.rank, None, self.device.size)  # this process's streams
        device = self.device.device
        inputs, targets = (torch.from_numpy(ids[mine]).to(device) for ids in (window.inputs, window.targets))
        if window.fresh.any():
            fresh = torch.from_numpy(window.fresh[mine]).to(device)[None, :, None]
            self.carried = tuple(tensor.masked_fill(fresh, 0.0) for tensor in self.carried)  # (L, B, H)
        with self.device.arithmetic():
            logits, carried = self.model(inputs, self.carried)  # (B, T, V)
        loss = functional.cross_entropy(logits.float().flatten(0, 1), targets.flatten())
        self.carried = tuple(tensor.detach() for tensor in carried)  # the state goes on, the gradient ends here
        for optimiser in self.optimisers:
            optimiser.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        for optimiser in self.optimisers:
            self.scaler.unscale_(optimiser)
        self.device.average_gradients(self.model.parameters())
        clip_grad_norm_(self.model.parameters(), self.config.clip)
        set_rate(self.optimisers, learning_rate(self.config, self.place.step, self.place.steps))
        for optimiser in self.optimisers:
            self.scaler.step(optimiser)
        self.scaler.update()
        if self.average:
            self.average.update_parameters(self.model)
        self.place.step += 1
        self._note(loss.item())

    def _note(self, loss: float) -> None:
        self._refuse_nonsense(loss)
        self.place.loss += max(0.02, 1 / self.place.step) * (loss - self.place.loss)

    def _refuse_nonsense(self, loss: float) -> None:
        if loss < HOPELESS:  # which NaN is not
            return
        kept = f"The best model so far ({self.place.best:.4f} nats) stays in {self.folder / 'model'}."
        raise UserError(
            f"The loss stopped being a sensible number at step {self.place.step:,} (it is {loss:g}). "
            f"{kept if math.isfinite(self.place.best) else 'There is no model yet.'} Start anew with a learning rate "
            f"under {self.config.learning_rate:g} or a clip under {self.config.clip:g}."
        )

    def evaluate(self) -> tuple[float, str]:
        """Measure the validation text, keep the model if it is the best so far, and let it write a few lines."""
        validation = nats_per_character(self.measured, self.validation)
        self._refuse_nonsense(validation)
        self.place.evaluated += 1
        self.place.worse += 1
        if validation < self.place.best:
            self.place.best, self.place.worse = validation, 0
            if self.device.rank == 0:
                checkpoint.save(self.folder / "model", self.card(), self.measured.arrays())
        return validation, self.sample()

    def sample(self) -> str:
        """Let the network write a few lines: the same beginning and the same seed whenever it is asked."""
        prefix = "\n" if "\n" in self.vocabulary.characters else self.corpus.train[0]
        return self.measured.continue_text(self.vocabulary, prefix, SAMPLE, self.config.seed)

    def watch(self) -> None:
        """Keep what it writes at the steps 1, 3, 10, 30, 100 ...: a dozen samples in the longest of runs."""
        if self.device.rank == 0 and str(self.place.step).rstrip("0") in ("1", "3"):
            log.add(self.samples_path, self.row() | {"sample": self.sample()})

    def row(self) -> log.Row:
        """Return where the run is, for a log."""
        return {"step": self.place.step, "epoch": round(self.epoch, 3), "loss": self.place.loss}

    def card(self) -> ModelCard:
        """Describe the model as it stands now."""
        return ModelCard(
            model=self.model_config,
            vocabulary=self.vocabulary.characters,
            parameters=sum(parameter.numel() for parameter in self.model.parameters()),
            corpus={"title": self.corpus.title, "licence": self.corpus.licence, "digest": self.corpus.digest},
            scores={"validation": self.place.best},
            run={
                "training": self.config.model_dump(),
                "epochs": round(self.epoch, 2),
                "step": self.place.step,
                "training_loss": round(self.place.loss, 4),
                "hours": round(self.place.seconds / 3600, 2),
                "hardware": self.device.name,
                "precision": self.device.precision,
                "torch": torch.__version__,
            }
            | ({"begun": _origin(self.begin.card)} if self.begin else {}),
        )

    def agree(self) -> None:
        """Take over the first process's plan, for none may stop where another goes on; their clocks differ."""
        place = self.place
        plan = [place.steps, place.evaluations, place.due, place.worse]
        place.steps, place.evaluations, place.due, place.worse = self.device.agree(plan)

    def finish_if_done(self) -> None:
        """Say why the run is over, if it is."""
        if self.place.worse >= self.config.patience:
            self.place.finished = f"no better for {self.place.worse} evaluations"
        elif self.place.steps and self.place.step >= self.place.steps:
            self.place.finished = "the schedule is complete"

    def save(self, validation: float, sample: str) -> None:
        """Say everything in the log, then remember it: a resumed run takes out what it has no memory of."""
        if self.device.rank == 0:
            row = {"validation": validation, "seconds": self.place.seconds, "sample": sample}
            log.add(self.log_path, self.row() | row)
        self.place.scaler = self.scaler.state_dict()
        parts = (self.model, self.optimisers, self.carried, self.average)
        state.save(self.state_path, self.identity, self.place, *parts)


def _origin(card: ModelCard) -> dict[str, Any]:
    """Describe the model that a run began from."""
    return card.corpus | {name: card.run.get(name) for name in ("epochs", "hours")}
