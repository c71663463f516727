"""Trials: runs that differ in one thing. Each leaves a record, and one that has it is not made again."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from filelock import FileLock

from corpora.corpus import Corpus
from training import checkpoint, log, trainer
from training.checkpoint import write_durably
from training.config import ModelConfig, TrainConfig
from training.evaluation.held_out import text_nats
from training.trainer import Progress

Record = dict[str, Any]


@dataclass(frozen=True)
class Trial:
    """One run, or two of them where `then` goes on with the first one's weights."""

    name: str
    model: ModelConfig
    train: TrainConfig
    then: TrainConfig | None = None

    @property
    def options(self) -> Record:
        """Return what makes the trial what it is."""
        then = self.then.model_dump() if self.then else None
        return {"name": self.name, "model": self.model.model_dump(), "train": self.train.model_dump(), "then": then}


def trial_of(record: Record) -> Trial:
    """Return the trial that left `record`; an option that is younger than the record has its default."""
    options = record["options"]
    then = TrainConfig.model_validate(options["then"]) if options["then"] else None
    model, train = ModelConfig.model_validate(options["model"]), TrainConfig.model_validate(options["train"])
    return Trial(options["name"], model, train, then)


@dataclass(frozen=True)
class Task:
    """A trial, the text it is made on, and the folder that keeps its runs; its first run may have a text of its own."""

    trial: Trial
    corpus: Corpus
    runs: Path
    first: Corpus | None = None

    @property
    def text(self) -> str:
        """Return the digest of all that is read."""
        return "".join(corpus.digest for corpus in (self.first, self.corpus) if corpus)

    @property
    def stages(self) -> list[tuple[TrainConfig, Corpus]]:
        """Return the runs to be made, each on from the one before, and what they read."""
        if self.trial.then is None:
            return [(self.trial.train, self.corpus)]
        return [(self.trial.train, self.first or self.corpus), (self.trial.then, self.corpus)]

    @property
    def folder(self) -> Path:
        """Return the folder of this very trial on this very text."""
        identity = json.dumps([self.trial.options, self.text], sort_keys=True)
        return self.runs / f"{self.trial.name}-{sha256(identity.encode()).hexdigest()[:8]}"

    @property
    def model_folder(self) -> Path:
        """Return where the best model is when it is made."""
        return self.folder / str(len(self.stages) - 1) / "model"


def in_silence(_trial: Trial, _progress: Progress) -> None:
    """Take no notice of a step."""


def to_the_end() -> bool:
    """Never leave off."""
    return False


@dataclass(frozen=True)
class Orders:
    """What every trial is told: whom to tell of a step, and when to leave off. It travels to other processes."""

    notice: Callable[[Trial, Progress], None] = in_silence
    stop: Callable[[], bool] = to_the_end


Workers = Callable[[Sequence[Task], Orders], Iterator[Record | None]]


def one_by_one(tasks: Sequence[Task], orders: Orders) -> Iterator[Record | None]:
    """Make the trials in this process, in turn."""
    for task in tasks:
        yield made(task, orders)


def run(
    tasks: Sequence[Task],
    store: Path,
    orders: Orders = Orders(),
    workers: Workers = one_by_one,
    about: Mapping[str, Any] | None = None,
) -> Iterator[Record]:
    """Yield the records that `store` (JSON) has of `tasks`, then those of the missing ones as `workers` make them.

    Losses are those of the validation text, by which anything is chosen, and `nats` those of the test text where there
    is one. `about` is noted in each record made. Killed, the same call goes on where it was.
    """
    known = read(store)
    found = [(task, find(known, task.trial, task.text)) for task in tasks]
    yield from (record for _, record in found if record)
    for record in workers([task for task, record in found if not record], orders):
        if record:
            yield add(store, record | dict(about or {}))


def read(store: Path) -> list[Record]:
    """Return all records of a store; none where there is no such file."""
    records: list[Record] = json.loads(store.read_text(encoding="utf-8")) if store.exists() else []
    return records


def add(store: Path, record: Record) -> Record:
    """Put a record where that of its name and text was, in one move, and return it; other processes may add theirs."""
    store.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(store.with_suffix(".lock")):
        records = [*(each for each in read(store) if _slot(each) != _slot(record)), record]
        write_durably(store.with_suffix(".new"), (json.dumps(records, indent=1) + "\n").encode())
        store.with_suffix(".new").replace(store)
    return record


def find(records: Sequence[Record], trial: Trial, text: str | None = None) -> Record | None:
    """Return the record that this very trial left, on the text with this digest if one is given."""
    alike = (each for each in records if each["options"]["name"] == trial.name and text in (None, each["text"]))
    return next((each for each in alike if trial_of(each) == trial), None)


def made(task: Task, orders: Orders) -> Record | None:
    """Make a trial, or go on with it, and return its record; None where it had to leave off."""
    trial, begin, seconds, curve = task.trial, None, 0.0, list[list[float]]()
    for number, (config, corpus) in enumerate(task.stages):
        place = task.folder / str(number)
        for progress in trainer.train(trial.model, config, corpus, place, begin=begin):
            orders.notice(trial, progress)
            if orders.stop() and not progress.finished:
                return None
        rows = log.read(place / "log.jsonl")  # what was finished in another life has steps only here
        seconds += rows[-1]["seconds"]
        curve += [[row["step"], round(row["validation"], 4)] for row in rows]
        begin = checkpoint.load(place / "model")
    assert begin
    kept = {name: begin.card.run[name] for name in ("hardware", "precision", "torch", "training_loss", "epochs")}
    test = {"nats": float(text_nats(begin, task.corpus.test).mean(dtype="float64"))} if task.corpus.test else {}
    return {
        "options": trial.options,
        "text": task.text,
        "parameters": begin.card.parameters,
        "validation": begin.card.scores["validation"],
        **test,
        "model": begin.digest,
        "seconds": round(seconds, 1),
        "curve": curve,
    } | kept


def _slot(record: Record) -> tuple[str | None, str]:
    return record["options"].get("name"), record["text"]
