"""Personas: named bundles of a style and options. Some come with apocrypha, others stand in the settings."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

BUNDLED = Path(__file__).with_name("personas.toml")


class Persona(BaseModel):
    """Who speaks, and how; what is None is the style's own choice."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    summary: str = ""
    style: str | None = None
    temperature: float | None = Field(None, ge=0, le=5)
    blend: tuple[str, Annotated[float, Field(ge=0, le=1)]] | None = None
    prefix: str | None = None

    @property
    def manner(self) -> dict[str, Any]:
        """Return the options that it sets."""
        return self.model_dump(exclude={"summary", "style"})


@cache
def bundled() -> dict[str, Persona]:
    """Return the personas that come with apocrypha."""
    table = tomllib.loads(BUNDLED.read_text(encoding="utf-8"))
    return {name: Persona.model_validate(fields) for name, fields in table.items()}
