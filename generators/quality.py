"""Judgements on a text: copied from the corpus, going in circles, words nobody knows, words nobody should say.

A style's index is built from its training text once and ships with its model, so the text itself is not needed.

Copies. Of the training text every GRAM-character window that begins at a multiple of STEP is kept, as bits of a Bloom
filter (Bloom 1970). A copied run of n characters, wherever it begins, holds one such window in every STEP characters,
and windows that are found at STEP's distance from one another are chained. Hence the guarantee: no copied run is longer
than `longest_copy` says; and it says at most 2 (STEP - 1) more than there is, but for the filter's false alarms (one
window in a thousand, each worth STEP characters).
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors
from wordfilter import Wordfilter

from corpora.errors import UserError
from corpora.fetch import Places
from generators.plugin import Limits, Plugin
from training.checkpoint import write_durably

GRAM = 24  # characters of a window
STEP = 16  # of the text, from one window to the next
BITS, HASHES = 15, 10  # per entry of a filter: one false alarm in a thousand
PERIOD = 200  # characters that a loop may take to come round
ROUNDS = 3  # after which a repetition is a loop
WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
# On the list for a reason, but ordinary words of these texts.
HARMLESS = {"crazy", "crazie", "dumb", "idiot", "insane", "insanity", "insanitie", "lame", "gash", "lunatic", "spade"}
FILE = "quality.safetensors"

Hashes = NDArray[np.uint64]


@dataclass(frozen=True)
class Filter:
    """A Bloom filter: remembers hashes in few bits, and is wrong only in saying yes."""

    bits: NDArray[np.uint8]  # one a byte, 0 or 1

    @classmethod
    def of(cls, hashes: Hashes) -> "Filter":
        """Return a filter that holds `hashes`."""
        bits = np.zeros(8 * -(-max(64, BITS * len(hashes)) // 8), dtype=np.uint8)
        bits[_places(hashes, len(bits))] = 1
        return cls(bits)

    def holds(self, hashes: Hashes) -> NDArray[np.bool_]:
        """Return which of `hashes` it holds."""
        return np.asarray(self.bits[_places(hashes, len(self.bits))].all(axis=1), dtype=np.bool_)


@dataclass(frozen=True)
class Index:
    """What is kept of a training text: its windows and its words."""

    windows: Filter
    words: Filter

    @classmethod
    def of(cls, text: str) -> "Index":
        """Build the index of a training text."""
        return cls(Filter.of(_windows(text, STEP)), Filter.of(_words(set(words_of(text)))))

    def save(self, folder: Path) -> None:
        """Write the index into a model folder."""
        parts = {"windows": np.packbits(self.windows.bits), "words": np.packbits(self.words.bits)}
        try:
            write_durably(folder / FILE, save_tensors(parts))
        except OSError as error:
            raise UserError(f"{folder / FILE}: the index could not be written ({error.strerror}).") from error

    @classmethod
    def load(cls, folder: Path) -> "Index":
        """Read the index of a model folder; raise UserError where there is none."""
        try:
            parts = load_tensors((folder / FILE).read_bytes())
            return cls(*(Filter(np.unpackbits(parts[name])) for name in ("windows", "words")))
        except (OSError, SafetensorError, ValueError, KeyError) as error:
            raise UserError(
                f"{folder / FILE}: the index of the training text cannot be read ({error}). Training writes it."
            ) from error

    def longest_copy(self, text: str) -> int:
        """Return at most how many characters in a row are copied from the training text (see above)."""
        found = self.windows.holds(_windows(text))
        rows = -(-len(found) // STEP)
        run, longest = np.zeros(STEP, dtype=np.int64), 0
        for row in np.resize(np.append(found, np.zeros(rows * STEP - len(found), bool)), (rows, STEP)):
            run = (run + 1) * row
            longest = max(longest, int(run.max()))
        return min(len(text), GRAM + longest * STEP + STEP - 2)

    def known_words(self, text: str) -> float:
        """Return the share of the words of `text` that the training text has too, 1.0 where it has no words."""
        words = list(words_of(text))
        return float(self.words.holds(_words(words)).mean()) if words else 1.0


def longest_loop(text: str) -> int:
    """Return the length of the longest stretch that says the same ROUNDS times or more, in characters."""
    codes = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
    most = min(PERIOD, len(codes) // ROUNDS)
    if not most:
        return 0
    before = np.append(np.full(most, 0xFFFFFFFF, dtype=np.uint32), codes)
    shifted = np.lib.stride_tricks.sliding_window_view(before, len(codes))[:most][::-1]  # row p - 1: p before
    same_of_all = np.count_nonzero(shifted == codes, axis=1)
    longest = 0
    for period in np.flatnonzero(same_of_all >= (ROUNDS - 1) * np.arange(1, most + 1)) + 1:  # seldom any
        same = codes[period:] == codes[:-period]
        others = np.flatnonzero(np.append(~same, True))
        run = int(np.diff(others, prepend=-1).max()) - 1  # characters equal to the one a period before
        if run >= (ROUNDS - 1) * period:
            longest = max(longest, run + int(period))
    return longest


def unsayable(text: str) -> list[str]:
    """Return the slurs in `text`, from a list kept for text-writing bots (wordfilter), taken as whole words."""
    return sorted(set(_slurs().findall(text.casefold())))


@cache
def _slurs() -> re.Pattern[str]:
    words = sorted(set(Wordfilter().blacklist) - HARMLESS, key=len, reverse=True)
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, words))})(?:s|es)?\b")


@dataclass(frozen=True)
class Gates:
    """What a text has to pass before it is published: the limits of its style, and the index of its training text."""

    limits: Limits
    index: Index

    def fault(self, text: str) -> str:
        """Return why `text` should not go out, "" where nothing is against it."""
        if len(text) < self.limits.shortest:
            return f"shorter than {self.limits.shortest} characters"
        if unsayable(text):
            return "has a word of the blocklist"
        if longest_loop(text) > self.limits.loop:
            return "goes in circles"
        if self.index.longest_copy(text) > self.limits.copied:
            return f"more than {self.limits.copied} characters in a row are from the training text"
        if self.index.known_words(text) < self.limits.known_words:
            return f"under {self.limits.known_words:.0%} of its words are known"
        return ""


def open_gates(plugin: Plugin, models: Path, places: Places) -> Gates:
    """Return a style's gates, with the index of the model that speaks, or of the text whose letters are counted."""
    folder = plugin.trained_folder(models)
    index = Index.load(folder) if folder else Index.of(plugin.text(places).train)
    return Gates(plugin.manifest.limits, index)


