"""Where the study is made: its texts, who computes, and the stores of records that its report is written from."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from corpora.corpus import Corpus
from training import sweep
from training.study.scale import Scale
from training.study.texts import Layout, piece
from training.sweep import Orders, Record, Task, Trial, Workers, one_by_one


@dataclass(frozen=True)
class Laboratory:
    """A study under way. `store` has a file of records for each of its parts, `runs` the networks in the making.

    `read` gives the whole text of a data set in a layout, `read_more` another text, to be read before War and Peace;
    `about` is noted in every record.
    """

    scale: Scale
    read: Callable[[str, Layout], Corpus]
    read_more: Callable[[], Corpus]
    store: Path
    runs: Path
    workers: Workers = one_by_one
    orders: Orders = field(default_factory=Orders)
    about: Mapping[str, Any] = field(default_factory=dict)
    clock: Callable[[], float] = time.perf_counter

    @cached_property
    def _texts(self) -> dict[tuple[str, Layout], Corpus]:
        return {}

    def text(self, data: str, layout: Layout = "streams") -> Corpus:
        """Return a text in the size of this study."""
        if (data, layout) not in self._texts:
            self._texts[data, layout] = self._sized(self.read(data, layout))
        return self._texts[data, layout]

    def more(self) -> Corpus:
        """Return a text that may be read before War and Peace, in the size of this study."""
        return self._sized(self.read_more())

    def _sized(self, whole: Corpus) -> Corpus:
        return piece(whole, self.scale.characters) if self.scale.characters else whole

    def path(self, part: str) -> Path:
        """Return the file of records of a part of the study."""
        return self.store / f"{part}.json"

    def records(self, part: str) -> list[Record]:
        """Return the records that a part has so far."""
        return sweep.read(self.path(part))

    def task(self, trial: Trial, text: Corpus) -> Task:
        """Return a trial as something to be made here."""
        return Task(trial, text, self.runs)

    def trained(self, part: str, tasks: Sequence[Task]) -> Iterator[Record]:
        """Yield the records of runs, as they come; those that are stored come first and are not made again."""
        return sweep.run(tasks, self.path(part), self.orders, self.workers, self.about)

    def measured(self, part: str, options: dict[str, Any], text: Corpus, make: Callable[[], dict[str, Any]]) -> Record:
        """Return the stored record of a measurement with these `options` on `text`, or what `make` finds now."""
        identity = {"options": json.loads(json.dumps(options)), "text": text.digest}
        same = (each for each in self.records(part) if all(each[name] == value for name, value in identity.items()))
        if found := next(same, None):
            return found
        started = self.clock()
        record = identity | make() | {"seconds": round(self.clock() - started, 1)} | dict(self.about)
        return sweep.add(self.path(part), record)
