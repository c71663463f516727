"""Requests to X: by tweepy, and by the same session where tweepy lacks something (media, refreshed tokens).

X wants requests signed for api.x.com; tweepy still asks api.twitter.com, so its requests are redirected.
"""

import hashlib
import json
import logging
from collections.abc import Callable
from typing import Any

import tweepy
from pydantic import SecretStr

from bot.accounts import XAccount
from bot.publish.line import Line, Session
from bot.publish.publisher import RefusedError, Vault
from generators.pictures.picture import Picture

OLD = "https://api.twitter.com"  # what tweepy asks
ALT = 1_000  # characters of a picture's alt text

for chatty in ("tweepy", "oauthlib", "requests_oauthlib"):  # below this they log tokens
    logging.getLogger(chatty).setLevel(logging.INFO)


class XClient:
    """What can be asked of X as one account. A token that has run out is renewed once for each request."""

    def __init__(self, account: XAccount, vault: Vault) -> None:
        """Act as `account`; tokens that X hands out are kept in `vault`."""
        self._account = account
        self._line = Line(Session(OLD, account.service))
        self._client = tweepy.Client(**_four(account))
        self._client.session = self._line.session
        self._tokens = Tokens(account, vault, self._line)

    @property
    def origin(self) -> str:
        """Return what is another word for another account, or after it was authorised anew, and tells no secret."""
        return _origin(self._account)

    @property
    def status(self) -> int | None:
        """Return the status of the last answer, None where there was none."""
        return self._line.status

    async def ask(self, method: str, route: str, **options: Any) -> Any:
        """Return the answer to a request, from JSON. Raise as Line.ask does."""

        def request() -> Any:
            return self._client.request(method, route, user_auth=self._account.signs, **options).json()

        return await self._authorised(self._line.ask, request)

    async def upload(self, picture: Picture) -> str:
        """Hand X a picture with its alt text; return its id. Nothing is posted by this."""
        file = {"media": ("picture.png", picture.png, "image/png")}
        answer = await self._prepare("/2/media/upload", files=file, data={"media_category": "tweet_image"})
        media: str = answer["data"]["id"]
        if picture.alt:
            about = {"id": media, "metadata": {"alt_text": {"text": picture.alt[:ALT]}}}
            await self._prepare("/2/media/metadata", json=about)
        return media

    def close(self) -> None:
        """Start nothing more."""
        self._line.close()

    async def _prepare(self, route: str, **options: Any) -> Any:
        def request() -> Any:
            answer = self._line.session.post(self._account.service + route, auth=self._auth(), **options)
            answer.raise_for_status()
            return answer.json()

        return await self._authorised(self._line.prepare, request)

    async def _authorised(self, way: Callable[..., Any], request: Callable[[], Any]) -> Any:
        """Make a request with a token that holds."""
        if self._account.signs:
            return await way(request)
        self._client.bearer_token = await self._tokens.current()
        try:
            return await way(request)
        except RefusedError:
            if self.status != 401:
                raise
        self._client.bearer_token = await self._tokens.renewed()
        return await way(request)

    def _auth(self) -> Any:
        if not self._account.signs:
            return tweepy.OAuth2BearerHandler(self._client.bearer_token)
        return tweepy.OAuth1UserHandler(**_four(self._account)).apply_auth()


class Tokens:
    """Tokens of OAuth 2.0. X takes a refresh token once, so the next one is kept before anything else is done."""

    def __init__(self, account: XAccount, vault: Vault, line: Line) -> None:
        """Start with the account's refresh token, or with those that came from it."""
        self._account, self._vault, self._line = account, vault, line
        self._access = ""

    async def current(self) -> str:
        """Return a token that may have run out."""
        self._access = self._access or (await self._kept())["access"] or await self.renewed()
        return self._access

    async def renewed(self) -> str:
        """Return another token than the last one: what another process has kept meanwhile, or a new one."""
        kept = await self._kept()
        if not kept["access"] or kept["access"] == self._access:
            kept |= await self._line.prepare(self._renew, kept["refresh"])
            await self._vault.write(self._name, json.dumps(kept))
        self._access = kept["access"]
        return self._access

    @property
    def _name(self) -> str:
        return f"x {self._account.name}"

    async def _kept(self) -> dict[str, str]:
        """Return what is kept; the account's own refresh token where it was not made from that."""
        origin, first = _origin(self._account), _plain(self._account.refresh_token)
        kept: dict[str, str] = json.loads(await self._vault.read(self._name) or "{}")
        return kept if kept.get("origin") == origin else {"origin": origin, "access": "", "refresh": first}

    def _renew(self, refresh: str) -> dict[str, str]:
        client, secret = _plain(self._account.client_id), _plain(self._account.client_secret)
        form = {"grant_type": "refresh_token", "refresh_token": refresh, "client_id": client}
        url = f"{self._account.service}/2/oauth2/token"
        answer = self._line.session.post(url, data=form, auth=(client, secret) if secret else None)
        if answer.status_code in (400, 401):
            raise RefusedError(
                "X does not take the refresh token: authorise the app anew, and put its refresh_token into the settings"
            )
        answer.raise_for_status()
        tokens = answer.json()
        return {"access": tokens["access_token"], "refresh": tokens.get("refresh_token", refresh)}


def _origin(account: XAccount) -> str:
    return hashlib.sha256(_plain(account.access_token or account.refresh_token).encode()).hexdigest()[:16]


def _four(account: XAccount) -> dict[str, str]:
    """Return the secrets of OAuth 1.0a, as tweepy names them."""
    names = ("consumer_key", "consumer_secret", "access_token", "access_token_secret")
    return {name: _plain(getattr(account, name)) for name in names} if account.signs else {}


def _plain(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret else ""
