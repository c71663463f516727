"""Pictures of texts, judged by their pixels."""

import re
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pygments.styles import get_style_by_name
from pygments.token import Comment, Keyword

from corpora.errors import UserError
from generators.pictures import card, code, picture
from generators.pictures.picture import Picture

FUNCTION = "static int wake_up(struct task *task)\n{\n\treturn 1; /* why not */\n}\n"
VERSE = "And it came to pass, that the man of God went up unto the hill, and was not found."


def pixels(drawn: Picture) -> NDArray[np.uint8]:
    """Return (height, width, 3)."""
    image = Image.open(BytesIO(drawn.png))
    assert image.format == "PNG"
    assert image.size == (drawn.width, drawn.height)
    return np.asarray(image.convert("RGB"))


def colour(name: str) -> list[int]:
    return [int(pair, 16) for pair in re.findall("..", name.removeprefix("#"))]


def inked(drawn: Picture, background: str) -> tuple[int, int, int, int]:
    """Return the left, top, right and bottom of all that is not background; right and bottom from those edges."""
    ink = (pixels(drawn) != colour(background)).any(axis=2)
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    return (
        int(columns[0]),
        int(rows[0]),
        drawn.width - 1 - int(columns[-1]),
        drawn.height - 1 - int(rows[-1]),
    )


def has(drawn: Picture, wanted: str) -> bool:
    return bool((pixels(drawn) == colour(wanted)).all(axis=2).any())


NIGHT = get_style_by_name(code.STYLE).background_color


def test_code_stands_inside_its_margins() -> None:
    drawn = code.draw(FUNCTION)
    left, top, right, bottom = inked(drawn, NIGHT)
    assert code.MARGIN <= left < code.MARGIN + 10
    assert min(top, right, bottom) >= code.MARGIN
    assert drawn.height == 2 * code.MARGIN + 4 * code.LEADING


def test_keywords_and_comments_have_their_colours() -> None:
    style, drawn = get_style_by_name(code.STYLE), code.draw(FUNCTION)
    keyword, remark = (f"#{style.style_for_token(kind)['color']}" for kind in (Keyword, Comment))
    assert keyword != remark
    assert has(drawn, keyword)
    assert has(drawn, remark)
    assert not has(code.draw("wake_up\n"), keyword)
    assert not has(code.draw("wake_up\n"), remark)


def test_a_tab_goes_to_the_next_eight_columns() -> None:
    assert code.draw("a\tb\n\tc").png == code.draw("a       b\n        c").png
    column = code.font(code.REGULAR, code.SIZE).getlength("0")
    assert inked(code.draw("\t\tx"), NIGHT)[0] == pytest.approx(code.MARGIN + 16 * column, abs=4)


