"""Two models on the same text, character by character: which characters each predicts better, and where they err.

Losses are -log p of the right character (nats), one for each character of the text but the first: (T - 1,). An error
is, as in Karpathy et al. 2015, a character to which less than one half was given.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Nats = NDArray[np.float32] | NDArray[np.float64]
ERROR = np.log(2)  # nats; above this less than one half was given
LEAST = 20  # times that a character has to occur for a mean of it to be told


def by_character(text: str, ours: Nats, theirs: Nats) -> list[dict[str, Any]]:
    """Return for each character how much more probability `ours` gives it, in the mean: the greatest gain first."""
    points = np.array([ord(character) for character in text[1:]])
    gains = np.exp(-ours) - np.exp(-theirs)
    rows = []
    for point in np.unique(points):
        own = gains[points == point]
        if len(own) >= LEAST:
            rows.append({"character": chr(point), "count": len(own), "gain": float(own.mean())})
    return sorted(rows, key=lambda row: -float(row["gain"]))


def overlap(ours: Nats, theirs: Nats) -> dict[str, float]:
    """Return which part of all characters is an error of both, of one of them alone, and of neither."""
    wrong, theirs_wrong = ours > ERROR, theirs > ERROR
    parts = {
        "both": wrong & theirs_wrong,
        "ours_only": wrong & ~theirs_wrong,
        "theirs_only": ~wrong & theirs_wrong,
        "neither": ~wrong & ~theirs_wrong,
    }
    return {name: float(part.mean()) for name, part in parts.items()}
