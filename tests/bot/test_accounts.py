"""Accounts as the settings hold them: what is taken, what is refused, and that no secret is told."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from bot.accounts import Accounts, DiscordAccount, XAccount
from corpora.errors import faults
from tests.servers.x_stub import FOUR, TWO

WHOLE = TypeAdapter(Accounts)
HOOK = "https://discord.com/api/webhooks/123456/abc-MARKED_1"


def refused(*records: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as caught:
        WHOLE.validate_python(records)
    said = faults(caught.value)
    assert "MARKED" not in said
    return said


def test_all_platforms_are_taken_and_tell_no_secret() -> None:
    accounts = WHOLE.validate_python(
        (
            {"platform": "folder", "name": "here", "path": "posts"},
            {"platform": "discord", "name": "bot", "token": "t-MARKED", "channel": "123456789012345678"},
            {"platform": "discord", "name": "hook", "webhook": HOOK},
            {"platform": "x", "name": "x1", **FOUR},
            {"platform": "x", "name": "x2", **TWO, "cap": "5.00"},
            {"platform": "x", "name": "x3", "client_id": "c-MARKED", "refresh_token": "r-MARKED"},
            {"platform": "mastodon", "name": "m", "api_base_url": "https://a.example/", "access_token": "t-MARKED"},
            {"platform": "bluesky", "name": "b", "handle": "a.bsky.social", "password": "p-MARKED"},
        )
    )
    assert "MARKED" not in repr(accounts) + str(accounts) + str([each.model_dump_json() for each in accounts])
    assert isinstance(accounts[1], DiscordAccount)
    assert accounts[1].channel == 123456789012345678
    assert [each.signs for each in accounts if isinstance(each, XAccount)] == [True, False, False]
    assert accounts[6].api_base_url == "https://a.example"


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"platform": "bluesky", "pasword": "p-MARKED", "handle": "a.b"}, "no such option: pasword"),
        (
            {"platform": "bluesky", "password": ["p-MARKED"], "handle": "a.b"},
            "expected text that is not empty: password",
        ),
        ({"platform": "bluesky", "password": " ", "handle": "a.b"}, "expected text that is not empty: password"),
        ({"platform": "bluesky", "password": "p-MARKED", "handle": "@a.b"}, "handle"),
        ({"platform": "discord", "token": "t-MARKED"}, "expected token and channel of a bot, or webhook"),
        ({"platform": "discord", "token": "t-MARKED", "channel": 1, "webhook": HOOK}, "not both"),
        ({"platform": "discord", "webhook": "https://example.com/MARKED"}, "expected a webhook such as"),
        ({"platform": "x", "consumer_key": "k-MARKED"}, "expected consumer_key, consumer_secret"),
        ({"platform": "x", **FOUR, **TWO}, "not both"),
        ({"platform": "mastodon", "access_token": "t-MARKED", "api_base_url": "a.example"}, "https://example.social"),
        ({"platform": "friendster", "token": "t-MARKED"}, "'folder', 'discord', 'x', 'mastodon', 'bluesky'"),
        ({"platform": "folder", "name": "With Spaces", "path": "."}, "name"),
    ],
)
def test_what_cannot_be_used_is_refused_without_its_secrets(record: dict[str, Any], expected: str) -> None:
    assert expected in refused({"name": "one"} | record)


def test_names_are_different() -> None:
    one = {"platform": "bluesky", "name": "one", "handle": "a.b", "password": "p-MARKED"}
    assert "more than one account is named one" in refused(one, one)


def test_an_account_is_a_table() -> None:
    with pytest.raises(ValidationError):
        DiscordAccount.model_validate("t-MARKED")
