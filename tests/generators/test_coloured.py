from io import BytesIO

import pytest
from PIL import Image

from corpora.errors import UserError
from generators.pictures.coloured import COLUMNS, LEADING, LINES, MARGIN, SIZE, Colouring, draw
from generators.pictures.picture import font

RED, BLUE, PAGE = "#aa0000", "#0000aa", "#101010"


def drawn(text: str, grounds: list[str]) -> Image.Image:
    colouring = Colouring(grounds, ["#ffffff"] * len(text), PAGE, "#eeeeee", [RED, BLUE])
    made = draw(text, colouring, "what it is")
    assert made.alt.startswith("what it is\n")
    image = Image.open(BytesIO(made.png)).convert("RGB")
    assert image.size == (made.width, made.height)
    return image


def colour(image: Image.Image, line: int, column: float) -> str:
    """Return the colour at the upper edge of a column, where no letter is."""
    place = (
        MARGIN + round((column + 0.5) * font("JetBrainsMono-Regular", SIZE).getlength("0")),
        MARGIN + line * LEADING + 1,
    )
    return "#{:02x}{:02x}{:02x}".format(*image.getpixel(place))


def test_every_character_stands_on_its_colour() -> None:
    image = drawn("a b\n\tcd", [RED, BLUE, RED, BLUE, RED, BLUE, RED])
    assert [colour(image, 0, k) for k in range(5)] == [RED, BLUE, RED, BLUE, PAGE]  # the line feed too
    assert [colour(image, 1, k) for k in (0, 7, 8, 9, 10)] == [RED, RED, BLUE, RED, PAGE]  # a tab is wide


def test_lines_are_broken_between_words_and_words_that_are_too_long_anywhere() -> None:
    text = "a" * (COLUMNS - 3) + " bbbb"
    image = drawn(text, [RED] * (len(text) - 4) + [BLUE] * 4)
    assert colour(image, 1, 3) == BLUE
    assert colour(image, 1, 4) == PAGE
    text = "a" * (COLUMNS + 2)
    image = drawn(text, [RED] * len(text))
    assert (colour(image, 0, COLUMNS - 1), colour(image, 1, 1), colour(image, 1, 2)) == (RED, RED, PAGE)


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(UserError, match=f"takes {LINES + 1} lines"):
        drawn("a\n" * (LINES + 1), [RED] * (2 * LINES + 2))
    with pytest.raises(UserError, match="has no"):
        drawn("\ud7ff\u0e01", [RED, RED])
