"""A folder as a service: each post a text file with its picture beside it, and pages that show them all.

    index.html                             the newest posts, and all days
    2026-11-23.html                        a day's posts
    2026-11-23/090000-1f3a9c0d5b7e.txt     what was posted
    2026-11-23/090000-1f3a9c0d5b7e.png     its picture, if it has one
    2026-11-23/090000-1f3a9c0d5b7e.json    the rest; a post is there when this file is

Posts are on the disk when `send` returns. Pages follow, within about a second where there are not thousands of posts a
day, so that many posts a second can be taken.
"""

import asyncio
import contextlib
import json
import logging
import os
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from bot.accounts import FolderAccount
from bot.publish.answers import named
from bot.publish.page import Entry, article, day_page, front_page
from bot.publish.publisher import FOR_EVER, LaterError, Parcel, Posted, Sent
from generators.pictures.picture import Picture
from training.checkpoint import write_durably

LONGEST = 100_000  # characters
NEWEST = 100  # posts on the front page
BREATH, SHARE = 1.0, 20  # seconds between two writings of the pages, or so many times as long as the last one took

log = logging.getLogger(__name__)


class FolderPublisher:
    """Posts into a folder. Several processes may post into one; the pages show what all of them posted."""

    platform = "folder"
    repeatable = FOR_EVER
    timeout = timedelta(seconds=30)
    together = 16
    room = LONGEST

    def __init__(self, account: FolderAccount) -> None:
        """Post into the account's folder, which is made when it is needed."""
        self.account = account.name
        self._path = account.path.expanduser().absolute()
        self._pages = Pages(self._path)
        self._stale = set[str]()  # days whose page does not show what we did
        self._renewing: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()

    def size(self, text: str) -> int:
        """Return its characters."""
        return len(text)

    def fault(self, text: str, picture: Picture | None) -> str:
        """Return why this cannot be posted; "" where it can."""
        if not text.strip() and picture is None:
            return "there is neither text nor picture"
        return f"{len(text):,} characters; at most {LONGEST:,} are taken" if len(text) > LONGEST else ""

    def cost(self, text: str, picture: Picture | None) -> Decimal:
        """Return nothing: it is your disk."""
        del text, picture
        return Decimal(0)

    async def check(self) -> str:
        """Have all pages written, and say where they are."""
        self._renew(*_days(self._path))
        return str(self._path / "index.html")

    async def send(self, parcel: Parcel) -> Sent:
        """Write the post's files, the last one last. Raise LaterError where the disk does not let us."""
        path = self._record(parcel)
        try:
            await asyncio.to_thread(_write_post, path, parcel)
        except OSError as error:
            raise LaterError(f"{path.parent}: cannot be written ({error.strerror})") from error
        self._renew(path.parent.name)
        return Sent(_posted(path, parcel.text, parcel.created_at))

    async def find(self, parcel: Parcel) -> Sent | None:
        """Return the post if its last file is there."""
        path = self._record(parcel)
        return Sent(_posted(path, parcel.text, parcel.created_at)) if path.exists() else None

    async def recent(self, count: int) -> list[Posted]:
        """Return the latest posts, the newest first."""
        return await asyncio.to_thread(self._recent, count)

    async def delete(self, post: str) -> None:
        """Remove the files of a post, by its id: day/name."""
        path = self._path / f"{post}.json"
        if path.parent.parent == self._path and path.exists():
            for suffix in (".json", ".png", ".txt"):  # without the first it is no post any more
                path.with_suffix(suffix).unlink(missing_ok=True)
            self._renew(path.parent.name)

    async def close(self) -> None:
        """Finish the pages."""
        self._closing.set()
        if self._renewing:
            await self._renewing

    def _recent(self, count: int) -> list[Posted]:
        entries = [(path, _read(path)) for path in _newest(self._path, count)]
        return [_posted(path, entry.text, entry.created_at) for path, entry in entries]

    def _record(self, parcel: Parcel) -> Path:
        moment = parcel.created_at.astimezone(UTC)
        return self._path / f"{moment:%Y-%m-%d}" / f"{moment:%H%M%S}-{parcel.key[:12]}.json"

    def _renew(self, *days: str) -> None:
        """Have pages written: now, if none have been for a while."""
        self._stale.update(days)
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.create_task(self._renew_until_done())

    async def _renew_until_done(self) -> None:
        while True:
            days, self._stale = self._stale, set()
            begun = time.monotonic()
            try:
                await asyncio.to_thread(self._pages.write, days)
            except (OSError, ValueError, KeyError) as error:  # the posts are there; the next one renews the pages
                changed = bool(self._stale)
                self._stale |= days
                if changed:  # while they were read: a post was taken down, say
                    continue
                log.warning("%s: the pages could not be written (%s)", self._path, named(error))
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), max(BREATH, SHARE * (time.monotonic() - begun)))
            if not self._stale:
                return


