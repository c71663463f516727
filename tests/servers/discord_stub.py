"""A stand-in for Discord's REST API (v10): one bot, one channel, one webhook, and nonces as its documents say."""

import json
from datetime import UTC, datetime
from itertools import count
from typing import Any

from aiohttp import web

from tests.servers.stub import Stub, answer
from tests.servers.threads import Loop

EPOCH = 1_420_070_400_000  # of snowflakes, in milliseconds
BOT, GUILD, CHANNEL, WEBHOOK = 1_000_000_000_000_000_001, 1_000_000_000_000_000_002, 1_000_000_000_000_000_003, 4
TOKEN, SECRET = "bot-token-MARKED", "webhook-token-MARKED"
API = "/api/v10"


class DiscordStub(Stub):
    def __init__(self, loop: Loop) -> None:
        self.messages: list[dict[str, Any]] = []
        self.files: dict[str, bytes] = {}
        self.reading = 200
        self._nonces: dict[str, dict[str, Any]] = {}
        self._count = count()
        super().__init__(loop)

    def routes(self, router: web.UrlDispatcher) -> None:
        router.add_get(f"{API}/users/@me", self._me)
        router.add_get(f"{API}/oauth2/applications/@me", self._application)
        router.add_get(f"{API}/channels/{CHANNEL}", self._channel)
        router.add_post(f"{API}/channels/{CHANNEL}/messages", self._post)
        router.add_get(f"{API}/channels/{CHANNEL}/messages", self._read)
        router.add_delete(f"{API}/channels/{CHANNEL}/messages/{{id}}", self._delete)
        router.add_get(f"{API}/webhooks/{WEBHOOK}/{SECRET}", self._webhook)
        router.add_post(f"{API}/webhooks/{WEBHOOK}/{SECRET}", self._post)
        router.add_delete(f"{API}/webhooks/{WEBHOOK}/{SECRET}/messages/{{id}}", self._delete)

    def forget_nonces(self) -> None:
        """Let "the past few minutes" be over."""
        self._nonces.clear()

    async def _note(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if "/webhooks/" not in request.path and request.headers.get("Authorization") != f"Bot {TOKEN}":
            return problem(401, 0, "401: Unauthorized")
        return await super()._note(request, handler)

    async def _me(self, request: web.Request) -> web.Response:
        return answer(user())

    async def _application(self, request: web.Request) -> web.Response:
        about = {"id": str(BOT), "name": "apocrypha", "icon": None, "description": "", "verify_key": "", "flags": 0}
        return answer(about | {"bot_public": False, "bot_require_code_grant": False, "owner": user(), "team": None})

    async def _channel(self, request: web.Request) -> web.Response:
        about = {"id": str(CHANNEL), "type": 0, "guild_id": str(GUILD), "name": "never-written", "position": 0}
        return answer(about | {"permission_overwrites": [], "nsfw": False, "parent_id": None, "topic": None})

    async def _webhook(self, request: web.Request) -> web.Response:
        about = {"id": str(WEBHOOK), "type": 1, "guild_id": str(GUILD), "channel_id": str(CHANNEL), "token": SECRET}
        return answer(about | {"name": "Apocrypha", "avatar": None, "application_id": None})

    async def _post(self, request: web.Request) -> web.Response:
        body, file = await read(request)
        content = body.get("content", "").strip()
        if len(content) > 2000 or not (content or file):
            return problem(400, 50035, "Invalid Form Body")
        nonce = str(body.get("nonce", ""))
        if len(nonce) > 25:
            return problem(400, 50035, "Invalid Form Body")
        if body.get("enforce_nonce") and nonce in self._nonces:
            return answer(self._nonces[nonce])
        message = self._message(content, body)
        if file is not None:
            about = {"id": message["id"], "filename": "picture.png", "size": len(file), "url": "", "proxy_url": ""}
            message["attachments"] = [about | {"description": body["attachments"][0].get("description")}]
            self.files[message["id"]] = file
        self.messages.append(message)
        if nonce and "/webhooks/" not in request.path:
            self._nonces[nonce] = message
        return answer(message)

    def _message(self, content: str, body: dict[str, Any]) -> dict[str, Any]:
        at = datetime.now(UTC)
        number = (int(at.timestamp() * 1000) - EPOCH << 22) + next(self._count)
        return {
            "id": str(number),
            "channel_id": str(CHANNEL),
            "author": user(),
            "content": content,
            "timestamp": at.isoformat(),
            "edited_timestamp": None,
            "tts": False,
            "mention_everyone": False,
            "mentions": [],
            "mention_roles": [],
            "attachments": [],
            "embeds": [],
            "pinned": False,
            "type": 0,
            "flags": body.get("flags", 0),
            "asked": {"allowed_mentions": body.get("allowed_mentions")},
        }

    async def _read(self, request: web.Request) -> web.Response:
        if self.reading != 200:
            return problem(self.reading, 50001, "Missing Access")
        limit = int(request.query.get("limit", 50))
        found = self.messages
        if "after" in request.query:  # Discord returns the newest first also then, of those next to "after"
            found = [each for each in found if int(each["id"]) > int(request.query["after"])][:limit]
        if "before" in request.query:
            found = [each for each in found if int(each["id"]) < int(request.query["before"])]
        return answer(found[::-1][:limit])

    async def _delete(self, request: web.Request) -> web.Response:
        left = [each for each in self.messages if each["id"] != request.match_info["id"]]
        if len(left) == len(self.messages):
            return problem(404, 10008, "Unknown Message")
        self.messages = left
        return web.Response(status=204)


async def read(request: web.Request) -> tuple[dict[str, Any], bytes | None]:
    if request.content_type == "application/json":
        return await request.json(), None
    form = await request.post()
    file = form["files[0]"]
    assert isinstance(file, web.FileField)
    return json.loads(str(form["payload_json"])), file.file.read()


def user() -> dict[str, Any]:
    return {
        "id": str(BOT),
        "username": "apocrypha",
        "discriminator": "0",
        "avatar": None,
        "bot": True,
        "global_name": None,
    }


def problem(status: int, code: int, message: str) -> web.Response:
    return answer({"code": code, "message": message}, status)
