"""The text that a person names: a style's, or that of a file in any encoding."""

from pathlib import Path

from bot.settings import Settings
from corpora import encoding
from corpora.corpus import Corpus
from corpora.spec import Split
from corpora.split import split
from generators.registry import Registry


def text_of(settings: Settings, registry: Registry, what: str) -> Corpus:
    """Return the text of the style `what`, or of the file; raise UserError where it is neither, or no text."""
    if what in registry.plugins or not Path(what).is_file():
        return registry.get(what).text(settings.places)
    found = encoding.read(Path(what))
    title = Path(what).name if found.whole else f"{Path(what).name}, its first {encoding.LARGEST / 1e6:.0f} MB"
    return Corpus(title, "", *split(found.text, Split()))
