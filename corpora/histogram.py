"""How long the lines and the texts of a corpus are, as a picture."""

from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from corpora.errors import UserError

BINS = 60
BULK = 0.99  # of the lengths are shown; the few beyond are counted in words
STYLE: Any = {"axes.spines.right": False, "axes.spines.top": False, "font.size": 10, "svg.hashsalt": "apocrypha"}


def draw(path: Path, title: str, pieces: dict[str, list[str]]) -> None:
    """Write a histogram for each name and its `pieces`, side by side; raise UserError where that is impossible."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(4.2 * len(pieces), 3.0), layout="constrained")
        figure.suptitle(title)
        for panel, (name, each) in zip(figure.subplots(1, len(pieces), squeeze=False)[0], pieces.items(), strict=True):
            lengths = sorted(len(piece) for piece in each if piece.strip())
            most = lengths[int(BULK * (len(lengths) - 1))]
            shown = [length for length in lengths if length <= most]
            panel.hist(shown, bins=min(BINS, max(len(set(shown)), 1)), color="#1d6fc4")
            beyond = f"; {len(lengths) - len(shown):,} are longer, to {lengths[-1]:,}" if lengths[-1] > most else ""
            panel.set(xlabel=f"characters of a {name}{beyond}", ylabel=f"{name}s", xlim=(0, None))
        try:
            figure.savefig(path, dpi=120, metadata={"Date": None} if path.suffix == ".svg" else None)
        except (OSError, ValueError) as error:  # ValueError: no such kind of picture
            raise UserError(f"{path}: the picture could not be written ({error}).") from error
