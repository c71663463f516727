"""What a client is told when something cannot be done, in the shape of OpenAI's errors."""

import logging
import math
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from corpora.errors import UserError
from generators.worker import BusyError

log = logging.getLogger(__name__)
KINDS = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}


class RefusedError(UserError):
    """Refused with a status and a code of its own; `retry_after` is in seconds."""

    def __init__(self, status: int, code: str, said: str, retry_after: float = 0) -> None:
        """Say what is wrong."""
        super().__init__(said)
        self.status, self.code, self.retry_after = status, code, retry_after


def body(error: BaseException) -> dict[str, Any]:
    """Return what is told of an error."""
    return answered(error)[1]


def answered(error: BaseException) -> tuple[int, dict[str, Any], float]:
    """Return the status, the body, and the seconds after which to come again, 0 where that is no use."""
    if isinstance(error, RefusedError):
        return error.status, _shape(error.status, str(error), error.code), error.retry_after
    if isinstance(error, BusyError):
        return 429, _shape(429, str(error), "busy"), error.retry_after
    if isinstance(error, UserError):
        return 400, _shape(400, str(error), "invalid_value"), 0
    log.error("a request failed", exc_info=error)
    return 500, _shape(500, "Something broke; the log of the server says what.", "internal_error"), 0


def install(app: FastAPI) -> None:
    """Let `app` answer with these shapes."""

    @app.exception_handler(UserError)
    @app.exception_handler(Exception)
    async def said(_: Request, error: Exception) -> JSONResponse:
        status, told, seconds = answered(error)
        return JSONResponse(told, status, {"Retry-After": str(math.ceil(seconds))} if seconds else None)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        place = ".".join(str(each) for each in first["loc"] if each not in ("body", "query", "path"))
        said = f"{place}: {first['msg']}" if place else str(first["msg"])
        return JSONResponse(_shape(400, said, "invalid_value", place or None), 400)

    @app.exception_handler(HTTPException)
    async def refused(_: Request, error: HTTPException) -> JSONResponse:
        return JSONResponse(
            _shape(error.status_code, str(error.detail), None), error.status_code, dict(error.headers or {})
        )


def _shape(status: int, message: str, code: str | None, param: str | None = None) -> dict[str, Any]:
    kind = "server_error" if status >= 500 else KINDS.get(status, "invalid_request_error")
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}