@pytest.mark.parametrize("columns", [59, 60, 61, 99, 100, 101, 199, 450])
def test_nothing_of_a_long_line_is_cut_off(columns: int) -> None:
    drawn = code.draw("x" * columns, "text")
    rows = 1 if columns <= code.WIDEST else 1 + -(-(columns - code.WIDEST) // (code.WIDEST - 2))
    assert drawn.height == 2 * code.MARGIN + rows * code.LEADING
    assert inked(drawn, NIGHT)[2] >= code.MARGIN
    width = min(max(columns, code.NARROWEST), code.WIDEST)
    assert drawn.width == 2 * code.MARGIN + round(width * code.font(code.REGULAR, code.SIZE).getlength("0"))


def test_a_broken_line_keeps_its_characters() -> None:
    """Its rows are those of the pieces drawn alone, but for the arrows before them."""
    tokens = [("a" * 90, "#ffffff", False), ("b" * 130, "#ff0000", True), ("c", "#00ff00", False)]
    rows = list(code._rows(tokens))
    assert "".join(part for row in rows for part, *_ in row).replace("↪ ", "") == "a" * 90 + "b" * 130 + "c"
    assert [sum(len(part) for part, *_ in row) for row in rows] == [100, 100, 25]


def test_too_much_code_is_refused() -> None:
    with pytest.raises(UserError, match=r"121 lines, and a picture at most 120"):
        code.draw("x;\n" * 121)
    with pytest.raises(UserError, match=r"no language is named 'klingon'"):
        code.draw("x", "klingon")


def test_code_knows_other_languages() -> None:
    assert code.draw("\\emph{x} % why", "tex").alt == "TeX code:\n\\emph{x} % why"
    assert code.draw(FUNCTION).alt == f"C code:\n{FUNCTION.strip()}"


@pytest.mark.parametrize("text", ["Amen.", VERSE, VERSE * 4, VERSE * 15, "x" * 700, f'"{VERSE}"\n"No."\n\n{VERSE}'])
def test_a_card_stands_inside_its_margins(text: str) -> None:
    drawn = card.draw(text, "apocrypha / bible")
    assert drawn.width == card.WIDTH
    assert card.LOWEST <= drawn.height <= card.HIGHEST
    left, top, right, bottom = inked(drawn, card.PAPER)
    assert left >= card.MARGIN - 12  # a J or a quotation mark may hang out
    assert right >= card.MARGIN - 12
    assert min(top, bottom) >= card.MARGIN - 12
    for ink in (card.INK, card.ACCENT):
        assert has(drawn, ink)


def test_letters_are_the_larger_the_shorter_the_text() -> None:
    sizes = [card._set([text]).size for text in ("Amen.", VERSE, VERSE * 4, VERSE * 15)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == max(card.SIZES)
    assert len(set(sizes)) > 2


def test_lines_hold_the_words_and_are_no_wider_than_the_page() -> None:
    measure = card.font(card.REGULAR, 48).getlength
    for text in (VERSE * 5, "x" * 300, "To " + "W" * 90 + " be."):
        lines = card._lines(text, 48, 900)
        assert "".join(lines).replace(" ", "") == text.replace(" ", "")
        assert max(map(measure, lines)) <= 905  # a kern more or less
        assert all(lines)


def test_the_longest_card_is_named() -> None:
    with pytest.raises(UserError, match=r"has 8,100 characters; about 1,\d\d\d of them fit"):
        card.draw(VERSE[:-1] * 100, "apocrypha")


def test_a_card_is_set_as_printers_do() -> None:
    assert card.typeset('"\'Tis Pierre\'s," he said -- "so it is... ("Ah!")"') == (
        "“‘Tis Pierre’s,” he said—“so it is… (“Ah!”)”"
    )
    assert card.typeset("an  official  fjord, a baffled flock") == "an oﬃcial fjord, a baﬄed ﬂock"


def test_the_same_text_gives_the_same_bytes() -> None:
    assert code.draw(FUNCTION).png == code.draw(FUNCTION).png
    assert card.draw(VERSE, "apocrypha").png == card.draw(VERSE, "apocrypha").png
    assert card.draw(VERSE, "apocrypha").png != card.draw(VERSE, "somebody").png


def test_what_a_font_lacks_is_named() -> None:
    with pytest.raises(UserError, match=r"its font JetBrainsMono-Regular has no '中文'"):
        code.draw("x = '文中文';")
    with pytest.raises(UserError, match=r"its font EBGaramond-Regular has no '\\x07\U0001f600'"):
        card.draw("Amen \U0001f600\x07", "apocrypha")
    with pytest.raises(UserError, match="its font EBGaramond-Italic has no 'Ж'"):
        card.draw("Война", "Ж")
    with pytest.raises(UserError, match="no text to draw"):
        code.draw("\n \n")


def test_the_fonts_have_what_the_bundled_styles_write() -> None:
    ascii_characters = "".join(map(chr, range(32, 127)))
    picture.refuse_undrawable(ascii_characters + "→≤…", code.REGULAR)
    picture.refuse_undrawable(ascii_characters + "àäéêï", card.REGULAR)
    for printed in "—…‘’“”ﬀﬁﬂﬃﬄ":
        picture.refuse_undrawable(printed, card.REGULAR)
        picture.refuse_undrawable(printed, card.ITALIC)


@pytest.mark.parametrize(
    ("text", "limit", "short"),
    [
        ("one two", 7, "one two"),
        ("one two", 6, "one…"),
        ("one two", 4, "one…"),
        ("one two", 3, "on…"),
        ("one  two three", 9, "one  two…"),
        ("onetwothree", 4, "one…"),
    ],
)
def test_a_long_description_ends_with_a_word(text: str, limit: int, short: str) -> None:
    assert picture.shortened(text, limit) == short


def test_descriptions_keep_to_their_limit() -> None:
    long = "word " * 250
    assert card.draw(long, "apocrypha").alt.endswith("word…")
    assert len(card.draw(long, "apocrypha").alt) == picture.ALT
    assert card.draw(f"{VERSE}\n", "apocrypha").alt == VERSE


def test_fonts_are_small_and_come_with_their_licences() -> None:
    files = {path.name: path.stat().st_size for path in Path(picture.FONTS).iterdir()}
    fonts = [name for name in files if name.endswith(".ttf")]
    assert max(files[name] for name in fonts) < 200_000
    assert {f"{name.split('-')[0]}-OFL.txt" for name in fonts} < files.keys()
