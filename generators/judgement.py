"""What is said of many texts at once, be they written by a voice or by people."""

import importlib
import statistics
from collections.abc import Sequence

import numpy as np

from corpora.errors import UserError
from generators.plugin import Plugin
from generators.quality import Index, longest_loop


def form_faults(plugin: Plugin, texts: Sequence[str]) -> list[str]:
    """Return what keeps each text from being well formed, "" where nothing does.

    It is a real parser's word where the manifest names one, and the plugin's own `check` otherwise.
    """
    if plugin.manifest.form:
        try:
            parser = importlib.import_module(f"generators.forms.{plugin.manifest.form}")
        except ModuleNotFoundError as error:
            raise UserError(f"{error.name} is needed to judge {plugin.name}: pip install '.[train]'.") from error
        found: list[str] = parser.faults(texts)
        return found
    check = plugin.hook("check")
    return [check(text) if check else "" for text in texts]


def statistics_of(index: Index, texts: Sequence[str]) -> dict[str, float]:
    """Return what is said of texts beside the training text that `index` is of."""
    copies = [index.longest_copy(text) for text in texts]
    words = [index.known_words(text) for text in texts]
    return {
        "longest_copy": max(copies),
        "median_copy": statistics.median(copies),
        "known_words": statistics.mean(words),
        "longest_loop": max(longest_loop(text) for text in texts),
    }


def pieces(text: str, like: Sequence[str]) -> list[str]:
    """Return a piece of `text` for each text in `like`, as long, spread evenly and begun at the beginning of a line."""
    starts = np.linspace(0, max(len(text) - max(map(len, like)), 0), len(like), dtype=int)
    lines = [text.find("\n", max(start - 1, 0)) + 1 for start in starts]
    return [text[line : line + len(each)] for line, each in zip(lines, like, strict=True)]
