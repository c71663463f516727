"""Which plugins there are: bundled ones, folders of the user's, and installed distributions, all by the same door."""

import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path

from corpora.errors import UserError, unknown
from generators import plugin
from generators.plugin import OURS, Mark, Plugin

GROUP = "apocrypha.generators"  # an entry point here names the package that is the plugin's folder
BUNDLED = Path(__file__).parent / "styles"

log = logging.getLogger(__name__)
Place = tuple[str, Path | None, str]  # a plugin's name as far as it is known, its folder, its origin


@dataclass(frozen=True)
class Broken:
    """A place where a plugin should be, and what is wrong there."""

    fault: str
    mark: Mark = ()


class Registry:
    """The plugins found, by name, and one line for each that is broken; a broken one stops nobody else.

    `get` looks again: what was added, changed or removed in the folder since then counts. Thread-safe.
    """

    def __init__(self, folder: Path | None) -> None:
        """Look at the bundled plugins, those installed now, and the subfolders of `folder`."""
        self.plugins = dict[str, Plugin]()
        self.broken = dict[str, str]()
        self._folder = folder
        self._installed = list(_installed())
        self._read = dict[Place, Plugin | Broken]()
        self._lock = threading.Lock()
        self.look()

    @property
    def bundled(self) -> list[Plugin]:
        """Return the plugins that come with apocrypha, by name."""
        return [plugin for _, plugin in sorted(self.plugins.items()) if plugin.origin == OURS]

    @property
    def faults(self) -> list[str]:
        """Return a line for each plugin that is broken; `get` tells all of one."""
        faults = {name: fault.split("\n") for name, fault in self.broken.items()}
        more = {name: f"{lines[0]} `apocrypha show {name}` tells them." for name, lines in faults.items()}
        return [more[name] if len(lines) > 2 else " ".join(map(str.strip, lines)) for name, lines in faults.items()]

    def get(self, name: str) -> Plugin:
        """Return the plugin of this name; raise UserError with the fault of a broken one, or with the known names."""
        with self._lock:
            if self.look():
                log.info("the plugins are now: %s", ", ".join(sorted(self.plugins)))
            if name in self.plugins:
                return self.plugins[name]
            if name in self.broken:
                raise UserError(self.broken[name])
            raise unknown("style", name, self.plugins)

    def look(self) -> bool:
        """Read what is new or has changed; what has not stays as it is. Return whether anything did."""
        places = [*_folders(BUNDLED, OURS), *_folders(self._folder, "folder"), *self._installed]
        read = {place: self._found(place) for place in places}
        if list(map(id, read.values())) == list(map(id, self._read.values())):
            return False
        self._read = read
        self._sort()
        return True

    def _found(self, place: Place) -> Plugin | Broken:
        """Return what is there: what was read before, where its files are the same."""
        name, folder, origin = place
        before = self._read.get(place)
        if isinstance(before, Plugin) and not before.changed:
            return before
        mark = plugin.mark(folder, *plugin.own(folder)) if folder else ()
        if isinstance(before, Broken) and before.mark == mark:
            return before
        try:
            return plugin.read(folder, origin) if folder else _absent(name, origin)
        except UserError as error:
            return Broken(str(error), mark)

    def _sort(self) -> None:
        """Give each name to its only plugin; two of one name are at fault, both of them."""
        plugins, broken = dict[str, Plugin](), dict[str, str]()
        for (name, _, _), found in self._read.items():
            if isinstance(found, Broken):
                broken[name] = found.fault
            elif found.name in plugins:
                other = plugins.pop(found.name)
                broken[found.name] = (
                    f"Two plugins are named '{found.name}': {other.folder} ({other.origin}) and {found.folder} "
                    f"({found.origin}). Rename one in its plugin.toml."
                )
            elif found.name in broken:
                broken[found.name] += f" {found.folder} ({found.origin}) has this name too."
            else:
                plugins[found.name] = found
        self.plugins, self.broken = plugins, broken


def find(folder: Path | None = None) -> Registry:
    """Look for plugins: bundled, in the subfolders of `folder`, and by entry point. None of their code runs."""
    return Registry(folder)


def _absent(name: str, origin: str) -> Plugin:
    raise UserError(f"The distribution {origin} names a plugin '{name}' in a package that is not there. Reinstall it.")


def _folders(parent: Path | None, origin: str) -> Iterator[Place]:
    if parent and parent.is_dir():
        for place in sorted(parent.iterdir()):
            if (place / "plugin.toml").exists():
                yield place.name, place, origin


def _installed() -> Iterator[Place]:
    for point in sorted(metadata.entry_points(group=GROUP), key=lambda point: point.name):
        yield point.name, _package(point.value), point.dist.name if point.dist else point.value


def _package(name: str) -> Path | None:
    """Return the folder of a package, without importing it or the packages it is in; it may lack an __init__.py."""
    first, *rest = name.split(".")
    spec = util.find_spec(first) if first.isidentifier() else None
    places = spec.submodule_search_locations if spec else None  # of a package; a single module has none
    return Path(next(iter(places)), *rest) if places else None
