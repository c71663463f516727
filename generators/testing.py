"""What the tests of a plugin need: `check_plugin(folder)`, as its users' apocrypha will see it.

    from generators.testing import check_plugin

    def test_it_may_post():
        check_plugin(Path(__file__).parent)

A fixture that trains a tiny network, `tiny_model`, comes with apocrypha's pytest plugin (bot/fixtures.py).
"""

import tempfile
from pathlib import Path

from corpora.fetch import Places
from generators import plugin
from generators.conformance import Card, Losses, check
from generators.engine import Engine
from generators.quality import open_gates
from generators.voice import open_voice
from training import checkpoint

AUTHORS = ("loads", "licence", "hooks", "form")  # what is in the author's hands before any training


def check_plugin(folder: Path, models: Path | None = None, drafts: int = 12) -> Card:
    """Return the score card of the plugin in `folder`; raise AssertionError with the lines that fail.

    A plugin that has its trained model must pass in every line. One without speaks from the model in
    `models / its name`, or from counts of its text, and must pass in those that training cannot change.
    """
    made = plugin.read(folder, "folder")
    shipped = checkpoint.exists(folder / "model")
    with tempfile.TemporaryDirectory() as scratch:
        cache, own = Path(scratch), models or Path(scratch) / "models"
        places = Places(cache / "corpora")
        with Engine(lambda _: open_voice(made, own, cache, places)) as engine:
            voice = engine.voice(made.name)
            losses = Losses.told(checkpoint.read_card(folder / "model").scores) if shipped else None
            card = check(engine, voice, open_gates(made, own, places), losses, own, drafts)
    failed = [line for line in card.failed if shipped or line.name in AUTHORS]
    if failed:  # not an assert, whose text pytest rewrites
        raise AssertionError("\n".join([f"{made.name} fails:", *(f"  {line.name}: {line.said}" for line in failed)]))
    return card
