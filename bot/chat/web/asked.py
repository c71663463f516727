"""What is asked for: the bodies of the API, in the shape of OpenAI's, with a few fields more.

A token is a character. What has no meaning here is taken where it asks for nothing, and refused where it asks for
something, so that nobody believes that it was heeded.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from generators.voice import Request, Voice

LONGEST = 20_000  # characters of a prompt, or of all messages together
CHOICES = 16
DRAFTS = 64  # of all choices together
IGNORED = {"user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key", "best_of"}

Text = Annotated[str, Field(max_length=LONGEST)]


class StreamOptions(BaseModel):
    """What to send beside the text."""

    include_usage: bool = False
    include_obfuscation: bool = False


class Asked(BaseModel):
    """What both kinds of completion share; None stands for the style's own choice."""

    model_config = ConfigDict(extra="allow")

    model: str = Field(max_length=100, description="a style's name; /v1/models lists them", examples=["bible"])
    max_tokens: int | None = Field(None, ge=1, le=LONGEST, description="the most characters of an answer")
    temperature: float | None = Field(None, ge=0, le=5)
    top_p: float | None = Field(None, gt=0, le=1)
    n: int = Field(1, ge=1, le=CHOICES, description="answers side by side, of successive seeds")
    seed: int | None = Field(None, ge=0, lt=2**63, description="the same seed and options give the same text")
    stop: Text | Annotated[list[Text], Field(max_length=4)] | None = Field(None, description="a text ends before this")
    stream: bool = False
    stream_options: StreamOptions | None = None
    top_k: int | None = Field(None, ge=0)
    min_p: float | None = Field(None, ge=0, lt=1)
    repetition: float | None = Field(None, ge=1, le=5)
    adapt: float | None = Field(None, ge=0, lt=1, description="the part that recent text has in every guess")
    blend: tuple[str, Annotated[float, Field(ge=0, le=1)]] | None = Field(
        None, description="another style, and its part in every guess", examples=[["code", 0.3]]
    )
    candidates: int | None = Field(None, ge=1, le=DRAFTS, description="drafts that one is chosen from")
    grammar: bool = True

    @model_validator(mode="after")
    def _asks_for_nothing_else(self) -> Self:
        strange = [name for name, value in (self.model_extra or {}).items() if value and name not in IGNORED]
        if strange:
            raise ValueError(f"{', '.join(sorted(strange))}: this has no meaning here; leave it out")
        if self.n * (self.candidates or 1) > DRAFTS:
            raise ValueError(f"n and candidates: together at most {DRAFTS} drafts")
        return self

    @property
    def stops(self) -> list[str]:
        """Return what ends a text besides the style's own end; nothing where that is not to be changed."""
        return [self.stop] if isinstance(self.stop, str) else self.stop or []

    def request(self, voice: Voice, seed: int, **texts: str) -> Request:
        """Return what the engine is asked for; raise UserError where it cannot be."""
        options = {name: getattr(self, name) for name in ("temperature", "top_k", "top_p", "min_p", "repetition")}
        fields: dict[str, Any] = {name: getattr(self, name) for name in ("adapt", "blend", "candidates", "grammar")}
        return voice.request(voice.sampling(**options), seed, length=self.max_tokens, **fields, **texts)


class TextAsked(Asked):
    """A text that begins with the prompt."""

    prompt: Text | Annotated[list[Text], Field(min_length=1, max_length=1)] = ""
    message: Text = Field("", description="what the text should have to do with")
    echo: bool = False
    logprobs: int | None = Field(None, ge=0, le=20, description="tell so many of the likeliest characters")

    @property
    def prefix(self) -> str:
        """Return what the text begins with."""
        return self.prompt if isinstance(self.prompt, str) else self.prompt[0]

    @property
    def likeliest(self) -> int | None:
        """Return how many of the likeliest characters are told at each place; None where no chances are wanted."""
        return self.logprobs


class Part(BaseModel):
    """A piece of a message; only text is read."""

    type: Literal["text"]
    text: Text


class Message(BaseModel):
    """Something said. What the system or a developer says is not read: a voice takes no instructions."""

    model_config = ConfigDict(extra="ignore")

    role: Literal["system", "developer", "user", "assistant"]
    content: Text | list[Part]

    @property
    def text(self) -> str:
        """Return all of its text."""
        return self.content if isinstance(self.content, str) else "".join(part.text for part in self.content)


class ChatAsked(Asked):
    """An answer to the last message."""

    messages: list[Message] = Field(min_length=1, max_length=1000)
    max_completion_tokens: int | None = Field(None, ge=1, le=LONGEST)
    logprobs: bool = False
    top_logprobs: int | None = Field(None, ge=0, le=20)

    @model_validator(mode="after")
    def _can_be_answered(self) -> Self:
        if self.messages[-1].role != "user":
            raise ValueError("messages: the last one must be a user's")
        if (size := sum(len(message.text) for message in self.messages)) > LONGEST:
            raise ValueError(f"messages: {size:,} characters together; at most {LONGEST:,} are read")
        if self.max_tokens is None:
            self.max_tokens = self.max_completion_tokens
        return self

    @property
    def likeliest(self) -> int | None:
        """Return what `top_logprobs` says, where chances are wanted."""
        return (self.top_logprobs or 0) if self.logprobs else None

    @property
    def turns(self) -> list[tuple[str, str]]:
        """Return what was said and answered before the last message."""
        turns: list[tuple[str, str]] = []
        said = ""
        for message in self.messages[:-1]:
            if message.role == "user":
                said = message.text
            elif message.role == "assistant":
                turns.append((said, message.text))
                said = ""
        return turns
