"""Posting by hand, as a person types it."""

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.servers.bots import running, until

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(autouse=True)
def _unjudged(weather: Path) -> None:
    """Let a text of a few lines be posted, though it is like the one before."""
    (weather / "plugin.toml").write_text("[limits]\ncopied = 5000\nloop = 500\nalike = 1\n", encoding="utf-8")


def files(home: Path) -> list[Path]:
    return sorted((home / "posts").rglob("*.txt"))


def test_a_dry_run_shows_the_post_and_keeps_nothing(apocrypha: Run, home: Path) -> None:
    made = json.loads(apocrypha("post", "weather", "--to", "folder", "--dry-run", "--json").stdout)
    assert made["text"] == made["written"]
    assert made["text"].startswith("On day ")
    assert made["targets"]["folder"]["characters"] == len(made["text"])
    assert made["targets"]["folder"]["cost"] == "0"
    assert files(home) == []
    assert json.loads(apocrypha("posts", "list", "--json").stdout) == []


def test_a_post_by_hand_arrives_and_can_be_seen(apocrypha: Run, home: Path) -> None:
    assert "post 1: folder sent file://" in apocrypha("post", "weather", "--to", "folder").stdout
    (file,) = files(home)
    (row,) = json.loads(apocrypha("posts", "list", "--json").stdout)
    assert file.read_text(encoding="utf-8").strip() == row["text"]
    assert [each["state"] for each in row["deliveries"]] == ["sent"]
    shown = apocrypha("posts", "show", "1").stdout
    assert row["text"] in shown
    assert "send: sent" in shown
    seed = json.loads(apocrypha("posts", "show", "1", "--json").stdout)["receipt"]["request"]["seed"]
    again = apocrypha("sample", "weather", "--seed", str(seed), "--length", "400").stdout.strip()
    assert again == row["text"]  # the receipt makes it again


def test_what_waits_goes_out_when_it_is_approved(apocrypha: Run, home: Path, environment: dict[str, str]) -> None:
    apocrypha("post", "weather", "--to", "folder", "--approval")
    assert files(home) == []
    told = apocrypha("posts", "edit", "1", " ", ok=False).stderr
    assert "Post 1 stays as it is: folder: there is neither text nor picture." in told
    apocrypha("posts", "edit", "1", "It will rain, says the editor.")
    apocrypha("posts", "approve", "1")
    with running(environment, home / "log"):
        until(lambda: len(files(home)) == 1)
    assert files(home)[0].read_text(encoding="utf-8").strip() == "It will rain, says the editor."
    decisions = json.loads(apocrypha("posts", "show", "1", "--json").stdout)["decisions"]
    assert [each["what"] for each in decisions] == ["edit", "approve"]
    (costs,) = json.loads(apocrypha("posts", "costs", "--json").stdout)
    assert (costs["account"], costs["posts"], costs["cost"], costs["cap"]) == ("folder", 1, "0", None)
    assert "must be waiting" in apocrypha("posts", "approve", "1", ok=False).stderr


def test_a_running_bot_posts_what_is_asked_for(apocrypha: Run, home: Path, environment: dict[str, str]) -> None:
    assert apocrypha("status", ok=False).stdout == "not running: `apocrypha run` starts it\n"
    with running(environment, home / "log") as bot:
        until(lambda: json.loads(apocrypha("status", "--json", ok=None).stdout)["running"])
        assert "the bot that is running will post it" in apocrypha("post", "weather", "--to", "folder").stderr
        until(lambda: len(files(home)) == 1)
        started = time.monotonic()
        bot.process.send_signal(signal.SIGTERM)
        assert bot.process.wait(20) == 0
        assert time.monotonic() - started < 12


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("post", "wether", "--to", "folder"), "no style named 'wether'"),
        (("post", "weather", "--to", "foldre"), "no account named 'foldre'"),
        (("posts", "show", "7"), "There is no post 7"),
        (("posts", "retry", "7"), "There is no post 7"),
    ],
)
def test_a_wrong_name_gets_one_plain_message(apocrypha: Run, arguments: tuple[str, ...], words: str) -> None:
    done = apocrypha(*arguments, ok=False)
    assert words in done.stderr
    assert "Traceback" not in done.stderr
