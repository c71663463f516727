from collections.abc import Callable

import pytest

from corpora.errors import UserError
from generators.pictures import card, code
from generators.pictures.drawing import draw
from generators.plugin import Plugin

Make = Callable[..., Plugin]


def test_prose_is_on_a_card_with_its_voice(make_plugin: Make) -> None:
    assert draw(make_plugin(), "An old pond.") == card.draw("An old pond.", "apocrypha / haiku")


def test_a_language_is_drawn_as_code(make_plugin: Make) -> None:
    assert draw(make_plugin('picture = "c"'), "int a;") == code.draw("int a;", "c")
    assert draw(make_plugin('picture = "text"', name="plain"), "int a;").png != code.draw("int a;", "c").png


def test_what_is_neither_is_named(make_plugin: Make) -> None:
    with pytest.raises(UserError, match="cards"):
        draw(make_plugin('picture = "cards"'), "An old pond.")
