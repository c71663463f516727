"""The verb `evaluate --all`: every voice measured and judged, as records and as the page docs/voices.md."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bot import measure
from bot.measure import Say
from bot.settings import Settings
from corpora.errors import UserError
from generators.engine import Engine
from generators.generator import Generator
from generators.pictures.drawing import draw
from generators.plugin import Plugin
from training import checkpoint
from training.checkpoint import ModelCard

SHOWN = 3  # samples of each voice, with the seeds 0, 1, 2
HAND = "<!-- From here on written by hand. -->"
INTRODUCTION = """\
Written by `apocrypha evaluate --all --samples 200`; the records are in [voices.json](voices.json). Losses are on a
test part that nobody was trained on, as the 8-bit network computes them. The n-gram is the best modified Kneser-Ney
model with 1 to 9 characters of context; PPMd (order 12) is a compressor primed with the same text, which goes on
learning as it reads the test. What is said of texts is said of 200 with the style's own temperature and the seeds 0, 1,
2 ...; *people* is the same of as many pieces of held-out text of the same lengths.
"""
COLUMNS = (
    "voice | nats per character (bits) | best n-gram | under it | PPMd | parameters | weights | trained | "
    "well formed | drafts rejected | longest copy (limit; people) | known words (people)"
)


def write(engine: Engine, plugins: Iterable[Plugin], settings: Settings, folder: Path, samples: int, say: Say) -> None:
    """Evaluate the trained ones of `plugins`; write voices.json, voices.md and pictures into `folder`.

    What stands in the page below the line HAND stays.
    """
    (folder / "voices").mkdir(parents=True, exist_ok=True)
    records = []
    for plugin in plugins:
        place = plugin.trained_folder(settings.models)
        if place is None:
            say(f"{plugin.name}: not trained, left out")
            continue
        say(f"{plugin.name}: {samples} texts")
        records.append(_record(engine, plugin, checkpoint.read_card(place), settings, samples, say))
        _draw(plugin, records[-1]["texts"][0], folder / "voices" / f"{plugin.name}.png", say)
    (folder / "voices.json").write_text(json.dumps(records, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    page = folder / "voices.md"
    by_hand = page.read_text(encoding="utf-8").partition(HAND)[2] if page.exists() else "\n"
    page.write_text(f"{page_of(records, folder)}{HAND}{by_hand}", encoding="utf-8")


def _record(
    engine: Engine, plugin: Plugin, card: ModelCard, settings: Settings, samples: int, say: Say
) -> dict[str, Any]:
    """Return all that is published of a voice; its samples are what `apocrypha sample` writes, not chosen."""
    voice, text = engine.voice(plugin.name), plugin.text(settings.places)
    report = measure.evaluate(voice, text, settings, say) | measure.judge(engine, voice, text, settings, samples)
    run = {name: card.run.get(name) for name in ("epochs", "hours", "hardware", "begun")}
    requests = [voice.request(voice.sampling(), seed) for seed in range(SHOWN)]
    return report | {"run": run, "texts": list(Generator(engine, plugin.name).texts(requests))}


def _draw(plugin: Plugin, text: str, path: Path, say: Say) -> None:
    try:
        path.write_bytes(draw(plugin, text).png)
    except UserError as error:
        say(f"{plugin.name}: no picture. {error}")


def page_of(records: list[dict[str, Any]], folder: Path) -> str:
    """Return the page: a table, then each voice's samples, and the pictures that are in `folder`."""
    parts = [
        "# The voices\n",
        INTRODUCTION,
        f"| {COLUMNS} |\n|{'---|' * (COLUMNS.count('|') + 1)}",
        *map(_row, records),
    ]
    parts += [_samples(record, folder / "voices" / f"{record['style']}.png") for record in records]
    return "\n".join(parts) + "\n"


def _row(record: dict[str, Any]) -> str:
    run, nats, best = record["run"], record["nats_per_character"], record["best_ngram_nats"]
    hours = run["hours"] + (run["begun"] or {}).get("hours", 0)  # and what was read before its own text
    cells = (
        f"[{record['style']}](#{record['style']})",
        f"{nats:.3f} ({record['bits_per_character']:.3f})",
        f"{best:.3f} (order {record['best_ngram_order']})",
        f"{1 - nats / best:.1%}",
        f"{record['ppmd_nats']:.3f}",
        f"{record['parameters']:,}",
        f"{record['parameters'] * 2 / 1e6:.1f} MB",
        f"{hours:.1f} h, {run['hardware']}",
        f"{record['form_rate']:.1%}",
        f"{record['rejected_rate']:.1%}",
        f"{record['longest_copy']} ({record['copy_limit']}; {record['human_longest_copy']})",
        f"{record['known_words']:.1%} ({record['human_known_words']:.1%})",
    )
    return f"| {' | '.join(cells)} |"


def _samples(record: dict[str, Any], picture: Path) -> str:
    style = record["style"]
    lines = [f"\n## {style}\n", f"`apocrypha sample {style} -n {SHOWN} --seed 0`\n"]
    lines += [f"````text\n{text.rstrip()}\n````\n" for text in record["texts"]]
    if picture.exists():
        lines.append(f"![The first of them as a picture](voices/{picture.name})\n")
    return "\n".join(lines)
