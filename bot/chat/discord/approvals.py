"""Posts that wait for approval, shown in a channel with buttons: approve, edit, redraw, drop."""

import asyncio
import logging
import re
from io import BytesIO
from typing import TYPE_CHECKING, Any, Self

import discord
from discord.ui import Button, DynamicItem, Modal, TextInput, View

from bot.chat.desk import Desk, is_shown
from bot.chat.discord.host import Interaction, guarded
from bot.chat.discord.rights import accounts
from bot.chat.discord.wording import plain
from bot.publish.discord import ALT, LONGEST
from bot.store import Post
from corpora.errors import UserError

if TYPE_CHECKING:
    from bot.chat.discord.client import TalkClient

POLL = 30.0  # seconds between two looks for posts that wait
SHOWN = 1_700  # characters of a post that are shown
EDITED = 4_000  # characters that Discord lets a person type
KINDS = {"approve": discord.ButtonStyle.success, "drop": discord.ButtonStyle.danger}
MINUTES = 15 * 60.0  # seconds that a person may take to edit
FUTURE = {"approve": "approved", "drop": "dropped", "redraw": "written anew", "edit": "edited"}

log = logging.getLogger(__name__)


class PostButton(DynamicItem[Button[View]], template=r"post:(?P<what>approve|edit|redraw|drop):(?P<post>\d+)"):
    """A decision that can be made about a post."""

    def __init__(self, what: str, post: int) -> None:
        """Stand for `what` of a post."""
        style = KINDS.get(what, discord.ButtonStyle.secondary)
        super().__init__(Button(label=what, style=style, custom_id=f"post:{what}:{post}"))
        self.what, self.post = what, post

    @classmethod
    async def from_custom_id(cls, interaction: discord.Interaction, item: Any, match: re.Match[str], /) -> Self:
        """Return the button that was pressed."""
        del interaction, item
        return cls(match["what"], int(match["post"]))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Decide, or let the person edit the text first."""
        await guarded(interaction, self._pressed(interaction))

    async def _pressed(self, interaction: Interaction) -> None:
        desk = interaction.client.host.desk
        row = await asyncio.to_thread(desk.outcome, self.post)
        if not {each["account"] for each in row["deliveries"]} <= set(accounts(interaction)):
            raise UserError("This post goes to accounts that are not yours to use.")
        if self.what == "edit":
            await interaction.response.send_modal(EditModal(self.post, row["written"]))
        else:
            await decide(interaction, self.what, self.post)


class EditModal(Modal, title="Edit the post"):
    """Where a person edits a post; its text takes the place of its picture too."""

    text: TextInput["EditModal"] = TextInput(label="Text", style=discord.TextStyle.long, max_length=EDITED)

    def __init__(self, post: int, text: str) -> None:
        """Show the text as it is."""
        super().__init__(timeout=MINUTES)
        self.post, self.text.default = post, text[:EDITED]

    async def on_submit(self, interaction: discord.Interaction[Any]) -> None:
        """Keep the new text; the post goes on waiting."""
        await guarded(interaction, decide(interaction, "edit", self.post, self.text.value))


async def decide(interaction: Interaction, what: str, post: int, text: str = "") -> None:
    """Keep a decision, and say it where the post is shown."""
    await interaction.response.defer()
    desk, who = interaction.client.host.desk, f"{interaction.user.name} (Discord {interaction.user.id})"
    await asyncio.to_thread(desk.decide, who, what, post, text)
    if what in ("approve", "drop"):
        told = f"Post {post} was {FUTURE[what]} by {plain(interaction.user.display_name)}."
        await interaction.edit_original_response(content=told, view=None)
        await asyncio.to_thread(desk.forget_notice, post)


class Approvals:
    """Shows posts that wait, in the desk of the operator's server, until somebody decided."""

    def __init__(self, client: "TalkClient", desk: Desk) -> None:
        """Show nothing yet."""
        self._client, self._desk = client, desk

    async def run(self) -> None:
        """Look for posts that wait until cancelled."""
        while True:
            try:
                await self.look()
            except (UserError, discord.DiscordException, OSError) as error:
                log.warning("posts that wait for approval cannot be shown: %s", error)
            await asyncio.sleep(POLL)

    async def look(self) -> None:
        """Show what waits and is not shown as it is now, and mark what was decided elsewhere."""
        waiting = {post.id: post for post in await asyncio.to_thread(self._desk.waiting)}
        notices = await asyncio.to_thread(self._desk.notices)
        for notice in notices:
            message = self._client.get_partial_messageable(notice.channel).get_partial_message(notice.message)
            post = waiting.pop(notice.post_id, None)
            if post is None:
                await message.edit(content=f"Post {notice.post_id} was decided.", view=None, attachments=[])
                await asyncio.to_thread(self._desk.forget_notice, notice.post_id)
            elif not is_shown(notice, post):
                await message.edit(**_fields(post, "attachments"))
                await asyncio.to_thread(self._desk.note, post, notice.channel, notice.message)
        for post in waiting.values():
            if channel := self._client.desk_channel():
                sent = await channel.send(**_fields(post, "files"))
                await asyncio.to_thread(self._desk.note, post, channel.id, sent.id)


def _fields(post: Post, files: str) -> dict[str, Any]:
    """Return a message that shows a post."""
    view = View(timeout=None)
    for what in FUTURE:
        view.add_item(PostButton(what, post.id))
    targets = ", ".join(post.order.get("targets", []))
    head = f"Post {post.id} waits for approval: {plain(post.order.get('style', ''))} to {plain(targets)}"
    text = plain(post.text[:SHOWN])
    pictures = [discord.File(BytesIO(post.picture), "picture.png", description=post.alt[:ALT])] if post.picture else []
    return {"content": f"{head}\n>>> {text}"[:LONGEST], "view": view, files: pictures}
