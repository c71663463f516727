"""What is posted where a text is shown as an image, and the fonts it is drawn with."""

from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import ImageFont

from corpora.errors import UserError

if TYPE_CHECKING:
    from PIL.Image import Image

ALT = 1000  # characters of the text for those who cannot see an image: the least that all services take
FONTS = Path(__file__).parent / "fonts"
NOBODY_HAS = "\uffff"  # a character that is none


@dataclass(frozen=True)
class Picture:
    """An image as a PNG file, its sizes in pixels, and the text for those who cannot see it."""

    png: bytes
    alt: str
    width: int
    height: int


def picture(image: "Image", alt: str) -> Picture:
    """Return `image` as a picture; the same pixels give the same bytes. `alt` is cut to ALT characters."""
    file = BytesIO()
    image.save(file, "PNG", optimize=True)
    return Picture(file.getvalue(), shortened(alt), image.width, image.height)


def shortened(text: str, limit: int = ALT) -> str:
    """Return `text`, or where it is longer than `limit` its first whole words and an ellipsis."""
    if len(text) <= limit:
        return text
    head = text[:limit]  # one more than there is room for, so that a word that ends there is kept
    end = max(head.rfind(space) for space in " \n\t")
    return head[: end if end > 0 else limit - 1].rstrip() + "…"


@cache
def font(name: str, size: int) -> ImageFont.FreeTypeFont:
    """Return one of the FONTS; `size` is in pixels. Where Pillow finds FriBiDi, letters are kerned."""
    return ImageFont.truetype(FONTS / f"{name}.ttf", size)


def refuse_undrawable(text: str, name: str) -> None:
    """Raise UserError where the font of this name lacks characters of `text`, or there is nothing to draw."""
    if not text.strip():
        raise UserError("picture: there is no text to draw.")
    missing = "".join(sorted(character for character in set("".join(text.split())) if not _has(name, character)))
    if missing:
        raise UserError(
            f"picture: its font {name} has no {missing!r:.60}. Post the text as text, or draw one without them."
        )


@cache
def _has(name: str, character: str) -> bool:
    """Compare with what is drawn for a missing character: Pillow does not tell otherwise."""
    drawn, missing = (font(name, 32).getmask(c) for c in (character, NOBODY_HAS))
    return (drawn.size, bytes(drawn)) != (missing.size, bytes(missing))
