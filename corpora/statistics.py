"""What there is to know of a corpus before anything learns from it."""

import re
import statistics
from dataclasses import dataclass

from corpora.corpus import Corpus
from corpora.language import language
from corpora.repeats import Leak, doubles, leaks
from corpora.survey import Survey, survey, texts

WORD = re.compile(r"\S+")


@dataclass(frozen=True)
class Lengths:
    """Of lines or texts, in characters: the middle one, what 19 of 20 have at most, the longest."""

    median: float
    most: int
    longest: int


@dataclass(frozen=True)
class Statistics:
    """What is told of a corpus. `leaks` are held-out texts that nearly stand in the part to learn from."""

    seen: Survey
    size: int  # bytes in UTF-8
    parts: dict[str, int]  # characters
    words: int
    lines: Lengths
    texts: Lengths
    language: str  # "" where it looks like none
    doubles: dict[str, int]
    held_out: int  # texts
    leaks: list[Leak]
    leaked: float  # the part of the held-out characters that are theirs

    @classmethod
    def of(cls, corpus: Corpus) -> "Statistics":
        """Look at all of it."""
        parts = {"train": corpus.train, "validation": corpus.validation, "test": corpus.test}
        whole = "".join(parts.values())
        seen = survey(whole)
        every = texts(whole, seen.unit)
        held_out = texts(corpus.validation, seen.unit) + texts(corpus.test, seen.unit)
        found = leaks(held_out, texts(corpus.train, seen.unit))
        return cls(
            seen=seen,
            size=len(whole.encode()),
            parts={name: len(part) for name, part in parts.items()},
            words=sum(1 for _ in WORD.finditer(whole)),  # a list of them would be large
            lines=lengths(whole.splitlines()),
            texts=lengths(every),
            language=language(whole),
            doubles=doubles(every),
            held_out=len(held_out),
            leaks=found,
            leaked=sum(len(leak.text) for leak in found) / max(sum(map(len, held_out)), 1),
        )


def lengths(pieces: list[str]) -> Lengths:
    """Return what is told of the lengths of `pieces`, blank ones not counted."""
    found = sorted(len(piece) for piece in pieces if piece.strip()) or [0]
    return Lengths(statistics.median(found), found[int(0.95 * (len(found) - 1))], found[-1])
