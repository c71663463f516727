"""The figures of the report, each a function of records. SVG, whose inks follow the reader's light or dark page."""

import io
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate, product
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.typing import RcKeyType

from training.study import paper
from training.study.remedies import gained
from training.study.texts import TITLES
from training.study.variants import NAMES
from training.sweep import Record

Row = dict[str, Any]

# Okabe & Ito's colours, which people with any kind of colour vision can tell apart.
BLUE, ORANGE, GREEN, PINK, SKY, YELLOW = "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00"
ORACLES = ("n-gram", "memory", "rare", "next word", "punctuation")
COLOURS = (BLUE, SKY, GREEN, ORANGE, PINK, "#888888")
INK, GRID = "#010203", "#040506"  # stand-ins: what becomes of them, the reader's page decides
INKS = """<style>
:root { --ink: #24292f; --grid: #d0d7de; }
@media (prefers-color-scheme: dark) { :root { --ink: #c9d1d9; --grid: #3d444d; } }
</style>"""
STYLE: dict[RcKeyType, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "apocrypha",  # the same records, the same bytes
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.edgecolor": GRID,
    "axes.labelcolor": INK,
    "axes.titlesize": 10,
    "axes.titlecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": GRID,
    "grid.linewidth": 0.5,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.color": INK,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "lines.markersize": 4,
}


def draw(path: Path, picture: Callable[..., Figure], *records: Any) -> None:
    """Write the picture of some records as SVG, on no ground, in inks that suit a light page and a dark one."""
    drawn = io.StringIO()
    with matplotlib.rc_context(STYLE):
        picture(*records).savefig(drawn, format="svg", transparent=True, bbox_inches="tight", metadata={"Date": None})
    svg = drawn.getvalue().replace(INK, "var(--ink)").replace(GRID, "var(--grid)")
    start = svg.index(">", svg.index("<svg")) + 1
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(svg[svg.index("<svg") : start] + INKS + svg[start:], encoding="utf-8")


def table(rows: Sequence[Row]) -> Figure:
    """Draw the loss of every network over its size, a panel for each text and kind; the paper's are dashed."""
    texts, kinds = (list(dict.fromkeys(row[name] for row in rows)) for name in ("data", "kind"))
    figure, axes = _panels(len(kinds), len(texts), sharey="row")
    for axis, (data, kind) in zip(axes, product(texts, kinds), strict=True):
        own = [row for row in rows if (row["data"], row["kind"]) == (data, kind)]
        for layers, colour in zip(dict.fromkeys(row["layers"] for row in own), (SKY, BLUE, ORANGE), strict=False):
            deep = [row for row in own if row["layers"] == layers]
            _line(axis, deep, "paper", colour, linestyle=":", marker="o", markerfacecolor="none", alpha=0.8)
            _line(axis, deep, "nats", colour, marker="o", label=f"{layers} layer{'s' * (layers > 1)}")
        axis.set(title=f"{TITLES[data]}, {kind.upper()}", xscale="log")
        axis.set_xticks(sizes := sorted({row["size"] for row in own}), [str(size) for size in sizes], minor=False)
        axis.minorticks_off()
    _name(figure, axes, "size", "nats per character", len(kinds))
    axes[0].legend(title="ours; dotted: the paper's")
    return figure


def _line(axis: Axes, rows: Sequence[Row], name: str, colour: str, **style: Any) -> None:
    """Draw a line that is interrupted where a size is not known."""
    axis.plot([row["size"] for row in rows], [row[name] for row in rows], color=colour, **style)


def contexts(ngrams: Sequence[Record], windows: Sequence[Record], best: Mapping[str, float]) -> Figure:
    """Draw losses over the characters of context: n-grams and window networks; level lines for those that see all."""
    texts = list(dict.fromkeys(record["options"]["data"] for record in ngrams))
    figure, axes = _panels(len(texts))
    for axis, data in zip(axes, texts, strict=True):
        (record,) = [each for each in ngrams if each["options"]["name"] == f"{data}-streams"]
        counted = {int(n): nats for n, nats in record["nats"].items()}
        seen = {each["options"]["window"]: each["nats"] for each in windows if each["options"]["data"] == data}
        hollow = {"linestyle": "", "markerfacecolor": "none"}
        _by_context(axis, paper.by_context("ngrams", data), color=INK, marker="o", label="n-gram, the paper", **hollow)
        _by_context(axis, counted, color=BLUE, label="n-gram, ours")
        label = "window network, the paper"
        _by_context(axis, paper.by_context("windows", data), color=INK, marker="s", label=label, **hollow)
        _by_context(axis, seen, color=GREEN, marker="s", label="window network, ours")
        if data in best:
            axis.axhline(best[data], color=ORANGE, label="best recurrent network, ours")
        axis.axhline(min(record["ppmd"].values()), color=PINK, linestyle="--", label="PPMd")
        axis.set(title=TITLES[data])
        axis.set_xticks(ticks := [1, 3, 5, 7, 9, 20], [str(tick) for tick in ticks])
    _name(figure, axes, "characters of context", "nats per character")
    axes[0].legend()
    return figure


def _by_context(axis: Axes, losses: Mapping[int, float], **style: Any) -> None:
    numbers = sorted(losses)
    axis.plot(numbers, [losses[n] for n in numbers], **style)


