"""Many people who talk to a bot at once, and what they and their Discord see of it.

By hand: python -m tests.servers.crowd --people 200 --seconds 300 --store docs/discord.json
"""

import argparse
import asyncio
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from tests.servers.discord_records import BOT, CHANNEL
from tests.servers.discord_server import TOKEN, DiscordServer, Person
from tests.servers.threads import Loop

CHANNELS = 20
BEATS = 1.0  # seconds between the heartbeats that are asked for: Discord asks for one in 41
QUESTIONS = ("Who made the sea?", "And then?", "What did he say to her?", "Where is the light?", "if (x == 0) {")


@dataclass
class Figures:
    """What was seen: seconds, and megabytes of the bot's process."""

    people: int
    questions: int = 0
    answers: int = 0
    first_character: list[float] = field(default_factory=list)  # from the question on
    whole_answer: list[float] = field(default_factory=list)
    longest_beat: float = 0.0
    missed_beats: int = 0
    memory: list[float] = field(default_factory=list)  # at equal distances

    def summary(self) -> dict[str, float]:
        """Return the figures that are quoted."""
        told = {
            "people": self.people,
            "questions": self.questions,
            "answers": self.answers,
            "missed_beats": self.missed_beats,
            "longest_beat": round(self.longest_beat, 2),
        }
        for name in ("first_character", "whole_answer"):
            values = sorted(getattr(self, name))
            told[f"{name}_p50"] = round(statistics.median(values), 3)
            told[f"{name}_p99"] = round(values[int(len(values) * 0.99)], 3)
        quarter = max(len(self.memory) // 4, 1)
        told["memory_second_quarter"] = round(statistics.mean(self.memory[quarter : 2 * quarter] or self.memory), 1)
        told["memory_last_quarter"] = round(statistics.mean(self.memory[-quarter:]), 1)
        return told


async def crowd(
    server: DiscordServer, people: int, seconds: float, memory: Callable[[], float], rest: float = 8.0
) -> Figures:
    """Let people ask for so long, each again after its answer and a rest; to be run in the server's loop."""
    loop, chance, figures = asyncio.get_running_loop(), random.Random(7), Figures(people)
    server.gateway.heard.clear()
    end = loop.time() + seconds

    async def person(number: int) -> None:
        who, place = Person(10_000 + number, f"person-{number}"), CHANNEL + 10 * (number % len(server.channels))
        while loop.time() < end:
            figures.questions += 1
            said = await server.said(who, f"<@{BOT}> {chance.choice(QUESTIONS)}", place)
            waiting = server.waiting[said["id"]] = loop.create_future()
            await asyncio.wait((waiting,), timeout=60)
            del server.waiting[said["id"]]
            if replies := server.replies(said):
                figures.answers += bool(replies[-1]["components"])
                figures.first_character.append(server.times[replies[0]["id"]] - server.times[said["id"]])
                figures.whole_answer.append(loop.time() - server.times[said["id"]])
            await asyncio.sleep(rest * (0.5 + chance.random()))

    async def watch() -> None:
        while loop.time() < end:
            figures.memory.append(memory())
            await asyncio.sleep(seconds / 40)

    await asyncio.gather(watch(), *(person(number) for number in range(people)))
    heard = server.gateway.heard
    gaps = [later - earlier for earlier, later in pairwise(heard)]
    figures.longest_beat = max(gaps, default=seconds)
    figures.missed_beats = sum(gap > 2 * server.gateway.beats for gap in gaps)
    return figures


def resident(process: int) -> Callable[[], float]:
    """Return what tells the memory of a process in megabytes."""

    def measured() -> float:
        status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024

    return measured


def started(server: DiscordServer, home: Path, log: Path, **settings: object) -> subprocess.Popen[bytes]:
    """Start a bot as a person would, with nothing but a token; the service is this one."""
    known = {name: value for name, value in os.environ.items() if not name.startswith("APOCRYPHA_")}
    chat = json.dumps({"service": server.service, **settings})
    own = {"APOCRYPHA_HOME": str(home), "APOCRYPHA_DISCORD": chat, "DISCORD_TOKEN": TOKEN}
    with log.open("ab") as output:
        return subprocess.Popen([sys.executable, "-m", "bot", "run"], stdout=output, stderr=output, env=known | own)


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--style", default="bible")
    parser.add_argument("--store", type=Path, help="the file of the record")
    given = parser.parse_args()
    machine = {"cores": os.cpu_count(), "load_before": round(os.getloadavg()[0], 1)}
    loop = Loop()
    server = DiscordServer(loop, CHANNELS, BEATS, checked=False)
    with tempfile.TemporaryDirectory() as home:
        log = Path(home) / "log"
        bot = started(server, Path(home), log, style=given.style, daily=1_000_000)
        try:
            loop.run(server.until_connected(), 120)
            work = crowd(server, given.people, given.seconds, resident(bot.pid))
            figures: Figures = loop.run(work, given.seconds + 120)
        finally:
            bot.send_signal(signal.SIGTERM)
            bot.wait(30)
            print(log.read_text(encoding="utf-8")[-3000:], file=sys.stderr)
    loop.stop()
    about = {"style": given.style, "seconds": given.seconds, "seconds_between_beats": BEATS, **machine}
    record = json.dumps({**about, **figures.summary(), "memory": [round(each) for each in figures.memory]}, indent=1)
    print(record)
    if given.store:
        given.store.write_text(record + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
