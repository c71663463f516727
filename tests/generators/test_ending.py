"""Where a text ends that its length breaks off."""

from collections.abc import Callable

import pytest

from corpora.errors import UserError
from generators.ending import TAIL, Ending
from generators.engine import Engine
from generators.generator import Generator
from generators.voice import Voice


def given(text: str, length: int, reason: str = "length", size: int = 16) -> str:
    ending = Ending(length)
    pieces = [ending.pass_on(text[at : at + size]) for at in range(0, len(text), size)]
    return "".join(pieces) + ending.finish(reason)  # type: ignore[arg-type]  # one of the reasons


@pytest.mark.parametrize("size", [1, 3, 16, 100])
@pytest.mark.parametrize(
    ("text", "ended"),
    [
        ("It rained. It snowed. It ha", "It rained. It snowed."),
        ('He said, "It rained." And then he', 'He said, "It rained."'),
        ("int a;\nint b;\nint c", "int a;\nint b;\n"),
        ("It rained all day in the no", "It rained all day in the"),
        ("It costs 3.14 in al", "It costs 3.14 in"),
        ("It rained. It snowed.", "It rained. It snowed."),
        ("Incomprehensibilit", "Incomprehensibilit"),
        ("", ""),
    ],
)
def test_what_is_broken_off_ends_after_a_sentence_a_line_or_a_word(text: str, ended: str, size: int) -> None:
    assert given(text, len(text), size=size) == ended


@pytest.mark.parametrize("reason", ["stop", "complete"])
def test_what_comes_to_its_own_end_is_whole(reason: str) -> None:
    text = "A verse may end here: and no sentence does"
    assert given(text, len(text) + 5, reason) == text


def test_only_the_last_part_of_a_length_is_held_back() -> None:
    ending, length = Ending(1000), 1000
    for written in range(length - TAIL - 1):
        assert ending.pass_on("x") == "x", written
    assert ending.pass_on("yy") == ""
    assert ending.pass_on(". Z") == "yy."
    assert ending.finish("length") == ""


def test_a_sentence_long_before_the_end_is_no_reason_to_lose_what_came_after_it() -> None:
    text = "It rained. " + "on and " * 60
    assert given(text, len(text)) == text.rstrip()


def test_streamed_or_chosen_a_text_ends_in_the_same_place(
    make_voice: Callable[..., Voice], speaking: Callable[..., Engine]
) -> None:
    voice = make_voice()
    generator = Generator(speaking(voice), "haiku")
    lines = 0
    for seed in range(10):
        fields = {"length": 40, "stop": "", "prefix": "cab"}
        cut = generator.text(voice.request(voice.sampling(), seed, **fields))
        request = voice.request(voice.sampling(), seed, whole=True, **fields)
        whole = generator.text(request)
        assert whole == "cab" + given(cut.removeprefix("cab"), 40)
        assert "".join(generator.engine.submit(request, First())) == whole
        lines += whole.endswith("\n")
    assert lines > 5


class First:
    """Takes the first draft."""

    def choose(self, drafts: list[str]) -> str:
        return drafts[0]

    def refusal(self) -> UserError:
        raise AssertionError
