"""The verbs `run`, `status` and `post`: the bot as a process, how it fares, and one post by hand."""

import asyncio
import logging
import secrets
import signal
import sys
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.arguments import Json, print_json, say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.app import Bot, Clock


def run(
    verbose: Annotated[bool, typer.Option("--verbose", help="tell all that the libraries tell too")] = False,
    clock: Annotated[
        str, typer.Option(hidden=True, metavar="MOMENT SPEED", help="for tests: go so fast, and be right at MOMENT")
    ] = "",
) -> None:
    """Post what is due, until stopped. Without any account, posts go into a folder with a page that shows them."""
    level = logging.DEBUG if verbose else logging.WARNING
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=level)
    logging.getLogger("bot").setLevel(min(level, logging.INFO))

    async def working() -> None:
        with assembled(_read_clock(clock)) as bot:
            stop = asyncio.Event()
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, stop.set)
            await bot.run(stop)

    asyncio.run(working())


def status(as_json: Json = False) -> None:
    """Tell how the bot fares, whichever process it is; exit with 1 where none is running."""
    from dataclasses import asdict

    from bot import settings
    from bot.status import Status
    from bot.store import Store

    with closing(Store(settings.load().database)) as store:
        found = Status.of(store, datetime.now(UTC))
    if as_json:
        print_json(asdict(found))
    else:
        late = f"; a post has been due for {found.late:,.0f} s" if found.late else ""
        print(f"{'running' if found.running else 'not running: `apocrypha run` starts it'}{late}")
        for name, states in found.accounts.items():
            print(f"{name}: {', '.join(f'{count:,} {state}' for state, count in states.items())}")
    if not found.running:
        raise typer.Exit(1)


def post(
    style: Annotated[str, typer.Argument(help="a style's name; `apocrypha list` shows them")],
    targets: Annotated[list[str], typer.Option("--to", metavar="ACCOUNT", help="where to; more than once for several")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="show it, what it costs, and how services count it")
    ] = False,
    at: Annotated[datetime | None, typer.Option(help="when, in your local time; now where not given")] = None,
    approval: Annotated[bool, typer.Option("--approval", help="let it wait for `apocrypha posts approve`")] = False,
    temperature: Annotated[float | None, typer.Option("--temperature", "-t", help="0 to 5")] = None,
    length: Annotated[int | None, typer.Option(help="the most characters of the text")] = None,
    prefix: Annotated[str, typer.Option(help="begin the text with these words")] = "",
    message: Annotated[str, typer.Option(help="let the text answer these words")] = "",
    picture: Annotated[bool | None, typer.Option("--picture/--text", help="or as the style is best read")] = None,
    caption: Annotated[str, typer.Option(help="the text beside a picture")] = "",
    as_json: Json = False,
) -> None:
    """Write one post and deliver it: now, or where a bot is running, by that."""
    from bot.writing import PostOrder
    from corpora.errors import UserError

    fields = {"style": style, "targets": tuple(targets), "approval": approval, "temperature": temperature}
    fields |= {"length": length, "prefix": prefix, "message": message, "picture": picture, "caption": caption}
    order = PostOrder.model_validate(fields)
    with assembled() as bot:
        bot.registry.get(order.style)
        bot.writer.targets(order)
        made = asyncio.run(_rehearsed(bot, order, as_json) if dry_run else _posted(bot, order, at))
    if as_json:
        print_json(made)
    elif made.get("fault"):
        raise UserError(f"post {made['id']}: {made['fault']}")
    elif not dry_run:
        print(f"post {made['id']}: {_told(made)}")


@contextmanager
def assembled(clock: "Clock | None" = None) -> "Iterator[Bot]":
    """Put the bot together as the settings say."""
    from bot import settings
    from bot.app import Bot, Clock
    from bot.publish.opening import open_publisher
    from bot.speaking import open_engine
    from bot.store import Store
    from bot.vault import StoreVault
    from generators import registry

    chosen = settings.load()
    found = registry.find(chosen.plugins)
    with closing(Store(chosen.database)) as store, open_engine(chosen, found) as engine:
        vault = StoreVault(store, chosen.home / "vault.key")
        publishers = {account.name: open_publisher(account, vault) for account in chosen.targets}
        yield Bot(store, engine, publishers, chosen, found, say, clock or Clock())


def _read_clock(given: str) -> "Clock | None":
    from bot.app import Clock

    moment, _, speed = given.partition(" ")
    return Clock(datetime.fromisoformat(moment), float(speed)) if given else None


async def _rehearsed(bot: "Bot", order: Any, as_json: bool) -> dict[str, Any]:
    """Compose a post that goes nowhere, and show it."""
    post, targets = await bot.rehearse(order)
    counts = {
        each.account: {
            "characters": each.size(post.text),
            "room": each.room,
            "cost": str(each.cost(post.text, post.picture)),
        }
        for each in targets
    }
    if not as_json:
        print(post.text)
        if post.picture:
            print(f"\n(a picture of {post.picture.width} x {post.picture.height} pixels)\n\n{post.written}")
        for name, facts in counts.items():
            print(f"{name}: {facts['characters']} of {facts['room']}, ${facts['cost']}", file=sys.stderr)
    return {
        "text": post.text,
        "written": post.written,
        "alt": post.picture.alt if post.picture else "",
        "targets": counts,
    }


async def _posted(bot: "Bot", order: Any, at: datetime | None) -> dict[str, Any]:
    """Insert a post, and deliver it where it is due and nobody else does."""
    from bot.ledger import Ledger
    from bot.outbox import Slot

    due = at.astimezone() if at else bot.clock()
    slot = Slot("", secrets.token_hex(8), order.model_dump(mode="json"), due, due + timedelta(hours=1))
    number = bot.outbox.insert([slot], bot.clock())[0]
    if due <= bot.clock():
        await bot.deliver(number, order.targets)
    return Ledger(bot.store).post(number)


def _told(row: dict[str, Any]) -> str:
    if row["state"] != "ready":
        return str(row["fault"] or row["state"])
    told = "; ".join(
        f"{each['account']} {each['state']} {each['url'] or each['error']}".strip() for each in row["deliveries"]
    )
    is_over = all(each["state"] not in ("planned", "unknown") for each in row["deliveries"])
    return told if is_over else f"{told}. `apocrypha run` goes on with it until {row['expires'][:16]} UTC"
