"""A text file made into a plugin: read, looked at, measured, and written into the user's folder."""

import shutil
from collections.abc import Callable
from pathlib import Path

from bot import plans
from bot.settings import Settings
from corpora import encoding
from corpora.errors import UserError
from corpora.split import LEAST
from corpora.survey import survey
from generators import distribution, plugin, scaffold
from generators.plugin import Plugin
from generators.registry import Registry
from generators.scaffold import Proposal
from training.fitting import Fit

Say = Callable[[str], None]


def add(
    settings: Settings,
    registry: Registry,
    file: Path,
    say: Say,
    name: str = "",
    licence: str = "",
    coding: str = "",
    projects: Path | None = None,
) -> Plugin:
    """Make a plugin of `file`; raise UserError where that makes no sense, with nothing left behind.

    Where `projects` is given it is a project there, and the user's folder has a link to it.
    """
    name = scaffold.checked_name(name) if name else scaffold.name_of(file)
    folder = settings.plugins / name
    if name in registry.plugins or name in registry.broken or folder.exists():
        raise UserError(
            f"There is a plugin named '{name}' already. Say another name: `apocrypha new NAME --from {file}`."
        )
    found = encoding.read(file, coding)
    text = _kept(found.text)
    if len(text) < LEAST:
        raise UserError(
            f"{file} has {len(found.text):,} characters. A voice needs at least {LEAST:,} to be heard, "
            "and some 100,000 to be one."
        )
    if not found.whole:
        say(f"(of {file} the first {encoding.LARGEST / 1e6:.0f} MB are used)")
    plan = _plan(settings, registry, text, say)
    proposal = Proposal(name, file.name, found.encoding, text, survey(text), licence, *(plan or ()))
    scaffold.create(folder, proposal)
    made = plugin.read(folder, "folder")
    return as_project(made, projects) if projects else made


def as_project(made: Plugin, projects: Path) -> Plugin:
    """Move a plugin's folder into a project of its own; a link is left in its place."""
    project = projects / f"{distribution.PREFIX}-{made.name}"
    if project.exists():
        shutil.rmtree(made.folder)
        raise UserError(f"{project} is there already.")
    package = distribution.lay_out(project, made)
    for file in made.folder.iterdir():
        shutil.move(file, package / file.name)
    distribution.name(package, made)
    made.folder.rmdir()
    made.folder.symlink_to(package)
    return plugin.read(made.folder, "folder")


def find(settings: Settings, registry: Registry, what: str, say: Say) -> Plugin:
    """Return the plugin of this name; or that of a text file, made where it is the first time."""
    file = Path(what)
    if what in registry.plugins or not file.is_file():
        return registry.get(what)
    made = registry.plugins.get(scaffold.name_of(file))
    if made and made.origin == "folder" and _is_of(made, file):
        return made
    made = add(settings, registry, file, say)
    say(f"{file} is the plugin {made.name} now: {made.folder}")
    return made


def _is_of(made: Plugin, file: Path) -> bool:
    """Return whether a plugin was made of this file as it is now."""
    text = made.folder / made.manifest.corpus.file
    return text.exists() and text.read_text(encoding="utf-8") == _kept(encoding.read(file).text)


def _kept(text: str) -> str:
    """Return a text as it is kept."""
    return text.strip("\n") + "\n"


def _plan(settings: Settings, registry: Registry, text: str, say: Say) -> tuple[Fit, str] | None:
    """Return what fits the text, and the voice to begin with; None where nothing can be measured."""
    try:
        from training import timing
    except ModuleNotFoundError:
        return None
    say("measuring how fast networks learn here ...")
    timing.settle(settings.threads)
    part = text[: len(text) * 9 // 10]
    fit, begin = plans.fitted(settings, registry.bundled if len(part) < plans.SMALL else (), part, None)
    return fit, begin.name if begin else ""
