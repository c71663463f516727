"""Which plugins there are: bundled ones, folders of the user's, and installed distributions, all by the same door."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import metadata, util
from pathlib import Path

from corpora.errors import UserError, unknown
from generators import plugin
from generators.plugin import Plugin

GROUP = "apocrypha.generators"  # an entry point here names the package that is the plugin's folder
BUNDLED = Path(__file__).parent / "styles"


@dataclass(frozen=True)
class Registry:
    """The plugins found, by name, and one line for each that is broken; a broken one stops nobody else."""

    plugins: dict[str, Plugin] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)

    @property
    def bundled(self) -> list[Plugin]:
        """Return the plugins that come with apocrypha, by name."""
        return [plugin for _, plugin in sorted(self.plugins.items()) if plugin.origin == "bundled"]

    def get(self, name: str) -> Plugin:
        """Return the plugin of this name; raise UserError with the fault of a broken one, or with the known names."""
        if name in self.plugins:
            return self.plugins[name]
        if name in self.broken:
            raise UserError(self.broken[name])
        raise unknown("style", name, self.plugins)


def find(folder: Path | None = None) -> Registry:
    """Look for plugins: bundled, in the subfolders of `folder`, and by entry point. None of their code runs."""
    registry = Registry()
    for name, place, origin in _candidates(folder):
        try:
            found = plugin.read(place, origin) if place else _absent(name, origin)
        except UserError as error:
            registry.broken[name] = str(error)
            continue
        if found.name in registry.plugins:
            other = registry.plugins.pop(found.name)
            registry.broken[found.name] = (
                f"Two plugins are named '{found.name}': {other.folder} ({other.origin}) and {found.folder} "
                f"({found.origin}). Rename one in its plugin.toml."
            )
        elif found.name in registry.broken:
            registry.broken[found.name] += f" {found.folder} ({found.origin}) has this name too."
        else:
            registry.plugins[found.name] = found
    return registry


def _candidates(folder: Path | None) -> Iterator[tuple[str, Path | None, str]]:
    for parent, origin in ((BUNDLED, "bundled"), (folder, "folder")):
        if parent and parent.is_dir():
            for place in sorted(parent.iterdir()):
                if (place / "plugin.toml").exists():
                    yield place.name, place, origin
    for point in sorted(metadata.entry_points(group=GROUP), key=lambda point: point.name):
        yield point.name, _package(point.value), point.dist.name if point.dist else point.value


def _package(name: str) -> Path | None:
    """Return the folder of a package, without importing it or the packages it is in; it may lack an __init__.py."""
    first, *rest = name.split(".")
    spec = util.find_spec(first) if first.isidentifier() else None
    places = spec.submodule_search_locations if spec else None  # of a package; a single module has none
    return Path(next(iter(places)), *rest) if places else None


def _absent(name: str, origin: str) -> Plugin:
    raise UserError(f"The distribution {origin} names a plugin '{name}' in a package that is not there. Reinstall it.")
