"""Texts that a corpus has twice: word for word, or nearly so in the parts held out, whose scores would then lie."""

import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

RUN = 4  # words in a row by which texts are compared
ALIKE = 0.5  # the part of a text's runs from which on it nearly stands in another text
IDEOGRAPHS = "\u2e80-\ua4cf\uf900-\ufaff"  # written without spaces: each counts as a word
WORD = re.compile(f"[{IDEOGRAPHS}]|[^\\W{IDEOGRAPHS}]+")

Run = tuple[str, ...]


@dataclass(frozen=True)
class Leak:
    """A held-out text that nearly stands in the text to learn from: `part` of its runs of words do."""

    text: str
    part: float


def doubles(texts: Iterable[str]) -> dict[str, int]:
    """Return how often each text is there that is there more than once, most often first; spaces do not count."""
    counts = Counter(" ".join(text.split()) for text in texts)
    return {text: count for text, count in counts.most_common() if count > 1 and text}


def leaks(texts: Sequence[str], train: Iterable[str]) -> list[Leak]:
    """Return the `texts` that nearly stand in `train`, pieces of text, the worst first.

    That is the containment of shingles (Broder 1997, "On the resemblance and containment of documents", 2). Memory
    goes with `texts`, however long `train` is. A text of fewer than RUN words has no runs, and is let pass.
    """
    runs = [set(_runs(text)) for text in texts]
    wanted = set[Run]().union(*runs)
    seen = {run for piece in train for run in _runs(piece) if run in wanted}
    found = [Leak(text, len(own & seen) / len(own)) for text, own in zip(texts, runs, strict=True) if own]
    return sorted((leak for leak in found if leak.part >= ALIKE), key=lambda leak: -leak.part)


def _runs(text: str) -> Iterator[Run]:
    last = deque[str](maxlen=RUN)
    for word in WORD.finditer(text.lower()):
        last.append(word[0])
        if len(last) == RUN:
            yield tuple(last)
