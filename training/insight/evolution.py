"""From garble to sentences: what a network wrote as it learned, and its loss.

Every run keeps samples at the steps 1, 3, 10, 30, 100 ... and at each evaluation (training/trainer.py), always with the
same beginning and the same seed: what changes from one to the next is what was learned in between.
"""

from pathlib import Path
from typing import Any

from corpora.errors import UserError
from training import checkpoint, log
from training.trainer import SAMPLES

SHOWN = 240  # characters of a sample


def record(folder: Path) -> dict[str, Any]:
    """Return the story of the run in `folder`: its samples, losses and configuration; raise UserError without one."""
    young, rows = log.read(folder / SAMPLES), log.read(folder / "log.jsonl")
    if not young or not rows:
        raise UserError(f"{folder}: no run has kept its samples here. `apocrypha train` makes one.")
    card = checkpoint.read_card(folder / "model")
    first = rows[0]["step"]
    return {
        "title": card.corpus["title"],
        "corpus": card.corpus["digest"],
        "model": card.model.model_dump(),
        "weights": card.weights_sha256,
        "parameters": card.parameters,
        "run": {name: value for name, value in card.run.items() if name != "begun"},
        "seconds": rows[-1]["seconds"],
        "curve": [_point(row) for row in sorted(young + rows, key=_step)],
        "samples": [_sample(row) for row in [*(row for row in young if row["step"] < first), *_growing(rows)]],
    }


def _growing(rows: list[log.Row]) -> list[log.Row]:
    """Return the first and the last of the evaluations, and between them each at twice the step of the one before."""
    kept = rows[:1]
    for row in rows[1:]:
        if row["step"] >= 2 * kept[-1]["step"]:
            kept.append(row)
    return kept if kept[-1] is rows[-1] else [*kept, rows[-1]]


def _point(row: log.Row) -> list[float | None]:
    return [row["step"], row["loss"], row.get("validation")]


def _sample(row: log.Row) -> dict[str, Any]:
    loss = row["validation"] if "validation" in row else row["loss"]
    return {"step": row["step"], "epoch": row["epoch"], "nats": loss, "text": row["sample"]}


def _step(row: log.Row) -> int:
    return int(row["step"])


def text(record: dict[str, Any]) -> str:
    """Return the samples for a reader, each behind its step and loss."""
    parts = [f"{record['title']}: {record['parameters']:,} parameters\n"]
    for sample in record["samples"]:
        written = sample["text"].strip()[:SHOWN].replace("\n", "\n    ")
        updates = "1 update" if sample["step"] == 1 else f"{sample['step']:,} updates"
        parts.append(f"after {updates}, {sample['nats']:.2f} nats\n    {written}\n")
    return "\n".join(parts)
