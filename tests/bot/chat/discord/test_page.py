"""docs/discord.md against what it tells of: commands, buttons, bounds, the record of a crowd, a conversation."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from discord.app_commands import Group

from bot.accounts import DiscordChat
from bot.chat.discord import buttons, commands, post_commands, settings_commands
from bot.chat.limits import Rates
from bot.chat.talks import KEPT
from bot.conversation import REMEMBERED
from bot.replies import CHOSEN, PLAIN
from tests.servers import transcript
from tests.servers.discord_server import DiscordServer
from tests.servers.threads import Loop

ROOTS = (*commands.COMMANDS, settings_commands.settings, post_commands.post, post_commands.schedule)
FIGURES = {
    "load_before": "load average of {:.0f}",
    "questions": "{:,} questions",
    "longest_beat": "{:.1f} s at most",
    "first_character_p50": "| {:.1f} s |",
    "first_character_p99": "| {:.1f} s |",
    "whole_answer_p50": "| {:.1f} s |",
    "whole_answer_p99": "| {:.1f} s |",
    "memory_second_quarter": "{:.0f} MB",
    "memory_last_quarter": "{:.0f} MB",
}
PAGE = transcript.PAGE.read_text(encoding="utf-8")


COMMANDS = [command for root in ROOTS for command in (root.walk_commands() if isinstance(root, Group) else [root])]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.qualified_name)
def test_it_has_every_command_with_its_options(command: Any) -> None:
    options = "".join(f" {each.name}" if each.required else f" [{each.name}]" for each in command.parameters)
    assert f"| `/{command.qualified_name}{options}` |" in PAGE


def test_it_has_every_button_and_setting() -> None:
    told = re.findall(r"^\| ([a-z, ]+) \|", PAGE.split("| button |")[1], re.MULTILINE)
    assert [name for names in told for name in names.split(", ")][:6] == [name for row in buttons.ROWS for name in row]
    assert not {name for name in DiscordChat.model_fields if f"`{name}`" not in PAGE}


def test_its_bounds_are_those_of_the_bot() -> None:
    rates = Rates()
    for who, rate in (("a person", rates.person), ("a channel", rates.channel), ("everybody", rates.everybody)):
        assert f"| {who} | {rate.burst} | {rate.seconds} s |" in PAGE
    assert f"A server has {DiscordChat().daily:,} answers a day" in PAGE
    turns = f"the last {REMEMBERED} turns: what was said to it, what it answered, the receipt"
    assert f"{turns} | {KEPT.days} days |" in PAGE


def test_its_rate_of_true_replies_is_that_of_the_stored_record() -> None:
    path = transcript.PAGE.with_name("study") / "replies.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    rows = {row["score"]: row for row in record["scores"]}
    cached, others = rows[CHOSEN], [rows[name]["rate"] for name in PLAIN]
    low, high = cached["interval"]
    rate = f"{cached['rate']:.0%} of {record['questions']} cases (95% interval: {low:.0%} to {high:.0%})"
    assert rate in PAGE
    assert f"the network's own probabilities come to {max(others):.0%} at best" in PAGE


def test_its_crowd_is_that_of_the_stored_record() -> None:
    record = json.loads(transcript.PAGE.with_suffix(".json").read_text(encoding="utf-8"))
    assert (record["people"], record["seconds"]) == (200, 300)
    assert record["answers"] == record["questions"]
    assert record["missed_beats"] == 0
    for name, shown in FIGURES.items():
        assert shown.format(record[name]) in PAGE, name


@pytest.mark.e2e
async def test_its_conversation_can_be_had_again(tmp_path: Path) -> None:
    loop = Loop()
    server = DiscordServer(loop)
    said = await transcript.conversation(server, tmp_path)
    server.close()
    loop.stop()
    assert server.breaches == []
    shown = PAGE.partition(transcript.HEADING)[2]
    assert acts(said) == acts(shown)
    assert "MARKED" not in shown


def acts(text: str) -> list[str]:
    """Return what people did, and what was shown under it, without what a network made up."""
    return [line for line in text.splitlines() if line.startswith(("**", "[again]", "(only"))]
