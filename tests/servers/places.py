"""Where posts go in tests: for each platform an account on a server, and a look at the server past the publisher."""

import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from mastodon import Mastodon
from PIL import Image
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from bot.accounts import Account, BlueskyAccount, DiscordAccount, FolderAccount, MastodonAccount, XAccount
from bot.publish.opening import open_publisher
from bot.publish.publisher import Publisher
from tests.servers import discord_stub, x_stub
from tests.servers.bluesky_stub import BlueskyStub
from tests.servers.discord_stub import DiscordStub
from tests.servers.loss import LossProxy
from tests.servers.threads import Loop
from tests.servers.x_stub import XStub

OUT_OF_BAND = "urn:ietf:wg:oauth:2.0:oob"


class MemoryVault:
    """A vault that lasts as long as the test; what is in it is marked as secret."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}

    async def read(self, name: str) -> str | None:
        return self.kept.get(name)

    async def write(self, name: str, secret: str) -> None:
        self.kept[name] = secret


@dataclass
class Place:
    """An account. `texts` and `pictures` (size in pixels, alt text) are what the server itself has."""

    account: Account
    texts: Callable[[], list[str]]
    pictures: Callable[[], list[tuple[tuple[int, int], str]]]
    proxy: LossProxy | None = None
    deletes: bool = True
    reads: bool = True
    stub: Any = None
    vault: MemoryVault = field(default_factory=MemoryVault)

    def open(self) -> Publisher:
        """Return a publisher such as a new process would have."""
        return open_publisher(self.account, self.vault)


def folder(path: Path) -> Place:
    def texts() -> list[str]:
        return [file.read_text(encoding="utf-8") for file in path.rglob("*.txt")]

    def pictures() -> list[tuple[tuple[int, int], str]]:
        records = [(file, json.loads(file.read_text(encoding="utf-8"))) for file in path.rglob("*.json")]
        return [(measured(file.with_suffix(".png").read_bytes()), about["picture"]["alt"]) for file, about in records]

    return Place(FolderAccount(name="here", path=path), texts, pictures)


def discord(loop: Loop, webhook: bool = False) -> Place:
    stub = DiscordStub(loop)
    proxy = LossProxy(loop, stub.port)
    service = proxy.url + discord_stub.API
    if webhook:
        url = f"{proxy.url}/api/webhooks/{discord_stub.WEBHOOK}/{discord_stub.SECRET}"
        account = DiscordAccount(name="hook", webhook=url, service=service)
    else:
        account = DiscordAccount(name="bot", token=discord_stub.TOKEN, channel=discord_stub.CHANNEL, service=service)

    def texts() -> list[str]:
        return [message["content"] for message in stub.messages]

    def pictures() -> list[tuple[tuple[int, int], str]]:
        shown = [message for message in stub.messages if message["attachments"]]
        return [(measured(stub.files[each["id"]]), each["attachments"][0]["description"]) for each in shown]

    return Place(account, texts, pictures, proxy, reads=not webhook, stub=stub)


def x(loop: Loop, signs: bool = True) -> Place:
    stub = XStub(loop)
    proxy = LossProxy(loop, stub.port, posting="POST /2/tweets")
    account = XAccount(name="x", service=proxy.url, **(x_stub.FOUR if signs else x_stub.TWO))

    def pictures() -> list[tuple[tuple[int, int], str]]:
        shown = [stub.media[each] for post in stub.posts for each in post["media"]]
        return [(measured(each["bytes"]), each["alt"]) for each in shown]

    return Place(account, lambda: [post["written"] for post in stub.posts], pictures, proxy, stub=stub)


def mastodon(loop: Loop, port: int, token: str, advertised: int = 0, deletes: bool = True) -> Place:
    proxy = LossProxy(loop, port, advertised, posting="POST /api/v1/statuses")
    account = MastodonAccount(name="masto", api_base_url=proxy.url, access_token=token)
    direct, headers = f"http://127.0.0.1:{port}", {"Authorization": f"Bearer {token}"}

    def posts() -> list[Any]:
        me = requests.get(f"{direct}/api/v1/accounts/verify_credentials", headers=headers, timeout=30).json()["id"]
        url, found = f"{direct}/api/v1/accounts/{me}/statuses", dict[str, Any]()
        while True:
            asked = {"limit": "40"} | ({"max_id": min(found, key=int)} if found and deletes else {})
            page = {each["id"]: each for each in requests.get(url, headers=headers, params=asked, timeout=30).json()}
            if not page.keys() - found.keys():
                return list(found.values())
            found |= page

    def pictures() -> list[tuple[tuple[int, int], str]]:
        shown = [each for post in posts() for each in post["media_attachments"]]
        files = [requests.get(re.sub(r"https?://[^/]+", direct, each["url"]), timeout=30).content for each in shown]
        return [(measured(file), each["description"]) for file, each in zip(files, shown, strict=True)]

    return Place(account, lambda: [post["content"] for post in posts()], pictures, proxy, deletes=deletes)


def snac_token(base: str, password: str) -> str:
    """Log in as a person would in a browser: snac hands out no usable token otherwise."""
    client, secret = Mastodon.create_app(
        "apocrypha", scopes=["read", "write"], redirect_uris=OUT_OF_BAND, api_base_url=base
    )
    form = {"login": "bot", "passwd": password, "redir": OUT_OF_BAND, "cid": client, "state": "x"}
    page = requests.post(f"{base}/oauth/x-snac-login", data=form, timeout=30).text
    code = re.match("[0-9a-f]+", page)
    assert code, page[:300]
    session = requests.Session()
    session.headers["Connection"] = "close"  # snac closes after each answer and does not announce it
    # Now and then it closes before it has read a request. One that was reset was not heard, and is made again.
    session.mount("http://", HTTPAdapter(max_retries=Retry(total=3, allowed_methods=None, backoff_factor=0.2)))
    guest = Mastodon(client_id=client, client_secret=secret, api_base_url=base, session=session)
    token: str = guest.log_in(code=code[0], redirect_uri=OUT_OF_BAND, scopes=["read", "write"])
    return token


def bluesky(proxy: LossProxy, direct: str, handle: str, stub: BlueskyStub | None = None) -> Place:
    """An account on a server that is reached at `direct` past the proxy; it is made where there is none."""
    password = "app-password-MARKED"
    new = {"handle": handle, "email": f"{handle}@example.com", "password": password}
    made = requests.post(f"{direct}/xrpc/com.atproto.server.createAccount", json=new, timeout=60)
    made.raise_for_status()
    did = made.json()["did"]

    def records() -> list[Any]:
        asked = {"repo": did, "collection": "app.bsky.feed.post"}
        answer = requests.get(f"{direct}/xrpc/com.atproto.repo.listRecords", params=asked, timeout=30)
        return [each["value"] for each in answer.json()["records"]]

    def pictures() -> list[tuple[tuple[int, int], str]]:
        shown = [each for value in records() for each in value.get("embed", {}).get("images", [])]
        found = []
        for each in shown:
            asked = {"did": did, "cid": each["image"]["ref"]["$link"]}
            blob = requests.get(f"{direct}/xrpc/com.atproto.sync.getBlob", params=asked, timeout=30).content
            found.append((measured(blob), each["alt"]))
        return found

    account = BlueskyAccount(name="sky", handle=handle, password=password, service=f"http://localhost:{proxy.port}")
    return Place(account, lambda: [value["text"] for value in records()], pictures, proxy, stub=stub)


def measured(png: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(png)) as image:
        return image.size
