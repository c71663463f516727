"""What a plugin is: a folder with plugin.toml, and perhaps plugin.py with a few pure functions."""

import difflib
import importlib.util
import inspect
import re
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from corpora.errors import UserError
from corpora.spec import CorpusSpec
from training import checkpoint
from training.config import ModelConfig, TrainConfig

NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")

# The hooks a plugin.py may define, with the number of arguments each is called with.
HOOKS = {
    "clean": 1,  # clean(text) -> text: the last cleaner of the corpus
    "prompt": 1,  # prompt(message) -> text the network reads before it answers
    "finish": 1,  # finish(text) -> text as it is shown
    "check": 1,  # check(text) -> what is wrong with the text, or ""
}


class TextShape(BaseModel):
    """What one text of a style is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    start: str = Field("\n", min_length=1, description="what the network reads where a text begins")
    stop: str = Field("\n", description="a text ends before this; empty: only the length ends it")
    length: int = Field(400, ge=1, le=100_000, description="the most characters a text may have")
    temperature: float = Field(0.8, ge=0, le=5)


class Manifest(BaseModel):
    """plugin.toml. Every key has a default: an empty file beside a corpus.txt is a plugin."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field("", description="the folder's name where empty")
    summary: str = ""
    examples: tuple[str, ...] = Field((), description="things a person may say to it")
    corpus: CorpusSpec = CorpusSpec()
    text: TextShape = TextShape()
    model: ModelConfig = ModelConfig()
    train: TrainConfig = TrainConfig()

    @field_validator("name")
    @classmethod
    def _is_a_name(cls, name: str) -> str:
        if name and not NAME.fullmatch(name):
            raise ValueError("a name is small letters, digits and hyphens, begins with a letter, 40 characters at most")
        return name


@dataclass(frozen=True)
class Plugin:
    """A plugin at the door: its manifest is read and checked, none of its code has run."""

    name: str
    folder: Path
    manifest: Manifest
    origin: str  # bundled, folder or the distribution's name
    _hooks: dict[str, Callable[[str], str] | None] = field(default_factory=dict, repr=False, compare=False)

    def trained_folder(self, models: Path) -> Path | None:
        """Return where the plugin's trained model is: the user's own, in `models`, before the one that came with it."""
        return next((place for place in (models / self.name, self.folder / "model") if checkpoint.exists(place)), None)

    def hook(self, name: str) -> Callable[[str], str] | None:
        """Return the plugin's function of this name, or None; its code is loaded and checked on the first call."""
        if not self._hooks and (self.folder / "plugin.py").exists():
            self._hooks.update(_load_hooks(self))
        return self._hooks.get(name)


def read(folder: Path, origin: str) -> Plugin:
    """Read and check the plugin in `folder` without running its code; raise UserError with all faults at once."""
    path = folder / "plugin.toml"
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: this is not TOML ({error}).") from error
    try:
        manifest = Manifest.model_validate(table | {"name": table.get("name") or folder.name.lower()})
    except ValidationError as error:
        faults = "\n".join(f"  {_explain(fault)}" for fault in error.errors())
        raise UserError(f"{path}: {error.error_count()} thing(s) to mend:\n{faults}") from error
    return Plugin(manifest.name, folder, manifest, origin)


def _explain(fault: Any) -> str:
    where = ".".join(str(part) for part in fault["loc"])
    if fault["type"] != "extra_forbidden":
        return f"{where}: {fault['msg'].removeprefix('Value error, ')} (found {fault['input']!r})"
    model: Any = Manifest
    for part in fault["loc"][:-1]:
        model = model.model_fields[part].annotation
    known = sorted(model.model_fields)
    nearest = difflib.get_close_matches(str(fault["loc"][-1]), known, n=1)
    hint = f" Did you mean '{nearest[0]}'?" if nearest else ""
    return f"{where}: no such key.{hint} Known: {', '.join(known)}."


def _load_hooks(plugin: Plugin) -> dict[str, Callable[[str], str] | None]:
    module = _import(plugin)
    hooks: dict[str, Callable[[str], str] | None] = dict.fromkeys(HOOKS)
    faults = []
    for name, arguments in HOOKS.items():
        function = getattr(module, name, None)
        if function is None:
            continue
        if not callable(function) or not _takes(function, arguments):
            faults.append(f"{name} must be a function of {arguments} argument(s)")
        else:
            hooks[name] = function
    public = [n for n, f in vars(module).items() if inspect.isfunction(f) and f.__module__ == module.__name__]
    for name in public:
        nearest = difflib.get_close_matches(name, HOOKS, n=1, cutoff=0.75)
        if name not in HOOKS and not name.startswith("_") and nearest:
            faults.append(f"{name} is no hook; did you mean {nearest[0]}? (a helper of your own begins with _)")
    if faults:
        raise UserError(f"{plugin.folder / 'plugin.py'}: {'; '.join(faults)}.")
    return hooks


def _import(plugin: Plugin) -> ModuleType:
    path = plugin.folder / "plugin.py"
    name = f"apocrypha_plugin_{plugin.name.replace('-', '_')}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise UserError(f"{path}: it fails when loaded ({type(error).__name__}: {error}).") from error
    return module


def _takes(function: Callable[..., object], arguments: int) -> bool:
    try:
        inspect.signature(function).bind(*range(arguments))
    except (TypeError, ValueError):
        return False
    return True