def words_of(text: str) -> Iterator[str]:
    """Yield the words of a text, in one case."""
    return (word[0].casefold() for word in WORD.finditer(text))


def _words(words: Iterable[str]) -> Hashes:
    digests = [blake2b(word.encode(), digest_size=8).digest() for word in words]
    return np.frombuffer(b"".join(digests), dtype=np.uint64)


def _windows(text: str, step: int = 1) -> Hashes:
    """Return a hash of every `step`-th window of GRAM characters, the first at 0: a polynomial, then mixed."""
    codes = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
    last = len(codes) - GRAM  # where a window may begin
    hashes = np.zeros(max(last // step + 1, 0), dtype=np.uint64)
    for place in range(GRAM if len(hashes) else 0):
        hashes = hashes * np.uint64(0x100000001B3) + codes[place : place + last + 1 : step]
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):  # splitmix64 (Steele et al. 2014)
        hashes = (hashes ^ (hashes >> np.uint64(shift))) * np.uint64(factor)
    return hashes ^ (hashes >> np.uint64(31))


def _places(hashes: Hashes, size: int) -> NDArray[np.int64]:
    """Return the bits of each hash, (n, HASHES): two hashes make all (Kirsch & Mitzenmacher 2006)."""
    first, second = hashes & np.uint64(0xFFFFFFFF), (hashes >> np.uint64(32)) | np.uint64(1)
    steps = np.arange(HASHES, dtype=np.uint64)
    return ((first[:, None] + steps * second[:, None]) % np.uint64(size)).astype(np.int64)
