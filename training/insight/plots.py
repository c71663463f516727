"""The figures of docs/insight.md, drawn from records: the same record gives the same file.

Matplotlib is here in the place of axes, ticks, logarithmic scales and SVG of our own.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import StringIO
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

Record = dict[str, Any]

COLOURS = ("#1d6fc4", "#b04f00", "#3d8c5f", "#8a5bb5")  # told apart by the colour-blind too, with MARKS to help
MARKS = ("o", "s", "^", "D")
STYLE: Any = {
    "axes.edgecolor": "#9aa1ad",
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.family": "sans-serif",
    "font.size": 10,
    "grid.color": "#e7e9ed",
    "legend.frameon": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "apocrypha",
}


@contextmanager
def _figure(rows: int, columns: int, width: float, height: float) -> Iterator[tuple[Figure, list[Axes]]]:
    """Give a figure with panels side by side, sizes in inches."""
    with rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure, list(np.ravel(figure.subplots(rows, columns, squeeze=False)))


def _svg(figure: Figure) -> str:
    file = StringIO()
    with rc_context(STYLE):
        figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()


def gates(records: Sequence[Record]) -> str:
    """Draw for each network and gate a point per unit: how often it is left-, and how often right-saturated."""
    panels = [(record, gate) for record in records for gate in record["gates"]]
    with _figure(1, len(panels), 3.0 * len(panels), 3.3) as (figure, axes):
        for panel, (record, gate) in zip(axes, panels, strict=True):
            left, right = (np.array(part) for part in record["gates"][gate])
            for layer, (colour, mark) in enumerate(zip(COLOURS, MARKS, strict=True)):
                if layer < len(left):
                    panel.scatter(
                        *(left[layer], right[layer], 9, colour),
                        marker=mark,
                        alpha=0.55,
                        linewidths=0,
                        label=f"layer {layer}",
                    )
            panel.plot([0, 1], [1, 0], color="#9aa1ad", linewidth=0.8)
            panel.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal", xlabel="under 0.1, part of the text")
            panel.set_title(f"{record['model']['kind'].upper()}: {gate} gate", fontsize=10)
        axes[0].set_ylabel("over 0.9, part of the text")
        axes[-1].legend(loc="upper right", fontsize=8)
        return _svg(figure)


def evolution(record: Record) -> str:
    """Draw the loss over the updates, from the first on, and mark the samples."""
    steps, losses, _ = zip(*record["curve"], strict=True)
    measured = [(step, validation) for step, _, validation in record["curve"] if validation is not None]
    with _figure(1, 1, 7.2, 3.2) as (figure, (panel,)):
        panel.plot(steps, losses, color=COLOURS[0], label="training text, running mean")
        panel.plot(*zip(*measured, strict=True), color=COLOURS[1], marker="o", markersize=3.5, label="validation text")
        for sample in record["samples"]:
            panel.axvline(sample["step"], color="#c9cdd4", linewidth=0.8, zorder=0)
        panel.set(xscale="log", xlabel="updates (those with a sample are marked)", ylabel="nats per character")
        panel.legend()
        return _svg(figure)


def gradients(records: Sequence[Record]) -> str:
    """Draw the gradients' norms over the lag, before and after training."""
    with _figure(1, 2, 8.4, 3.6) as (figure, axes):
        for panel, when, title in zip(axes, ("fresh", "trained"), ("first weights", "after training"), strict=True):
            for record, colour in zip(records, COLOURS, strict=False):
                norms = np.array(record[when])
                panel.plot(np.arange(1, len(norms) + 1), norms, color=colour, label=record["model"]["kind"].upper())
            panel.set(yscale="log", xlabel="characters back", title=title, ylim=(1e-12, 10))
        axes[0].set_ylabel("norm of the gradient")
        axes[1].legend()
        return _svg(figure)


def lags(found: Mapping[tuple[str, str], Sequence[int]], steps: Sequence[int]) -> str:
    """Draw the longest lag that each architecture solved, a mark for each seed."""
    kinds, tasks = (list(dict.fromkeys(pair[at] for pair in found)) for at in (0, 1))
    with _figure(1, len(tasks), 3.2 * len(tasks), 3.0) as (figure, axes):
        for panel, task in zip(axes, tasks, strict=True):
            for place, kind in enumerate(kinds):
                reached = [steps.index(lag) + 1 if lag else 0 for lag in found[kind, task]]
                panel.bar(place, max(reached), 0.62, color=COLOURS[place], alpha=0.35)
                panel.plot([place] * len(reached), reached, MARKS[place], color=COLOURS[place])
            panel.set_xticks(range(len(kinds)), [kind.upper().replace(" ", "\n") for kind in kinds], fontsize=8)
            panel.set_yticks(range(len(steps) + 1), ["none", *map(str, steps)])
            panel.set_title(task, fontsize=10)
        axes[0].set_ylabel("longest lag solved")
        return _svg(figure)


def contexts(records: Sequence[Record]) -> str:
    """Draw what is lost with so many characters of context, for each voice, with twice the standard error."""
    with _figure(1, 1, 7.2, 3.8) as (figure, (panel,)):
        for number, record in enumerate(records):
            colour, mark = COLOURS[number % 4], MARKS[number % 4]
            middle = np.sqrt(np.array(record["least"]) * np.array(record["most"]))
            excess, error = np.array(record["excess"]), np.array(record["error"])
            line = "-" if number < 4 else "--"
            panel.plot(middle, excess, line, color=colour, marker=mark, markersize=3.5, label=record["style"])
            panel.fill_between(middle, excess - 2 * error, excess + 2 * error, color=colour, alpha=0.15, linewidth=0)
        panel.axhline(0.01, color="#9aa1ad", linewidth=0.8)
        panel.set(xscale="log", yscale="symlog", xlabel="characters of context", ylabel="nats lost per character")
        panel.set_yscale("symlog", linthresh=0.01)
        panel.set_ylim(-0.005, 4)
        panel.legend()
        return _svg(figure)
