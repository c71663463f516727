"""Plugins taken in and let go: folders are copied, distributions are left to pip in this environment."""

import importlib
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

from bot.settings import Settings
from corpora.errors import UserError
from generators import plugin, registry
from generators.plugin import OURS, Plugin


def install(settings: Settings, what: str) -> list[Plugin]:
    """Install a plugin's folder, a wheel, a project, or a name from the package index; return what is new."""
    path = Path(what)
    if (path / "plugin.toml").is_file():
        return [_copy(settings, path)]
    if path.suffix == ".whl" and not path.is_file():
        raise UserError(f"{path}: there is no such wheel.")
    if path.is_dir() and not (path / "pyproject.toml").exists():
        raise UserError(f"{path} has neither a plugin.toml (a plugin's folder) nor a pyproject.toml (a project).")
    before = _installed(settings)
    _pip("install", str(path.resolve()) if path.exists() else what)
    importlib.invalidate_caches()
    after = _installed(settings)
    new = [found for name, found in after.items() if name not in before or before[name].changed]
    if not new and not before.keys() & after.keys():
        raise UserError(f"{what} is installed, but it brings no plugin: it has no entry point `{registry.GROUP}`.")
    return new or list(after.values())


def uninstall(settings: Settings, found: Plugin) -> str:
    """Let a plugin go; return what became of it. A folder, which may be all there is of a text, is only moved away."""
    if found.origin == OURS:
        raise UserError(f"{found.name} comes with apocrypha and stays.")
    if found.origin != "folder":
        _pip("uninstall", "--yes", found.origin)
        return f"{found.origin} is uninstalled"
    place = settings.home / "removed" / found.name
    for part, folder in {"plugin": found.folder, "model": settings.models / found.name}.items():
        if folder.is_symlink():
            folder.unlink()
        elif folder.exists():
            shutil.rmtree(place / part, ignore_errors=True)
            (place / part).parent.mkdir(parents=True, exist_ok=True)
            shutil.move(folder, place / part)
    return f"it is in {place} now, until another of its name is uninstalled"


def _copy(settings: Settings, path: Path) -> Plugin:
    found = plugin.read(path, "folder")
    links = [entry for entry in path.rglob("*") if entry.is_symlink()]
    if links:
        raise UserError(f"{links[0]} is a link; a plugin that is copied has all its files in its folder.")
    folder = settings.plugins / found.name
    if found.name in registry.find(settings.plugins).plugins or folder.exists():
        raise UserError(f"There is a plugin named '{found.name}' already: `apocrypha uninstall {found.name}` first.")
    shutil.copytree(path, folder, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    return plugin.read(folder, "folder")


def _installed(settings: Settings) -> dict[str, Plugin]:
    found = registry.find(settings.plugins).plugins
    return {name: each for name, each in found.items() if each.origin not in (OURS, "folder")}


def _pip(*arguments: str) -> None:
    """Run pip in this environment; what it has to say goes to stderr."""
    if importlib.util.find_spec("pip") is None:
        raise UserError("This environment has no pip; use what made it, as `uv pip install ...`.")
    command = [sys.executable, "-m", "pip", *arguments, "--disable-pip-version-check", "--quiet"]
    done = subprocess.run(command, stdout=sys.stderr, check=False)
    if done.returncode:
        raise UserError(f"pip could not do that (see above): pip {' '.join(arguments)}")
