"""Where the user's things are and what they chose: the only reader of the environment."""

import os
from functools import cached_property
from pathlib import Path

import platformdirs
from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from corpora.errors import UserError, faults
from corpora.fetch import Places


class Settings(BaseSettings):
    """Read from variables named APOCRYPHA_...; everything of the user lives below `home`."""

    model_config = SettingsConfigDict(env_prefix="APOCRYPHA_", extra="ignore", frozen=True)

    home: Path = Field(default_factory=lambda: Path(platformdirs.user_data_dir("apocrypha")))
    mirror: Path | None = Field(None, description="a folder that holds the corpora, for work without a network")
    threads: int | None = Field(None, ge=1, description="CPU threads to speak and train with; all where unset")
    memory: float = Field(500, gt=0, description="megabytes of voices that are kept open; those in use do not count")

    @property
    def plugins(self) -> Path:
        """Return the folder of the user's own plugins."""
        return self.home / "plugins"

    @property
    def models(self) -> Path:
        """Return the folder of the models that the user trained, by plugin."""
        return self.home / "models"

    @property
    def runs(self) -> Path:
        """Return the folder of training runs: state, log and best model."""
        return self.home / "runs"

    @property
    def cache(self) -> Path:
        """Return the folder of what can be made again: networks in ONNX form."""
        return self.home / "cache"

    @property
    def history(self) -> Path:
        """Return the file of lines typed into the terminal chat."""
        return self.home / "history.txt"

    @property
    def cores(self) -> int:
        """Return the CPU threads to speak with."""
        return self.threads or len(os.sched_getaffinity(0))

    @cached_property
    def places(self) -> Places:
        """Return where texts are looked for."""
        return Places(self.home / "corpora", self.mirror)


def load() -> Settings:
    """Read the settings; raise UserError naming each variable that cannot be used."""
    try:
        return Settings()
    except ValidationError as error:
        raise UserError(f"The settings (variables APOCRYPHA_...) cannot be used: {faults(error)}.") from error