def characters(records: Sequence[Record], most: int = 12) -> Figure:
    """Draw the characters that the network predicts better, above, and those that the 20-gram does, below."""
    figure, axes = _panels(len(records), height=4.6)
    for axis, record in zip(axes, records, strict=True):
        rows = record["characters"]
        shown = [*rows[:most], *[row for row in rows[most:] if row["gain"] < 0][-most // 2 :]][::-1]
        colours = [BLUE if row["gain"] > 0 else ORANGE for row in shown]
        axis.barh(range(len(shown)), [row["gain"] for row in shown], color=colours)
        axis.set_yticks(range(len(shown)), [_visible(row["character"]) for row in shown], family="monospace")
        axis.set(title=TITLES[record["options"]["data"]])
        axis.grid(visible=False, axis="y")
    _name(figure, axes, "probability that the network gives more than the n-gram model", "")
    return figure


def _visible(character: str) -> str:
    return {" ": "space", "\n": "\\n", "\r": "\\r", "\t": "\\t", "$": "\\$"}.get(character, character)


def closings(records: Sequence[Record]) -> Figure:
    """Draw the probability of closing characters over the distance to the opening one, with 95 % bands."""
    drawn = [(record, name) for record in records for name in record["pairs"]]
    figure, axes = _panels(3, -(-len(drawn) // 3), sharey=True)
    for axis, (record, name) in zip(axes, drawn, strict=False):
        for who, colour in (("network", BLUE), ("ngram", ORANGE)):
            bins = record["pairs"][name][who]
            places = range(len(bins))
            means, bands = ([row[what] for row in bins] for what in ("mean", "band"))
            axis.plot(places, means, "-o", color=colour, label={"network": "network", "ngram": "n-gram, n = 20"}[who])
            low, high = ([mean + sign * band for mean, band in zip(means, bands, strict=True)] for sign in (-1, 1))
            axis.fill_between(places, low, high, color=colour, alpha=0.2, linewidth=0)
        labels = [f"{row['over']}–{row['to']}" for row in record["pairs"][name]["network"]]
        axis.set_xticks(range(len(labels)), labels, rotation=60, ha="right", fontsize=7)
        axis.set(title=f"{TITLES[record['options']['data']]}: {name}", ylim=(0, 1))
    for axis in axes[len(drawn) :]:
        axis.set_axis_off()
    _name(figure, axes, "characters since the opening", "probability of the closing", 3)
    axes[0].legend()
    return figure


def errors(records: Sequence[Record]) -> Figure:
    """Draw the errors of each network, peeled off by one oracle after another, beside the shares of the talk."""
    talk = paper.figures()["errors"]
    bars = [("the talk", [talk["ngrams"], talk["memory"], talk["rare"], talk["letters"], 0.0])]
    for record in records:
        wrong = f"{record['errors'] / record['characters']:.1%} wrong"
        label = f"{record['options']['network'].removeprefix('war-and-peace-streams-')}\n{wrong}"
        bars.append((label, [shares(record)[name] for name in ORACLES]))
    figure, (axis,) = _panels(1, height=0.7 + 0.6 * len(bars))
    for place, (_, parts) in enumerate(reversed(bars)):
        ends = list(accumulate(parts))
        for start, end, colour, name in zip([0.0, *ends], [*ends, 1.0], COLOURS, [*ORACLES, "the rest"], strict=True):
            axis.barh(place, end - start, left=start, color=colour, label=None if place else name)
            if end - start > 0.03:
                told = f"{end - start:.0%}"
                axis.text((start + end) / 2, place, told, ha="center", va="center", color="#ffffff", fontsize=8)
    axis.set_yticks(range(len(bars)), [label for label, _ in reversed(bars)])
    axis.set(xlabel="part of all errors", xlim=(0, 1))
    axis.grid(visible=False)
    axis.legend(ncols=6, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    return figure


def shares(record: Record) -> dict[str, float]:
    """Return what part of its errors each kind of oracle takes from a network, however far it goes."""
    return {name: sum(row["share"] for row in record["oracles"] if row["oracle"] == name) for name in ORACLES}


def variants(rows: Sequence[Row]) -> Figure:
    """Draw the mean loss of each variant of the LSTM, with a standard deviation to either side."""
    figure, (axis,) = _panels(1, height=3.4)
    worst_first = rows[::-1]
    for place, row in enumerate(worst_first):
        colour = ORANGE if row["kind"] in ("peephole", "lstm") else BLUE
        axis.errorbar(row["mean"], place, xerr=row["spread"], fmt="o", color=colour, capsize=3)
    axis.set_yticks(range(len(rows)), [NAMES[row["kind"]] for row in worst_first])
    axis.set(xlabel="nats per character, War and Peace")
    return figure


def remedies(records: Sequence[Record]) -> Figure:
    """Draw what each remedy gains over the network without it."""
    figure, (axis,) = _panels(1, height=2.4)
    gains = [*gained(records).items()][::-1]
    colours = [BLUE if gain > 0 else ORANGE for _, gain in gains]
    bars = axis.barh(range(len(gains)), [gain for _, gain in gains], color=colours)
    axis.bar_label(bars, [f"{gain:+.3f}" for _, gain in gains], padding=4)
    axis.margins(x=0.12)
    axis.set_yticks(range(len(gains)), [name for name, _ in gains])
    axis.axvline(0, color=INK, linewidth=0.8)
    axis.set(xlabel="nats per character gained on the test text of War and Peace")
    axis.grid(visible=False, axis="y")
    return figure


def _panels(columns: int, rows: int = 1, height: float = 3.0, **shared: Any) -> tuple[Figure, list[Axes]]:
    """Return an empty figure and its panels, row by row."""
    figure = Figure(figsize=(9.0, height * rows), layout="constrained")
    return figure, list(figure.subplots(rows, columns, squeeze=False, **shared).flat)


def _name(figure: Figure, axes: Sequence[Axes], across: str, up: str, columns: int = 0) -> None:
    """Name the axes once for all panels."""
    figure.supxlabel(across, fontsize=9)
    for axis in axes[:: columns or len(axes)]:
        axis.set_ylabel(up)
