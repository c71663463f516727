"""What the paper says: its tables, to stand beside ours.

A. Karpathy, J. Johnson & L. Fei-Fei, Visualizing and Understanding Recurrent Networks, arXiv:1506.02078 (2015).
Losses are in nats per character on its test parts.
"""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

PATH = Path(__file__).with_name("paper.toml")


@cache
def figures() -> dict[str, Any]:
    """Return all of them."""
    return tomllib.loads(PATH.read_text(encoding="utf-8"))


def cell(data: str, kind: str, layers: int, size: int) -> float | None:
    """Return the loss of one network of table 1; None where the paper has a dash."""
    row: list[float] = figures()["table"][data][kind].get(str(size), [])
    return row[layers - 1] if row else None


def by_context(model: str, data: str) -> dict[int, float]:
    """Return losses by characters of context: `ngrams` (table 3) or `windows` (its n-NN)."""
    return {int(n): nats for n, nats in figures()[model][data].items()}
