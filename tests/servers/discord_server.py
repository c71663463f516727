"""A stand-in for Discord, REST and gateway: one bot, one server with channels, direct messages, commands and buttons.

What is asked and answered is held against Discord's own description (discord_contract.py). People are its methods: they
say something, give a command, press a button. Things can be made to fail: see `fail`.
"""

import asyncio
import contextlib
import json
import re
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from aiohttp import web

from tests.servers import discord_contract
from tests.servers.discord_gateway import Gateway
from tests.servers.discord_records import (
    BOT,
    CHANNEL,
    GUILD,
    OWNER,
    Json,
    application,
    attachment,
    channel,
    components,
    guild,
    member,
    message,
    snowflake,
    user,
)
from tests.servers.stub import Stub, answer
from tests.servers.threads import Loop

TOKEN = "a-bot-token-MARKED"
API = "/api/v10"
LONGEST = 2000
EPHEMERAL = 1 << 6
PATIENCE = 30.0  # seconds
Result = TypeVar("Result")
File = tuple[str, bytes]  # its name, and what is in it
GIVEN: Any = web.RequestKey("given", object)  # what a request has in it: JSON, and a file
FILE: Any = web.RequestKey("file", object)


@dataclass
class Failure:
    """What is to go wrong with the next `times` requests: a status; or "reset" before, or "lost" after it was done."""

    method: str
    path: re.Pattern[str]
    how: int | str
    times: int
    after: float = 0.0  # seconds that a 429 asks to wait


@dataclass
class Asked:
    """A command that was given or a button that was pressed, and what came of it."""

    id: int
    token: str
    place: int
    acknowledged: int = 0  # times
    flags: int = 0  # of the answer that was announced
    message: Json | None = None  # the first answer
    modal: Json | None = None
    choices: list[Json] | None = None


@dataclass
class Person:
    """Somebody who writes."""

    id: int
    name: str
    admin: bool = False
    record: Json = field(init=False)

    def __post_init__(self) -> None:
        self.record = user(self.id, self.name, bot=False)


