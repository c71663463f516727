"""What pages of docs and the README take from the records in docs/study. What stands around it is by hand."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bot.records import Record, stored
from corpora.errors import UserError
from training.insight.features import FEATURES

BETWEEN = "<!-- {0} -->\n(.*?)<!-- /{0} -->\n"  # where a part stands
TOLD = {"AUC": 0.9, "r": 0.8}  # the least that a cell scores that is said to tell a feature
WIDTH = 96  # characters of a sample that is one line
LETTERS = {"\n": "line feed", " ": "blank", "\t": "tab", "|": "\\|"}


def filled(page: str, store: Path) -> str:
    """Return the page with every part that comes from a record in `store` as the record has it.

    Raise UserError where the page has none, or where there is no record for one.
    """
    marked = [name for name in PARTS if re.search(BETWEEN.format(name), page, re.DOTALL)]
    if not marked:
        raise UserError(f"The page has none of the marks that tables stand between: {', '.join(map(_marks, PARTS))}.")
    for name in marked:
        record, write = PARTS[name]
        records = stored(store / f"{record}.json")
        if not records:
            raise UserError(f"{store / record}.json: there is no record. `apocrypha study {record}` makes it.")
        part = f"<!-- {name} -->\n{write(records)}<!-- /{name} -->\n"
        page = re.sub(BETWEEN.format(name), part.replace("\\", r"\\"), page, flags=re.DOTALL)
    return page


def _marks(name: str) -> str:
    return f"<!-- {name} --> ... <!-- /{name} -->"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table of Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def cells(records: list[Record]) -> str:
    """Return what was found in each network, feature by feature."""
    head = "feature|voice|cell|score|by chance|last letter|held: where|elsewhere|others, at most|hardest hit|verdict"
    rows = [_cell(record, finding) for record in records for finding in record["findings"]]
    found = {finding["feature"] for record in records for finding in record["findings"]}
    missing = [feature.says for feature in FEATURES.values() if feature.name not in found]
    rest = f"Features that none of these texts has often enough: {'; '.join(missing)}.\n\n" if missing else ""
    return table(head.split("|"), sorted(rows)) + f"\n{rest}" + networks(records)


def networks(records: list[Record]) -> str:
    """Return what each voice's network is, and how far it was trained."""
    rows = [
        [
            record["style"],
            f"{record['model']['kind'].upper()}, {record['model']['layers']} layers of {record['model']['units']}",
            _passes(**record["run"]),
            f"{record['scores']['validation']:.3f}",
            f"`{record['digest'][:12]}`",
            f"`{record['command']}`",
        ]
        for record in records
    ]
    return table(["voice", "network", "passes over its text", "validation, nats", "weights", "record made by"], rows)


def _cell(record: Record, finding: Record) -> list[str]:
    best, effect = finding["cells"][0], finding["effects"][0]
    worst = f"{LETTERS.get(effect['worst'], effect['worst'])} {effect['worst_by']:+.2f}" if effect["worst"] else ""
    return [
        finding["says"],
        record["style"],
        f"{best['layer']}:{best['unit']}",
        f"{finding['measure']} {best['score']:.3f}",
        f"{finding['null']:.2f}",
        f"{finding['letter']:.2f}",
        f"{effect['where']:+.4f}",
        f"{effect['elsewhere']:+.4f}",
        f"{max(finding['controls']['where']):+.4f}",
        f"`{worst}`" if worst else "",
        _verdict(finding["measure"], best["score"], effect["used"]),
    ]


def _verdict(measure: str, score: float, used: bool) -> str:
    if score < TOLD[measure]:
        return "no such cell"
    return "used" if used else "goes along"


def _passes(epochs: float, training: Record, **_: Any) -> str:
    """Return how often a network read its text, and how often it is to, where it is not done."""
    unfinished = training["minutes"] is None and epochs < training["epochs"]
    return f"{epochs:g} of {training['epochs']:g}" if unfinished else f"{epochs:g}"


def gates(records: list[Record]) -> str:
    """Return how often gates are saturated, by network and layer."""
    head = [
        "network",
        "gate",
        "layer",
        "under 0.1",
        "over 0.9",
        "units nearly always under",
        "units nearly always over",
    ]
    rows = []
    for record in records:
        for gate, (left, right) in record["gates"].items():
            for layer, (low, high) in enumerate(zip(left, right, strict=True)):
                part = [sum(side) / len(side) for side in (low, high)]
                often = [sum(share > 0.9 for share in side) / len(side) for side in (low, high)]
                rows.append([record["model"]["kind"].upper(), gate, str(layer), *(f"{x:.0%}" for x in (*part, *often))])
    return table(head, rows)


