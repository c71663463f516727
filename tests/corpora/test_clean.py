import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpora import clean
from corpora.errors import UserError


def book(*verses: str, name: str = "Ruth") -> str:
    numbered = [{"verse": str(number), "text": text} for number, text in enumerate(verses, 1)]
    return json.dumps({"book": name, "chapters": [{"chapter": "1", "verses": numbered}]})


def test_line_ends_of_every_system_become_one() -> None:
    assert clean.unix_newlines("\ufeffa\r\nb\rc\nd\r\r\n\n") == "a\nb\nc\nd\n\n\n"
    assert clean.unix_newlines("a\ufeff") == "a\ufeff"  # a byte-order mark stands at the beginning only


def test_a_tab_becomes_one_space() -> None:
    assert clean.tabs_to_spaces("Ruth 1:1\tNow\t\tit") == "Ruth 1:1 Now  it"


@given(st.text(alphabet="ab\r\n\ufeff "))
def test_nothing_but_line_ends_changes(text: str) -> None:
    cleaned = clean.unix_newlines(text)
    assert "\r" not in cleaned
    assert cleaned.split("\n") == re.split("\r\n|\r|\n", text.removeprefix("\ufeff"))


def test_a_bible_book_becomes_one_verse_a_line() -> None:
    chapters = [
        {"chapter": "1", "verses": [{"verse": "1", "text": "Now."}, {"verse": "2", "text": "And."}]},
        {"chapter": "2", "verses": [{"verse": "1", "text": "Then."}]},
    ]
    text = json.dumps({"book": "1 Samuel", "chapters": chapters})
    assert clean.bible_book_json(text) == "1 Samuel 1:1\tNow.\n1 Samuel 1:2\tAnd.\n1 Samuel 2:1\tThen.\n"


@pytest.mark.parametrize(
    ("stray", "repaired"),
    [
        ("the LORD\u2019s house", "the LORD's house"),
        (" Cease ye  from man,\twhose ", "Cease ye from man, whose"),
        ("why shouldest thou ?", "why shouldest thou?"),
        ("fear thy God :for I am", "fear thy God: for I am"),
        ("Thou knowest , Do not ; kill !", "Thou knowest, Do not; kill!"),
        ("two lines\nof one verse .", "two lines of one verse."),
        ("he said: Go: and 3:16", "he said: Go: and 3:16"),
    ],
)
def test_stray_spacing_in_a_verse_is_repaired(stray: str, repaired: str) -> None:
    assert clean.bible_book_json(book(stray)) == f"Ruth 1:1\t{repaired}\n"


@pytest.mark.parametrize(
    "text", ["Now it came to pass", "", "[1, 2]", "null", '{"book": "Ruth"}', '{"book": "Ruth", "chapters": [{}]}']
)
def test_what_is_no_bible_book_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"not a Bible book in JSON \(book, chapters, verses, text\): "):
        clean.bible_book_json(text)


def test_cleaners_run_in_the_order_given() -> None:
    text = book("And \u2019\tthis")
    assert clean.apply(["bible_book_json", "tabs_to_spaces"], text) == "Ruth 1:1 And ' this\n"
    assert clean.apply([], text) == text


def test_an_unknown_cleaner_is_answered_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"no cleaner named 'unix_newline'\. Did you mean 'unix_newlines'\? Known: bib"):
        clean.apply(["tabs_to_spaces", "unix_newline"], "text")
