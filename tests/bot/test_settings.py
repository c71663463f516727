import re
from collections.abc import Callable
from pathlib import Path

import pytest

from bot import settings
from corpora.errors import UserError

EXAMPLE = Path(__file__).parents[2] / "apocrypha.example.toml"
SECRETS = "MASTODON_TOKEN BLUESKY_APP_PASSWORD DISCORD_TOKEN X_CONSUMER_KEY X_CONSUMER_SECRET X_ACCESS_TOKEN"
Write = Callable[[str], Path]


@pytest.fixture
def write(home: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Return a function that writes the settings' file."""
    monkeypatch.setenv("APOCRYPHA_HOME", str(home))
    monkeypatch.delenv("APOCRYPHA_MIRROR", raising=False)
    home.mkdir()

    def written(text: str) -> Path:
        (home / "apocrypha.toml").write_text(text, encoding="utf-8")
        return home / "apocrypha.toml"

    return written


def test_the_example_can_be_used_as_it_is(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write(EXAMPLE.read_text(encoding="utf-8"))
    for name in (*SECRETS.split(), "X_ACCESS_TOKEN_SECRET"):
        monkeypatch.setenv(name, "marked-secret")
    loaded = settings.load()
    assert [account.platform for account in loaded.accounts] == ["folder", "mastodon", "bluesky", "discord", "x"]
    assert loaded.targets == loaded.accounts
    assert "marked-secret" not in repr(loaded)


def test_what_is_a_remark_in_the_example_can_be_set(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    example = re.sub(r"^# (?=\w+ = |\[)", "", EXAMPLE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    for name in re.findall(r'env = "(\w+)"', example):
        monkeypatch.setenv(name, f"marked-{name}")
    write(example)
    loaded = settings.load()
    assert [key.name for key in loaded.web.keys] == ["friends", "owner"]
    assert loaded.personas["grumbler"].style == "novel"
    assert (loaded.threads, loaded.memory, loaded.mirror) == (2, 500, Path("/srv/corpora"))
    assert loaded.database == "postgresql+psycopg://apocrypha@localhost/apocrypha"


def test_a_variable_comes_before_the_file(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write("threads = 2")
    assert settings.load().threads == 2
    monkeypatch.setenv("APOCRYPHA_THREADS", "3")
    assert settings.load().threads == 3


def test_without_any_account_posts_go_into_a_folder(write: Write, home: Path) -> None:
    (folder,) = settings.load().targets
    assert (folder.name, folder.platform) == ("folder", "folder")
    assert settings.load().database == f"sqlite:///{home / 'apocrypha.db'}"


def test_a_secret_may_lie_in_a_file(write: Write, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("marked-secret\n")
    write(
        '[[accounts]]\nname = "m"\nplatform = "mastodon"\napi_base_url = "https://x.example"\n'
        f'access_token = {{file = "{tmp_path / "token"}"}}\n'
    )
    (account,) = settings.load().accounts
    assert account.platform == "mastodon"
    assert account.access_token.get_secret_value() == "marked-secret"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("threads = ", "apocrypha.toml: this is not TOML"),
        ("threads = 0\nmemory = 'x'", "threads = 0"),
        ("colour = 'red'", "colour"),
        ("[[accounts]]\nname = 'm'\nplatform = 'myspace'", "accounts"),
        (
            "[[accounts]]\nname='a'\nplatform='folder'\npath='x'\n[[accounts]]\nname='a'\nplatform='folder'\npath='y'",
            "named a",
        ),
        ("[[accounts]]\nname='a'\nplatform='folder'\npath={env='NOWHERE_TO_BE_SEEN'}", "variable NOWHERE_TO_BE_SEEN"),
        ("[[accounts]]\nname='a'\nplatform='folder'\npath={file='/nowhere'}", "/nowhere cannot be read"),
        ("[[accounts]]\nname='a'\nplatform='bluesky'\nhandle='@x'\npassword='marked-secret'", "handle"),
        ("[[accounts]]\nname='a'\nplatform='bluesky'\nhandle='x'\npasword='marked-secret'", "pasword"),
    ],
)
def test_what_cannot_be_used_is_named_and_secrets_are_not(write: Write, text: str, words: str) -> None:
    write(text)
    with pytest.raises(UserError) as caught:
        settings.load()
    assert words in str(caught.value)
    assert "apocrypha.toml" in str(caught.value)
    assert "marked-secret" not in str(caught.value)
