"""Source code as an image, its tokens in colours."""

from collections.abc import Iterator

from PIL import Image, ImageDraw
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.styles import get_style_by_name
from pygments.token import Comment
from pygments.util import ClassNotFound

from corpora.errors import UserError
from generators.pictures.picture import Picture, font, picture, refuse_undrawable

STYLE = "github-dark"
SIZE, LEADING, MARGIN = 28, 42, 64  # pixels: of the letters, from line to line, around it all; for dense screens
NARROWEST, WIDEST, LINES = 60, 100, 120  # columns and lines
TAB = 8  # columns
REGULAR, ITALIC = "JetBrainsMono-Regular", "JetBrainsMono-Italic"
CONTINUED = ("↪ ", "#6e7681", False)  # begins what is left of a line that is too wide

Token = tuple[str, str, bool]  # characters, colour, whether it is a remark


def draw(text: str, language: str = "c") -> Picture:
    """Return `text` in colours; tabs go to the next multiple of TAB columns, and lines over WIDEST are broken.

    Raise UserError where the language is not known, a character cannot be drawn or there are too many lines.
    """
    lexer = _lexer(language)
    code = text.strip("\n").expandtabs(TAB)
    refuse_undrawable(code, REGULAR)
    rows = [row for line in _lines(code, lexer) for row in _rows(line)]
    if len(rows) > LINES:
        raise UserError(f"picture: this code has {len(rows)} lines, and a picture at most {LINES}. Shorten it.")
    return picture(_drawn(rows), f"{lexer.name} code:\n{text.strip()}")


def _lexer(language: str) -> Lexer:
    try:
        return get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound as error:
        raise UserError(
            f"picture: no language is named {language!r}. Give a name that Pygments knows, such as c, tex or text."
        ) from error


def _lines(code: str, lexer: Lexer) -> Iterator[list[Token]]:
    """Yield the tokens of each line."""
    style = get_style_by_name(STYLE)
    line: list[Token] = []
    for kind, value in lexer.get_tokens(code):
        colour = f"#{style.style_for_token(kind)['color']}"
        remark = kind in Comment and kind not in Comment.Preproc and kind not in Comment.PreprocFile
        for number, part in enumerate(value.split("\n")):
            if number:
                yield line
                line = []
            line.append((part, colour, remark))
    yield line


def _rows(line: list[Token]) -> Iterator[list[Token]]:
    """Break a line where it has more than WIDEST columns."""
    row, room = list[Token](), WIDEST
    for part, colour, remark in line:
        while len(part) > room:
            yield [*row, (part[:room], colour, remark)]
            part, row = part[room:], [CONTINUED]
            room = WIDEST - len(CONTINUED[0])
        row.append((part, colour, remark))
        room -= len(part)
    yield row


def _drawn(rows: list[list[Token]]) -> Image.Image:
    """Return the rows on their background, MARGIN pixels from its edges."""
    column = font(REGULAR, SIZE).getlength("0")
    columns = max(NARROWEST, *(sum(len(part) for part, _, _ in row) for row in rows))
    size = (2 * MARGIN + round(columns * column), 2 * MARGIN + len(rows) * LEADING)
    image = Image.new("RGB", size, get_style_by_name(STYLE).background_color)
    pen = ImageDraw.Draw(image)
    for number, row in enumerate(rows):
        place, base = 0, MARGIN + number * LEADING + round(0.72 * LEADING)
        for part, colour, remark in row:
            at = (MARGIN + round(place * column), base)
            pen.text(at, part, colour, font(ITALIC if remark else REGULAR, SIZE), anchor="ls")
            place += len(part)
    return image
