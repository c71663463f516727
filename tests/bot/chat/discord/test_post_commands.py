"""/post, /schedule and the posts that wait for approval: who may, and what comes of it."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from bot.accounts import DiscordAccount, FolderAccount
from bot.app import Bot, Clock
from bot.cards import Cards
from bot.chat.discord.approvals import Approvals
from bot.ledger import Ledger
from bot.publish.opening import open_publisher
from bot.schedule import Schedules
from bot.settings import Settings
from bot.vault import StoreVault
from tests.bot.chat.discord.conftest import HOME, NOON, House, Scene


@pytest.fixture
def house(house: House, tmp_path: Path) -> House:
    """One whose server is the operator's, and whose posts are written and delivered at once."""
    house.change(home=HOME)
    Cards(Settings(home=tmp_path)).allow("weather", "the tests", "today", "letter counts are enough here")
    vault = StoreVault(house.store, tmp_path / "vault.key")

    def ring() -> None:
        settings = Settings(home=tmp_path, accounts=house.accounts)
        publishers = {account.name: open_publisher(account, vault) for account in house.accounts}
        for post in Ledger(house.store).posts(10, "due"):
            bot = Bot(house.store, house.engine, publishers, settings, house.registry, print, Clock(NOON, 0))
            asyncio.run(bot.deliver(post["id"], list(publishers)))

    house.ring = ring
    return house


def posted(tmp_path: Path) -> list[str]:
    return [file.read_text(encoding="utf-8") for file in (tmp_path / "posts").rglob("*.txt")]


async def told(scene: Scene, command: str, **options: Any) -> str:
    given = await scene.carol.slash(scene.general, command, **options)
    assert given.ephemeral
    assert given.response
    return str(given.response.content)


async def test_post_writes_and_delivers_and_says_where(scene: Scene, tmp_path: Path) -> None:
    outcome = await told(scene, "post", style="weather", prefix="On day 7 ")
    assert outcome.startswith("Post 1\nfolder: sent <file://")
    (text,) = posted(tmp_path)
    assert text.startswith("On day 7 there was")


@pytest.mark.parametrize("name", ["post", "schedule list"])
async def test_only_admins_post(scene: Scene, name: str, house: House) -> None:
    options = {"style": "weather"} if name == "post" else {}
    assert "This is for admins" in scene.refusal(await scene.alice.slash(scene.general, name, **options))
    assert Ledger(house.store).posts(10) == []


async def test_admins_of_other_servers_post_only_into_their_own(scene: Scene, house: House, tmp_path: Path) -> None:
    house.change(home=HOME + 1)
    await scene.env.restart_bot(house.client())
    refused = await scene.carol.slash(scene.general, "post", style="weather")
    assert "the others are for admins of the operator's servers" in scene.refusal(refused).replace("\\", "")
    assert await scene.carol.autocomplete(scene.general, "post", "to", "") == []
    own = DiscordAccount(name="here", token="t", channel=scene.general.id)
    house.accounts = (FolderAccount(name="folder", path=tmp_path / "posts"), own)
    house.ring = lambda: None
    await scene.env.restart_bot(house.client())
    assert await scene.carol.autocomplete(scene.general, "post", "to", "") == [{"name": "here", "value": "here"}]
    given = await scene.carol.slash(
        scene.general, "schedule add", name="dawn", style="weather", to="folder", at="09:00"
    )
    assert "no account named 'folder'" in scene.refusal(given)
    assert "dawn: at 09:00" in await told(scene, "schedule add", name="dawn", style="weather", at="09:00")


async def test_what_cannot_be_posted_is_explained(scene: Scene) -> None:
    given = await scene.carol.slash(scene.general, "post", style="nobody")
    assert "no style named 'nobody'" in scene.refusal(given)
    given = await scene.carol.slash(scene.general, "post", style="weather", to="nowhere")
    assert "no account named 'nowhere'" in scene.refusal(given)


