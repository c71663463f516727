"""A stand-in for Bluesky's server, for what the real one cannot be made to do, and where it is not installed."""

import base64
import hashlib
import json
from itertools import count
from typing import Any

from aiohttp import web

from tests.servers.stub import Stub, answer
from tests.servers.threads import Loop

NEVER = 4_000_000_000  # when a token runs out


class BlueskyStub(Stub):
    def __init__(self, loop: Loop) -> None:
        self.records: dict[tuple[str, str], dict[str, Any]] = {}
        self.blobs: dict[str, bytes] = {}
        self.account: dict[str, str] = {}
        self.sessions = 0  # how often somebody logged in
        self.valid = ""
        self._count = count(1)
        super().__init__(loop)

    def routes(self, router: web.UrlDispatcher) -> None:
        for name, handler in {
            "server.createAccount": self._create_account,
            "server.createSession": self._create_session,
            "server.refreshSession": self._refresh_session,
            "repo.uploadBlob": self._upload_blob,
            "repo.putRecord": self._put_record,
            "repo.deleteRecord": self._delete_record,
        }.items():
            router.add_post(f"/xrpc/com.atproto.{name}", handler)
        for name, handler in {
            "server.getSession": self._get_session,
            "repo.getRecord": self._get_record,
            "repo.listRecords": self._list_records,
            "sync.getBlob": self._get_blob,
        }.items():
            router.add_get(f"/xrpc/com.atproto.{name}", handler)

    async def _note(self, request: web.Request, handler: Any) -> web.StreamResponse:
        free = ("createAccount", "createSession", "refreshSession", "listRecords", "getBlob", "getRecord")
        if not request.path.endswith(free) and request.headers.get("Authorization") != f"Bearer {self.valid}":
            return problem(400, "ExpiredToken", "Token has expired")
        return await super()._note(request, handler)

    async def _create_account(self, request: web.Request) -> web.Response:
        self.account = await request.json() | {"did": "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"}
        return answer(self._session())

    async def _create_session(self, request: web.Request) -> web.Response:
        body = await request.json()
        if (body["identifier"], body["password"]) != (self.account["handle"], self.account["password"]):
            return problem(401, "AuthenticationRequired", "Invalid identifier or password")
        self.sessions += 1
        return answer(self._session())

    async def _refresh_session(self, request: web.Request) -> web.Response:
        return problem(400, "ExpiredToken", "Token has been revoked")

    async def _get_session(self, request: web.Request) -> web.Response:
        return answer({"handle": self.account["handle"], "did": self.account["did"], "active": True})

    def _session(self) -> dict[str, Any]:
        claims = {"exp": NEVER, "sub": self.account["did"], "jti": str(next(self._count))}
        parts = [base64.urlsafe_b64encode(json.dumps(each).encode()).rstrip(b"=") for each in ({"alg": "none"}, claims)]
        self.valid = b".".join(parts).decode() + ".session-MARKED"
        names = {"handle": self.account["handle"], "did": self.account["did"]}
        return names | {"accessJwt": self.valid, "refreshJwt": self.valid}

    async def _upload_blob(self, request: web.Request) -> web.Response:
        data = await request.read()
        name = cid(data)
        self.blobs[name] = data
        return answer({"blob": {"$type": "blob", "ref": {"$link": name}, "mimeType": "image/png", "size": len(data)}})

    async def _put_record(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.records[body["collection"], body["rkey"]] = body["record"]
        return answer({"uri": self._address(body["collection"], body["rkey"]), "cid": cid(json.dumps(body).encode())})

    async def _delete_record(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.records.pop((body["collection"], body["rkey"]), None)
        return answer({})

    async def _get_record(self, request: web.Request) -> web.Response:
        place = request.query["collection"], request.query["rkey"]
        if place not in self.records:
            return problem(400, "RecordNotFound", f"Could not locate record: {self._address(*place)}")
        value = self.records[place]
        return answer({"uri": self._address(*place), "cid": cid(json.dumps(value).encode()), "value": value})

    async def _list_records(self, request: web.Request) -> web.Response:
        places = sorted((place for place in self.records if place[0] == request.query["collection"]), reverse=True)
        limit = int(request.query.get("limit", 50))
        found = [(self._address(*place), self.records[place]) for place in places[:limit]]
        return answer({"records": [{"uri": uri, "cid": cid(uri.encode()), "value": value} for uri, value in found]})

    async def _get_blob(self, request: web.Request) -> web.Response:
        return web.Response(body=self.blobs[request.query["cid"]])

    def _address(self, collection: str, name: str) -> str:
        return f"at://{self.account['did']}/{collection}/{name}"


def cid(data: bytes) -> str:
    """Return a name that is made as Bluesky's are: base32 of a version, a codec and a SHA-256."""
    digest = bytes([1, 0x55, 0x12, 32]) + hashlib.sha256(data).digest()
    return "b" + base64.b32encode(digest).decode().lower().rstrip("=")


def problem(status: int, error: str, message: str) -> web.Response:
    return answer({"error": error, "message": message}, status)