class DiscordServer(Stub):
    def __init__(self, loop: Loop, channels: int = 1, beats: float = 41.0, checked: bool = True) -> None:
        self._changed = asyncio.Event()
        self.gateway = Gateway(TOKEN, self._changed, beats)
        self.channels = {CHANNEL + 10 * n: channel(CHANNEL + 10 * n, f"room-{n}") for n in range(channels)}
        self._messages: dict[str, Json] = {}
        self._replies: dict[str, list[Json]] = {}
        self.shown: list[tuple[str, str]] = []  # (message, content), whenever it was sent or edited
        self.files: dict[str, bytes] = {}
        self.commands: list[Json] = []
        self.synced = 0
        self.interactions: dict[str, Asked] = {}
        self.failures: list[Failure] = []
        self.breaches: list[str] = []
        self.times: dict[str, float] = {}  # of the loop, at which a message came
        self.waiting: dict[str, asyncio.Future[None]] = {}  # for the whole answer to a message
        self.closed_port = 0  # where the gateway is said to be, once
        self._checked = checked
        self._nonces: dict[tuple[int, str], Json] = {}
        super().__init__(loop)
        self.service = f"http://127.0.0.1:{self.port}{API}"
        self.gateway.url = f"ws://127.0.0.1:{self.port}/gateway"
        self.gateway.greeting = [("GUILD_CREATE", guild(list(self.channels.values())))]

    def routes(self, router: web.UrlDispatcher) -> None:
        router.add_get("/gateway", self.gateway.connected)
        router.add_get(f"{API}/gateway/bot", self._where)
        router.add_get(f"{API}/users/@me", self._me)
        router.add_get(f"{API}/applications/@me", self._application)
        router.add_get(f"{API}/oauth2/applications/@me", self._application)
        router.add_put(f"{API}/applications/{BOT}/commands", self._sync)
        router.add_get(f"{API}/channels/{{place}}", self._channel)
        router.add_post(f"{API}/channels/{{place}}/typing", self._typing)
        router.add_post(f"{API}/channels/{{place}}/messages", self._post)
        router.add_get(f"{API}/channels/{{place}}/messages/{{id}}", self._get)
        router.add_patch(f"{API}/channels/{{place}}/messages/{{id}}", self._edit)
        router.add_delete(f"{API}/channels/{{place}}/messages/{{id}}", self._delete)
        router.add_post(f"{API}/interactions/{{id}}/{{token}}/callback", self._callback)
        router.add_post(f"{API}/webhooks/{BOT}/{{token}}", self._follow_up)
        router.add_patch(f"{API}/webhooks/{BOT}/{{token}}/messages/{{id}}", self._edit)
        router.add_get(f"{API}/webhooks/{BOT}/{{token}}/messages/{{id}}", self._get)
        router.add_delete(f"{API}/webhooks/{BOT}/{{token}}/messages/{{id}}", self._delete)

    @property
    def messages(self) -> list[Json]:
        """Return all messages that are there."""
        return list(self._messages.values())

    # What tests do: each from their own loop.

    def fail(self, method: str, path: str, how: int | str, times: int = 1, after: float = 0.0) -> None:
        """Have requests to paths like this one fail."""
        self.failures.append(Failure(method, re.compile(path), how, times, after))

    async def do(self, work: Any) -> Any:
        """Wait for something that is done in the server's loop."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop.loop))

    async def until(self, found: Callable[[], Result], seconds: float = PATIENCE) -> Result:
        """Wait until something is there, looking whenever something happened."""
        result: Result = await self.do(self._until(found, seconds))
        return result

    async def say(self, person: Person, content: str, place: int = CHANNEL, **more: Any) -> Json:
        """Say something; it reaches the bot with its text where it may have that without a privileged intent."""
        said: Json = await self.do(self.said(person, content, place, more))
        return said

    async def command(self, person: Person, name: str, place: int = CHANNEL, **options: Any) -> Asked:
        """Give a slash command; "settings quiet" is one below another."""
        data = self._command(name, options)
        asked: Asked = await self.do(self._interact(2, person, place, data, {}))
        return asked

    async def press(self, person: Person, shown: Json, label: str) -> Asked:
        """Press a button."""
        buttons = [each for row in shown["components"] for each in row["components"] if each["label"] == label]
        assert buttons, f"there is no button {label!r}"
        data = {"component_type": 2, "custom_id": buttons[0]["custom_id"]}
        asked: Asked = await self.do(self._interact(3, person, int(shown["channel_id"]), data, {"message": shown}))
        return asked

    async def remove(self, said: Json) -> None:
        """Delete a message, as whoever wrote it."""
        del self._messages[said["id"]]
        await self.do(
            self.gateway.emit(
                "MESSAGE_DELETE", {"id": said["id"], "channel_id": said["channel_id"], "guild_id": str(GUILD)}
            )
        )

    def replies(self, said: Json) -> list[Json]:
        """Return the messages that answer one."""
        return [each for each in self._replies.get(said["id"], []) if each["id"] in self._messages]

    async def answered(self, said: Json) -> Json:
        """Return the answer to a message once it is whole: then it has buttons."""
        return await self._whole_one(lambda: self.replies(said))

    async def responded(self, asked: Asked) -> Json:
        """Return the answer to a command or a button once it is whole."""
        return await self._whole_one(lambda: [asked.message] if asked.message else [])

    async def told(self, asked: Asked) -> str:
        """Return what only who asked can see."""
        message: Json = await self.until(lambda: asked.message or {})
        return str(message["content"])

    async def _whole_one(self, shown: Callable[[], list[Json]]) -> Json:
        try:
            return await self.until(lambda: next((each for each in shown() if each["components"]), None) or {})
        except TimeoutError:
            raise AssertionError(f"there is no whole answer, but {[each['content'] for each in shown()]}") from None

    # What clients ask for.

    async def _note(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if not request.path.startswith(API):
            response: web.StreamResponse = await handler(request)
            return response
        self.asked.append((request.method, request.path))
        open_to_all = "/webhooks/" in request.path or "/interactions/" in request.path
        if not open_to_all and request.headers.get("Authorization") != f"Bot {TOKEN}":
            return problem(401, 0, "401: Unauthorized")
        failure = self._failure(request)
        if failure and failure.how == "reset":
            return _reset(request)
        if failure and isinstance(failure.how, int):
            return _refused(failure)
        request[GIVEN], request[FILE] = await _read(request)
        response = await handler(request)
        if self._checked and isinstance(response, web.Response):
            answered = json.loads(response.body) if isinstance(response.body, bytes) and response.body else None
            if told := discord_contract.breach(
                request.method, request.path.removeprefix(API), request[GIVEN], response.status, answered
            ):
                self.breaches.append(told)
        self._changed.set()
        return _reset(request) if failure else response

    def _failure(self, request: web.Request) -> Failure | None:
        for failure in self.failures:
            if failure.times and failure.method == request.method and failure.path.search(request.path):
                failure.times -= 1
                return failure
        return None

    async def _where(self, request: web.Request) -> web.Response:
        port, self.closed_port = self.closed_port or self.port, 0
        limit = {"total": 1000, "remaining": 999, "reset_after": 86_400_000, "max_concurrency": 1}
        gateway = {"url": f"ws://127.0.0.1:{port}/gateway", "shards": self.gateway.shards}
        return answer(gateway | {"session_start_limit": limit})

    async def _me(self, request: web.Request) -> web.Response:
        return answer(user() | {"mfa_enabled": True, "locale": "en-US"})

    async def _application(self, request: web.Request) -> web.Response:
        return answer(application())

    async def _sync(self, request: web.Request) -> web.Response:
        self.synced += 1
        self.commands = [_registered(each) for each in request[GIVEN]]
        return answer(self.commands)

    async def _channel(self, request: web.Request) -> web.Response:
        place = int(request.match_info["place"])
        return answer(self.channels.get(place) or channel(place, "", guild=None))

    async def _typing(self, request: web.Request) -> web.Response:
        return web.Response(status=204)

    async def _post(self, request: web.Request) -> web.Response:
        place, given = int(request.match_info["place"]), request[GIVEN]
        if fault := _fault(given, request[FILE]):
            return problem(400, 50035, fault)
        nonce = str(given.get("nonce", ""))
        if given.get("enforce_nonce") and (place, nonce) in self._nonces:
            return answer(self._nonces[place, nonce])
        more = {"nonce": nonce, "flags": given.get("flags", 0)}
        if reference := given.get("message_reference"):
            numbers = {name: str(each) for name, each in reference.items() if name.endswith("_id")}
            more |= {"message_reference": {"type": 0, "channel_id": str(place)} | numbers, "type": 19}
        sent = await self._sent(place, given, request[FILE], more)
        self._nonces[place, nonce] = sent
        return answer(sent)

    async def _get(self, request: web.Request) -> web.Response:
        found = self._find(request)
        return answer(found) if found else problem(404, 10008, "Unknown Message")

    async def _edit(self, request: web.Request) -> web.Response:
        found, given = self._find(request), request[GIVEN]
        token = request.match_info.get("token", "")
        if found is None and token and self.interactions[token].acknowledged:  # the first answer is still to come
            asked = self.interactions[token]
            asked.message = found = await self._sent(asked.place, given, request[FILE], {"flags": asked.flags})
            return answer(found)
        if found is None:
            return problem(404, 10008, "Unknown Message")
        if fault := _fault({"content": found["content"]} | given, request[FILE] or found["attachments"]):
            return problem(400, 50035, fault)
        found["content"] = (given.get("content") or "") if "content" in given else found["content"]
        if "components" in given:
            found["components"] = components(given["components"] or [])
        self.shown.append((found["id"], found["content"]))
        self._attach(found, given, request[FILE])
        self._whole(found)
        found["edited_timestamp"] = found["timestamp"]
        return answer(found)

    async def _delete(self, request: web.Request) -> web.Response:
        found = self._find(request)
        if found is None:
            return problem(404, 10008, "Unknown Message")
        del self._messages[found["id"]]
        return web.Response(status=204)

    async def _callback(self, request: web.Request) -> web.Response:
        asked = self.interactions[request.match_info["token"]]
        if asked.acknowledged:
            return problem(400, 40060, "Interaction has already been acknowledged.")
        kind, data = request[GIVEN]["type"], request[GIVEN].get("data") or {}
        asked.acknowledged, asked.flags = asked.acknowledged + 1, data.get("flags", 0)
        if kind == 4:
            asked.message = await self._sent(asked.place, data, request[FILE], {"flags": data.get("flags", 0)})
        elif kind == 8:
            asked.choices = data["choices"]
        elif kind == 9:
            asked.modal = data
        if request.query.get("with_response") in ("1", "true"):
            about = {"id": str(asked.id), "type": 2, "channel_id": str(asked.place), "guild_id": str(GUILD)}
            about |= {"response_message_ephemeral": False, "response_message_loading": kind == 5}
            return answer(
                {"interaction": about | ({"response_message_id": asked.message["id"]} if asked.message else {})}
            )
        return web.Response(status=204)

    async def _follow_up(self, request: web.Request) -> web.Response:
        asked, given = self.interactions[request.match_info["token"]], request[GIVEN]
        return answer(await self._sent(asked.place, given, request[FILE], {"flags": given.get("flags", 0)}))

    async def _sent(self, place: int, given: Json, file: File | None, more: Json) -> Json:
        """Keep a message of the bot's, and tell everybody."""
        sent = message(place, user(), (given.get("content") or "").strip(), **more)
        sent["components"] = components(given.get("components") or [])
        self._attach(sent, given, file)
        self._messages[sent["id"]] = sent
        self._replies.setdefault(more.get("message_reference", {}).get("message_id", ""), []).append(sent)
        self._whole(sent)
        self.shown.append((sent["id"], sent["content"]))
        self.times[sent["id"]] = asyncio.get_running_loop().time()
        if not int(sent["flags"]) & EPHEMERAL:
            await self.gateway.emit("MESSAGE_CREATE", sent | {"guild_id": str(GUILD), "member": member(user())})
        return sent

    def _whole(self, shown: Json) -> None:
        """Tell who waits for an answer once that has buttons: then it is whole."""
        waiting = self.waiting.get(shown.get("message_reference", {}).get("message_id", ""))
        if waiting and shown["components"] and not waiting.done():
            waiting.set_result(None)

    def _attach(self, sent: Json, given: Json, file: File | None) -> None:
        if file is not None:
            about = (given.get("attachments") or [{}])[0]
            name, content = file
            sent["attachments"] = [attachment(snowflake(), name, len(content), about.get("description"))]
            self.files[sent["id"]] = content

    def _find(self, request: web.Request) -> Json | None:
        number = request.match_info["id"]
        if number == "@original":
            return self.interactions[request.match_info["token"]].message
        return self._messages.get(number)

    # What people do.

    async def said(self, person: Person, content: str, place: int, more: Json | None = None) -> Json:
        """Say something, in the server's loop."""
        more = dict(more or {})
        called = f"<@{BOT}>" in content or more.pop("pings", False)
        said = message(place, person.record, content, mentions=[user()] if called else [], **more)
        self._messages[said["id"]] = said
        self.times[said["id"]] = asyncio.get_running_loop().time()
        direct = place not in self.channels
        shown = said if called or direct else said | {"content": "", "attachments": [], "embeds": [], "components": []}
        shown = shown | {"channel_type": 1 if direct else 0}
        if not direct:
            shown = shown | {"guild_id": str(GUILD), "member": {k: v for k, v in member({}).items() if k != "user"}}
        await self.gateway.emit("MESSAGE_CREATE", shown)
        return said

    def _command(self, name: str, options: Json) -> Json:
        first, *below = name.split()
        root = next(each for each in self.commands if each["name"] == first)
        leaf = root
        for part in below:
            leaf = next(each for each in leaf["options"] if each["name"] == part)
        kinds = {each["name"]: each["type"] for each in leaf.get("options", [])}
        given = [{"name": key, "type": kinds[key], "value": value} for key, value in options.items()]
        for part in reversed(below):
            given = [{"name": part, "type": 1, "options": given}]
        return {"id": root["id"], "name": first, "type": 1, "options": given}

    async def _interact(self, kind: int, person: Person, place: int, data: Json, more: Json) -> Asked:
        number = snowflake()
        asked = self.interactions[f"token-{number}"] = Asked(number, f"token-{number}", place)
        rights = str(1 << 5 if person.admin else 0)
        about = {"id": str(number), "application_id": str(BOT), "type": kind, "token": asked.token, "version": 1}
        about |= {"data": data, "channel_id": str(place), "guild_id": str(GUILD), "locale": "en-US", "entitlements": []}
        about |= {"channel": self.channels[place], "member": member(person.record) | {"permissions": rights}}
        about |= {"app_permissions": "0", "authorizing_integration_owners": {}, "context": 0}
        await self.gateway.emit("INTERACTION_CREATE", about | {"attachment_size_limit": 10_000_000} | more)
        return asked

    async def until_connected(self) -> None:
        """Wait for a client that is there, and listens."""
        await self._until(lambda: self.gateway.sessions and self.gateway.sessions[-1].line, 120)

    async def _until(self, found: Callable[[], Result], seconds: float) -> Result:
        async with asyncio.timeout(seconds):
            while not (result := found()):
                self._changed.clear()
                with contextlib.suppress(TimeoutError):  # something may have happened elsewhere
                    await asyncio.wait_for(self._changed.wait(), 0.1)
            return result


