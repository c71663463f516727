"""The tables of the report in Markdown, which a terminal shows well too. Ours come first, theirs in brackets."""

from collections.abc import Iterable, Sequence
from typing import Any

from training.study import paper
from training.study.remedies import gained
from training.study.texts import TITLES
from training.study.variants import NAMES, summary
from training.sweep import Record

Row = dict[str, Any]
NONE = "–"
WANTED = ("memory", "rare", "next word")  # what the remedies are for


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table whose columns are aligned in plain text too; the first is to the left, numbers to the right."""
    cells = [list(head), *map(list, rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    lines = ["| " + " | ".join(_padded(row, widths)) + " |" for row in cells]
    rule = "|".join(f"{'-' * (width + 1)}{'-' if column == 0 else ':'}" for column, width in enumerate(widths))
    return "\n".join([lines[0], f"|{rule}|", *lines[1:]])


def _padded(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [
        text.ljust(width) if column == 0 else text.rjust(width)
        for column, (text, width) in enumerate(zip(row, widths, strict=True))
    ]


def nats(value: float | None) -> str:
    """Return a loss as the paper writes it."""
    return NONE if value is None else f"{value:.3f}"


def beside(ours: float | None, theirs: float | None) -> str:
    """Return two losses, ours in bold where it is the lower one."""
    mine = f"**{nats(ours)}**" if ours is not None and theirs is not None and ours < theirs else nats(ours)
    return f"{mine} ({nats(theirs)})"


def cells(rows: Sequence[Row]) -> str:
    """Return the table of networks of each text."""
    return "\n\n".join(_of_text(data, rows) for data in dict.fromkeys(row["data"] for row in rows))


def _of_text(data: str, rows: Sequence[Row]) -> str:
    own = [row for row in rows if row["data"] == data]
    columns = dict.fromkeys(f"{row['kind'].upper()} {row['layers']}" for row in own)
    lines = [
        [str(size), *(beside(row["nats"], row["paper"]) for row in own if row["size"] == size)]
        for size in dict.fromkeys(row["size"] for row in own)
    ]
    return markdown([TITLES[data], *columns], lines)


def ngrams(records: Sequence[Record]) -> str:
    """Return the losses of n-gram models by their context, in both layouts, and PPMd's."""
    return "\n\n".join(_contexts(data, records) for data in dict.fromkeys(each["options"]["data"] for each in records))


def _contexts(data: str, records: Sequence[Record]) -> str:
    theirs = paper.by_context("ngrams", data)
    rows = [["paper", *map(nats, theirs.values()), NONE]]
    for record in records:
        if record["options"]["data"] == data:
            ours = [record["nats"].get(str(order)) for order in theirs]
            order, ppmd = min(record["ppmd"].items(), key=lambda each: float(each[1]))
            rows.append([record["options"]["layout"], *map(nats, ours), f"{nats(ppmd)} ({order})"])
    return markdown([TITLES[data], *(f"n = {order}" for order in theirs), "PPMd (order)"], rows)


def windows(records: Sequence[Record]) -> str:
    """Return the losses of window networks."""
    contexts = sorted({each["options"]["window"] for each in records})
    rows = []
    for data in dict.fromkeys(each["options"]["data"] for each in records):
        theirs = paper.by_context("windows", data)
        ours = {each["options"]["window"]: each["nats"] for each in records if each["options"]["data"] == data}
        rows.append([TITLES[data], *(beside(ours.get(window), theirs.get(window)) for window in contexts)])
    return markdown(["text", *(f"n = {window}" for window in contexts)], rows)


def variants(records: Sequence[Record]) -> str:
    """Return the mean loss of each variant of the LSTM, its spread over the seeds, and what it gains or loses."""
    rows = summary(records)
    vanilla = next((row["mean"] for row in rows if row["kind"] == "peephole"), None)
    told = []
    for row in rows:
        gain = NONE if vanilla is None or row["kind"] == "peephole" else f"{row['mean'] - vanilla:+.3f}"
        mean = f"{row['mean']:.3f}" + (f" ± {row['spread']:.3f}" if row["seeds"] > 1 else "")
        told.append([NAMES[row["kind"]], str(row["seeds"]), str(row["units"]), f"{row['parameters']:,}", mean, gain])
    return markdown(["variant", "seeds", "units", "parameters", "nats", "against the one with peepholes"], told)


def overlaps(records: Sequence[Record]) -> str:
    """Return which part of the characters each model gets wrong, alone or with the other."""
    head = ["text", "network", "network wrong", "n-gram wrong", "both", "network alone", "n-gram alone"]
    rows = []
    for record in records:
        part = record["overlap"]
        wrong = [part["both"] + part[alone] for alone in ("ours_only", "theirs_only")]
        shares = [*wrong, part["both"], part["ours_only"], part["theirs_only"]]
        rows.append([TITLES[record["options"]["data"]], _short(record), *(f"{share:.1%}" for share in shares)])
    return markdown(head, rows)


