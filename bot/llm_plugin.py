"""Voices as models of `llm` (https://llm.datasette.io): `llm -m apocrypha-bible "In the beginning"`, `llm chat` ...

`llm` finds this module by its entry point, and asks it on every start which models there are; so nothing heavy is
imported before one speaks.
"""

import secrets
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Protocol

import llm
from pydantic import Field

if TYPE_CHECKING:
    from generators.engine import Engine

PREFIX = "apocrypha-"


class Register(Protocol):
    """Takes a model."""

    def __call__(self, model: llm.Model) -> None:
        """Make it known to `llm`."""


class Apocrypha(llm.Model):
    """One style. It reads the prompt, and what was said before in a conversation; a system prompt it cannot follow."""

    can_stream = True

    class Options(llm.Options):
        """What may be set with -o. Unset options are the style's own."""

        temperature: float | None = Field(
            None, ge=0, le=5, description="0: the likeliest text; 1: the model's own chances"
        )
        seed: int | None = Field(None, ge=0, description="the same seed and prompt give the same text")
        length: int | None = Field(None, ge=1, le=100_000, description="the most characters of an answer")
        prefix: str | None = Field(None, description="begin the answer with these words")
        adapt: float | None = Field(None, ge=0, lt=1, description="let recent text count: the part it has, as 0.1")
        top_p: float | None = Field(None, gt=0, le=1, description="draw among the fewest this likely together")

    def __init__(self, style: str) -> None:
        """Stand for a style."""
        self.model_id, self._style = PREFIX + style, style

    def execute(
        self, prompt: llm.Prompt, stream: bool, response: llm.Response, conversation: llm.Conversation | None
    ) -> Iterator[str]:
        """Yield the answer as it is written."""
        from bot.conversation import CONTEXT, READ
        from generators.generator import Generator

        del stream  # llm joins the pieces itself
        assert isinstance(prompt.options, Apocrypha.Options)
        engine, asked = _engine(), prompt.options
        voice = engine.voice(self._style)
        turns = [turn for turn in conversation.responses if isinstance(turn, llm.Response)] if conversation else []
        before = voice.history((turn.prompt.prompt or "", turn.text()) for turn in turns[-READ:])[-CONTEXT:]
        seed = secrets.randbelow(2**31) if asked.seed is None else asked.seed
        sampling = voice.sampling(temperature=asked.temperature, top_p=asked.top_p)
        fields = {"length": asked.length, "prefix": asked.prefix, "adapt": asked.adapt}
        request = voice.request(sampling, seed, message=prompt.prompt or "", before=before, **fields)
        response.response_json = {"seed": seed, "model": voice.digest, "trained": voice.trained}
        with Generator(engine, self._style).answer(request) as answer:
            yield from answer


@llm.hookimpl
def register_models(register: Register) -> None:
    """Name all voices that can be spoken."""
    from bot import settings
    from generators import registry

    for name in sorted(registry.find(settings.load().plugins).plugins):
        register(Apocrypha(name))


@cache
def _engine() -> "Engine":
    """Return the engine that all models of this process write with."""
    from bot import settings
    from bot.speaking import open_engine
    from generators import registry

    chosen = settings.load()
    return open_engine(chosen, registry.find(chosen.plugins))
