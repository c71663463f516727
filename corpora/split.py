"""Contiguous training, validation and test parts."""

from itertools import pairwise

from corpora.errors import UserError
from corpora.spec import Split

LEAST = 1000  # characters; under this, twentieths of a text measure nothing


def split(text: str, how: Split) -> tuple[str, str, str]:
    """Cut `text` into (training, validation, test) as `how` says; joined block by block they are the whole text."""
    if len(text) < LEAST:
        raise UserError(f"The text has {len(text):,} characters; to learn and be measured it needs at least {LEAST:,}.")
    pieces: tuple[list[str], ...] = ([], [], [])
    edges = [_cut(text, len(text) * k // how.blocks, how.boundary) for k in range(how.blocks + 1)]
    for start, end in pairwise(edges):
        cuts = [start, *(_cut(text, end - round((end - start) * part), how.boundary) for part in _tails(how)), end]
        for piece, a, b in zip(pieces, cuts[:-1], cuts[1:], strict=True):
            piece.append(text[a:b])
    train, validation, test = ("".join(piece) for piece in pieces)
    if not (train and validation and test):
        raise UserError(f"{how.blocks} blocks with cuts at {how.boundary!r} leave a part empty; use fewer blocks.")
    return train, validation, test


def _tails(how: Split) -> tuple[float, float]:
    return how.validation + how.test, how.test


def _cut(text: str, place: int, boundary: str) -> int:
    """Return `place`, moved to just behind the next boundary."""
    if not boundary or place in (0, len(text)):
        return place
    found = text.find(boundary, max(place - len(boundary), 0))
    return len(text) if found < 0 else found + len(boundary)
