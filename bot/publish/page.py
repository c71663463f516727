"""Posts as web pages without scripts to load, fonts or anything else from outside: they open from the disk."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from html import escape

CODE = 0.34  # share of the lines that must look like code for the whole to be set as code
_LIKE_CODE = re.compile(
    r"^(\t| {2,}\S)|[{}]$|^#(include|define|if|endif)|^\s*(/\*|\*/|//)|[()=\]][;,]$|^[\w* ]+\(.*\)$"
)

STYLE = """
:root { color-scheme: light dark; --paper: #f7f3ea; --card: #fffdf8; --ink: #2a2420; --pale: #6f655c; --rule: #e4dccd;
  --accent: #b4643a; --code: #f3eee3; }
@media (prefers-color-scheme: dark) { :root { --paper: #16130f; --card: #1e1a15; --ink: #ece4d8; --pale: #a39787;
  --rule: #332c24; --accent: #e0925f; --code: #15120e; } img { filter: brightness(.88); } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 1.125rem/1.6 "Iowan Old Style", "Palatino Linotype", Palatino, "EB Garamond", Georgia, serif; }
header, main, footer { max-width: 44rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 3.5rem; padding-bottom: 1.5rem; }
h1 { margin: 0; font-size: 2.25rem; font-weight: 500; letter-spacing: .01em; line-height: 1.2; }
header p { margin: .25rem 0 0; color: var(--pale); font-style: italic; }
article { margin: 0 0 1.5rem; padding: 1.5rem 1.75rem 1.25rem; background: var(--card); border: 1px solid var(--rule);
  border-radius: .75rem; }
article:target { border-color: var(--accent); }
.text { margin: 0; font-size: 1.25rem; line-height: 1.5; white-space: pre-wrap; overflow-wrap: anywhere; }
.caption { margin-top: .875rem; font-size: 1rem; font-style: italic; color: var(--pale); }
.code { font: .875rem/1.55 "JetBrains Mono", ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; tab-size: 4;
  white-space: pre; overflow-x: auto; overflow-wrap: normal; padding: 1rem 1.125rem; background: var(--code);
  border-radius: .5rem; }
figure { margin: 0; }
img { display: block; max-width: 100%; height: auto; margin: 0 auto; border-radius: .5rem;
  border: 1px solid var(--rule); }
.about { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 1.5rem; margin: 1rem 0 0;
  padding-top: .75rem; border-top: 1px solid var(--rule); color: var(--pale); font-size: .875rem; }
.about a, header a, nav a { color: inherit; text-decoration-color: var(--rule); text-underline-offset: .2em; }
.about a:hover, header a:hover, nav a:hover { color: var(--accent); }
nav { color: var(--pale); font-size: .95rem; }
nav h2 { font-size: 1.25rem; font-weight: 500; color: var(--ink); margin: 2.5rem 0 .5rem; }
nav ul { list-style: none; margin: 0; padding: 0; columns: 11rem; }
footer { padding-top: 2rem; padding-bottom: 3.5rem; color: var(--pale); font-size: .875rem; }
@media (max-width: 30rem) { article { padding: 1.125rem 1rem 1rem; } header { padding-top: 2rem; } }
"""

SCRIPT = """
for (const time of document.querySelectorAll("time"))
  time.textContent = new Date(time.dateTime).toLocaleString([], {dateStyle: "medium", timeStyle: "short"});
"""


@dataclass(frozen=True)
class Entry:
    """A post as it lies in the folder; `place` is its files' path from the page, without an ending."""

    place: str
    text: str
    slot: str
    created_at: datetime
    alt: str | None = None  # None where there is no picture
    width: int = 0
    height: int = 0


def article(entry: Entry) -> str:
    """Return a post as a part of a page."""
    name = entry.place.rpartition("/")[2]
    schedule, _, slot = entry.slot.partition(" ")
    moment = f'<time datetime="{entry.created_at.isoformat()}">{entry.created_at:%Y-%m-%d %H:%M} UTC</time>'
    link = f'<a href="{escape(entry.place.rpartition("/")[0])}.html#{escape(name)}">{moment}</a>'
    about = f'<span title="{escape(entry.slot)}">{escape(schedule) if slot else "by hand"}</span>{link}'
    parts = (
        f'<article id="{escape(name)}">',
        _picture(entry),
        _text(entry),
        f'<div class="about">{about}</div></article>',
    )
    return "\n".join(filter(None, parts))


def front_page(articles: Iterable[str], days: Iterable[tuple[str, int]]) -> str:
    """Return the page of the newest posts, and below it the days with the number of their posts."""
    listed = "\n".join(f'<li><a href="{day}.html">{day}</a> ({count:,})</li>' for day, count in days)
    navigation = f"<nav><h2>All days</h2><ul>\n{listed}\n</ul></nav>" if listed else ""
    return _page("Apocrypha", "<h1>Apocrypha</h1><p>Text that was never written.</p>", articles, navigation)


def day_page(day: str, articles: Iterable[str]) -> str:
    """Return the page of a day's posts."""
    head = f'<h1>{date.fromisoformat(day):%-d %B %Y}</h1><p><a href="index.html">Apocrypha</a></p>'
    return _page(f"Apocrypha, {day}", head, articles, "")


def _picture(entry: Entry) -> str:
    """Return the picture, and a way to see all of it where the page is narrow."""
    if entry.alt is None:
        return ""
    size = f' width="{entry.width}" height="{entry.height}"' if entry.width else ""
    source = f"{escape(entry.place)}.png"
    image = f'<img src="{source}" alt="{escape(entry.alt)}"{size} loading="lazy">'
    return f'<figure><a href="{source}">{image}</a></figure>'


def _text(entry: Entry) -> str:
    if not entry.text.strip():
        return ""
    text = escape(entry.text.strip("\n").rstrip(), quote=False)
    if looks_like_code(entry.text):
        return f'<pre class="text code">{text}</pre>'
    return f'<p class="text{" caption" if entry.alt is not None else ""}">{text}</p>'


def looks_like_code(text: str) -> bool:
    """Return whether the lines of a text want letters of one width."""
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    return len(lines) > 1 and sum(bool(_LIKE_CODE.search(line)) for line in lines) > CODE * len(lines)


def _page(title: str, head: str, articles: Iterable[str], end: str) -> str:
    posts = "\n".join(articles) or "<p>Nothing has been posted yet.</p>"
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<header>{head}</header>
<main>
{posts}
</main>
<footer>{end}<p>Written by small neural networks. None of it is true.</p></footer>
<script>{SCRIPT}</script>
</body>
</html>
"""
