"""A stand-in for X, as docs.x.com describes it: signatures are checked, bodies are checked, nothing is posted twice."""

import html
import re
from datetime import UTC, datetime
from itertools import count
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web
from oauthlib.common import Request
from oauthlib.oauth1.rfc5849 import signature

from bot.publish import tweet
from tests.servers.stub import Stub, answer
from tests.servers.threads import Loop

USER = "77001"
FIELDS = {"text", "media", "made_with_ai", "reply_settings", "nullcast", "edit_options"}
FOUR = {
    "consumer_key": "consumer-MARKED",
    "consumer_secret": "consumer-secret-MARKED",
    "access_token": f"{USER}-token-MARKED",
    "access_token_secret": "token-secret-MARKED",
}
TWO = {"client_id": "client-MARKED", "client_secret": "client-secret-MARKED", "refresh_token": "refresh-0-MARKED"}


class XStub(Stub):
    def __init__(self, loop: Loop) -> None:
        self.posts: list[dict[str, Any]] = []
        self.media: dict[str, dict[str, Any]] = {}
        self.reading = 200  # the status of what is read
        self.access, self.refresh = "", TWO["refresh_token"]
        self._numbers = count(1_900_000_000_000_000_001)
        super().__init__(loop)

    def routes(self, router: web.UrlDispatcher) -> None:
        router.add_post("/2/tweets", self._post)
        router.add_delete("/2/tweets/{id}", self._delete)
        router.add_get("/2/users/me", self._me)
        router.add_get("/2/users/{id}/tweets", self._read)
        router.add_post("/2/media/upload", self._upload)
        router.add_post("/2/media/metadata", self._describe)
        router.add_post("/2/oauth2/token", self._renew)

    async def _note(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if request.path != "/2/oauth2/token" and not self._is_let_in(request):
            return problem(401, "Unauthorized", "Unauthorized")
        if request.method == "GET" and self.reading != 200:
            return problem(
                self.reading, "No", "Your enrolled account does not have any credits to fulfill this request."
            )
        return await super()._note(request, handler)

    def _is_let_in(self, request: web.Request) -> bool:
        header = request.headers.get("Authorization", "")
        if header.startswith("Bearer "):
            return bool(self.access) and header == f"Bearer {self.access}"
        return is_signed(request, header)

    async def _post(self, request: web.Request) -> web.Response:
        body = await request.json()
        text = body.get("text", "")
        if body.keys() - FIELDS or not (text or "media" in body):
            return problem(400, "Invalid Request", "One or more parameters to your request was invalid.")
        media = body.get("media", {}).get("media_ids", [])
        if any(each not in self.media for each in media):
            return problem(400, "Invalid Request", "Your media IDs are invalid.")
        if tweet.weight(text) > 280:
            return problem(403, "Forbidden", "Your Tweet text is too long.")
        if any(post["written"] == text for post in self.posts):
            return problem(403, "Forbidden", "You are not allowed to create a Tweet with duplicate content.")
        post = {"id": str(next(self._numbers)), "written": text, "media": media, "at": datetime.now(UTC), "body": body}
        self.posts.append(post)
        return answer({"data": {"id": post["id"], "text": text, "edit_history_tweet_ids": [post["id"]]}}, 201)

    async def _delete(self, request: web.Request) -> web.Response:
        left = [post for post in self.posts if post["id"] != request.match_info["id"]]
        if len(left) == len(self.posts):
            return problem(404, "Not Found", "Could not find tweet")
        self.posts = left
        return answer({"data": {"deleted": True}})

    async def _me(self, request: web.Request) -> web.Response:
        return answer({"data": {"id": USER, "name": "Apocrypha", "username": "apocrypha"}})

    async def _read(self, request: web.Request) -> web.Response:
        since = datetime.fromisoformat(request.query.get("start_time", "2000-01-01T00:00:00Z"))
        size, start = int(request.query["max_results"]), int(request.query.get("pagination_token", 0))
        if request.match_info["id"] != USER or not 5 <= size <= 100:
            return problem(400, "Invalid Request", "One or more parameters to your request was invalid.")
        found = [seen(post) for post in reversed(self.posts) if post["at"] >= since]
        page = found[start : start + size]
        meta = {"result_count": len(page)} | ({"next_token": str(start + size)} if start + size < len(found) else {})
        return answer(({"data": page} if page else {}) | {"meta": meta})

    async def _upload(self, request: web.Request) -> web.Response:
        form = await request.post()
        if form.keys() != {"media", "media_category"} or form["media_category"] != "tweet_image":
            return problem(400, "Invalid Request", "One or more parameters to your request was invalid.")
        number = str(next(self._numbers))
        file = form["media"]
        assert isinstance(file, web.FileField)
        self.media[number] = {"bytes": file.file.read(), "alt": None}
        return answer({"data": {"id": number, "media_key": f"3_{number}", "expires_after_secs": 86400}})

    async def _describe(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.media[body["id"]]["alt"] = body["metadata"]["alt_text"]["text"]
        return answer({"data": {"id": body["id"]}})

    async def _renew(self, request: web.Request) -> web.Response:
        form = await request.post()
        if form.get("grant_type") != "refresh_token" or form.get("refresh_token") != self.refresh:
            return answer(
                {"error": "invalid_request", "error_description": "Value passed for the token was invalid."}, 400
            )
        number = int(self.refresh.split("-")[1]) + 1  # a refresh token holds once
        self.refresh, self.access = f"refresh-{number}-MARKED", f"access-{number}-MARKED"
        tokens = {
            "access_token": self.access,
            "refresh_token": self.refresh,
            "expires_in": 7200,
            "token_type": "bearer",
        }
        return answer(tokens)


def is_signed(request: web.Request, header: str) -> bool:
    """Check a signature of OAuth 1.0a with oauthlib, which is not what made it here: that is tweepy."""
    asked = Request(str(request.url), request.method, headers={"Authorization": header})
    found = signature.collect_parameters(uri_query=urlsplit(str(request.url)).query, headers=asked.headers)
    given = dict(signature.collect_parameters(headers=asked.headers, exclude_oauth_signature=False))
    if given.get("oauth_consumer_key") != FOUR["consumer_key"] or given.get("oauth_token") != FOUR["access_token"]:
        return False
    asked.params, asked.signature = found, given.get("oauth_signature")
    return bool(signature.verify_hmac_sha1(asked, FOUR["consumer_secret"], FOUR["access_token_secret"]))


def seen(post: dict[str, Any]) -> dict[str, Any]:
    """Return a post as X shows it: escaped, with a short link to its picture."""
    text, links = html.escape(post["written"], quote=False), []
    for media in post["media"]:
        short = f"https://t.co/{media[-10:]}"
        text = f"{text} {short}".strip()
        links.append({"url": short, "expanded_url": f"https://x.com/a/status/{post['id']}/photo/1", "media_key": media})
    at = re.sub(r"000\+00:00$", "Z", post["at"].isoformat(timespec="microseconds"))
    return {"id": post["id"], "text": text, "created_at": at} | ({"entities": {"urls": links}} if links else {})


def problem(status: int, title: str, detail: str) -> web.Response:
    return answer({"title": title, "detail": detail, "type": "about:blank", "status": status}, status)
