"""The verbs below `posts`: what was posted, what waits, and what a person decides."""

import asyncio
import getpass
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.arguments import Json, print_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.decisions import Decisions
    from bot.settings import Settings
    from bot.store import Store

posts = typer.Typer(help="See and decide about posts: sent, waiting, failed.", no_args_is_help=True)

Number = Annotated[int, typer.Argument(help="the post's number; `apocrypha posts list` shows it")]


@contextmanager
def opened() -> "Iterator[tuple[Store, Settings]]":
    """Open the store of the settings."""
    from bot import settings
    from bot.store import Store

    chosen = settings.load()
    with closing(Store(chosen.database)) as store:
        yield store, chosen


@contextmanager
def _deciding() -> "Iterator[tuple[Decisions, datetime]]":
    from bot.decisions import Decisions

    with opened() as (store, _):
        yield Decisions(store, getpass.getuser()), datetime.now(UTC)


@posts.command(name="list")
def list_posts(
    state: Annotated[str | None, typer.Option(help="only those in this state, as waiting, failed or review")] = None,
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="the latest ones")] = 20,
    as_json: Json = False,
) -> None:
    """List posts, the latest first."""
    from bot.ledger import Ledger

    with opened() as (store, _):
        rows = Ledger(store).posts(count, state)
    if as_json:
        print_json(rows)
        return
    for row in rows:
        where = ", ".join(f"{each['account']}: {each['state']}" for each in row["deliveries"])
        states = row["state"] if row["state"] != "ready" else where
        print(f"{row['id']:>5}  {row['due'][:16]}  {row['schedule'] or '(by hand)':<16}  {states}")
        print(f"       {' '.join((row['fault'] or row['written']).split())[:100]}")


@posts.command()
def show(post: Number, as_json: Json = False) -> None:
    """Show all that is kept of a post: its drafts, tries, decisions and costs."""
    from bot.ledger import Ledger

    with opened() as (store, _):
        row = Ledger(store).post(post)
    if as_json:
        print_json(row)
        return
    print("\n".join(_lines(row)))


@posts.command()
def costs(as_json: Json = False) -> None:
    """Show what each account has cost, by month (UTC), and how much it may."""
    from bot.ledger import Ledger

    with opened() as (store, settings):
        rows = Ledger(store).costs({account.name: account.cap for account in settings.targets})
    if as_json:
        print_json(rows)
        return
    for row in rows:
        cap = f" of ${row['cap']}" if row["cap"] else ""
        print(f"{row['month']}  {row['account']:<16}  {row['posts']:>6,} posts  ${row['cost']}{cap}")


@posts.command()
def approve(post: Number) -> None:
    """Let a waiting post go out."""
    with _deciding() as (decisions, now):
        decisions.approve(post, now)


@posts.command()
def edit(post: Number, text: Annotated[str, typer.Argument(help="what is posted instead")]) -> None:
    """Give a waiting post another text, if the services it is meant for would take that."""
    from bot.bot_verbs import assembled

    with assembled() as bot:
        asyncio.run(bot.edit(post, text, getpass.getuser()))


@posts.command()
def redraw(post: Number) -> None:
    """Have a waiting post written anew."""
    with _deciding() as (decisions, now):
        decisions.redraw(post, now)


@posts.command()
def drop(post: Number) -> None:
    """Keep a post from going out where it has not gone yet."""
    with _deciding() as (decisions, now):
        decisions.drop(post, now)


@posts.command()
def retry(
    post: Number,
    hours: Annotated[float, typer.Option(min=0.01, help="how long it may still go out")] = 1.0,
) -> None:
    """Send once more what failed, expired, or needs a review: your word that it did not arrive."""
    with _deciding() as (decisions, now):
        print("again: " + ", ".join(decisions.retry(post, now, hours)))


def _lines(row: dict[str, Any]) -> "Iterator[str]":
    yield f"post {row['id']}, {row['state']}: {row['schedule'] or 'by hand'} {row['slot']}"
    yield f"due {row['due']}, expires {row['expires']}{', with a picture' if row['picture'] else ''}"
    if row["fault"]:
        yield row["fault"]
    if row["text"]:
        yield f"\n{row['text']}\n"
    if row["written"] not in ("", row["text"]):
        yield f"{row['written']}\n"
    for each in row["candidates"]:
        if each["fault"]:
            yield f"rejected ({each['fault']}): {' '.join(each['text'].split())[:80]}"
    for each in row["decisions"]:
        yield f"{each['at']}  {each['who']}: {each['what']}"
    for each in row["deliveries"]:
        yield f"{each['account']}: {each['state']}, ${each['cost']} {each['url'] or each['error']}".rstrip()
        for attempt in each["attempts"]:
            yield f"    {attempt['started']}  {attempt['what']}: {attempt['outcome'] or 'no end'} {attempt['detail']}"