async def test_schedules(scene: Scene, house: House) -> None:
    assert await told(scene, "schedule list") == "There are no schedules yet."
    added = await told(scene, "schedule add", name="dawn", style="weather", at="09:00, 18:00", zone="Europe/Berlin")
    assert added.startswith("dawn: at 09:00, 18:00, Europe/Berlin. Next: <t:")
    (kept,) = Schedules(house.store).all()[0]
    assert kept.spec.targets == ("folder",)
    assert "**dawn**: weather to folder at 09:00, 18:00" in await told(scene, "schedule list")
    offered = await scene.carol.autocomplete(scene.general, "schedule change", "name", "da", what="pause")
    assert offered == [{"name": "dawn", "value": "dawn"}]
    assert await told(scene, "schedule change", what="pause", name="dawn") == "dawn is paused."
    assert "Paused." in await told(scene, "schedule list")
    assert await told(scene, "schedule change", what="resume", name="dawn") == "dawn is resumed."
    assert await told(scene, "schedule change", what="remove", name="dawn") == "dawn is removed."
    assert Schedules(house.store).all()[0] == []
    given = await scene.carol.slash(scene.general, "schedule add", name="dawn", style="weather", at="late")
    assert "expected a time of day" in scene.refusal(given)


@pytest.fixture
async def desk(scene: Scene) -> Any:
    """A channel in which a post is shown that waits for approval."""
    channel = scene.guild.create_text_channel("desk")
    await told(scene, "settings desk", channel=channel)
    assert await told(scene, "post", style="weather", approval=True) == "Post 1: waiting"
    await look(scene)
    return channel


async def look(scene: Scene) -> None:
    client: Any = scene.env.bot
    await Approvals(client, client.host.desk).look()


async def test_a_post_that_waits_is_shown_once(scene: Scene, desk: Any, house: House) -> None:
    await look(scene)
    (shown,) = scene.said(desk)
    assert shown.content.startswith("Post 1 waits for approval: weather to folder\n>>> On day")
    await scene.env.restart_bot(house.client())
    await look(scene)
    assert len(scene.said(desk)) == 1


async def test_approve(scene: Scene, desk: Any, house: House, tmp_path: Path) -> None:
    given = await scene.carol.click(scene.said(desk)[0], label="approve")
    assert given.acknowledged
    (shown,) = scene.said(desk)
    assert shown.content == "Post 1 was approved by carol."
    assert shown.components == []
    row = Ledger(house.store).post(1)
    assert row["state"] == "ready"
    assert row["decisions"][0]["who"] == f"carol (Discord {scene.carol.id})"
    assert posted(tmp_path) == []  # the bot that is running will deliver it


async def test_drop(scene: Scene, desk: Any, house: House) -> None:
    await scene.carol.click(scene.said(desk)[0], label="drop")
    assert scene.said(desk)[0].content == "Post 1 was dropped by carol."
    assert Ledger(house.store).post(1)["state"] == "dropped"


async def test_edit(scene: Scene, desk: Any, house: House) -> None:
    shown = scene.said(desk)[0]
    given = await scene.carol.click(shown, label="edit")
    assert given.modal
    (row,) = given.modal["components"]
    (field,) = row["components"]
    assert field["value"] == Ledger(house.store).post(1)["written"]
    await scene.carol.submit_modal(given, {field["custom_id"]: "Let there be *rain*."})
    assert Ledger(house.store).post(1)["text"] == "Let there be *rain*."
    await look(scene)
    (shown,) = scene.said(desk)
    assert shown.content.endswith(">>> Let there be \\*rain\\*.")
    await scene.carol.click(shown, label="approve")
    assert Ledger(house.store).post(1)["state"] == "ready"


async def test_redraw(scene: Scene, desk: Any, house: House) -> None:
    before = Ledger(house.store).post(1)["written"]
    await scene.carol.click(scene.said(desk)[0], label="redraw")
    await look(scene)
    shown = scene.said(desk)[-1]
    row = Ledger(house.store).post(1)
    assert row["state"] == "waiting"
    assert row["written"] != before
    assert row["written"] in shown.content


async def test_only_who_may_post_decides(scene: Scene, desk: Any, house: House) -> None:
    given = await scene.alice.click(scene.said(desk)[0], label="approve")
    assert given.ephemeral
    assert Ledger(house.store).post(1)["state"] == "waiting"


async def test_what_was_decided_elsewhere_is_marked(scene: Scene, desk: Any, house: House) -> None:
    client: Any = scene.env.bot
    client.host.desk.decide("somebody", "drop", 1)
    await look(scene)
    (shown,) = scene.said(desk)
    assert shown.content == "Post 1 was decided."
    assert shown.components == []
    await look(scene)
