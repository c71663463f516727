"""Where the user's things are and what they chose: the only reader of the environment and of the settings' file.

A value may come from a variable APOCRYPHA_..., or else from the file. In the place of a secret the file may say where
that is: {env = "NAME"} or {file = "PATH"}.
"""

import os
import re
import tomllib
from functools import cached_property
from pathlib import Path
from typing import Any

import platformdirs
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from bot.accounts import Accounts, DiscordChat, FolderAccount, WebServer
from bot.personas import Persona, bundled
from corpora.errors import UserError, faults
from corpora.fetch import Places

SHOWN = ("home", "mirror", "threads", "memory")  # without a secret, whatever stands there


class Settings(BaseSettings):
    """Read from variables named APOCRYPHA_...; everything of the user lives below `home`."""

    model_config = SettingsConfigDict(env_prefix="APOCRYPHA_", extra="forbid", frozen=True, hide_input_in_errors=True)

    home: Path = Field(default_factory=lambda: Path(platformdirs.user_data_dir("apocrypha")))
    mirror: Path | None = Field(None, description="a folder that holds the corpora, for work without a network")
    threads: int | None = Field(None, ge=1, description="CPU threads to speak and train with; all where unset")
    memory: float = Field(500, gt=0, description="megabytes of voices that are kept open; those in use do not count")

    store: SecretStr = Field(
        SecretStr(""), description="the database of posts and schedules: postgresql://...; a file in `home` where empty"
    )
    accounts: Accounts = Field((), description="where posts go")
    personas: dict[str, Persona] = Field({}, description="voices with a manner, besides those that come with apocrypha")
    web: WebServer = Field(WebServer(), description="the web page and the API")
    discord: DiscordChat = Field(DiscordChat(), description="the bot that people talk to on Discord")

    @property
    def database(self) -> str:
        """Return the address of the store, for SQLAlchemy."""
        if not (address := self.store.get_secret_value()):
            self.home.mkdir(parents=True, exist_ok=True)
            return f"sqlite:///{self.home / 'apocrypha.db'}"
        return re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", address)

    @property
    def targets(self) -> Accounts:
        """Return the accounts, with one named folder where none has this name."""
        if any(account.name == "folder" for account in self.accounts):
            return self.accounts
        return (FolderAccount(name="folder", path=self.home / "posts"), *self.accounts)

    @property
    def cast(self) -> dict[str, Persona]:
        """Return all personas by name; the user's come before those that come with apocrypha."""
        return bundled() | self.personas

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
    def cards(self) -> Path:
        """Return the folder of the plugins' score cards, and of what was allowed in spite of one."""
        return self.home / "cards"

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

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment come before the file, which `load` reads."""
        del settings_cls, dotenv_settings, file_secret_settings
        return env_settings, init_settings


def load() -> Settings:
    """Read the settings; raise UserError naming each that cannot be used."""
    home = Path(os.environ.get("APOCRYPHA_HOME") or platformdirs.user_data_dir("apocrypha"))
    path = Path(os.environ.get("APOCRYPHA_SETTINGS") or home / "apocrypha.toml")
    written = _written(path)
    if (token := os.environ.get("DISCORD_TOKEN")) and isinstance(table := written.setdefault("discord", {}), dict):
        table.setdefault("token", token)
    try:
        return Settings(**written)
    except ValidationError as error:
        where = f"The settings (variables APOCRYPHA_...{f', {path}' if written else ''})"
        raise UserError(f"{where} cannot be used: {faults(error, SHOWN)}.") from error
    except SettingsError as error:
        name = re.sub(r'.*field "(\w+)".*', r"\1", str(error))
        raise UserError(f"The variable APOCRYPHA_{name.upper()} cannot be used: this is not JSON.") from None


def _written(path: Path) -> dict[str, Any]:
    """Return what stands in the settings' file, which need not exist, with the secrets that it points to."""
    if not path.exists() and "APOCRYPHA_SETTINGS" not in os.environ:
        return {}
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: the settings cannot be read ({error.strerror}).") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: this is not TOML ({error}).") from error
    return {name: _resolved(value, f"{path}: {name}") for name, value in table.items()}


def _resolved(value: Any, place: str) -> Any:
    """Return `value` with what it points to in the place of every pointer."""
    if isinstance(value, list):
        return [_resolved(each, place) for each in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"env"}:
        if (found := os.environ.get(value["env"])) is None:
            raise UserError(f"{place}: there is no environment variable {value['env']}.")
        return found
    if value.keys() == {"file"}:
        try:
            return Path(value["file"]).expanduser().read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            raise UserError(f"{place}: {value['file']} cannot be read ({reason}).") from None
    return {name: _resolved(each, f"{place}.{name}") for name, each in value.items()}
