"""From an account to its publisher, also where a library is missing."""

import subprocess
import sys

import pytest

from bot.accounts import FolderAccount
from bot.publish.opening import open_publisher
from tests.servers.places import MemoryVault


def test_only_the_library_that_is_needed_is_imported() -> None:
    code = """
import sys
from bot.accounts import FolderAccount
from bot.publish.opening import open_publisher
open_publisher(FolderAccount(name="here", path="posts"), None)
heavy = "discord tweepy mastodon atproto aiohttp httpx requests".split()
print(*[name for name in heavy if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.mark.parametrize(
    ("library", "account"),
    [
        ("discord", "DiscordAccount(name='one', token='t', channel=1)"),
        ("tweepy", "XAccount(name='one', client_id='c', refresh_token='r')"),
        ("mastodon", "MastodonAccount(name='one', api_base_url='https://a.example', access_token='t')"),
        ("atproto", "BlueskyAccount(name='one', handle='a.b', password='p')"),
    ],
)
def test_a_missing_library_is_named_with_what_to_install(library: str, account: str) -> None:
    code = f"""
import sys
from bot.accounts import *
from bot.publish.opening import open_publisher
from corpora.errors import UserError
sys.modules[{library!r}] = None
account = {account}
try:
    open_publisher(account, None)
except UserError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    assert f"The account one needs {library}" in done.stdout
    platform = {"tweepy": "x", "atproto": "bluesky"}.get(library, library)
    assert f"pip install 'apocrypha[{platform}]'" in done.stdout


def test_our_own_faults_are_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bot.publish.folder", None)
    with pytest.raises(ModuleNotFoundError):
        open_publisher(FolderAccount(name="here", path="posts"), MemoryVault())
