"""The LSTM's eight variants beside the one they vary: the same parameters for all, three seeds each."""

import statistics
from collections.abc import Sequence
from typing import Any

from training.config import VARIANTS, Kind
from training.study.laboratory import Laboratory
from training.sweep import Record, Trial

DATA = "war-and-peace"
KINDS: tuple[Kind, ...] = (*VARIANTS, "lstm")  # the plain one is the variant without peepholes, NP

NAMES = {"peephole": "LSTM with peepholes", "lstm": "NP, the plain LSTM"} | {
    kind: kind.upper() for kind in VARIANTS if kind != "peephole"
}


def fill(room: Laboratory) -> None:
    """Train the runs that are not there yet."""
    for _ in room.trained("variants", [room.task(trial, room.text(DATA)) for trial in trials(room)]):
        pass


def trials(room: Laboratory) -> list[Trial]:
    """Return all runs: every kind with every seed."""
    return [room.scale.variant(kind, seed, DATA) for seed in room.scale.seeds for kind in KINDS]


def summary(records: Sequence[Record]) -> list[dict[str, Any]]:
    """Return for each kind the mean over its seeds of the test loss, and its standard deviation; the best first."""
    rows = []
    for kind in dict.fromkeys(record["options"]["model"]["kind"] for record in records):
        own = [record for record in records if record["options"]["model"]["kind"] == kind]
        losses = [record["nats"] for record in own]
        spread = statistics.stdev(losses) if len(losses) > 1 else 0.0
        shape = {"units": own[0]["options"]["model"]["units"], "parameters": own[0]["parameters"]}
        rows.append({"kind": kind, "seeds": len(own), "mean": statistics.mean(losses), "spread": spread} | shape)
    return sorted(rows, key=lambda row: float(row["mean"]))
