"""The whole study from its first table to its report, each part where it is not made yet."""

from collections.abc import Callable
from pathlib import Path

from training.study import analyses, ngrams, remedies, report, table, variants, windows
from training.study.laboratory import Laboratory
from training.study.networks import best, counted, ends, keep
from training.study.texts import HELD_OUT, LAYOUTS


def run(room: Laboratory, page: Path, say: Callable[[str], None]) -> None:
    """Make what is missing and write the report at `page`; where the time is up, of what there is by then."""
    for name, part in _parts(room):
        if room.orders.stop():
            say("The time is up; the same command goes on.")
            break
        say(name)
        part()
    report.write(room, page)


def _parts(room: Laboratory) -> list[tuple[str, Callable[[], None]]]:
    return [
        ("n-grams and PPMd", lambda: count(room)),
        ("window networks", lambda: look(room)),
        ("the table", lambda: table.fill(room, table.cells(room.scale), "streams")),
        ("variants of the LSTM", lambda: variants.fill(room)),
        ("networks against n-grams", lambda: compare(room)),
        ("remedies", lambda: mend(room)),
    ]


def count(room: Laboratory) -> None:
    """Measure the n-gram models of both texts in both layouts."""
    for data in HELD_OUT:
        for layout in LAYOUTS:
            ngrams.measure(room, data, layout)


def look(room: Laboratory) -> None:
    """Train the window networks."""
    for data in HELD_OUT:
        for window in room.scale.contexts:
            windows.measure(room, data, window)


def compare(room: Laboratory) -> None:
    """Look at the best network of each text beside the n-gram models, and at what several sizes get wrong."""
    for data in HELD_OUT:
        roles = ends(room, data) if data == remedies.DATA else {"best": best(room, data)}
        keep(room, data, list(roles.values()))
        chosen, counts = roles["best"], counted(room, data)
        analyses.characters(room, chosen, counts)
        analyses.closings(room, chosen, counts)
        if data == remedies.DATA:
            for role, each in roles.items():
                analyses.errors(room, each, role, counts)


def mend(room: Laboratory) -> None:
    """Try the remedies on the best network."""
    for _ in remedies.measure(room, best(room, remedies.DATA), counted(room, remedies.DATA)):
        pass