def evolution(records: list[Record]) -> str:
    """Return the samples of each run."""
    parts = []
    for record in records:
        run, model = record["run"], record["model"]
        parts.append(
            f"`{record['command']}`: {record['title']}, {model['kind'].upper()}, {model['layers']} layers of "
            f"{model['units']}, {record['parameters']:,} parameters, seed {run['training']['seed']}, "
            f"{record['seconds'] / 60:.0f} minutes on {run['hardware']}.\n\n"
            f"![The loss](study/evolution-{record['style']}.svg)\n\n"
        )
        for sample in record["samples"]:
            shown = sample["text"].strip("\n")
            head = f"**After {sample['step']:,} update{'s' * (sample['step'] > 1)}** ({sample['nats']:.2f} nats):"
            parts.append(f"{head}\n\n```text\n{shown}\n```\n\n")
    return "".join(parts)


def garble(records: list[Record]) -> str:
    """Return the beginnings of samples of the first run, every second one up to the last."""
    told = [f"after {each['step']:>5,}   {_line(each['text'])}" for each in records[0]["samples"][::-2]]
    return "```text\n" + "\n".join(reversed(told)) + "\n```\n"


def _line(text: str) -> str:
    """Return the beginning of a sample in one line."""
    return text.strip().replace("\n", " / ")[:WIDTH].rstrip()


def gradients(records: list[Record]) -> str:
    """Return the norms of gradients at a few lags."""
    lags = (1, 10, 50, 100, 200, 500)
    rows = [
        [record["model"]["kind"].upper(), name, *(_norm(record[when][lag - 1]) for lag in lags)]
        for when, name in (("fresh", "first weights"), ("trained", "trained"))
        for record in records
    ]
    return table(["network", "weights", *(f"{lag} back" for lag in lags)], rows)


def _norm(norm: float) -> str:
    return f"{norm:.0e}" if norm else "0"  # in single precision


def lags(records: list[Record]) -> str:
    """Return the longest lags that were solved."""
    from training.insight.lags import longest

    found = longest(records)
    kinds, tasks = (list(dict.fromkeys(pair[at] for pair in found)) for at in (0, 1))
    rows = [[kind.upper(), *(", ".join(map(str, found.get((kind, task), []))) for task in tasks)] for kind in kinds]
    return table(["network", *tasks], rows)


def context(records: list[Record]) -> str:
    """Return what too little context costs each voice."""
    shown = (1, 5, 10, 20, 56, 112, 224, 448, 900)
    rows = []
    for record in records:
        at = dict(zip(record["least"], record["excess"], strict=True))
        lost = (f"{at[least]:+.3f}" for least in shown)
        rows.append([record["style"], f"{record['nats']:.3f}", *lost, f"{record['enough']:,}"])
    return table(["voice", "nats, all context", *(f"from {least}" for least in shown), "enough"], rows)


def novices(records: list[Record]) -> str:
    """Return how well texts are known after some minutes, with another voice's first weights and without."""
    head = "text|characters|cores|minutes|begun from another voice|begun from nothing|best n-gram"
    rows = dict[tuple[str, int, float], list[str]]()
    for record in records:
        key = (record["text"], record["characters"], record["minutes"])
        cores, best = record["hardware"].split()[0], f"({record['ngram']:.3f})"
        row = rows.setdefault(key, [key[0], f"{key[1]:,}", cores, f"{key[2]:g}", "", "", best])
        row[4 if record["begun_from"] else 5] = f"{record['nats']:.3f} ({record['test']:.3f})"
    return table(head.split("|"), [row for _, row in sorted(rows.items())])


def tricks(records: list[Record]) -> str:
    """Return what each thing that was tried alone gained or lost against the plain run, the best first."""
    from training.tricks import SAID

    losses = {record["options"]["name"]: record["validation"] for record in records}
    plain, chance = losses["plain"], abs(losses["another-seed"] - losses["plain"])
    rows = []
    for name, loss in sorted(losses.items(), key=lambda pair: pair[1]):
        more = loss - plain
        verdict = "gained" if more < -chance else "lost" if more > chance else "no difference"
        compared = ["", ""] if name == "plain" else [f"{more:+.3f}", "" if name == "another-seed" else verdict]
        rows.append([SAID[name], f"{loss:.3f}", *compared])
    return table(["tried", "validation, nats", "against the plain one", ""], rows)


PARTS: dict[str, tuple[str, Callable[[list[Record]], str]]] = {  # by mark: the record, and what is made of it
    "cells": ("cells", cells),
    "gates": ("gates", gates),
    "evolution": ("evolution", evolution),
    "garble": ("evolution", garble),
    "gradients": ("gradients", gradients),
    "lags": ("lags", lags),
    "context": ("context", context),
    "novices": ("novices", novices),
    "tricks": ("tricks", tricks),
}