class Pages:
    """The pages of a folder. What was read for them is remembered while it is needed."""

    def __init__(self, path: Path) -> None:
        """Show what is in the folder `path`."""
        self._path = path
        self._articles = dict[Path, str]()
        self._counts = dict[str, int]()

    def write(self, days: set[str]) -> None:
        """Write the pages of these days, and the front page."""
        used = dict[Path, str]()
        for day in days:
            articles = {path: self._article(path) for path in _records(self._path / day)}
            _replace(self._path / f"{day}.html", day_page(day, articles.values()))
            self._counts[day] = len(articles)
            used |= articles
        newest = {path: self._article(path) for path in _newest(self._path, NEWEST)}
        counts = [(day, self._count(day)) for day in _days(self._path)]
        _replace(self._path / "index.html", front_page(newest.values(), [each for each in counts if each[1]]))
        self._articles = used | newest

    def _article(self, path: Path) -> str:
        return self._articles.get(path) or article(_read(path))

    def _count(self, day: str) -> int:
        if day not in self._counts:
            self._counts[day] = len(_records(self._path / day))
        return self._counts[day]


def _write_post(path: Path, parcel: Parcel) -> None:
    """Write a post's files unless it is there. A file that is there is whole."""
    if path.exists():
        return
    record: dict[str, Any] = {"key": parcel.key, "slot": parcel.slot, "created_at": parcel.created_at.isoformat()}
    if picture := parcel.picture:
        _replace(path.with_suffix(".png"), picture.png)
        record["picture"] = {"alt": picture.alt, "width": picture.width, "height": picture.height}
    _replace(path.with_suffix(".txt"), parcel.text)
    _replace(path, json.dumps(record, ensure_ascii=False, indent=1))


def _read(path: Path) -> Entry:
    record = json.loads(path.read_text(encoding="utf-8"))
    text = path.with_suffix(".txt").read_text(encoding="utf-8")
    place = f"{path.parent.name}/{path.stem}"
    picture = record.get("picture", {})
    return Entry(place, text, record["slot"], datetime.fromisoformat(record["created_at"]), **picture)


def _posted(path: Path, text: str, at: datetime) -> Posted:
    day = path.parent
    return Posted(f"{day.name}/{path.stem}", f"{day.with_suffix('.html').as_uri()}#{path.stem}", text, at)


def _days(path: Path) -> list[str]:
    """Return the days on which something was posted, the latest first."""
    return sorted((day.name for day in path.glob("????-??-??") if day.is_dir()), reverse=True)


def _records(day: Path) -> list[Path]:
    """Return the posts of a day, the newest first."""
    return sorted(day.glob("*.json"), reverse=True)


def _newest(path: Path, count: int) -> Iterator[Path]:
    for day in _days(path):
        records = _records(path / day)[:count]
        yield from records
        count -= len(records)
        if count <= 0:
            return


def _replace(path: Path, content: str | bytes) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    write_durably(part, content.encode() if isinstance(content, str) else content)
    os.replace(part, path)
