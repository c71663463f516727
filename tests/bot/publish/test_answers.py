"""What answers mean: by closed forms, and by real failures of the libraries that make requests."""

import socket
import ssl
from datetime import timedelta

import aiohttp
import httpx
import pytest
import requests

from bot.publish.answers import WAIT, alike, meaning, named, never_left, pause
from bot.publish.publisher import LaterError, RefusedError
from tests.servers.threads import free_port

NINE = {"Date": "Mon, 23 Nov 2026 09:00:00 GMT"}  # 1795424400


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((status, RefusedError) for status in (400, 401, 403, 404, 405, 410, 413, 415, 422, 451)),
        *((status, LaterError) for status in (402, 429)),
        *((status, None) for status in (200, 301, 408, 409, 425, 500, 501, 502, 503, 504, 520, 524)),
    ],
)
def test_a_status_means_no_or_later_or_nobody_knows(status: int, kind: type[Exception] | None) -> None:
    found = meaning(status, "why", {})
    assert (found is None) == (kind is None)
    assert kind is None or isinstance(found, kind)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"Retry-After": "12"}, timedelta(seconds=12)),
        ({"retry-after": "0.5"}, timedelta(seconds=0.5)),
        (NINE | {"Retry-After": "Mon, 23 Nov 2026 09:00:30 GMT"}, timedelta(seconds=30)),
        ({"Retry-After": "Mon, 23 Nov 2026 09:00:30 GMT"}, WAIT),
        ({"Retry-After": "soon"}, None),
        (NINE | {"x-rate-limit-reset": "1795424460"}, timedelta(minutes=1)),
        (NINE | {"x-rate-limit-reset": "1795424340"}, timedelta(0)),
        (NINE | {"X-RateLimit-Reset": "2026-11-23T09:05:00.000000Z"}, timedelta(minutes=5)),
        (NINE | {"ratelimit-reset": "1795424401"}, timedelta(seconds=1)),
        (NINE | {"ratelimit-reset": "99999999999999999999"}, None),
    ],
)
def test_how_long_to_wait_is_measured_by_their_clock(headers: dict[str, str], expected: timedelta | None) -> None:
    assert pause(headers) == expected


async def test_a_closed_door_is_told_from_a_lost_answer() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    failures: list[Exception] = []
    with pytest.raises(requests.ConnectionError) as refused:
        requests.get(url, timeout=5)
    failures.append(refused.value)
    async with httpx.AsyncClient() as client:
        with pytest.raises(httpx.ConnectError) as unconnected:
            await client.get(url)
        failures.append(unconnected.value)
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorError) as unreached:
            await session.get(url)
        failures.append(unreached.value)
    assert all(never_left(failure) for failure in failures)


def test_a_wrapped_cause_is_seen_and_a_lost_answer_is_none() -> None:
    wrapped = ValueError("wrapped")
    wrapped.__context__ = socket.gaierror("no such host")
    again = RuntimeError("again", wrapped)
    again.__cause__ = again
    assert never_left(again)
    assert never_left(ssl.SSLCertVerificationError("expired"))
    assert never_left(requests.exceptions.ConnectTimeout())
    assert not never_left(ConnectionResetError("reset"))
    assert not never_left(requests.exceptions.ReadTimeout())
    assert not never_left(TimeoutError())


def test_texts_are_alike_in_letters_and_digits() -> None:
    assert alike("And the LORD said: “Be…”", 'And  the\nLORD said: "Be..."')
    assert alike("caf\u00e9", "cafe\u0301")
    assert not alike("Genesis 51:1", "Genesis 51:2")
    assert alike("{ }", "{}")
    assert not alike("{}", "[]")


def test_an_error_is_named_in_one_line() -> None:
    assert named(TimeoutError()) == "TimeoutError"
    assert named(ValueError("a\n b")) == "ValueError: a b"
