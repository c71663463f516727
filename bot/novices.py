"""The verb `study novices`: how well a text is known after some minutes of `apocrypha train FILE`.

A piece that is small is learned twice: beginning with the weights of another voice, as is usual, and from nothing.
"""

import math
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from bot import newcomer, workbench
from bot.plans import SMALL, Orders, most_alike
from bot.records import Record, Say
from bot.settings import Settings
from corpora.corpus import Corpus
from generators import registry
from generators.inference import Network
from generators.plugin import Plugin
from generators.voice import Voice
from training import checkpoint

HELD_OUT = 0.1


def learned(
    settings: Settings, text: Corpus, sizes: Sequence[int], minutes: Sequence[float], voices: Sequence[Plugin], say: Say
) -> Iterator[Record]:
    """Learn pieces of `text` of these sizes (in characters; all of it where there are none) for so many minutes each.

    One of `voices` may be begun from.
    """
    whole = text.train + text.validation + text.test
    for size in sizes or [len(whole)]:
        start = max(len(whole) - size, 0) // 2
        piece = whole[start : start + size]
        for time in minutes:
            for begin in _beginnings(settings, voices, piece):
                orders = Orders({}, {"minutes": time}, begin=begin, alone=begin is None)
                name = f"{text.title}, {len(piece):,} characters, {time:g} minutes{'' if begin else ', from nothing'}"
                say(name)
                about = {"name": name, "text": text.title, "characters": len(piece), "minutes": time}
                yield about | _learned(settings, piece, orders, say)


def _beginnings(settings: Settings, voices: Sequence[Plugin], piece: str) -> list[Plugin | None]:
    """Return the voice that a piece may be begun with, where it is small, and none."""
    small = len(piece) * (1 - HELD_OUT) < SMALL
    begin = most_alike(settings, voices, piece) if small else None
    return [begin, None] if begin else [None]


def told(record: Record) -> str:
    """Return a line about it."""
    return (
        f"{record['name']}: {record['nats']:.3f} nats per character ({record['nats'] / math.log(2):.3f} bits) "
        f"on the last tenth; the best n-gram on the last twentieth {record['ngram']:.3f}, it {record['test']:.3f}"
    )


def _learned(settings: Settings, piece: str, orders: Orders, say: Say) -> Record:
    """Let a new user have this text in a file, and a folder of things with nothing in it."""
    with tempfile.TemporaryDirectory() as place:
        own = settings.model_copy(update={"home": Path(place) / "home"})
        file = Path(place) / "novice.txt"
        file.write_text(piece, encoding="utf-8", newline="\n")
        made = newcomer.add(own, registry.find(own.plugins), file, say)
        workbench.train(own, made, orders, say)
        model = checkpoint.load(own.models / made.name)
        text = made.text(own.places)
        voice = Voice(made, Network(model, own.cache), model.digest, trained=True)
        run = model.card.run
        return {
            "begun_from": run.get("begun", {}).get("title", ""),
            "nats": voice.score(text.validation + text.test),
            "test": model.card.scores["test_int8"],
            "ngram": model.card.scores["best_ngram"],
            "units": model.card.model.units,
            "epochs": run["epochs"],
            "hardware": run["hardware"],
            "digest": text.digest,
        }
