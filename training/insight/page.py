"""One self-contained page: a text coloured by any cell, the network's guesses, all cells at every character.

It opens from a file, asks nothing of any network and needs no build step: `page/` has its HTML, CSS and JavaScript. The
numbers are one deflated block of base64, and as fine as LARGEST allows: a cell's values are whole numbers of so many
levels on either side of zero, each written as the step from the one before.
"""

import base64
import html
import json
import zlib
from collections.abc import Sequence
from pathlib import Path
from string import Template

import numpy as np

from training.checkpoint import Model
from training.insight.cells import Finding
from training.insight.colours import ink, shades
from training.insight.trace import Array, Trace, largest

FOLDER = Path(__file__).parent / "page"
GUESSES = 5
LEVELS = (127, 63, 31, 15)
LARGEST = 2_800_000  # bytes of base64


def render(model: Model, trace: Trace, title: str, about: str, findings: Sequence[Finding] = (), first: int = 0) -> str:
    """Return the page of a traced text, which offers the cells of `findings` and opens with the cell `first`."""
    numbers, levels = _packed(trace)
    units = model.card.model.units
    data = {
        "text": trace.text,
        "vocabulary": model.card.vocabulary,
        "layers": model.card.model.layers,
        "units": units,
        "levels": levels,
        "first": first,
        "largest": [round(float(value), 4) for value in largest(trace.cells)],
        "found": [
            {"says": f.says, "score": f"{f.measure} {f.best.score:.3f}", "cell": f.best.layer * units + f.best.unit}
            for f in findings
        ],
        "shades": {theme: shades(theme) for theme in ("light", "dark")},
        "inks": {theme: [ink(shade) for shade in shades(theme)] for theme in ("light", "dark")},
        "numbers": numbers,
    }
    written = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")  # no tag ends it
    parts = {name: (FOLDER / f"page.{kind}").read_text(encoding="utf-8") for name, kind in _PARTS.items()}
    return Template((FOLDER / "page.html").read_text(encoding="utf-8")).substitute(
        parts, title=html.escape(title), about=html.escape(about), data=written
    )


_PARTS = {"style": "css", "script": "js"}


def _packed(trace: Trace) -> tuple[str, int]:
    """Return all numbers as base64, and the levels that they have."""
    probabilities = trace.probabilities
    if probabilities.shape[1] < GUESSES:  # a vocabulary of a few characters
        probabilities = np.pad(probabilities, ((0, 0), (0, GUESSES - probabilities.shape[1])))
    guesses = np.argsort(-probabilities, axis=1, kind="stable")[:, :GUESSES]
    odds = np.rint(np.take_along_axis(probabilities, guesses, 1) * 65535)
    fixed = [trace.nats.astype("<f4"), guesses.astype("<u2"), odds.astype("<u2")]
    head = b"".join(np.ascontiguousarray(part).tobytes() for part in fixed)
    parts = trace.cells / largest(trace.cells)
    for levels in LEVELS:
        packed = base64.b64encode(zlib.compress(head + _steps(parts, levels), 7)).decode()
        if len(packed) <= LARGEST:
            break
    return packed, levels


def _steps(parts: Array, levels: int) -> bytes:
    """Return values (N, C) from -1 to 1 as the steps between them, cell after cell, each one byte."""
    whole = np.rint(parts.clip(-1, 1) * levels).astype(np.int8).T  # (C, N)
    steps = whole.copy()
    steps[:, 1:] -= whole[:, :-1]  # modulo 256, as it is added up again
    return np.ascontiguousarray(steps).tobytes()
