"""A text as an image, every character on a colour of its own, and below what the colours are."""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from corpora.errors import UserError
from generators.pictures.picture import Picture, font, picture, refuse_undrawable

SIZE, LEADING, MARGIN = 28, 42, 64  # pixels: of the letters, from line to line, around it all; for dense screens
COLUMNS, LINES, TAB = 80, 60, 8
SMALL, RAMP = 24, (260, 20)  # pixels of the caption's letters and of the scale
REGULAR = "JetBrainsMono-Regular"


@dataclass(frozen=True)
class Colouring:
    """The colours of each character, and those of the page; all as #rrggbb."""

    grounds: Sequence[str]
    inks: Sequence[str]
    page: str
    ink: str
    scale: Sequence[str]  # from least to most


def draw(text: str, colouring: Colouring, caption: str) -> Picture:
    """Return `text` in lines of at most COLUMNS, with `caption` and the scale below.

    Raise UserError where a character cannot be drawn or there are more than LINES lines.
    """
    refuse_undrawable(text, REGULAR)
    places, lines = _laid_out(text)
    if lines > LINES:
        raise UserError(f"picture: this text takes {lines} lines, and a picture at most {LINES}. Shorten it.")
    column = font(REGULAR, SIZE).getlength("0")
    width = 2 * MARGIN + round(COLUMNS * column)
    image = Image.new("RGB", (width, 2 * MARGIN + (lines + 2) * LEADING), colouring.page)
    pen = ImageDraw.Draw(image)
    for character, (line, at, columns), ground, ink in zip(
        text, places, colouring.grounds, colouring.inks, strict=True
    ):
        left, top = MARGIN + at * column, MARGIN + line * LEADING
        pen.rectangle((round(left), top, round(left + columns * column) - 1, top + LEADING - 1), ground)
        if not character.isspace():
            pen.text((round(left), top + round(0.72 * LEADING)), character, ink, font(REGULAR, SIZE), anchor="ls")
    _sign(pen, colouring, caption, width, MARGIN + (lines + 1) * LEADING)
    few = image.quantize(dither=Image.Dither.NONE)  # 256 colours are enough for the eye, and a third of the bytes
    return picture(few, f"{caption}\n{text.strip()}")


def _sign(pen: ImageDraw.ImageDraw, colouring: Colouring, caption: str, width: int, top: int) -> None:
    """Write the caption, and the scale on its right."""
    pen.text((MARGIN, top + LEADING // 2), caption, colouring.ink, font(REGULAR, SMALL), anchor="lm")
    left, high = width - MARGIN - RAMP[0], top + (LEADING - RAMP[1]) // 2
    for x in range(RAMP[0]):
        shade = colouring.scale[x * len(colouring.scale) // RAMP[0]]
        pen.line((left + x, high, left + x, high + RAMP[1]), shade)


def _laid_out(text: str) -> tuple[list[tuple[int, int, int]], int]:
    """Return each character's line, column and columns, and how many lines there are; words are kept whole."""
    places, line, column = list[tuple[int, int, int]](), 0, 0
    for place, character in enumerate(text):
        wide = TAB - column % TAB if character == "\t" else 1
        begins = not character.isspace() and (place == 0 or text[place - 1].isspace())
        word = len(text[place : place + COLUMNS].split(maxsplit=1)[0]) if begins else wide
        if column + word > COLUMNS and column:
            line, column = line + 1, 0
        places.append((line, column, wide))
        column += wide
        if character == "\n":
            line, column = line + 1, 0
    return places, line + (column > 0)
