"""The folder: files that are whole, pages that follow, and speed."""

import asyncio
import hashlib
import re
import time
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest

from bot.accounts import FolderAccount
from bot.publish import folder
from bot.publish.folder import FolderPublisher
from bot.publish.page import Entry, article, looks_like_code
from bot.publish.publisher import LaterError, Parcel
from generators.pictures.card import draw

NINE = datetime(2026, 11, 23, 9, tzinfo=UTC)


def parcel(text: str, minutes: float = 0, **options: object) -> Parcel:
    key = hashlib.sha256(f"{text} {minutes}".encode()).hexdigest()
    return Parcel(text, key, NINE + timedelta(minutes=minutes), **{"slot": "bible 09:00"} | options)


@pytest.fixture
def publisher(tmp_path: Path) -> FolderPublisher:
    return FolderPublisher(FolderAccount(name="here", path=tmp_path / "posts"))


class Articles(HTMLParser):
    """What a reader of a page has: its posts, and that every element is closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.posts: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.feed(page)
        assert not self.open

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "img"):
            self.open.append(tag)
        if tag == "img":
            self.images.append(dict(attributes))
        if "text" in (dict(attributes).get("class") or "").split():
            self.posts.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("p", "pre") and "article" in self.open and self.posts:
            self.posts[-1] += data


async def test_pages_show_all_posts_the_newest_first(publisher: FolderPublisher, tmp_path: Path) -> None:
    strange = "<script>alert('&')</script> \"quoted\"\n  indented\n"
    await publisher.send(parcel("the first"))
    await publisher.send(parcel(strange, 1))
    await publisher.send(parcel("of the next day", 24 * 60))
    await publisher.close()
    front = Articles((tmp_path / "posts" / "index.html").read_text(encoding="utf-8"))
    assert front.posts == ["of the next day", strange.rstrip(), "the first"]
    day = Articles((tmp_path / "posts" / "2026-11-23.html").read_text(encoding="utf-8"))
    assert day.posts == [strange.rstrip(), "the first"]
    assert (tmp_path / "posts" / "index.html").read_text().count('href="2026-11-24.html"') == 1


async def test_a_picture_lies_beside_its_text(publisher: FolderPublisher, tmp_path: Path) -> None:
    picture = draw('It is "written".', "bible")
    sent = await publisher.send(parcel("caption", picture=picture))
    await publisher.close()
    page = Articles((tmp_path / "posts" / "index.html").read_text(encoding="utf-8"))
    assert page.images[0]["alt"] == picture.alt
    assert (tmp_path / "posts" / str(page.images[0]["src"])).read_bytes() == picture.png
    address, _, anchor = sent.posted.url.removeprefix("file://").partition("#")
    assert f'id="{anchor}"' in Path(address).read_text(encoding="utf-8")


async def test_the_same_post_again_changes_nothing(publisher: FolderPublisher, tmp_path: Path) -> None:
    first = parcel("once")
    assert await publisher.send(first) == await publisher.send(first) == await publisher.find(first)
    await publisher.close()
    assert len(list(tmp_path.rglob("*.txt"))) == 1
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith(".")]


async def test_a_post_cut_short_is_none_and_is_made_whole(publisher: FolderPublisher, tmp_path: Path) -> None:
    first = parcel("whole")
    await publisher.send(first)
    next(tmp_path.rglob("*.json")).unlink()  # a process that dies has not written this
    assert await publisher.find(first) is None
    assert await publisher.recent(5) == []
    await publisher.send(first)
    assert [posted.text for posted in await publisher.recent(5)] == ["whole"]
    await publisher.close()


async def test_there_is_a_page_before_there_are_posts(publisher: FolderPublisher) -> None:
    page = Path(await publisher.check())
    await publisher.close()
    assert "Nothing has been posted yet" in page.read_text(encoding="utf-8")


async def test_pages_that_are_behind_catch_up(publisher: FolderPublisher, tmp_path: Path) -> None:
    await publisher.send(parcel("posted by one who died"))
    await publisher.close()
    for page in (tmp_path / "posts").glob("*.html"):
        page.unlink()
    another = FolderPublisher(FolderAccount(name="here", path=tmp_path / "posts"))
    await another.check()
    await another.close()
    assert Articles((tmp_path / "posts" / "index.html").read_text(encoding="utf-8")).posts == ["posted by one who died"]
    assert (tmp_path / "posts" / "2026-11-23.html").exists()


async def test_what_is_taken_down_is_gone_from_the_pages(publisher: FolderPublisher, tmp_path: Path) -> None:
    picture = draw("gone", "bible")
    sent = await publisher.send(parcel("gone", picture=picture))
    await publisher.send(parcel("stays", 1))
    await publisher.delete(sent.posted.id)
    await publisher.delete(sent.posted.id)
    await publisher.delete("../../etc/passwd")
    await publisher.close()
    assert Articles((tmp_path / "posts" / "index.html").read_text(encoding="utf-8")).posts == ["stays"]
    assert len(list(tmp_path.rglob("*.png"))) == 0


async def test_two_hundred_posts_take_less_than_four_seconds(publisher: FolderPublisher, tmp_path: Path) -> None:
    start = time.monotonic()
    for number in range(200):
        await publisher.send(parcel(f"post {number}", number / 60))
    assert time.monotonic() - start < 4
    await publisher.close()
    page = Articles((tmp_path / "posts" / "2026-11-23.html").read_text(encoding="utf-8"))
    assert page.posts == [f"post {number}" for number in reversed(range(200))]
    assert len(Articles((tmp_path / "posts" / "index.html").read_text(encoding="utf-8")).posts) == folder.NEWEST


async def test_several_processes_post_into_one_folder(tmp_path: Path) -> None:
    account = FolderAccount(name="here", path=tmp_path / "posts")
    publishers = [FolderPublisher(account) for _ in range(4)]
    await asyncio.gather(
        *(each.send(parcel(f"{number} {part}", number)) for part, each in enumerate(publishers) for number in range(10))
    )
    for each in publishers:
        await each.close()
    assert len(Articles((tmp_path / "posts" / "index.html").read_text(encoding="utf-8")).posts) == 40


async def test_a_disk_that_takes_nothing_is_later(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "posts").write_text("a file where the folder should be")
    publisher = FolderPublisher(FolderAccount(name="here", path=tmp_path / "posts"))
    with pytest.raises(LaterError, match="posts"):
        await publisher.send(parcel("no"))
    await publisher.check()
    await publisher.close()
    assert "could not be written" in caplog.text
    assert publisher.fault("x" * (folder.LONGEST + 1), None)


async def test_pages_that_cannot_be_written_hold_up_no_post(
    publisher: FolderPublisher, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "posts" / "index.html").mkdir(parents=True)
    await publisher.send(parcel("there"))
    await publisher.close()
    assert "could not be written" in caplog.text
    assert [posted.text for posted in await publisher.recent(1)] == ["there"]


def test_code_is_told_from_prose() -> None:
    code = "static int probe(struct device *dev)\n{\n\tint err;\n\n\terr = clk_enable(dev);\n\treturn err;\n}\n"
    verse = "Genesis 51:1 And the LORD spake unto Moses, saying;\n2 Speak unto the children of Israel."
    assert looks_like_code(code)
    assert not looks_like_code(verse)
    assert not looks_like_code("")
    shown = article(Entry("2026-11-23/a", code, "code 12:00", NINE))
    assert re.search(r'<pre class="text code">static int probe', shown)
