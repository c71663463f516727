"""What our stand-ins for services have in common."""

import json
from typing import Any

from aiohttp import web

from tests.servers.threads import Loop


class Stub:
    """A service on a port of its own. It counts what it is asked."""

    def __init__(self, loop: Loop) -> None:
        self.asked: list[tuple[str, str]] = []

        @web.middleware
        async def note(request: web.Request, handler: Any) -> web.StreamResponse:
            return await self._note(request, handler)

        application = web.Application(client_max_size=20_000_000, middlewares=[note])
        self.routes(application.router)
        self._loop = loop
        self._runner = web.AppRunner(application, access_log=None)
        self.port: int = loop.run(self._start())

    def routes(self, router: web.UrlDispatcher) -> None:
        raise NotImplementedError

    def close(self) -> None:
        self._loop.run(self._runner.cleanup())

    async def _note(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.asked.append((request.method, request.path))
        response: web.StreamResponse = await handler(request)
        return response

    async def _start(self) -> int:
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port: int = self._runner.addresses[0][1]
        return port


def answer(body: Any, status: int = 200, **headers: str) -> web.Response:
    """Return JSON, with exactly the type that discord.py recognises."""
    return web.Response(
        body=json.dumps(body).encode(), status=status, headers={"Content-Type": "application/json"} | headers
    )
