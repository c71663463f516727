"""Prose as an image: a page with a text on it, and below whose it is."""

import math
import re
from dataclasses import dataclass

from PIL import Image, ImageDraw

from corpora.errors import UserError
from generators.pictures.picture import Picture, font, picture, refuse_undrawable

WIDTH, MARGIN = 1200, 112  # pixels
LOWEST, HIGHEST = 675, 1500  # the page's height in pixels; with letters of LARGE pixels or more, always LOWEST
SIZES, LARGE = range(72, 35, -4), 48  # pixels of the letters
LEADING, GAP = 1.36, 0.55  # from line to line, and more between paragraphs, in sizes of letters
HEAD, FOOT = 92, 96  # pixels above and below the text: for the ornament, for the rule and the signature
ORNAMENT, SMALL = 190, 28  # pixels of the letters in them
PAPER, INK, PALE, ACCENT = "#faf6ee", "#2a2420", "#6f655c", "#b4643a"
REGULAR, ITALIC = "EBGaramond-Regular", "EBGaramond-Italic"
TYPOGRAPHY = (  # what is typed, and what is printed
    (r" ?-- ?", "—"),
    (r"\.\.\.", "…"),
    (r"""(^|[\s(\[—"])'(?=\S)""", r"\1‘"),
    (r"""(^|[\s(\[—‘])"(?=\S)""", r"\1“"),
    (r"'", "’"),
    (r'"', "”"),
    *zip(("ffi", "ffl", "ff", "fi", "fl"), "ﬃﬄﬀﬁﬂ", strict=True),
)


@dataclass(frozen=True)
class Setting:
    """Paragraphs set in lines of letters of one size."""

    size: int
    paragraphs: list[list[str]]

    @property
    def height(self) -> int:
        """Return the pixels from the top of the first line to the bottom of the last."""
        lines = sum(map(len, self.paragraphs))
        return round(self.size * (LEADING * lines + GAP * (len(self.paragraphs) - 1)))

    @property
    def page(self) -> int:
        """Return the height of the page, in pixels."""
        return max(LOWEST, self.height + HEAD + FOOT + 2 * MARGIN)


def draw(text: str, signature: str) -> Picture:
    """Return `text` on a page WIDTH pixels wide, as large as it may be, with `signature` below.

    Raise UserError where it does not fit, or a character cannot be drawn.
    """
    refuse_undrawable(text, REGULAR)
    refuse_undrawable(signature, ITALIC)
    setting = _set([typeset(paragraph) for paragraph in text.split("\n") if paragraph.strip()])
    return picture(_drawn(setting, typeset(signature)), text.strip())


def typeset(text: str) -> str:
    """Return `text` with curved quotation marks, dashes and ligatures."""
    for typed, printed in TYPOGRAPHY:
        text = re.sub(typed, printed, text)
    return " ".join(text.split())


def _set(paragraphs: list[str]) -> Setting:
    """Return the largest setting that fits, in as few lines as there can be, of about the same width."""
    for size in SIZES:
        widest = _broken(paragraphs, size, 100)
        if widest.page <= (LOWEST if size >= LARGE else HIGHEST):
            narrower = (_broken(paragraphs, size, percent) for percent in range(80, 100, 2))
            return next((setting for setting in narrower if setting.height == widest.height), widest)
    characters = sum(map(len, paragraphs))
    fit = characters * (HIGHEST - HEAD - FOOT - 2 * MARGIN) // widest.height
    raise UserError(
        f"picture: this text has {characters:,} characters; about {fit:,} of them fit on a page. Shorten it."
    )


def _broken(paragraphs: list[str], size: int, percent: int) -> Setting:
    """Set the paragraphs in lines of so many percent of what is between the margins."""
    width = (WIDTH - 2 * MARGIN) * percent / 100
    return Setting(size, [_lines(paragraph, size, width) for paragraph in paragraphs])


def _lines(paragraph: str, size: int, width: float) -> list[str]:
    """Break a paragraph between words, and a word that is wider than `width` anywhere."""
    measure = font(REGULAR, size).getlength
    space = measure(" ")
    lines, end = list[str](), math.inf
    for word in paragraph.split(" "):
        for number, piece in enumerate(_pieces(word, size, width)):
            end += space + measure(piece)
            if number or end > width:
                lines.append(piece)
                end = measure(piece)
            else:
                lines[-1] += f" {piece}"
    return lines


def _pieces(word: str, size: int, width: float) -> list[str]:
    """Return the word, or where it is too wide its pieces."""
    measure = font(REGULAR, size).getlength
    if measure(word) <= width:
        return [word]
    room = int(width / max(map(measure, word)))
    return [word[at : at + room] for at in range(0, len(word), room)]


def _drawn(setting: Setting, signature: str) -> Image.Image:
    image = Image.new("RGB", (WIDTH, setting.page), PAPER)
    pen = ImageDraw.Draw(image)
    top = (setting.page - setting.height - HEAD - FOOT) // 2
    pen.text((MARGIN - 6, top), "“", ACCENT, font(REGULAR, ORNAMENT), anchor="lt")
    base = top + HEAD + 0.9 * setting.size
    for lines in setting.paragraphs:
        for line in lines:
            pen.text((MARGIN, round(base)), line, INK, font(REGULAR, setting.size), anchor="ls")
            base += LEADING * setting.size
        base += GAP * setting.size
    foot = top + HEAD + setting.height + FOOT
    pen.rectangle((MARGIN, foot - 58, MARGIN + 72, foot - 56), ACCENT)
    pen.text((MARGIN, foot - 8), signature, PALE, font(ITALIC, SMALL), anchor="ls")
    return image
