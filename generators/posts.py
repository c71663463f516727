"""Composing a post: drafts are written side by side and judged, and the first that passes every gate is taken.

A draft is refused for its form, by the gates of generators/quality.py, where it resembles what was posted lately, where
a service would make a link, a mention or a tag of it, and where a target would not take it.
"""

import asyncio
import os
import re
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from corpora.errors import UserError
from generators.engine import Engine
from generators.generator import Form
from generators.pictures.drawing import draw
from generators.pictures.picture import Picture
from generators.quality import Gates
from generators.receipt import Receipt, digest
from generators.voice import Request, Voice

BATCHES = (1, 2, 5, 16, 40)  # drafts written side by side; most often the first one will do
EASELS = threading.Semaphore(os.cpu_count() or 1)  # TeX may take so much time and no more, so it gets a processor
SHINGLE = 6  # characters of the pieces by which texts are compared
# What services make something of: addresses, bare domain names, mentions, tags, cashtags.
ENTANGLED = re.compile(r"\w+://|\b[\w-]+\.[a-zA-Z]{2,}\b|[@#$][^\W\d_]", re.ASCII)

Fits = Callable[[str, Picture | None], str]  # what a target has against a text with a picture, "" where nothing


class Order(BaseModel):
    """What is to be written. Unset options are the style's own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    style: str
    temperature: float | None = None
    length: int | None = Field(None, ge=1)
    prefix: str = ""
    message: str = ""
    blend: tuple[str, float] | None = None
    adapt: float | None = None
    picture: bool | None = Field(None, description="as a picture, or as text; by default as the style is best read")
    caption: str = Field("", description="the text beside a picture; the style's summary where empty")


@dataclass(frozen=True)
class Post:
    """What goes out: a text, perhaps beside a picture; what the voice wrote; and how it is written again."""

    text: str
    written: str
    receipt: dict[str, Any]
    picture: Picture | None = None
    rejected: list[tuple[str, str]] = field(default_factory=list)  # (draft, what was against it)


class NothingFitsError(UserError):
    """No draft passed every gate; `rejected` has them all."""

    def __init__(self, style: str, rejected: list[tuple[str, str]]) -> None:
        """Tally the reasons."""
        tally = Counter(fault for _, fault in rejected).most_common()
        reasons = "; ".join(f"{fault} ({count})" for fault, count in tally)
        super().__init__(f"{style}: {len(rejected)} drafts were written and none can be posted: {reasons}.")
        self.rejected = rejected


async def compose(
    engine: Engine,
    order: Order,
    seed: int,
    gates: Gates,
    targets: Mapping[str, Fits],
    room: int,
    lately: Sequence[str],
) -> Post:
    """Return a post that every one of `targets` (by account) takes; its drafts have the seeds from `seed` on.

    `room` is the most characters that all targets have for a text; `lately` are texts that it must not resemble. Raise
    NothingFitsError with the tally of reasons, or UserError where the order cannot be carried out.
    """
    voice = engine.voice(order.style, order.blend)
    as_picture = voice.plugin.manifest.picture != "card" if order.picture is None else order.picture
    judge = partial(_fault, gates=gates, lately=lately, as_picture=as_picture)
    rejected = list[tuple[str, str]]()
    async for draft in _drafts(engine, voice, order, seed, None if as_picture else room, judge):
        post = None if draft.fault else await _dressed(voice, order, draft, as_picture)
        fault = draft.fault
        if isinstance(post, Post):
            refusals = (f"{name}: {fits(post.text, post.picture)}" for name, fits in targets.items())
            fault = next((refusal for refusal in refusals if not refusal.endswith(": ")), "")
            if not fault:
                return Post(post.text, draft.text, post.receipt, post.picture, rejected)
        rejected.append((draft.text, fault or str(post)))
    raise NothingFitsError(order.style, rejected)


@dataclass
class _Draft:
    """A draft, and the judge of it: as it is written it is finished as its style says, and judged, on its thread."""

    request: Request
    form: Form
    judge: Callable[[str], str]
    text: str = ""
    fault: str = ""

    def choose(self, drafts: list[str]) -> str | None:
        """Finish and judge what was written; None where its form will not do, and another is to be written."""
        finished = self.form.choose(drafts)
        if finished is not None:
            self.text = finished.strip("\n")
            self.fault = self.judge(self.text)
        return finished

    def refusal(self) -> UserError:
        """Say what was wrong with the forms of all that were written."""
        return self.form.refusal()


async def _drafts(
    engine: Engine, voice: Voice, order: Order, seed: int, room: int | None, judge: Callable[[str], str]
) -> AsyncIterator[_Draft]:
    """Yield finished drafts, judged, in the order of their seeds."""
    length = min(filter(None, (order.length, room, voice.plugin.manifest.text.length)))
    fields = {"prefix": order.prefix, "message": order.message, "blend": order.blend, "adapt": order.adapt}
    sampling = voice.sampling(temperature=order.temperature)
    for size in BATCHES:
        requests = [voice.request(sampling, seed + i, length=length, **fields) for i in range(size)]
        seed += size
        drafts = [_Draft(request, Form(voice.plugin, bool(order.prefix)), judge) for request in requests]
        streams = [engine.submit(draft.request, draft) for draft in drafts]
        for draft, stream in zip(drafts, streams, strict=True):
            async for _ in stream:  # whole, when it comes
                pass
            yield draft


def _fault(text: str, gates: Gates, lately: Sequence[str], as_picture: bool) -> str:
    if fault := gates.fault(text):
        return fault
    if any(alike(text, other) > gates.limits.alike for other in lately):
        return "resembles a post of late"
    if not as_picture and ENTANGLED.search(text):
        return "a service would make a link, a mention or a tag of it"
    return ""


async def _dressed(voice: Voice, order: Order, draft: _Draft, as_picture: bool) -> Post | str:
    """Return the post as it goes out, or why it cannot be drawn."""
    written = draft.text
    receipt = Receipt(request=draft.request, model=voice.digest, digest=digest(written)).model_dump(mode="json")
    if not as_picture:
        return Post(written, written, receipt)
    try:
        picture = await asyncio.to_thread(_drawn, voice, written)
    except UserError as error:
        return str(error)
    return Post(order.caption or voice.plugin.manifest.summary, written, receipt, picture)


def _drawn(voice: Voice, written: str) -> Picture:
    with EASELS:
        return draw(voice.plugin, written)


def alike(text: str, other: str) -> float:
    """Return how much of the smaller text's pieces of SHINGLE characters the other one has too, 0 to 1."""
    ours, theirs = (_shingles(each) for each in (text, other))
    smaller = min(len(ours), len(theirs))
    return len(ours & theirs) / smaller


@lru_cache(maxsize=4096)  # a new text is compared with all of late
def _shingles(text: str) -> frozenset[str]:
    plain = " ".join(re.findall(r"\w+", text.casefold()))
    return frozenset(plain[at : at + SHINGLE] for at in range(max(len(plain) - SHINGLE, 0) + 1))
