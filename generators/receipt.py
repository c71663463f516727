"""Receipts: what makes a text again, byte for byte, on one line that can be copied.

A receipt has all that was read as text, not as a digest: whoever has it needs nothing else than the voice. Nobody signs
it; one that was tampered with makes another text than the one it is the receipt of.
"""

import base64
import binascii
import json
import zlib
from hashlib import sha256
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from corpora.errors import UserError, faults
from generators.engine import Engine
from generators.generator import Generator
from generators.voice import Request, Voice

MARK = "apocrypha1."  # how the line begins; another number is another way to write it
LARGEST = 1_000_000  # bytes of a receipt that is unpacked
DIGEST = 16  # hexadecimal digits of the text's digest
# What nearly all receipts have in common, so that it takes no room. Never changed: old receipts are read with it.
COMMON = (
    b'{"request":{"style":"bible","blend":null,"before":"","message":"?","prefix":"","sampling":{"temperature":0.8,'
    b'"top_k":0,"top_p":1.0,"min_p":0.0,"repetition":1.0},"adapt":0.0,"seed":1,"length":600,"stop":"\\n",'
    b'"grammar":true,"candidates":4,"whole":true},"model":"","more":[],"said":null,"digest":""}'
)


class Receipt(BaseModel):
    """What a text was written from: the request and those of what it went on with, and the digest of the model."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    request: Request
    model: str
    more: tuple[Request, ...] = ()
    said: int | None = Field(None, ge=0, description="characters of the last part, where it was stopped after these")
    digest: str = Field("", description="of the text, empty where it is not known")

    @property
    def last(self) -> Request:
        """Return the request of the last part."""
        return (self.request, *self.more)[-1]

    @property
    def summary(self) -> str:
        """Return in a few words by whom and how the text was written."""
        first = self.request
        other = f" + {first.blend[1]:g} {first.blend[0]}" if first.blend else ""
        chosen = f", one of {first.candidates}" if first.candidates > 1 else ""
        longer = f", gone on {len(self.more)} times" if self.more else ""
        how = f"seed {first.seed}, temperature {first.sampling.temperature:g}{chosen}{longer}"
        return f"{first.style}{other}, model {self.model[:12]}, {how}"

    @classmethod
    def read(cls, line: str) -> Self:
        """Read what `str` wrote, or JSON: that of a receipt, or of a post with its own; raise UserError for others."""
        try:
            told = json.loads(line) if line.lstrip().startswith("{") else json.loads(_unpacked(line.strip()))
            return cls.model_validate(told.get("receipt", told) if isinstance(told, dict) else told)
        except ValidationError as error:
            raise UserError(f"This is no receipt: {faults(error)}.") from error
        except ValueError as error:
            raise UserError(f"This is no receipt: {error}.") from error

    def __str__(self) -> str:
        packer = zlib.compressobj(9, wbits=-15, zdict=COMMON)
        packed = packer.compress(self.model_dump_json().encode()) + packer.flush()
        return MARK + base64.urlsafe_b64encode(packed).decode().rstrip("=")


def digest(text: str) -> str:
    """Return the digest of a text as receipts have it, without the line feeds at its ends: posts have none."""
    return sha256(text.strip("\n").encode("utf-8", "surrogatepass")).hexdigest()[:DIGEST]


def remade(engine: Engine, receipt: Receipt) -> str:
    """Write the text of `receipt` again; raise UserError where the voice that wrote it is no longer there."""
    voice = speaker(engine, receipt)
    text, parts = "", (receipt.request, *receipt.more)
    for number, request in enumerate(parts, 1):
        part = Generator(engine, request.style).text(request)
        part = part[: receipt.said] if number == len(parts) else part
        text += (voice.gap(text) if text else "") + part if part else ""
    return text


def speaker(engine: Engine, receipt: Receipt) -> Voice:
    """Return the voice that wrote the text of `receipt`; raise UserError where another one speaks for the style now."""
    voice = engine.voice(receipt.request.style, receipt.request.blend)
    if voice.digest != receipt.model:
        raise UserError(
            f"{receipt.request.style}: another model wrote this ({receipt.model:.80}) than the one that speaks now "
            f"({voice.digest:.80}). It takes the same training, or for letter counts the same corpus."
        )
    return voice


def _unpacked(line: str) -> bytes:
    head, mark, packed = line.partition(MARK)
    if head or not mark:
        raise UserError(f"This is no receipt: it does not begin with {MARK}")
    try:
        raw = base64.b64decode(packed + "=" * (-len(packed) % 4), altchars=b"-_", validate=True)
        return zlib.decompressobj(wbits=-15, zdict=COMMON).decompress(raw, LARGEST)
    except (binascii.Error, zlib.error, ValueError) as error:
        raise UserError(f"This is no receipt: it was broken on its way ({error}). Copy the whole line.") from error
