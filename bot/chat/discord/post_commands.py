"""/post and /schedule, for admins: what goes out to the accounts that are theirs to use."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from discord import app_commands, utils
from discord.app_commands import Choice, Range, command, describe

from bot.chat.discord.commands import OFFERED, offer_styles
from bot.chat.discord.host import Interaction, acknowledge
from bot.chat.discord.rights import accounts
from bot.chat.discord.wording import plain
from bot.ledger import Row
from bot.publish.discord import LONGEST
from corpora.errors import UserError

LOOKS = 60  # times that it is looked what became of a post, a second apart
OPEN = ("planned", "sending", "unknown")


async def offer_accounts(interaction: Interaction, typed: str) -> list[Choice[str]]:
    """Return the accounts that this admin may post to."""
    try:
        names = accounts(interaction)
    except UserError:
        return []
    return [Choice(name=name, value=name) for name in names if typed.lower() in name][:OFFERED]


@command()
@app_commands.guild_only()
@describe(style="who writes it", to="the account; yours where there is only one", message="what it answers")
@describe(prefix="how it begins", approval="let it wait until somebody approves it")
@app_commands.autocomplete(style=offer_styles, to=offer_accounts)
async def post(
    interaction: Interaction,
    style: str,
    to: str | None = None,
    message: Range[str, 0, 2000] = "",
    prefix: Range[str, 0, 500] = "",
    approval: bool = False,
) -> None:
    """Write a post and send it out (admins)."""
    allowed = accounts(interaction)
    await acknowledge(interaction, hidden=True)
    fields = {"style": style, "targets": _target(to, allowed), "message": message, "prefix": prefix}
    desk, name = interaction.client.host.desk, f"discord {interaction.id}"
    number = await asyncio.to_thread(desk.post, name, fields | {"approval": approval}, allowed)
    if number is None:  # this very command came before
        return
    for _ in range(LOOKS):
        row = await asyncio.to_thread(desk.outcome, number)
        await interaction.edit_original_response(content=_told(row))
        if not _goes_on(row):
            return
        await asyncio.sleep(1)


schedule = app_commands.Group(name="schedule", description="When what is posted (admins)", guild_only=True)


@schedule.command()
@describe(name="small letters, digits, hyphens", style="who writes it", to="the account; yours where there is only one")
@describe(at="times of day, as 09:00 or 09:00,18:00", every="as 6h or 90m", cron='five fields, as "0 9 * * mon-fri"')
@describe(zone="as Europe/Berlin; UTC where not given", approval="posts wait until somebody approves them")
@app_commands.autocomplete(style=offer_styles, to=offer_accounts)
async def add(
    interaction: Interaction,
    name: str,
    style: str,
    to: str | None = None,
    at: str | None = None,
    every: str | None = None,
    cron: str | None = None,
    zone: str | None = None,
    approval: bool = False,
) -> None:
    """Post again and again: give one of at, every, cron."""
    allowed = accounts(interaction)
    await acknowledge(interaction, hidden=True)
    fields: dict[str, Any] = {"name": name, "style": style, "targets": _target(to, allowed), "every": every}
    fields |= {"cron": cron, "zone": zone, "approval": approval or None}
    fields["at"] = at.replace(" ", "").split(",") if at else None
    given = {key: value for key, value in fields.items() if value is not None}
    spec, due = await asyncio.to_thread(interaction.client.host.desk.schedule, given, allowed)
    told = f"{plain(spec.name)}: {plain(spec.when)}, {plain(str(spec.zone))}. {_next(due)}"
    await interaction.edit_original_response(content=told)


@schedule.command(name="list")
async def list_schedules(interaction: Interaction) -> None:
    """List the schedules, and when each posts next."""
    allowed = accounts(interaction)
    await acknowledge(interaction, hidden=True)
    rows = await asyncio.to_thread(interaction.client.host.desk.schedules, allowed)
    lines = [
        f"**{plain(kept.spec.name)}**: {plain(kept.spec.style)} to {plain(', '.join(kept.spec.targets))} "
        f"{plain(kept.spec.when)}, {plain(str(kept.spec.zone))}. {'Paused.' if kept.paused else _next(due)}"
        for kept, due in rows
    ]
    await interaction.edit_original_response(content="\n".join(lines)[:LONGEST] or "There are no schedules yet.")


@schedule.command()
@describe(what="resume leaves out what was due meanwhile; what a removed one has posted stays", name="the schedule")
async def change(interaction: Interaction, what: Literal["pause", "resume", "remove"], name: str) -> None:
    """Pause, resume or remove a schedule."""
    allowed = accounts(interaction)
    await acknowledge(interaction, hidden=True)
    await asyncio.to_thread(interaction.client.host.desk.change_schedule, what, name, allowed)
    await interaction.edit_original_response(content=f"{plain(name)} is {what.removesuffix('e')}ed.")


@change.autocomplete("name")
async def offer_schedules(interaction: Interaction, typed: str) -> list[Choice[str]]:
    """Return the schedules that this admin may change."""
    rows = await asyncio.to_thread(interaction.client.host.desk.schedules, accounts(interaction))
    names = [kept.spec.name for kept, _ in rows if typed.lower() in kept.spec.name]
    return [Choice(name=name, value=name) for name in names[:OFFERED]]


def _target(to: str | None, allowed: Sequence[str]) -> tuple[str, ...]:
    if to is None and len(allowed) > 1:
        raise UserError(f"Say which account it is for: {', '.join(allowed)}.")
    return (to or allowed[0],)


def _next(due: datetime | None) -> str:
    return f"Next: {utils.format_dt(due)}" if due else "It will not post any more."


def _goes_on(row: Row) -> bool:
    """Return whether something will still happen to a post by itself."""
    return row["state"] == "due" or (row["state"] == "ready" and any(e["state"] in OPEN for e in row["deliveries"]))


def _told(row: Row) -> str:
    """Return what became of a post."""
    if row["state"] != "ready":
        return plain(f"Post {row['id']}: {row['fault'] or row['state']}")
    lines = [f"Post {row['id']}"]
    for each in row["deliveries"]:
        more = f"<{each['url']}>" if each["url"] else plain(each["error"])
        lines.append(f"{plain(each['account'])}: {plain(each['state'])} {more}")
    return "\n".join(lines)[:LONGEST]
