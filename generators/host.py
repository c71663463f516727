"""The process in which a stranger's plugin.py runs: started by generators/hooks.py, which asks it in lines of JSON.

It is kept light, for it starts whenever such a plugin is first used. What the code prints goes to stderr. Hooks are
functions of their argument alone: once they are loaded, none may write a file, start a program or use a network.
"""

import difflib
import importlib.util
import inspect
import json
import os
import sys
from collections.abc import Callable, Hashable
from pathlib import Path
from types import ModuleType
from typing import Any

from corpora.errors import UserError

# The functions a plugin.py may define: how many arguments each is called with, and what it has to return.
HOOKS: dict[str, tuple[int, type]] = {
    "clean": (1, str),  # clean(text) -> text: the last cleaner of the corpus
    "prompt": (1, str),  # prompt(message) -> text the network reads before it answers
    "finish": (1, str),  # finish(text) -> text as it is shown
    "check": (1, str),  # check(text) -> what is wrong with the text, or ""
    "grammar": (1, object),  # grammar(alphabet) -> notation, or an automaton: what may come next
    "features": (1, dict),  # features(text) -> by name, a label for each character: yes or no, or a number
}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
OUTSIDE = (  # the beginnings of the interpreter's audit events for what a hook may not do
    *("socket.", "subprocess.", "shutil."),
    *(f"os.{name}" for name in ("system", "exec", "fork", "posix_spawn", "spawn", "kill")),
    *(f"os.{name}" for name in ("remove", "rename", "mkdir", "rmdir", "link", "symlink", "truncate")),
)

Function = Callable[..., Any]


def load(plugin: str, path: Path) -> dict[str, Function]:
    """Run a plugin.py and return its hooks; raise UserError with all that is wrong with them.

    It is a package: `from .other import it` finds the modules beside it.
    """
    module = _import(plugin, path)
    functions, faults = {}, []
    for name, (arguments, _) in HOOKS.items():
        function = getattr(module, name, None)
        if function is None:
            continue
        if not callable(function) or not _takes(function, arguments):
            faults.append(f"{name} must be a function of {arguments} argument(s)")
        functions[name] = function
    faults += _misspelt(module)
    if faults:
        raise UserError(f"{path}: {'; '.join(faults)}.")
    return functions


def checked(path: Path, name: str, value: Any) -> Any:
    """Return what a hook returned; raise UserError where it is of another type than it must be."""
    kind = HOOKS[name][1]
    if not isinstance(value, kind):
        raise UserError(f"{path}: {name} must return a {kind.__name__}, not {value!r:.60}.")
    return value


def failure(path: Path, name: str, error: BaseException) -> UserError:
    """Return what is told of something of a plugin's that failed; what it says to the user itself is told as it is."""
    return error if isinstance(error, UserError) else UserError(f"{path}: {name} failed ({_brief(error)}).")


def _brief(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _import(plugin: str, path: Path) -> ModuleType:
    name = f"apocrypha_plugin_{plugin.replace('-', '_')}"
    for loaded in [other for other in sys.modules if other.startswith(f"{name}.")]:
        del sys.modules[loaded]  # of the code as it was before a change
    spec = importlib.util.spec_from_file_location(name, path, submodule_search_locations=[str(path.parent)])
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _misspelt(module: ModuleType) -> list[str]:
    """Say which public functions of the module are nearly, but not quite, named as a hook."""
    faults = []
    public = [n for n, f in vars(module).items() if inspect.isfunction(f) and f.__module__ == module.__name__]
    for name in public:
        nearest = difflib.get_close_matches(name, HOOKS, n=1, cutoff=0.75)
        if name not in HOOKS and not name.startswith("_") and nearest:
            faults.append(f"{name} is no hook; did you mean {nearest[0]}? (a helper of your own begins with _)")
    return faults


def _takes(function: Function, arguments: int) -> bool:
    try:
        inspect.signature(function).bind(*range(arguments))
    except (TypeError, ValueError):
        return False
    return True


class Form:
    """A plugin's automaton as it is told of outside: its states are numbers."""

    def __init__(self, made: object, alphabet: str) -> None:
        """Take what the hook gave."""
        from generators.automaton import automaton, beginning

        self._automaton = automaton(made, alphabet)
        self._states = dict[int, Any]()
        self._numbers = dict[Hashable, int]()
        self._next = 0
        self.start = self._number(beginning(self._automaton))

    def ask(self, number: int) -> tuple[float, list[tuple[str, int, float]]]:
        """Return a state's distance, and its moves with the distance after each."""
        from generators.automaton import ask

        here, moves = ask(self._automaton, self._states[number])
        return here, [(characters, self._number(after), distance) for characters, after, distance in moves]

    def keep(self, numbers: list[int]) -> None:
        """Forget all states but these."""
        self._states = {number: self._states[number] for number in numbers}
        self._numbers = {state: number for number, state in self._states.items()}

    def describe(self, number: int) -> str:
        """Return a state as the plugin knows it, for a message."""
        return f"{self._states[number]!r:.200}"

    def _number(self, state: Hashable) -> int:
        number = self._numbers.get(state)
        if number is None:
            number = self._numbers[state] = self._next
            self._states[number] = state
            self._next += 1
        return number


class Host:
    """The code of one plugin, and the automata that it made."""

    def __init__(self, plugin: str, path: Path) -> None:
        """Know where the code is."""
        self._plugin, self._path = plugin, path
        self._hooks = dict[str, Function]()
        self._forms = list[Form]()
        self._is_over = False

    def answer(self, name: str, argument: Any) -> str:
        """Do what is asked and return the line that tells what came of it, whatever that may be."""
        try:
            return json.dumps(("value", self._done(name, argument)))
        except MemoryError:
            return json.dumps(("memory", ""))
        except UserError as error:
            return json.dumps(("said", str(error)))
        except BaseException as error:  # a hook may raise anything, SystemExit included
            return json.dumps(("fault", _brief(error)))

    def _done(self, name: str, argument: Any) -> Any:
        if name == "load":
            self._hooks = load(self._plugin, self._path)
            if "grammar" in self._hooks:
                import generators.automaton  # noqa: F401  # now, while there is time
            sys.addaudithook(self._refuse_effects)
            return sorted(self._hooks)
        if name in ("ask", "keep", "describe"):
            form, about = argument
            return getattr(self._forms[form], name)(about)
        value = self._hooks[name](argument)
        if name != "grammar":
            return checked(self._path, name, value)
        self._forms.append(Form(value, argument))
        return len(self._forms) - 1, self._forms[-1].start

    def finish(self) -> None:
        """Let the interpreter tidy up: nobody asks any more."""
        self._is_over = True

    def _refuse_effects(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._is_over and (event.startswith(OUTSIDE) or (event == "open" and arguments[2] & WRITING)):
            raise PermissionError(f"a hook neither writes files, nor starts programs, nor uses a network ({event})")


def main() -> None:
    """Answer line by line until nobody asks any more. The first line says who is asked, and what it may use."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    first = json.loads(sys.stdin.readline())
    _bound(first["memory"])
    sys.dont_write_bytecode = True
    host = Host(first["plugin"], Path(first["path"]))
    for line in sys.stdin:
        print(host.answer(*json.loads(line)), file=answers, flush=True)
    host.finish()


def _bound(memory: int) -> None:
    """Let this process have `memory` bytes of its own at most."""
    import resource

    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
