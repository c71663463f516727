import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpora.errors import UserError
from corpora.spec import Split
from corpora.split import LEAST, split

LINES = "".join(f"{number} {'word ' * (number % 7)}\n" for number in range(400))
NUMBERED = "".join(map(chr, range(10_000, 20_000)))  # no character twice: a place can be read off it

shares = st.floats(0.001, 0.499)
cuts = st.builds(Split, validation=shares, test=shares, blocks=st.integers(1, 12), boundary=st.sampled_from(["", "\n"]))


@st.composite
def texts(draw: st.DrawFn) -> str:
    chance, lines = random.Random(draw(st.integers(0, 999))), draw(st.integers(1, 60))
    return "".join(
        "\n" if chance.random() < lines / 300 else chance.choice("abc") for _ in range(chance.randint(LEAST, 3000))
    )


def cut_by_hand(text: str, how: Split) -> list[tuple[str, str, str]]:
    """Make the same cuts again, block by block, looking for a boundary one character at a time."""

    def moved(place: int) -> int:
        while how.boundary and 0 < place < len(text) and not text.endswith(how.boundary, 0, place):
            place += 1
        return place

    blocks = []
    for block in range(how.blocks):
        start, end = moved(len(text) * block // how.blocks), moved(len(text) * (block + 1) // how.blocks)
        validation = moved(end - round((end - start) * (how.validation + how.test)))
        test = moved(end - round((end - start) * how.test))
        blocks.append((text[start:validation], text[validation:test], text[test:end]))
    return blocks


@given(texts(), cuts)
def test_the_pieces_of_all_blocks_in_order_are_the_text(text: str, how: Split) -> None:
    blocks = cut_by_hand(text, how)
    assert "".join("".join(block) for block in blocks) == text
    train, validation, test = ("".join(pieces) for pieces in zip(*blocks, strict=True))
    if train and validation and test:
        assert split(text, how) == (train, validation, test)
    else:
        with pytest.raises(UserError, match="leave a part empty; use fewer blocks"):
            split(text, how)


def test_the_plain_cut_takes_both_held_out_parts_from_the_end() -> None:
    assert split(NUMBERED, Split(validation=0.1, test=0.2)) == (NUMBERED[:7000], NUMBERED[7000:8000], NUMBERED[8000:])


def test_every_block_gives_its_share_to_every_part() -> None:
    train, validation, test = split(NUMBERED, Split(validation=0.05, test=0.1, blocks=4))
    assert (len(train), len(validation), len(test)) == (8500, 500, 1000)
    held_out = [NUMBERED.index(validation[start]) for start in range(0, 500, 125)]
    assert held_out == [2125, 4625, 7125, 9625]
    assert [NUMBERED.index(test[start]) for start in range(0, 1000, 250)] == [2250, 4750, 7250, 9750]


@pytest.mark.parametrize("boundary", ["\n", "word \n"])
def test_no_line_is_torn(boundary: str) -> None:
    parts = split(LINES, Split(validation=0.1, test=0.1, blocks=7, boundary=boundary))
    assert sorted("".join(parts).splitlines()) == sorted(LINES.splitlines())
    assert all(part.endswith(boundary) for part in parts[:2])


def test_a_cut_that_stands_on_a_boundary_stays() -> None:
    text = "123456789\n" * 100
    assert [len(part) for part in split(text, Split(validation=0.1, test=0.1, boundary="\n"))] == [800, 100, 100]


def test_a_short_text_is_told_the_least_that_is_needed() -> None:
    with pytest.raises(
        UserError, match=r"The text has 999 characters; to learn and be measured it needs at least 1,000"
    ):
        split("x" * (LEAST - 1), Split())
    assert [len(part) for part in split("x" * LEAST, Split())] == [900, 50, 50]


@pytest.mark.parametrize("how", [Split(boundary="\f"), Split(blocks=LEAST), Split(blocks=300, boundary="\n")])
def test_cuts_that_leave_a_part_empty_are_refused(how: Split) -> None:
    with pytest.raises(UserError, match=f"{how.blocks} blocks with cuts at .* leave a part empty"):
        split(LINES[:LEAST], how)
