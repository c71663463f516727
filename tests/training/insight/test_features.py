import numpy as np
import pytest

from corpora.errors import UserError
from training.insight.features import FEATURES, Feature


def marks(name: str, text: str) -> str:
    """Return the labels of a text as a line below it: ^ where the feature holds, or the number's last digit."""
    labels = FEATURES[name].labels(text)
    if labels.dtype == bool:
        return "".join(" ^"[label] for label in labels.tolist())
    return "".join(str(int(label) % 10) for label in labels.tolist())


def test_quotation_marks_open_and_close_by_what_stands_beside_them() -> None:
    assert marks("quotes", 'He said: "No--" and "yes".') == "         ^^^^^      ^^^^  "
    assert marks("quotes", '("a") "b" c') == " ^^   ^^   "
    assert marks("quotes", "“a” b") == "^^   "


def test_a_quotation_left_open_ends_with_its_paragraph() -> None:
    assert marks("quotes", '"a b\nc "d" e') == "^^^^   ^^   "  # a line is a paragraph
    assert marks("quotes", '"a\nb" c\n\nd') == "^^^^      "  # here two line feeds are


def test_position_in_the_line_begins_with_the_line_feed() -> None:
    assert marks("line", "abc\nde\n\nf") == "1230120" + "01"


def test_indentation_is_what_was_read_of_it() -> None:
    assert FEATURES["indentation"].labels("\t\tab\nc\n  d").tolist() == [1, 2, 2, 2, 0, 0, 0, 1, 2, 2]


def test_a_capital_is_foretold_from_the_word_before() -> None:
    assert marks("capital", "the King and 3 Ab") == "^^^^     ^^^^^^  "


def test_a_verses_number_holds_until_the_next_one_is_read() -> None:
    first, second = "Ruth 1:7", " Go.\n1 Samuel 10:12"
    labels = FEATURES["verse"].labels(f"{first}{second} So").tolist()
    assert labels == [0] * 7 + [7] * len(second) + [12] * 4


def test_header_fields_end_with_the_abstract() -> None:
    text = "x\nTitle       : T\nDate        : D\nAbstract    :\n\n A"
    labels = FEATURES["header"].labels(text)
    assert labels[text.index("T\nDate")]
    assert not labels[text.index("x")]
    assert not labels[text.index("Abstract") :].any()


def test_markup_is_inside_its_marks() -> None:
    assert marks("url", "[http://a.b c] d") == "       ^^^^     "
    assert marks("link", "a [[b c]] d") == "   ^^^^    "
    assert marks("math", "$a$ b $$c$$ \\$3") == "^^    " + " ^^    " + "  "
    assert marks("proof", "\\begin{proof}a\\end{proof}b")[12:15] == "^^ "
    assert FEATURES["environments"].labels("\\begin{a}x\\begin{b}y\\end{b}\\end{a}z")[[9, 19, 27, -1]].tolist() == [
        1,
        2,
        1,
        0,
    ]


def test_code_is_parsed() -> None:
    code = 'int f(void)\n{\n\tif (a == "{") { /* if (b) */ g(\'"\'); }\n}\n'
    at = code.index
    braces = FEATURES["braces"].labels(code)
    assert braces[[at("f"), at("if"), at("g"), len(code) - 1]].tolist() == [0, 1, 2, 0]
    condition = FEATURES["if"].labels(code)
    assert code[condition.argmax() : condition.argmax() + condition.sum()] == '(a == "{"'
    inside = FEATURES["comment"].labels(code)
    assert [part for part in "".join(c if inside[k] else "\0" for k, c in enumerate(code)).split("\0") if part] == [
        '"{',
        "* if (b) *",
        "'\"",
    ]
    line = "a; // b\nc;"
    assert marks("comment", line) == "    ^^^   "
    assert not FEATURES["comment"].labels("#include <a.h>\n").any()  # that is no string


def test_what_a_byte_is_not_a_character_is_told() -> None:
    code = "/* é */ if (x) y();"
    assert marks("if", code) == " " * 11 + "^^" + " " * 6


def test_labels_must_be_as_many_as_characters() -> None:
    with pytest.raises(UserError, match="feature odd: 3 characters need as many labels"):
        Feature("odd", "", lambda text: np.zeros(2)).labels("abc")
