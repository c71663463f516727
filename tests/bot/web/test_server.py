"""The server as a stranger, an attacker and an admin meet it."""

import json
import socket
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.bot.web.conftest import SETTINGS, Server
from tests.conftest import Run

ADMIN = {"Authorization": "Bearer office-key"}
LIMITED = '[[web.keys]]\nname = "friends"\nsecret = "friends-key"\nper_minute = 3\n' + SETTINGS


def posted(server: Server, path: str, body: Any, **headers: str) -> requests.Response:
    return requests.post(server.url + path, json=body, headers=headers, timeout=30)


def test_the_page_loads_nothing_from_elsewhere(server: Server) -> None:
    page = requests.get(server.url, timeout=30)
    assert page.headers["content-security-policy"].startswith("default-src 'self'")
    assert "http" not in page.text.replace("http-equiv", "")
    for path in ("page.css", "page.js", "icon.svg"):
        assert requests.get(f"{server.url}/{path}", timeout=30).ok


def test_a_text_is_drawn(server: Server) -> None:
    answer = posted(server, "/pictures", {"style": "weather", "text": "On day 7 there was fog."})
    assert answer.content.startswith(b"\x89PNG")
    assert posted(server, "/pictures", {"style": "weather", "text": " "}).status_code == 400


def test_it_is_alive_and_ready_and_counts(server: Server) -> None:
    assert requests.get(f"{server.url}/healthz", timeout=30).json() == {"status": "alive"}
    assert requests.get(f"{server.url}/readyz", timeout=30).json()["status"] == "ready"
    posted(server, "/v1/completions", {"model": "weather", "max_tokens": 7})
    counted = requests.get(f"{server.url}/metrics", headers=ADMIN, timeout=30).text
    assert 'apocrypha_requests_total{outcome="written",style="weather"}' in counted
    assert "apocrypha_first_character_seconds_bucket" in counted


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b'{"model": ', {}, 400),
        (b"\xff\xfe", {}, 400),
        (b"[]", {}, 400),
        (b"{" * 100_000, {}, 400),
        (b" " * 2_000_000, {}, 413),
        (b"{}", {"X-Bomb": "x" * 100_000}, 400),
        (b"{}", {"Host": "evil.example"}, 400),
        (b'{"model": "weather"}', {"Content-Type": "text/plain"}, 400),
    ],
)
def test_what_is_malformed_is_refused(server: Server, body: bytes, headers: dict[str, str], status: int) -> None:
    sent = {"Content-Type": "application/json"} | headers
    try:
        answer = requests.post(f"{server.url}/v1/completions", data=body, headers=sent, timeout=30)
    except requests.ConnectionError:  # cut off while it was still being sent
        assert len(body) > 1_000_000 or "X-Bomb" in headers
    else:
        assert answer.status_code in (status, 431)


def test_writers_need_a_key_where_there_are_some_and_have_their_rate(serve: Callable[..., Any]) -> None:
    with serve(LIMITED) as server:
        friend = {"Authorization": "Bearer friends-key"}
        body = {"model": "weather", "max_tokens": 3}
        for headers in ({}, {"Authorization": "Bearer guess"}, {"Authorization": "Basic friends-key"}):
            assert posted(server, "/v1/completions", body, **headers).status_code == 401
        answers = [posted(server, "/v1/completions", body, **friend) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert int(answers[-1].headers["retry-after"]) > 0
        assert requests.get(f"{server.url}/office/posts", headers=friend, timeout=30).status_code == 403
        assert requests.get(f"{server.url}/metrics", headers=friend, timeout=30).status_code == 403


def test_a_page_cannot_begin_with_a_voice_that_is_not_there(apocrypha: Run, home: Path) -> None:
    home.mkdir()
    (home / "apocrypha.toml").write_text('[web]\nstyle = "bibel"\n', encoding="utf-8")
    done = apocrypha("serve", "--port", "0", ok=False)
    assert "There is no style named 'bibel'. Did you mean 'bible'?" in done.stderr


def test_it_does_not_open_to_the_world_without_a_key(apocrypha: Run) -> None:
    done = apocrypha("serve", "--host", "0.0.0.0", "--port", "0", ok=False)
    assert "[[web.keys]]" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_client_that_vanishes_stops_its_text(
    serve: Callable[..., AbstractContextManager[Server]], tmp_path: Path
) -> None:
    """The text is one that only its length ends: it would go on for long."""
    endless = tmp_path / "home" / "plugins" / "endless"
    endless.mkdir(parents=True)
    (endless / "plugin.toml").write_text('[text]\nstop = ""\n', encoding="utf-8")
    (endless / "corpus.txt").write_text("It rains and rains.\n" * 200, encoding="utf-8")
    with serve() as server:
        vanish(server)


def vanish(server: Server) -> None:
    def still_open() -> float:
        counted = requests.get(f"{server.url}/metrics", headers=ADMIN, timeout=30).text
        return next(
            float(line.split()[1]) for line in counted.splitlines() if line.startswith("apocrypha_open_requests")
        )

    body = json.dumps({"model": "endless", "max_tokens": 20_000, "stream": True}).encode()
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        head = f"POST /v1/completions HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        assert b"200 OK" in connection.recv(1000)
        assert still_open() == 1
    end = time.monotonic() + 3  # it would take more than that
    while still_open() and time.monotonic() < end:
        pass
    assert still_open() == 0


def test_five_hundred_connections_at_once_are_all_answered(server: Server) -> None:
    statuses = list[int]()

    def ask() -> None:
        statuses.append(posted(server, "/v1/completions", {"model": "weather", "max_tokens": 2}, **ADMIN).status_code)

    threads = [threading.Thread(target=ask) for _ in range(500)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(statuses) == 500
    assert set(statuses) <= {200, 429}
    assert posted(server, "/v1/completions", {"model": "weather", "max_tokens": 2}, **ADMIN).status_code == 200


def test_an_admin_decides_on_posts_and_schedules(serve: Callable[..., Any], apocrypha: Run) -> None:
    with serve() as server:

        def ask(path: str, body: Any = None) -> Any:
            method = "GET" if body is None else "POST"
            return requests.request(method, f"{server.url}/office/{path}", json=body, headers=ADMIN, timeout=30).json()

        assert requests.get(f"{server.url}/office/posts", timeout=30).status_code == 401
        assert ask("accounts") == ["folder"]
        post = ask("posts", {"style": "weather", "targets": ["folder"], "approval": True})
        assert (post["state"], ask("posts")[0]["id"]) == ("due", post["id"])
        assert "wether" in ask("posts", {"style": "wether", "targets": ["folder"]})["error"]["message"]
        assert "nowhere" in ask("posts", {"style": "weather", "targets": ["nowhere"]})["error"]["message"]
        assert "due" in ask(f"posts/{post['id']}/approve", {})["error"]["message"]
        assert ask(f"posts/{post['id']}/drop", {})["state"] == "dropped"
        apocrypha("schedule", "add", "dawn", "--style", "weather", "--to", "folder", "--at", "06:00")
        assert [(each["name"], each["paused"]) for each in ask("schedules")] == [("dawn", False)]
        assert ask("schedules/dawn/pause", {})[0]["paused"]
        assert not ask("schedules/dawn/resume", {})[0]["paused"]