def problem(status: int, code: int, words: str, **headers: str) -> web.Response:
    return answer({"code": code, "message": words}, status, **headers)


def _fault(given: Json, file: Any) -> str:
    """Return why Discord would not take a message."""
    content = (given.get("content") or "").strip()
    if len(content) > LONGEST or not (content or file):
        return "Invalid Form Body: content"
    return "Invalid Form Body: nonce" if len(str(given.get("nonce", ""))) > 25 else ""


def _registered(given: Json) -> Json:
    about = {"id": str(snowflake()), "application_id": str(BOT), "version": str(snowflake())}
    about |= {"default_member_permissions": None, "integration_types": [0]}
    return {"type": 1} | given | about


def _refused(failure: Failure) -> web.Response:
    if failure.how != 429:
        return problem(int(failure.how), 0, "something broke")
    body = {"message": "You are being rate limited.", "retry_after": failure.after, "global": False, "code": 0}
    wait = f"{failure.after:.3f}"
    headers = {"Via": "1.1 proxy", "Retry-After": wait, "X-RateLimit-Remaining": "0", "X-RateLimit-Reset-After": wait}
    return answer(body, 429, **headers)


def _reset(request: web.Request) -> web.StreamResponse:
    """Break a connection off, as a machine does that crashes."""
    assert request.transport
    line: socket.socket = request.transport.get_extra_info("socket")
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.transport.abort()
    return web.Response()


async def _read(request: web.Request) -> tuple[Any, File | None]:
    """Return what was given as JSON, and a file."""
    if request.content_type == "application/json":
        return await request.json(), None
    if request.content_type != "multipart/form-data":
        return None, None
    form = await request.post()
    file = form["files[0]"]
    assert isinstance(file, web.FileField)
    return json.loads(str(form["payload_json"])), (file.filename, file.file.read())


__all__ = ["BOT", "CHANNEL", "GUILD", "OWNER", "TOKEN", "DiscordServer", "Person"]
