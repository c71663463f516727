"""A text ready to be learned from."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from corpora import clean
from corpora.errors import UserError
from corpora.fetch import Places, read_text
from corpora.spec import CorpusSpec
from corpora.split import split


@dataclass(frozen=True)
class Corpus:
    """Three parts of one cleaned text; `digest` (sha256 hex) names text and cuts together."""

    title: str
    licence: str
    train: str
    validation: str
    test: str

    @property
    def alphabet(self) -> str:
        """Return all characters of the three parts, sorted."""
        return "".join(sorted(set(self.train) | set(self.validation) | set(self.test)))

    @property
    def digest(self) -> str:
        """Return the sha256 of the three parts; it changes with the text, its cleaning or its cuts."""
        parts = (hashlib.sha256(part.encode()).digest() for part in (self.train, self.validation, self.test))
        return hashlib.sha256(b"".join(parts)).hexdigest()


def build(
    spec: CorpusSpec,
    folder: Path,
    places: Places,
    hook: Callable[[str], str] | None = None,
    progress: bool = False,
) -> Corpus:
    """Read, clean and cut the text of `spec`; `folder` is the plugin's, `hook` its own cleaner, run last."""
    text = clean.apply(spec.clean, read_text(spec, folder, places, progress))
    text = hook(text) if hook else text
    if not text.strip():
        raise UserError(f"{spec.title or folder}: the text is empty after cleaning.")
    return Corpus(spec.title, spec.licence, *split(text, spec.split))