def gains(records: Sequence[Record], most: int = 8) -> str:
    """Return the characters that one model predicts better than the other, with the mean difference in probability."""
    rows = []
    for record in records:
        found = record["characters"]
        sides = {"the network": found[:most], "the n-gram": [each for each in found[::-1] if each["gain"] < 0][:most]}
        for who, own in sides.items():
            told = ", ".join(f"{_visible(each['character'])} {each['gain']:+.2f}" for each in own)
            rows.append([TITLES[record["options"]["data"]], who, told or NONE])
    return markdown(["text", "better", "by"], rows)


def closings(records: Sequence[Record]) -> str:
    """Return how probable closing characters were near their openings and far from them."""
    rows = []
    for record in records:
        for name, found in record["pairs"].items():
            for low, high in ((0, 20), (20, 100), (100, 2000)):
                near = [_mean(found[who], low, high) for who in ("network", "ngram")]
                rows.append([f"{TITLES[record['options']['data']]}: {name}", f"{low + 1}–{high}", *near])
    return markdown(["closing", "characters since", "network", "n-gram"], rows)


def _mean(bins: Sequence[Row], low: int, high: int) -> str:
    own = [row for row in bins if low <= row["over"] and row["to"] <= high]
    count = sum(row["count"] for row in own)
    return f"{sum(row['mean'] * row['count'] for row in own) / count:.3f}" if count else NONE


def errors(records: Sequence[Record]) -> str:
    """Return what part of their errors each oracle takes from the networks, in turn."""
    steps = [(row["oracle"], row["limit"]) for row in records[0]["oracles"]]
    rows = []
    for place, (oracle, limit) in enumerate(steps):
        rows.append([f"{oracle} {limit}".strip(), *(f"{each['oracles'][place]['share']:.1%}" for each in records)])
    rows.append(["the rest", *(f"{each['rest']:.1%}" for each in records)])
    rows.append(["all errors, of all characters", *(f"{each['errors'] / each['characters']:.1%}" for each in records)])
    return markdown(["oracle", *map(_short, records)], rows)


def sizes(ngrams: Sequence[Record], rows: Sequence[Row]) -> str:
    """Return what the tables of the longest n-gram model weigh, and the smallest network that predicts as well."""
    told = []
    for record in ngrams:
        if record["options"]["layout"] == "streams":
            data, order = record["options"]["data"], max(record["options"]["orders"])
            loss = record["nats"][str(order)]
            equal = [row for row in rows if row["data"] == data and row["nats"] is not None and row["nats"] <= loss]
            least = min(equal, key=lambda row: int(row["parameters"]), default=None)
            weight = f"{record['table_bytes'] / 1e6:,.0f} MB"
            told.append([TITLES[data], f"{order}-gram, {nats(loss)}", weight, *_network(least)])
    return markdown(["text", "tables", "weigh", "the network that matches", "weighs", "nats"], told)


def _network(row: Row | None) -> list[str]:
    if row is None:
        return [NONE] * 3
    name = f"{row['kind'].upper()} {row['layers']}, {row['units']} units"
    return [name, f"{row['parameters'] * 4 / 1e6:.1f} MB", nats(row["nats"])]


def remedies(records: Sequence[Record]) -> str:
    """Return what each remedy gains, and how many errors it leaves that a memory or a word list would put right."""
    gains, rows = gained(records), []
    for record in records:
        left = record["errors"]
        wrong = left["errors"] / left["characters"]
        own = [sum(row["share"] for row in left["oracles"] if row["oracle"] == name) for name in WANTED]
        name, way = record["options"]["name"], ", ".join(map(str, record["way"])) or NONE
        gain = f"{gains[name]:+.3f}" if name in gains else NONE
        shares = [f"{wrong:.2%}", *(f"{share * wrong:.2%}" for share in own)]
        rows.append([name, way, nats(record["nats"]), gain, *shares])
    return markdown(["remedy", "way", "nats", "gain", "errors", "memory", "rare words", "next word"], rows)


def _short(record: Record) -> str:
    """Return the name of a network without that of its text."""
    data = record["options"]["data"]
    return str(record["options"]["network"]).removeprefix(f"{data}-streams-")


def _visible(character: str) -> str:
    return {" ": "space", "\n": "`\\n`", "\r": "`\\r`", "\t": "`\\t`", "|": "`\\|`"}.get(character, f"`{character}`")
