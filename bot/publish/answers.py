"""What the answers of services mean, where they mean the same everywhere: HTTP statuses, headers, and no answer."""

import re
import socket
import ssl
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from bot.publish.publisher import LaterError, RefusedError

WAIT = timedelta(minutes=1)  # where a service gives a moment to come back at, but not its own time
_RESETS = ("x-rate-limit-reset", "x-ratelimit-reset", "ratelimit-reset")
_UNSURE = (408, 409, 425)  # of 4xx those that do not say that the request was not carried out
_NOT_CONNECTED = {  # of requests and urllib3, aiohttp, httpx: raised before a connection stands
    *("NewConnectionError", "NameResolutionError", "ConnectTimeoutError", "ConnectTimeout"),
    *("ClientConnectorError", "ClientConnectorCertificateError", "ConnectionTimeoutError", "ConnectError"),
}


def meaning(status: int, reason: str, headers: Mapping[str, str]) -> RefusedError | LaterError | None:
    """Return what an HTTP status says of a request; None where nobody knows whether it was carried out."""
    if status in (402, 429):  # credits and rates come back
        return LaterError(reason, pause(headers))
    if 400 <= status < 500 and status not in _UNSURE:
        return RefusedError(reason)
    return None


def pause(headers: Mapping[str, str]) -> timedelta | None:
    """Return how long a service asks to be left alone, measured by its own clock; None where it does not say."""
    lowered = {name.lower(): value for name, value in headers.items()}
    asked = lowered.get("retry-after", "")
    if re.fullmatch(r"\d+(\.\d+)?", asked):
        return timedelta(seconds=float(asked))
    here = _moment(lowered.get("date", ""))
    for value in (asked, *(lowered.get(name, "") for name in _RESETS)):
        if moment := _moment(value):
            return max(moment - here, timedelta(0)) if here else WAIT
    return None


def never_left(error: BaseException) -> bool:
    """Return whether a request failed before there was a connection: its service has certainly not seen it."""
    return any(
        isinstance(cause, socket.gaierror | ConnectionRefusedError | ssl.SSLCertVerificationError)
        or any(kind.__name__ in _NOT_CONNECTED for kind in type(cause).__mro__)
        for cause in _causes(error)
    )


def alike(ours: str, theirs: str) -> bool:
    """Return whether `theirs` is our text as a service shows it: dressed up, but with the same letters and digits."""
    return _letters(ours) == _letters(theirs) if _letters(ours) else _dense(ours) == _dense(theirs)


def named(error: BaseException) -> str:
    """Return what happened, in one line."""
    return " ".join(f"{type(error).__name__}: {error}".removesuffix(": ").split())[:300]


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and all that it came from; libraries wrap each other's in several ways."""
    seen, waiting = list[BaseException](), [error]
    while waiting:
        cause = waiting.pop()
        if any(cause is each for each in seen):
            continue
        seen.append(cause)
        yield cause
        further = (cause.__cause__, cause.__context__, getattr(cause, "reason", None), *cause.args)
        waiting += [each for each in further if isinstance(each, BaseException)]


def _moment(text: str) -> datetime | None:
    """Read seconds since 1970, ISO 8601 or the format of HTTP."""
    try:
        if re.fullmatch(r"\d{9,}(\.\d+)?", text):
            return datetime.fromtimestamp(float(text), UTC)
        moment = datetime.fromisoformat(text) if text[:1].isdigit() else parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _letters(text: str) -> str:
    return "".join(character for character in _dense(text) if character.isalnum())


def _dense(text: str) -> str:
    return "".join(unicodedata.normalize("NFC", text).split())
