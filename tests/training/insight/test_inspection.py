"""The piece of a text that shows most of a feature."""

import numpy as np
import pytest

from training.insight.inspection import excerpt

LINES = ["plain\n", "plain\n", '"w" "x"\n', '"y" "z"\n', "plain\n"]
TEXT = "".join(LINES)
QUOTED = np.array([character in '"wxyz' for character in TEXT])


def piece(length: int, lines: int = 9) -> str:
    return TEXT[excerpt(QUOTED, TEXT, length, lines)]


def test_it_has_most_changes_and_whole_lines() -> None:
    assert piece(16) == '"w" "x"\n"y" "z"\n'
    assert piece(20) == '"w" "x"\n"y" "z"\n'
    assert piece(8) == '"w" "x"\n'


def test_it_has_no_more_lines_than_asked_for() -> None:
    assert piece(100, lines=1) == '"w" "x"\n'
    assert piece(100, lines=2) == '"w" "x"\n"y" "z"\n'


def test_a_text_that_is_short_is_shown_whole() -> None:
    assert piece(1000) == TEXT
    assert TEXT[:-1][excerpt(QUOTED[:-1], TEXT[:-1], 1000, 9)] == TEXT[:-1]


def test_what_follows_a_long_line_is_not_counted_where_it_is_not_shown() -> None:
    """The first line would have the most changes, were it not for the break in the second, which is too long."""
    text = '"x"\n' + "y" * 30 + '"z"' * 9 + "\n" + '"u" "v"\n'
    labels = np.array([character in '"xzuv' for character in text])
    assert text[excerpt(labels, text, 20, 9)] == '"u" "v"\n'


@pytest.mark.parametrize("text", ["one line without an end", "x", "\n", "\n\n\n"])
def test_it_is_never_empty(text: str) -> None:
    found = excerpt(np.zeros(len(text), bool), text, 5, 3)
    assert 0 < found.stop - found.start <= 5
