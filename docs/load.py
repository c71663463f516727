"""Measure the API under load: 64 clients, each reading one streamed text after another, beside the bare engine.

Both write the same texts with the same network, in short turns, since the machine drifts; the ratio is the median of
those of the turns. It writes docs/load.json. The clients take their share of the same machine: a server alone could do
more.
"""

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import uvloop

from bot import settings
from bot.speaking import open_engine
from generators import registry
from generators.engine import Engine

ROOT = Path(__file__).parent.parent
RECORD = ROOT / "docs" / "load.json"
STYLE, CLIENTS, ROUNDS = "scroll", 64, 6
COMING = 0.02  # seconds from one client to the next
SHORTEST, LONGEST = 200, 1800  # characters of a text
PLUGIN = f'summary = "The Bible without an end"\n[text]\nstop = ""\nlength = {LONGEST}\n'
KEY = '[[web.keys]]\nname = "load"\nsecret = "load"\nadmin = true\nper_minute = 1000000\nat_once = 1000\n'
HEAD = (
    "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer load\r\n"
    "Content-Type: application/json\r\n"
)
BODY = {
    "model": STYLE,
    "stream": True,
    "stream_options": {"include_usage": True},
    "grammar": False,
    "candidates": 1,
}
PIECE, END = b'"text":"', b"0\r\n\r\n"
ENOUGH = 1000  # bytes in which the last events of a text are


def home(folder: Path) -> None:
    """Make a home with a voice that has the Bible's network and is ended by nothing but its length."""
    plugin = folder / "plugins" / STYLE
    plugin.mkdir(parents=True)
    (plugin / "plugin.toml").write_text(PLUGIN, encoding="utf-8")
    (plugin / "corpus.txt").write_text("In the beginning.\n" * 100, encoding="utf-8")
    (folder / "apocrypha.toml").write_text(KEY, encoding="utf-8")
    shutil.copytree(ROOT / "generators" / "styles" / "bible" / "model", folder / "models" / STYLE)


class Server:
    """`apocrypha serve` in a process of its own."""

    def __init__(self) -> None:
        """Start it on a free port."""
        command = [sys.executable, "-m", "bot", "serve", "--port", "0", *sys.argv[2:]]
        self.process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr
        while not (found := re.search(r"is at http://127.0.0.1:(\d+)", self.process.stderr.readline())):
            assert self.process.poll() is None
        self.port = int(found[1])

    @property
    def megabytes(self) -> float:
        """Return what it has in memory."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def length(seed: int) -> int:
    """Return how long a text is to be: no two clients shall stay in step."""
    return SHORTEST + seed * 7919 % (LONGEST - SHORTEST)


class Client(asyncio.Protocol):
    """Reads one text after another until `end`, and does as little as it can: it shares the server's processors.

    How many characters came is in the last event of each text; how long the first one took is timed.
    """

    def __init__(self, first: int, end: float) -> None:
        """Ask for texts of the seeds `first`, `first` + CLIENTS and so on."""
        self._seed, self._end = first, end
        self.characters, self.waits = 0, list[float]()
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin."""
        self._transport = transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        """Time the first piece of a text; at its end ask for the next one."""
        if not self._last:
            assert data.startswith(b"HTTP/1.1 200"), data
        if self._asked and PIECE in data:
            self.waits.append(time.perf_counter() - self._asked)
            self._asked = 0.0
        self._last = (self._last + data)[-ENOUGH:]
        if not self._last.endswith(END):
            return
        told = re.search(rb'"completion_tokens":(\d+)', self._last)
        assert told, self._last
        self.characters += int(told[1])
        if time.perf_counter() < self._end:
            self._ask()
        else:
            self._transport.close()
            self.done.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        """Say so where that was not to be."""
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("the server closed the connection"))

    def _ask(self) -> None:
        self._seed += CLIENTS
        body = json.dumps(BODY | {"seed": self._seed, "max_tokens": length(self._seed)}).encode()
        self._transport.write(f"{HEAD}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        self._asked, self._last = time.perf_counter(), b""


async def read_texts(port: int, first: int, end: float) -> tuple[int, list[float]]:
    """Read texts until `end`; return the characters, and the seconds to each first one."""
    await asyncio.sleep(first % CLIENTS * COMING)
    _, client = await asyncio.get_running_loop().create_connection(lambda: Client(first, end), "127.0.0.1", port)
    await client.done
    return client.characters, client.waits


async def load(port: int, seconds: float, first: int) -> tuple[float, list[float]]:
    """Return the characters per second of all clients together, and the seconds to each first character."""
    started = time.perf_counter()
    reads = [read_texts(port, first + number, started + seconds) for number in range(CLIENTS)]
    read = await asyncio.gather(*reads)
    total = sum(characters for characters, _ in read)
    return total / (time.perf_counter() - started), [wait for _, waits in read for wait in waits]


async def bare(engine: Engine, seconds: float, first: int) -> float:
    """Return the characters per second of the engine in this process, read by as many clients of the same kind."""
    voice = engine.voice(STYLE)
    started = time.perf_counter()

    async def client(seed: int) -> int:
        await asyncio.sleep(seed % CLIENTS * COMING)
        written = 0
        while time.perf_counter() < started + seconds:
            seed += CLIENTS
            request = voice.request(voice.sampling(), seed, grammar=False, candidates=1, length=length(seed))
            written += sum([len(piece) async for piece in engine.submit(request)])
        return written

    total = sum(await asyncio.gather(*(client(first + number) for number in range(CLIENTS))))
    return total / (time.perf_counter() - started)


def main() -> None:
    """Measure for as many seconds as the first argument says; the others go to `apocrypha serve`."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    with tempfile.TemporaryDirectory() as folder:
        home(Path(folder))
        os.environ["APOCRYPHA_HOME"] = folder
        chosen = settings.load()
        with open_engine(chosen, registry.find(chosen.plugins)) as engine:
            server = Server()
            uvloop.run(load(server.port, 5, 10**6))  # warms up
            uvloop.run(bare(engine, 2, 10**6))
            served, alone, waits, memory = list[float](), list[float](), list[float](), [server.megabytes]
            for turn in range(ROUNDS):
                speed, waited = uvloop.run(load(server.port, seconds / ROUNDS, 10**7 * turn))
                served.append(speed)
                waits += waited
                memory.append(server.megabytes)
                alone.append(uvloop.run(bare(engine, seconds / ROUNDS, 10**7 * turn)))
        server.process.send_signal(signal.SIGTERM)
        server.process.wait()
    record = {
        "command": " ".join(["python", "docs/load.py", *sys.argv[1:]]),
        "clients": CLIENTS,
        "seconds": seconds,
        "cores": chosen.cores,
        "texts": len(waits),
        "characters_per_second": float(np.median(served)),
        "engine_characters_per_second": float(np.median(alone)),
        "ratio": float(np.median(np.divide(served, alone))),
        "first_character_ms_p50": 1000 * float(np.quantile(waits, 0.5)),
        "first_character_ms_p99": 1000 * float(np.quantile(waits, 0.99)),
        "megabytes": memory,
    }
    print(json.dumps(record, indent=1))
    if len(sys.argv) < 2:
        RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
