from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpora.errors import UserError
from training.ngram import NGram
from training.vocabulary import Vocabulary

TEXT = "the cat sat on the mat and the rat sat on the cat and that was that " * 3


def witten_bell(text: str, characters: str, context: str, order: int) -> list[float]:
    """The same formula once more, counting substrings: shorter contexts first, each leaning on the one before."""
    counts = Counter(text)
    probabilities = [(counts[c] + 1) / (len(text) + len(characters)) for c in characters]
    for length in range(1, min(order, len(context)) + 1):
        end = context[-length:]
        found = [text[i + length] for i in range(len(text) - length) if text.startswith(end, i)]
        if not found:
            break
        after, kinds = Counter(found), len(set(found))
        probabilities = [
            (after[c] + kinds * lower) / (len(found) + kinds)
            for c, lower in zip(characters, probabilities, strict=True)
        ]
    return probabilities


@given(
    st.text(alphabet="abc ", min_size=6, max_size=60),
    st.text(alphabet="abcd ", min_size=1, max_size=8),
    st.integers(1, 4),
)
def test_it_is_witten_bell(text: str, context: str, order: int) -> None:
    vocabulary = Vocabulary("abcd ")  # d stands for what only the held-out text has
    model = NGram(text, vocabulary, order)
    logits, _ = model.read(vocabulary.encode(context).astype(np.int64)[:, None], model.start(1))
    expected = witten_bell(text, vocabulary.characters, context, order)
    assert np.exp(logits[-1, 0]) == pytest.approx(expected, rel=1e-5)
    assert sum(expected) == pytest.approx(1)


def test_streams_do_not_hear_one_another() -> None:
    model = NGram(TEXT, Vocabulary(TEXT), 4)
    ids = np.stack([model.vocabulary.encode(line) for line in ("the ca", "on tha")], axis=1).astype(np.int64)
    together, memory = model.read(ids, model.start(2))
    for stream in range(2):
        alone, own = model.read(ids[:, [stream]], model.start(1))
        assert np.array_equal(together[:, [stream]], alone)
        assert np.array_equal(memory[[stream]], own)
    assert together.shape == (6, 2, len(model.vocabulary))


def test_who_reads_nothing_keeps_its_memory() -> None:
    model = NGram(TEXT, Vocabulary(TEXT), 4)
    whole = np.stack([model.vocabulary.encode(line) for line in ("the ca", "on tha")], axis=1).astype(np.int64)
    logits, memory = model.read(whole, model.start(2))
    ids = np.full((9, 2), -1, dtype=np.int64)
    ids[3:, 0] = whole[:, 0]
    ids[[0, 1, 2, 3, 5, 8], 1] = whole[:, 1]
    apart, same = model.read(ids, model.start(2))
    assert np.array_equal(same, memory)
    assert same.dtype == memory.dtype
    assert np.array_equal(apart[3:, 0], logits[:, 0])
    assert np.array_equal(apart[[0, 1, 2, 3, 5, 8], 1], logits[:, 1])
    _, still = model.read(np.full((2, 2), -1, dtype=np.int64), memory)
    assert np.array_equal(still, memory)


def test_memory_is_one_column_for_each_character_of_a_context_and_one_for_what_follows() -> None:
    assert NGram("ab" * 5000, Vocabulary("ab"), 4).megabytes == pytest.approx(10_000 * 4 * (4 + 1) / 1e6)


def test_it_continues_what_it_has_read_often() -> None:
    model = NGram(TEXT, Vocabulary(TEXT))
    logits, _ = model.read(model.vocabulary.encode("sat on t").astype(np.int64)[:, None], model.start(1))
    assert model.vocabulary.decode([int(logits[-1, 0].argmax())]) == "h"
    assert np.exp(logits[-1, 0]).max() > 0.9


def test_a_text_shorter_than_one_context_is_refused() -> None:
    with pytest.raises(UserError, match="has 7 characters; counting 7-grams needs more than 7"):
        NGram("1234567", Vocabulary("1234567"))
    assert NGram("12345678", Vocabulary("12345678")).start(3).shape == (3, 7)
