"""The two texts of the study, and how they are cut.

The paper counts bytes, so a character of these texts is a byte (read as Latin-1). It was written with char-rnn, which
lays a text out as 100 streams of equal length and cuts each of them into training, validation and test parts; what
does not fill whole blocks of 100 characters in every stream is left out (its util/CharSplitLMMinibatchLoader.lua).
That is the layout `streams`. `contiguous` is the plain cut: one training part, then one to validate, then one to test.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Literal, get_args

from corpora.corpus import Corpus
from corpora.errors import UserError
from corpora.spec import CorpusSpec, Split

Layout = Literal["streams", "contiguous"]
LAYOUTS: tuple[Layout, ...] = get_args(Layout)

STREAMS = 100
BLOCK = 100  # characters

HELD_OUT = {"war-and-peace": 0.1, "linux": 0.05}  # the part that validates, and as much again that tests
CHARACTERS = {"war-and-peace": 87, "linux": 101}  # different ones
LENGTHS = {"war-and-peace": 3_258_246, "linux": 6_208_198}  # characters
TITLES = {"war-and-peace": "War and Peace", "linux": "Linux"}


def as_studied(spec: CorpusSpec, data: str, layout: Layout) -> tuple[CorpusSpec, Callable[[str], str]]:
    """Return `spec` cut as the study cuts it and cleaned of nothing, and the hook that makes its bytes characters."""
    part = HELD_OUT[data]
    streams = layout == "streams"
    cut = Split(validation=part, test=part, blocks=STREAMS if streams else 1)
    return spec.model_copy(update={"clean": (), "split": cut}), whole_streams if streams else as_bytes


def as_bytes(text: str) -> str:
    """Return one character for each byte of `text` in UTF-8."""
    return text.encode().decode("latin-1")


def whole_streams(text: str) -> str:
    """Return its bytes as characters, without the last few that do not fill a block in every stream."""
    characters = as_bytes(text)
    return characters[: len(characters) // (STREAMS * BLOCK) * (STREAMS * BLOCK)]


def piece(corpus: Corpus, characters: int) -> Corpus:
    """Return a piece of each part of `corpus`, about `characters` together, for a quick look at everything."""
    parts = (corpus.train, corpus.validation, corpus.test)
    whole = sum(map(len, parts))
    if whole < characters:
        raise UserError(f"{corpus.title} has {whole:,} characters, which is less than a piece of {characters:,}.")
    train, validation, test = (part[: len(part) * characters // whole] for part in parts)
    return replace(
        corpus, title=f"{corpus.title}, {characters:,} characters", train=train, validation=validation, test=test
    )
