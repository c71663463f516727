"""Trials: runs that differ in one thing, made in turn. Each leaves a record, and one that has it is not made again."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from corpora.corpus import Corpus
from training import checkpoint, trainer
from training.checkpoint import write_durably
from training.config import ModelConfig, TrainConfig
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


def run(
    trials: Sequence[Trial],
    corpus: Corpus,
    folder: Path,
    store: Path,
    notice: Callable[[Trial, Progress], None] = lambda _trial, _progress: None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Record]:
    """Yield the record of each trial in order, making those that `store` (JSON) lacks; runs are kept in `folder`.

    Losses are those of the validation text: what is chosen here is measured elsewhere. Killed, it goes on where it was.
    """
    known = _read(store)
    for trial in trials:
        what = (trial.options, corpus.digest)
        record = next((each for each in known if (each["options"], each["text"]) == what), None)
        if record is None:
            started = clock()
            record = _made(trial, corpus, folder / trial.name, notice) | {"seconds": round(clock() - started, 1)}
            known = [each for each in known if _slot(each) != _slot(record)] + [record]
            write_durably(store.with_suffix(".new"), (json.dumps(known, indent=1) + "\n").encode())
            store.with_suffix(".new").replace(store)
        yield record


def _slot(record: Record) -> tuple[str, str]:
    return record["options"]["name"], record["text"]


def _read(store: Path) -> list[Record]:
    records: list[Record] = json.loads(store.read_text(encoding="utf-8")) if store.exists() else []
    return records


def _made(trial: Trial, corpus: Corpus, folder: Path, notice: Callable[[Trial, Progress], None]) -> Record:
    begin, curve = None, list[list[float]]()
    for number, config in enumerate(filter(None, (trial.train, trial.then))):
        place = folder / str(number)
        for progress in trainer.train(trial.model, config, corpus, place, begin=begin):
            notice(trial, progress)
            if progress.validation is not None:
                curve.append([progress.step, round(progress.validation, 4)])
        begin = checkpoint.load(place / "model")
    assert begin
    made = {name: begin.card.run[name] for name in ("hardware", "precision", "torch", "training_loss")}
    return {
        "options": trial.options,
        "text": corpus.digest,
        "parameters": begin.card.parameters,
        "validation": begin.card.scores["validation"],
        "curve": curve,
    } | made
