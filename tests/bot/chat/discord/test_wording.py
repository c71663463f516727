"""What is heard and what is shown, character by character."""

import discord
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.chat.discord.wording import HEARD, QUOTED, SILENCE, fenced, heard, pages, plain, quoted
from bot.publish.discord import LONGEST

ME = 5


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("<@5> who made the sea?", "who made the sea?"),
        ("hey <@!5>, is <@7> here, or <@8>?", "hey , is bob here, or ?"),
        ("<@&9> <:smile:123> <a:dance:45>", "smile dance"),
        ("\x1b[2;31mred\x1b[0m \x07bell", "red bell"),
        ("zero\u200bwidth\u202e\u2066 right to left שלום", "zerowidth right to left שלום"),
        ("Q" + 9 * "\u0330" + "alg\u0300o", "Q\u0330\u0330alg\u0300o"),
        ("e\u0301", "é"),
        ("two\nlines", "two\nlines"),
        ("", ""),
        ("<@5>", ""),
        ("x" * 5000, "x" * HEARD),
    ],
)
def test_what_is_heard(content: str, text: str) -> None:
    assert heard(content, ME, {7: "bob"}) == text


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("plain, and plain.", "plain, and plain."),
        ("see https://evil.example/x", r"see https\://evil\.example/x"),
        ("discord.gg/abc and main.rs", r"discord\.gg/abc and main\.rs"),
        ("@everyone and @here", "@\u200beveryone and @\u200bhere"),
        ("<@12> <#34> <t:56> </a:7>", r"\<@12> \<#34> \<t:56> \</a:7>"),
        ("# loud\n> said\n- one\n12. two", "\\# loud\n\\> said\n\\- one\n12\\. two"),
        ("*a* __b__ ~~c~~ ||d|| `e`", r"\*a\* \_\_b\_\_ \~\~c\~\~ \|\|d\|\| \`e\`"),
        ("[name](http://x.y)", r"\[name](http\://x\.y)"),
        ("Genesis 1:1 3.5", "Genesis 1:1 3.5"),
    ],
)
def test_what_is_shown_is_nothing_but_text(text: str, sent: str) -> None:
    assert plain(text) == sent


@given(st.text())
def test_whatever_a_text_is_it_makes_no_link_call_or_format(text: str) -> None:
    sent = plain(text)
    assert "://" not in sent
    assert "@everyone" not in sent
    assert "@here" not in sent
    assert "<" not in sent.replace(r"\<", "")
    unescaped = discord.utils.remove_markdown(sent)
    assert discord.utils.remove_markdown(unescaped) is not None


def test_a_block_of_code_cannot_be_left() -> None:
    shown = fenced("c")("a ``` b ```` c `d`\n```ansi")
    assert shown.count("```") == 2
    assert shown.startswith("```c\n")
    assert shown.endswith("\n```")


def test_a_question_is_repeated_short_on_one_line_or_not_at_all() -> None:
    assert quoted("who\nare   you?") == "> who are you?"
    assert quoted("") == ""
    assert len(quoted("word " * 100)) == len("> ") + QUOTED + 1
    assert quoted("you " + "".join(reversed("reggin"))) == ""


def test_a_short_text_is_one_message_with_its_heading() -> None:
    assert pages("Let there be light.", plain) == ["Let there be light."]
    assert pages("\nLet there be light.\n", plain, "> light?") == ["> light?\nLet there be light."]
    assert pages(" \n", plain) == [SILENCE]


def test_a_long_text_is_cut_at_line_ends() -> None:
    lines = [f"{number} {'and so on ' * 9}".strip() for number in range(60)]
    found = pages("\n".join(lines), plain, "> a heading")
    assert len(found) > 1
    assert "\n".join(found).removeprefix("> a heading\n").split("\n") == lines
    assert all(len(page) <= LONGEST for page in found)


def test_a_long_block_of_code_is_several_blocks() -> None:
    lines = [f"int x_{number};" for number in range(400)]
    found = pages("\n".join(lines), fenced("c"))
    assert all(page.startswith("```c\n") and page.endswith("\n```") and len(page) <= LONGEST for page in found)
    assert [line for page in found for line in page.splitlines()[1:-1]] == lines


@given(st.text(max_size=6000), st.sampled_from([plain, fenced("c")]), st.sampled_from(["", "> what?"]))
def test_every_message_fits_and_nothing_is_lost(text: str, dress: object, heading: str) -> None:
    found = pages(text, dress, heading)  # type: ignore[arg-type]
    assert all(0 < len(page) <= LONGEST for page in found)
    letters = [c for c in text if c.isalnum()]
    shown = "".join(found).removeprefix(heading)
    if dress is plain and letters:
        assert [c for c in shown if c.isalnum()] == letters


def test_a_text_without_any_place_to_cut_is_cut_anyway() -> None:
    found = pages("x" * 5000, plain)
    assert "".join(found) == "x" * 5000
    assert len(found) == 3
