import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpora.errors import UserError
from training.vocabulary import Vocabulary

MANY = "".join(map(chr, range(0x4E00, 0x4E00 + 3000))) + "\U0001f54a\U0001f600a\n"


@given(st.text(min_size=1), st.data())
def test_what_is_encoded_is_decoded(text: str, data: st.DataObject) -> None:
    vocabulary = Vocabulary(text)
    written = data.draw(st.text(alphabet=sorted(set(text))))
    ids = vocabulary.encode(written)
    assert (ids.dtype, ids.shape) == (np.uint16, (len(written),))
    assert ids.tolist() == [sorted(set(text)).index(character) for character in written]
    assert vocabulary.decode(ids.tolist()) == vocabulary.decode(ids) == written


def test_characters_are_numbered_by_code_point_once_each_over_all_texts() -> None:
    vocabulary = Vocabulary(("hello", "\U0001f54a\n", "\u00e9"))
    assert vocabulary.characters == "\nehlo\u00e9\U0001f54a"
    assert len(vocabulary) == 7


def test_more_than_256_characters_and_those_beyond_the_basic_plane_have_ids() -> None:
    vocabulary = Vocabulary(MANY)
    assert len(vocabulary) == 3004
    assert vocabulary.encode("\n\u4e00\U0001f600\U0001f54a").tolist() == [0, 2, 3003, 3002]
    assert vocabulary.decode(vocabulary.encode(MANY)) == MANY


@given(st.text(alphabet="abcxyz\u00e9\U0001f600"))
def test_known_keeps_what_it_can_and_names_what_it_leaves_out(text: str) -> None:
    vocabulary = Vocabulary("abc\n\U0001f600")
    kept, left_out = vocabulary.known(text)
    assert kept == "".join(c for c in text if c in "abc\U0001f600")
    assert list(left_out) == list(dict.fromkeys(c for c in text if c in "xyz\u00e9"))
    assert vocabulary.decode(vocabulary.encode(kept)) == kept


@pytest.mark.parametrize(
    ("text", "strangers"),
    [("xaxbw", "'wx'"), ("\x00", r"'\\x00'"), ("a\U0001f54a", "'\U0001f54a'"), ("\ud800", "ud800")],
)
def test_a_character_without_an_id_is_named(text: str, strangers: str) -> None:
    with pytest.raises(UserError, match=f"never seen these characters: .*{strangers}"):
        Vocabulary("abc").encode(text)


def test_very_many_strangers_do_not_fill_the_screen() -> None:
    with pytest.raises(UserError) as caught:
        Vocabulary("abc").encode(MANY)
    assert len(str(caught.value)) < 120


def test_too_few_and_too_many_characters_are_refused() -> None:
    with pytest.raises(UserError, match="at least one character, and the text has none"):
        Vocabulary("")
    everything = [chr(point) for point in range(0x110000) if not 0xD800 <= point < 0xE000]
    assert len(Vocabulary(everything[: 1 << 16])) == 1 << 16
    with pytest.raises(UserError, match=r"65,537 different characters; at most 65,536"):
        Vocabulary(everything[: (1 << 16) + 1])
