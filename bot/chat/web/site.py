"""The server: its routes put together, and what holds for all of them."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from fastapi import APIRouter, Depends, FastAPI, Response
from fastapi.responses import FileResponse, JSONResponse
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.chat.web import completions, drawings, faults, models, office
from bot.chat.web.faults import RefusedError
from bot.chat.web.house import House
from bot.ledger import Ledger
from bot.store import AwayError

PAGE = Path(__file__).parent / "page"
FILES = {"/": "index.html", "/page.css": "page.css", "/page.js": "page.js", "/icon.svg": "icon.svg"}
BODY = 1_000_000  # bytes of a request
POLICY = "default-src 'self'; img-src 'self' blob:; frame-ancestors 'none'; base-uri 'none'"
HEADERS = {
    b"content-security-policy": POLICY.encode(),
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
}


def site(house: House, hosts: list[str]) -> FastAPI:
    """Return the server's application; it answers for `hosts` alone, so that no page elsewhere can name it its own."""
    app = FastAPI(
        title="Apocrypha",
        summary="Text that was never written.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
    )
    faults.install(app)
    for routes in (completions.routes, models.routes, drawings.routes, office.routes, _health, _page):
        app.include_router(routes(house))
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=hosts)
    app.add_middleware(Limited)
    return app


def _health(house: House) -> APIRouter:
    router = APIRouter(tags=["health"])

    @router.get("/healthz")
    async def alive() -> dict[str, str]:
        """Say that the process answers."""
        return {"status": "alive"}

    @router.get("/readyz")
    def ready() -> JSONResponse:
        """Say whether the store answers and there are voices."""
        voices = {"voices": len(house.registry.plugins), "broken": len(house.registry.broken)}
        try:
            Ledger(house.desk.store).states()
        except AwayError as error:
            return JSONResponse({"status": str(error)} | voices, 503)
        return JSONResponse({"status": "ready"} | voices)

    @router.get("/metrics", dependencies=[Depends(house.keys.admin)])
    def metrics() -> Response:
        """Tell Prometheus what was done."""
        return Response(house.numbers.page(), media_type="text/plain; version=0.0.4")

    return router


def _page(house: House) -> APIRouter:
    del house
    router = APIRouter(include_in_schema=False)
    for path, name in FILES.items():
        router.add_api_route(path, _file(PAGE / name), methods=["GET", "HEAD"])
    return router


def _file(path: Path) -> Callable[[], Awaitable[FileResponse]]:
    async def served() -> FileResponse:
        return FileResponse(path, headers={"Cache-Control": "no-cache"})

    return served


class Limited:
    """Refuses bodies that are too large before they are read, and adds the headers that every answer has."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand before `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what may be passed on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._is_too_large(scope):
            refused = RefusedError(413, "too_large", f"A request may have {BODY:,} bytes.")
            await JSONResponse(faults.body(refused), refused.status)(scope, receive, send)
            return
        size = 0

        async def counted() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > BODY:  # it did not say how long it would be
                raise ClientDisconnect
            return message

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *HEADERS.items()]
            await send(message)

        await self._app(scope, counted, dressed)

    @staticmethod
    def _is_too_large(scope: Scope) -> bool:
        length: bytes = dict(scope["headers"]).get(b"content-length", b"0")
        return int(length) > BODY
