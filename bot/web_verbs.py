"""The verb `serve`: the web page and the API."""

import ipaddress
import logging
import secrets
import signal
import sys
import time
import webbrowser
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from corpora.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.accounts import Key, WebServer
    from bot.app import Bot
    from bot.chat.web.house import House
    from bot.chat.web.writer import Writer

BACKLOG = 2048  # connections that wait for being taken up
FAREWELL = 10  # seconds that a text may still take when the server is to stop


def serve(
    host: Annotated[str | None, typer.Option(help="where to listen; beyond this machine it takes keys")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="0 takes one that is free")] = None,
    cluster: Annotated[
        bool, typer.Option("--cluster", help="let replicas on a Ray cluster write: RAY_ADDRESS's, or one begun here")
    ] = False,
    replicas: Annotated[
        int, typer.Option(min=1, help="of a cluster: how many, each on APOCRYPHA_THREADS CPUs, or one")
    ] = 2,
    show: Annotated[bool, typer.Option("--open", help="open the page in the browser")] = False,
) -> None:
    """Serve the web page, and the API in the shape of OpenAI's."""
    import uvicorn

    from bot.bot_verbs import assembled
    from bot.chat.web.site import site

    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    with assembled() as bot, _writer(bot, replicas if cluster else 0) as writer:
        given = {"host": host, "port": port}
        web = bot.settings.web.model_copy(update={name: each for name, each in given.items() if each is not None})
        own = _own_key(web)
        application = site(_house(bot, writer, (*web.keys, *own)), _names(web))
        config = uvicorn.Config(
            application, log_level="warning", timeout_graceful_shutdown=FAREWELL, server_header=False
        )
        config.host, config.port = web.host, web.port
        with config.bind_socket() as socket:
            socket.listen(BACKLOG)
            address = f"http://{web.host}:{socket.getsockname()[1]}/"
            link = address + "".join(f"#key={key.secret.get_secret_value()}" for key in own)
            print(f"Apocrypha is at {address}", file=sys.stderr)
            if own:
                print(f"With posts and schedules, for you alone: {link}", file=sys.stderr, flush=True)
            if show:
                webbrowser.open(link)
            server = uvicorn.Server(config)
            for number in (signal.SIGTERM, signal.SIGINT):  # before it has begun; and it raises them again at its end
                signal.signal(number, lambda *_: setattr(server, "should_exit", True))
            server.run([socket])


def _own_key(web: "WebServer") -> "tuple[Key, ...]":
    """Return a key for whoever starts the server, where no admin has one; refuse to be open to all."""
    from bot.accounts import Key

    if not _is_here(web.host) and not any(not key.admin for key in web.keys):
        raise UserError(
            f"Anybody who reaches {web.host} could write with your machine. Put a key into the settings first: "
            '[[web.keys]], name = "friends", secret = {env = "FRIENDS_KEY"}; or listen on 127.0.0.1.'
        )
    if any(key.admin for key in web.keys):
        return ()
    return (Key.model_validate({"name": "you", "secret": secrets.token_urlsafe(16), "admin": True}),)


def _names(web: "WebServer") -> list[str]:
    """Return the names that a request may call the server by: without keys all are its own, lest a page pose as it."""
    return ["localhost", "127.0.0.1", web.host, *web.names] if _is_here(web.host) else list(web.names) or ["*"]


def _is_here(host: str) -> bool:
    """Return whether only this machine reaches `host`."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@contextmanager
def _writer(bot: "Bot", replicas: int) -> "Iterator[Writer]":
    """Let this process write, or so many replicas; raise UserError where Ray is missing."""
    if not replicas:
        from bot.chat.web.writer import Here

        yield Here(bot.engine)
        return
    try:
        from bot.chat.web import cluster
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("bot"):
            raise
        raise UserError(f"A cluster needs {error.name}: pip install 'apocrypha[cluster]'.") from error
    with cluster.speakers(replicas, bot.settings.threads or 1) as there:
        yield there


def _house(bot: "Bot", writer: "Writer", keys: "tuple[Key, ...]") -> "House":
    from bot.chat.web.house import House
    from bot.chat.web.keys import Keys
    from bot.chat.web.numbers import Numbers
    from bot.ledger import Ledger

    def now() -> datetime:
        return datetime.now(UTC)

    return House(
        writer=writer,
        registry=bot.registry,
        desk=bot.desk(lambda: None),  # the bot looks for itself
        models=bot.settings.models,
        style=bot.registry.get(bot.settings.web.style).name,  # says what there is, where it is none of them
        keys=Keys(keys, time.monotonic),
        numbers=Numbers(Ledger(bot.store), now),
        clock=time.monotonic,
        now=now,
        draw_seed=lambda: secrets.randbelow(2**31),
    )
