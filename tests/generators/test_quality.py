from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpora.errors import UserError
from generators.plugin import Limits
from generators.quality import GRAM, STEP, Filter, Gates, Index, _windows, longest_loop, unsayable

WORDS = [f"{a}{b}{c}" for a in "bdfgk" for b in "aeiou" for c in "lmnrst"]
TEXT = " ".join(WORDS[n] for n in np.random.default_rng(0).integers(len(WORDS), size=30_000))
INDEX = Index.of(TEXT)


def brute_force(text: str) -> int:
    """Return the length of the longest run of `text` that TEXT has too, by looking."""
    longest = 0
    for start in range(len(text)):
        while start + longest < len(text) and text[start : start + longest + 1] in TEXT:
            longest += 1
    return longest


@given(
    st.lists(
        st.tuples(st.integers(0, len(TEXT) - 400), st.integers(0, 300), st.text(alphabet="xyz ", max_size=60)),
        min_size=1,
        max_size=4,
    )
)
def test_no_copied_run_is_longer_than_it_says(pieces: list[tuple[int, int, str]]) -> None:
    text = "".join(TEXT[start : start + length] + between for start, length, between in pieces)
    said, true = INDEX.longest_copy(text), brute_force(text)
    assert said >= true
    held = INDEX.windows.holds(_windows(text))
    if not any(text[start : start + GRAM] not in TEXT for start in np.flatnonzero(held)):  # no false alarm
        assert said <= max(true + 2 * STEP, GRAM + STEP - 2)


def test_the_filter_is_wrong_once_in_a_thousand_and_only_in_saying_yes() -> None:
    hashes = np.random.default_rng(1).integers(0, 2**63, size=220_000).astype(np.uint64)
    held = Filter.of(hashes[:20_000])
    assert held.holds(hashes[:20_000]).all()
    assert 0.0003 < held.holds(hashes[20_000:]).mean() < 0.002


def test_words_are_known_whatever_their_case() -> None:
    assert INDEX.known_words(f"{WORDS[0].upper()}, {WORDS[1].title()}!") == 1.0
    assert INDEX.known_words(f"{WORDS[0]} xylophone {WORDS[2]} 1611") == pytest.approx(2 / 3)
    assert INDEX.known_words("1611 -- !") == 1.0


def test_an_index_is_the_same_after_it_was_kept(tmp_path: Path) -> None:
    INDEX.save(tmp_path)
    kept = Index.load(tmp_path)
    assert np.array_equal(kept.windows.bits, INDEX.windows.bits)
    assert np.array_equal(kept.words.bits, INDEX.words.bits)
    assert (tmp_path / "quality.safetensors").stat().st_size < len(TEXT) / 5


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 not a zip"])
def test_an_index_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "quality.safetensors").write_bytes(content)
    with pytest.raises(UserError, match=r"quality\.safetensors: the index of the training text cannot be read"):
        Index.load(tmp_path)


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("", 0),
        ("no two of these are alike", 0),
        ("haha", 0),  # twice is no loop
        ("hahaha", 6),
        ("well, and so and so and so it goes", 22),
        ("=" * 50, 50),
        ("x" + "the cat sat on the mat and " * 5 + "y", 135),
        ("a" * 201 + "b" + "a" * 201 + "b", 201),
    ],
)
def test_a_loop_is_what_is_said_three_times(text: str, length: int) -> None:
    assert longest_loop(text) == length


@given(st.text(alphabet="ab", max_size=60))
def test_the_longest_loop_is_the_longest(text: str) -> None:
    found = 0
    for period in range(1, len(text) // 3 + 1):
        for start in range(len(text)):
            end = start + period
            while end < len(text) and text[end] == text[end - period]:
                end += 1
            if end - start >= 3 * period:
                found = max(found, end - start)
    assert longest_loop(text) == found


def test_slurs_are_found_as_whole_words() -> None:
    assert unsayable("A raghead, two Wetbacks and a half-breed.") == ["half-breed", "raghead", "wetbacks"]
    assert unsayable("The raccoon was insane, and spiced; the nipple of Japan.") == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("bal del fin.", "shorter than 20 characters"),
        ("xyz " + TEXT[1000:1200], "more than 100 characters in a row are from the training text"),
        (f"{WORDS[3]} {WORDS[5]}, {WORDS[7]} retard {WORDS[2]}", "has a word of the blocklist"),
        (f"{WORDS[3]} {WORDS[5]} " * 12, "goes in circles"),
        ("these words are none of them known to it", "under 90% of its words are known"),
        (" ".join(WORDS[::-7]), ""),
    ],
)
def test_a_gate_says_what_is_against_a_text(text: str, fault: str) -> None:
    assert Gates(Limits(), INDEX).fault(text) == fault
