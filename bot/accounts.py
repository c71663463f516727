"""The accounts posts go to, as the settings hold them: a name, a platform, and what lets us in; and the chat bot.

A record that cannot be used is refused without its secrets being shown.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

WEBHOOK = re.compile(r"https?://[^/]+/api(?:/v\d+)?/webhooks/(?P<id>\d+)/(?P<token>[\w-]+)/?")


def _address(url: str) -> str:
    if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", url):
        raise ValueError("expected an address such as https://example.social")
    return url.rstrip("/")


Address = Annotated[str, AfterValidator(_address)]


class Sealed(BaseModel):
    """Refuses what it does not know without showing it: it may be a secret, or meant to be one."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _say_no_secret(cls, given: Any) -> Any:
        """Find faults that pydantic would report with the value."""
        if not isinstance(given, Mapping):
            raise ValueError("expected a table of options")
        if strange := sorted(str(key) for key in given.keys() - cls.model_fields.keys()):
            raise ValueError(f"no such option: {', '.join(strange)}; there are {', '.join(cls.model_fields)}")
        secrets = [name for name, field in cls.model_fields.items() if "SecretStr" in str(field.annotation)]
        empty = [name for name in secrets if name in given and not _is_secret(given[name])]
        if empty:
            raise ValueError(f"expected text that is not empty: {', '.join(empty)}")
        return given


class DiscordChat(Sealed):
    """The Discord bot that people talk to: there is one where there is a token."""

    token: SecretStr | None = Field(None, description="the bot's, from the Developer Portal")
    chat: bool = Field(True, description="false: the token is for posting alone")
    style: str = Field("bible", description="the voice where nobody has chosen another")
    home: int | None = Field(None, description="a server's id: its admins may post to all your accounts")
    daily: int = Field(2_000, ge=1, description="answers that one server may have a day")
    sharded: bool = Field(False, description="several connections, as Discord wants from 2,500 servers on")
    service: Address = "https://discord.com/api/v10"


class Key(Sealed):
    """What lets somebody use the web page and the API from afar."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=60, description="whose it is")
    secret: SecretStr
    admin: bool = Field(False, description="may see, approve, edit and drop posts, and pause schedules")
    per_minute: int = Field(120, ge=1, description="texts that may be asked for a minute")
    at_once: int = Field(16, ge=1, description="texts that may be on their way at once")


class WebServer(Sealed):
    """The web page and the API: where they are, and who may use them."""

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535, description="0 takes one that is free")
    style: str = Field("bible", description="the voice that the page begins with")
    names: tuple[str, ...] = Field((), description="names that the server goes by, such as voices.example.org")
    keys: tuple[Key, ...] = ()


class Record(Sealed):
    """What all accounts have."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=60, description="what you call it")
    cap: Decimal | None = Field(None, ge=0, description="dollars that it may cost in a calendar month")


class FolderAccount(Record):
    """A folder of posts, with a page that shows them."""

    platform: Literal["folder"] = "folder"
    path: Path


class DiscordAccount(Record):
    """A channel that a bot writes into, or a webhook."""

    platform: Literal["discord"] = "discord"
    token: SecretStr | None = Field(None, description="the bot's, from the Developer Portal")
    channel: int | None = Field(None, description="the channel's id: Developer Mode, Copy Channel ID")
    webhook: SecretStr | None = Field(None, description="the webhook's URL: Edit Channel, Integrations")
    service: Address = "https://discord.com/api/v10"

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        bot = (self.token is not None, self.channel is not None)
        if self.webhook is None and not all(bot):
            raise ValueError("expected token and channel of a bot, or webhook")
        if self.webhook is not None and any(bot):
            raise ValueError("expected token and channel of a bot, or webhook, not both")
        if self.webhook is not None and not WEBHOOK.fullmatch(self.webhook.get_secret_value()):
            raise ValueError("expected a webhook such as https://discord.com/api/webhooks/NUMBER/TOKEN")
        return self


class XAccount(Record):
    """An account on X: with the four secrets of OAuth 1.0a, or with OAuth 2.0 and a refresh token."""

    platform: Literal["x"] = "x"
    consumer_key: SecretStr | None = Field(None, description="OAuth 1.0a: API Key")
    consumer_secret: SecretStr | None = Field(None, description="OAuth 1.0a: API Key Secret")
    access_token: SecretStr | None = Field(None, description="OAuth 1.0a: Access Token, with write permission")
    access_token_secret: SecretStr | None = Field(None, description="OAuth 1.0a: Access Token Secret")
    client_id: SecretStr | None = Field(None, description="OAuth 2.0: Client ID")
    client_secret: SecretStr | None = Field(None, description="OAuth 2.0: Client Secret, where the app has one")
    refresh_token: SecretStr | None = Field(
        None, description="OAuth 2.0, with scopes tweet.read tweet.write users.read media.write offline.access"
    )
    service: Address = "https://api.x.com"

    @property
    def signs(self) -> bool:
        """Return whether requests are signed (OAuth 1.0a); else they bear a token that expires (OAuth 2.0)."""
        return self.consumer_key is not None

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        first = (self.consumer_key, self.consumer_secret, self.access_token, self.access_token_secret)
        second = (self.client_id, self.refresh_token)
        either = all(first) and not any((*second, self.client_secret)), all(second) and not any(first)
        if not any(either):
            raise ValueError(
                "expected consumer_key, consumer_secret, access_token and access_token_secret (OAuth 1.0a), "
                "or client_id and refresh_token (OAuth 2.0), not both"
            )
        return self


class MastodonAccount(Record):
    """An account on a Mastodon server, or on one that speaks its language."""

    platform: Literal["mastodon"] = "mastodon"
    api_base_url: Address
    access_token: SecretStr = Field(description="Preferences, Development, New application: read, write")
    visibility: Literal["public", "unlisted", "private", "direct"] = "unlisted"
    content_warning: str = ""
    language: str | None = Field("en", pattern=r"^[a-z]{2,3}$")
    keys: bool | None = Field(
        None, description="whether the server heeds Idempotency-Key; where unset, its version tells"
    )
    mark_as_bot: bool = True


class BlueskyAccount(Record):
    """An account on Bluesky."""

    platform: Literal["bluesky"] = "bluesky"
    handle: str = Field(pattern=r"^[^\s@]+$", description="such as apocrypha.bsky.social, without @")
    password: SecretStr = Field(description="an app password: Settings, Privacy and security")
    languages: tuple[Annotated[str, Field(pattern=r"^[a-z]{2,3}(-\w+)?$")], ...] = Field(("en",), max_length=3)
    service: Address = "https://bsky.social"
    mark_as_bot: bool = True


Account = Annotated[
    FolderAccount | DiscordAccount | XAccount | MastodonAccount | BlueskyAccount, Field(discriminator="platform")
]


def _distinct(accounts: tuple[Account, ...]) -> tuple[Account, ...]:
    names = [account.name for account in accounts]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"more than one account is named {', '.join(twice)}")
    return accounts


Accounts = Annotated[tuple[Account, ...], AfterValidator(_distinct)]


def _is_secret(given: Any) -> bool:
    text = given.get_secret_value() if isinstance(given, SecretStr) else given
    return text is None or (isinstance(text, str) and bool(text.strip()))
