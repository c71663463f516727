"""What a plugin is: a folder with plugin.toml, and perhaps plugin.py with a few pure functions."""

import difflib
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from corpora import corpus
from corpora.corpus import Corpus
from corpora.errors import UserError
from corpora.fetch import Places
from corpora.spec import CorpusSpec
from generators.hooks import Hooks
from generators.host import Function
from training import checkpoint, recipe
from training.recipe import Recipe

NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
OURS = "bundled"  # the origin of those that come with apocrypha
CODE = "plugin.py"

Mark = tuple[object, ...]


class TextShape(BaseModel):
    """What one text of a style is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    start: str = Field("\n", min_length=1, description="what the network reads where a text begins")
    stop: str = Field("\n", description="a text ends before this; empty: only the length ends it")
    length: int = Field(400, ge=1, le=100_000, description="the most characters a text may have")
    temperature: float = Field(0.8, ge=0, le=5)
    candidates: int = Field(4, ge=1, le=64, description="drafts that an answer in a chat is chosen from")


class Limits(BaseModel):
    """What a text of a style must keep to before it is published; lengths are in characters."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    copied: int = Field(100, ge=50, description="the longest run that the training text has too")
    loop: int = Field(60, ge=10, description="the longest stretch that says the same three times or more")
    known_words: float = Field(0.9, ge=0, le=1, description="the least part of its words that the training text has")
    shortest: int = Field(20, ge=1)
    alike: float = Field(0.3, ge=0, le=1, description="the part of it that a post of late may have too")


class Manifest(Recipe):
    """plugin.toml. Every key has a default: an empty file beside a corpus.txt is a plugin."""

    name: str = Field("", description="the folder's name where empty")
    summary: str = ""
    examples: tuple[str, ...] = Field((), description="things a person may say to it")
    corpus: CorpusSpec = CorpusSpec()
    text: TextShape = TextShape()
    limits: Limits = Limits()
    picture: str = Field("card", description="how it is drawn: card, latex, or as code in this language, as c or text")
    form: Literal["", "c", "latex", "wikitext"] = Field("", description="the parser that judges it; else `check` does")
    recipe: str = Field("", description="a recipe by its name, in place of tables model, train and pretraining")

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
    _hooks: Hooks = field(repr=False, compare=False)
    _mark: Mark = field(repr=False, compare=False)

    @property
    def changed(self) -> bool:
        """True where its files are no longer those that it was read from."""
        return mark(self.folder, *own(self.folder), self.manifest.corpus.file) != self._mark

    @property
    def cut_off(self) -> int:
        """Return how often its code was cut off: what the code has made before that is gone."""
        return self._hooks.cut_off

    def trained_folder(self, models: Path) -> Path | None:
        """Return where the plugin's trained model is: the user's own, in `models`, before the one that came with it."""
        return next((place for place in (models / self.name, self.folder / "model") if checkpoint.exists(place)), None)

    def text(self, places: Places, progress: bool = False) -> Corpus:
        """Return the text it learns from, cleaned and cut; raise UserError where it cannot be had."""
        return corpus.build(self.manifest.corpus, self.folder, places, self.hook("clean"), progress)

    def text_before(self, places: Places, progress: bool = False) -> Corpus | None:
        """Return the text that its recipe has a network read before its own, cleaned in the same way."""
        first = self.manifest.pretraining
        return corpus.build(first.corpus, self.folder, places, self.hook("clean"), progress) if first else None

    def hook(self, name: str) -> Function | None:
        """Return the plugin's function of this name, or None; its code is loaded and checked on the first call."""
        return self._hooks.get(name)

    def call(self, name: str, function: Function, *arguments: Any) -> Any:
        """Call something the plugin made under the same guard as its hooks; `name` is what it is called in a fault."""
        return self._hooks.call(name, function, *arguments)


def own(folder: Path) -> list[str]:
    """Return the names of a plugin's own files: its manifest, its code and the modules beside it."""
    modules = sorted(path.name for path in folder.glob("*.py") if not path.name.startswith(("__init__", "test_")))
    return list(dict.fromkeys(("plugin.toml", CODE, *modules)))


def mark(folder: Path, *names: str) -> Mark:
    """Return what changes when one of these files in `folder` does, or comes, or goes."""
    return tuple((name, _stat(folder / name)) for name in names)


def _stat(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def read(folder: Path, origin: str) -> Plugin:
    """Read and check the plugin in `folder` without running its code; raise UserError with all faults at once."""
    path, was = folder / "plugin.toml", mark(folder, *own(folder))
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: this is not TOML ({error}).") from error
    try:
        named = {"name": table.get("name") or folder.name.lower()}
        manifest = Manifest.model_validate(_with_recipe(path, table) | named)
    except ValidationError as error:
        faults = "\n".join(f"  {_explain(fault)}" for fault in error.errors())
        raise UserError(f"{path}: {error.error_count()} thing(s) to mend:\n{faults}") from error
    _keep_inside(folder, *own(folder), "model", manifest.corpus.file, manifest.corpus.list)
    hooks = Hooks(manifest.name, folder / CODE, ours=origin == OURS)
    return Plugin(manifest.name, folder, manifest, origin, hooks, (*was, *mark(folder, manifest.corpus.file)))


def _keep_inside(folder: Path, *names: str) -> None:
    """Raise UserError where something of the plugin's lies elsewhere: it would read a stranger's files for it."""
    real = folder.resolve()
    for name in filter(None, names):
        if not (folder / name).resolve().is_relative_to(real):
            raise UserError(f"{folder / name} leads out of the plugin's folder. Put the file itself there.")


def _with_recipe(path: Path, table: dict[str, Any]) -> dict[str, Any]:
    """Return `table` with the tables of the recipe that it names."""
    name = table.get("recipe")
    if not isinstance(name, str) or not name:
        return table
    if own := sorted(table.keys() & Recipe.model_fields.keys()):
        raise UserError(f"{path}: `recipe` says all that {', '.join(own)} would; keep one.")
    try:
        return table | recipe.table(name)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def _explain(fault: Any) -> str:
    where = ".".join(str(part) for part in fault["loc"])
    if fault["type"] != "extra_forbidden":
        return f"{where}: {fault['msg'].removeprefix('Value error, ')} (found {fault['input']!r})"
    model: Any = Manifest
    for part in fault["loc"][:-1]:
        annotation = model.model_fields[part].annotation
        model = next((kind for kind in get_args(annotation) if kind is not type(None)), annotation)
    known = sorted(model.model_fields)
    nearest = difflib.get_close_matches(str(fault["loc"][-1]), known, n=1)
    hint = f" Did you mean '{nearest[0]}'?" if nearest else ""
    return f"{where}: no such key.{hint} Known: {', '.join(known)}."
