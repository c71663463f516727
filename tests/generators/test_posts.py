"""Composing, with a voice of the tests' own."""

from collections.abc import Callable

import pytest

from generators.generator import Generator
from generators.pictures.picture import Picture
from generators.plugin import Limits
from generators.posts import ENTANGLED, NothingFitsError, Order, alike, compose
from generators.quality import Gates, Index

Animals = Callable[..., Generator]
EASY = Limits(copied=5000, loop=500, known_words=0, shortest=1, alike=1)


def gates(**limits: object) -> Gates:
    return Gates(EASY.model_copy(update=limits), Index.of("cats and cows and dogs and ducks " * 50))


def takes(text: str, picture: Picture | None) -> str:
    return ""


async def test_the_receipt_makes_the_text_again(animals: Animals) -> None:
    generator = animals()
    post = await compose(generator.engine, Order(style="haiku"), 5, gates(), {"here": takes}, 300, [])
    assert post.text == post.written
    assert post.picture is None
    again = generator.voice.request(generator.voice.sampling(), post.receipt["request"]["seed"], length=300)
    assert generator.text(again).strip("\n") == post.text
    assert post.receipt["model"] == generator.voice.digest


async def test_every_target_must_take_it_and_the_drafts_before_are_kept(animals: Animals) -> None:
    generator = animals()
    first = await compose(generator.engine, Order(style="haiku"), 5, gates(), {"here": takes}, 300, [])
    fits = {"here": takes, "there": lambda text, picture: "not this one" if text == first.text else ""}
    second = await compose(generator.engine, Order(style="haiku"), 5, gates(), fits, 300, [])
    assert second.text != first.text
    assert (first.text, "there: not this one") in second.rejected


async def test_where_nothing_fits_the_reasons_are_told(animals: Animals) -> None:
    generator = animals()
    with pytest.raises(NothingFitsError, match=r"^haiku: 64 drafts were written and none can be posted: ") as caught:
        await compose(generator.engine, Order(style="haiku"), 5, gates(), {"x": lambda text, picture: "full"}, 300, [])
    assert "x: full (64)" in str(caught.value)
    assert len(caught.value.rejected) == 64


async def test_it_does_not_resemble_what_was_posted_lately(animals: Animals) -> None:
    generator = animals()
    first = await compose(generator.engine, Order(style="haiku"), 5, gates(), {"here": takes}, 300, [])
    unlike = gates(alike=0.9)
    other = await compose(generator.engine, Order(style="haiku"), 5, unlike, {"here": takes}, 300, [first.text])
    assert other.text != first.text


async def test_a_picture_has_a_caption_and_the_text_as_its_alt(animals: Animals) -> None:
    generator = animals()
    order = Order(style="haiku", picture=True, caption="An animal.")
    post = await compose(generator.engine, order, 5, gates(), {"here": takes}, 300, [])
    assert post.text == "An animal."
    assert post.picture
    assert post.picture.alt == post.written


@pytest.mark.parametrize(
    ("text", "other", "share"),
    [
        ("the same words", "The same, words!", 1.0),
        ("the same words", "nothing of that kind", 0.0),
        ("", "nothing", 0.0),
        ("the lord said unto moses", "the lord said unto moses speak unto the children of israel", 1.0),
    ],
)
def test_texts_are_alike_by_the_pieces_they_share(text: str, other: str, share: float) -> None:
    assert alike(text, other) == alike(other, text) == share


@pytest.mark.parametrize(
    "text", ["see it.so now", "http://x", "ask @anna there", "#tagged", "for $x and", "lib.rs has it", "foo.example"]
)
def test_what_a_service_would_make_something_of_is_not_posted_as_text(text: str) -> None:
    assert ENTANGLED.search(text)


@pytest.mark.parametrize("text", ["It cost $5. Then he left.", "3.14", "Mr. and Mrs. Bolkonski", "e.g. this", "No. 7"])
def test_plain_prose_is_free_of_that(text: str) -> None:
    assert not ENTANGLED.search(text)
