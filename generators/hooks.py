"""A plugin's own functions: found and checked in its plugin.py, and called where they can do no harm.

A stranger's code runs in a process of its own (generators/host.py), under a bound on memory and with a time limit on
every call. What fails is named; what hangs, in Python or in C, eats memory or takes its process down is ended with
that process, and after three of those no more is called. A bundled plugin's code is a part of this program, tested
with it, and is called as such.
"""

import json
import signal
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterable
from functools import partial
from io import BufferedIOBase
from pathlib import Path
from typing import Any

from corpora.errors import UserError
from generators import host
from generators.host import Function, checked, failure

SECONDS = 2.0  # that one call may take
PATIENT = {"clean": 600.0, "features": 60.0, "load": 10.0}  # a whole corpus is cleaned in one call; loading may import
STRIKES = 3  # calls cut off, after which a plugin's code is called no more
GRACE = 1.0  # seconds for a process to be gone when its line is closed
MEMORY = 2 << 30  # bytes that a plugin's process may have
BEGIN = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from generators.host import main; main()"
TOLD = {"load": "loading it", "ask": "grammar", "keep": "grammar", "describe": "grammar"}  # in a message


class Hooks:
    """The functions of one plugin; its code is loaded when the first of them is asked for."""

    def __init__(self, plugin: str, path: Path, ours: bool = False) -> None:
        """Know the plugin's name and its plugin.py, which need not exist. `ours` is what is bundled."""
        self._plugin, self._path, self._ours = plugin, path, ours
        self._functions: dict[str, Function] | None = None
        self._lock = threading.RLock()
        self._process: _Process | None = None
        self.cut_off = 0  # how often that happened; an automaton of before is no longer there

    def get(self, name: str) -> Function | None:
        """Return the plugin's function of this name, guarded, or None; raise UserError where its code is bad."""
        with self._lock:
            if self._functions is None:
                self._functions = self._load() if self._path.exists() else {}
        return self._functions.get(name)

    def call(self, name: str, function: Function, *arguments: Any) -> Any:
        """Call `function`, which is of the plugin's making; raise UserError that names it where it fails."""
        try:
            return function(*arguments)
        except Exception as error:
            raise failure(self._path, name, error) from error

    def _load(self) -> dict[str, Function]:
        if self._ours:
            own = self.call("loading it", host.load, self._plugin, self._path)
            return {name: partial(self._called, name, function) for name, function in own.items()}
        return {name: self._form if name == "grammar" else partial(self._ask, name) for name in self._started()}

    def _called(self, name: str, function: Function, argument: Any) -> Any:
        return checked(self._path, name, self.call(name, function, argument))

    def _form(self, alphabet: str) -> "RemoteAutomaton":
        with self._lock:
            form, start = self._ask("grammar", alphabet)
            return RemoteAutomaton(partial(self._ask, age=self.cut_off), form, start)

    def _ask(self, name: str, argument: Any, age: int | None = None) -> Any:
        """Have the plugin's process do something; where `age` is given, only one that was begun after so many others.

        Raises UserError where it fails, and where it is cut off.
        """
        with self._lock:
            if age not in (None, self.cut_off):
                raise UserError(f"{self._path}: its code was cut off a moment ago, and its grammar with it.")
            if self._process is None:
                self._started()
            return self._exchange(name, argument)

    def _started(self) -> list[str]:
        """Start the plugin's process and load its code there; return which hooks it has."""
        if self.cut_off >= STRIKES:
            raise UserError(f"{self._path}: its code was cut off {STRIKES} times and is called no more.")
        self._process = _Process(self._plugin, self._path)
        try:
            names: list[str] = self._exchange("load", None)
        except UserError:
            self._end()
            raise
        return names

    def _exchange(self, name: str, argument: Any) -> Any:
        assert self._process is not None
        seconds, told = PATIENT.get(name, SECONDS), TOLD.get(name, name)
        try:
            kind, value = self._process.ask(name, argument, seconds)
        except TimeoutError:
            raise self._struck(f"{told} took longer than {seconds:g} s and was cut off.") from None
        except (OSError, ValueError):  # ValueError: the answer broke off
            raise self._struck(f"{told} took its process down ({self._process.ended()}).") from None
        if kind == "memory":
            raise self._struck(f"{told} wanted more than {MEMORY / 2**30:.2g} GB of memory and was cut off.")
        if kind == "said":
            raise UserError(value)
        if kind == "fault":
            raise UserError(f"{self._path}: {told} failed ({value}).")
        return value

    def _struck(self, fault: str) -> UserError:
        if self._process:
            self._process.kill()
        self._end()
        self.cut_off += 1
        return UserError(f"{self._path}: {fault}")

    def _end(self) -> None:
        if self._process:
            self._process.end()
        self._process = None


class RemoteAutomaton:
    """The automaton of a stranger's grammar, which stays in its process: here its states are numbers."""

    def __init__(self, ask: Callable[[str, Any], Any], form: int, start: int) -> None:
        """Know it by its own number; `ask` has its process do something."""
        self._ask, self._form, self.start = ask, form, start
        self._distances = dict[int, int]()

    def moves(self, state: int) -> dict[str, int]:
        """Return which characters may come next, and the state that each set leads to."""
        self._distances[state], moves = self._ask("ask", (self._form, state))
        self._distances |= {after: distance for _, after, distance in moves}
        return {characters: after for characters, after, _ in moves}

    def distance(self, state: int) -> int:
        """Return the fewest characters to a place where the text may end."""
        if state not in self._distances:
            self.moves(state)
        return self._distances[state]

    def forget(self, kept: Iterable[int]) -> None:
        """Forget all states but those `kept`."""
        self._ask("keep", (self._form, sorted(kept)))
        self._distances.clear()

    def describe(self, state: int) -> str:
        """Return a state as the plugin knows it, for a message."""
        return str(self._ask("describe", (self._form, state)))


class _Process:
    """A process that runs one plugin.py, and the line to it. It ends with this object."""

    def __init__(self, plugin: str, path: Path) -> None:
        """Start it."""
        ours, theirs = socket.socketpair()
        with theirs:
            places = json.dumps([str(Path(place).resolve()) for place in sys.path])
            command = [sys.executable, "-I", "-c", BEGIN, places]
            self._process = subprocess.Popen(command, stdin=theirs.fileno(), stdout=theirs.fileno())
        self._line, self._answers = ours, ours.makefile("rb")
        self.kill = self._process.kill
        self.end = weakref.finalize(self, _end, self._process, self._line, self._answers)
        self._send({"plugin": plugin, "path": str(path), "memory": MEMORY})

    def ask(self, name: str, argument: Any, seconds: float) -> tuple[str, Any]:
        """Return the answer to a request; raise TimeoutError, or OSError or ValueError where there is none."""
        self._line.settimeout(seconds)
        self._send((name, argument))
        kind, value = json.loads(self._answers.readline())
        return kind, value

    def ended(self) -> str:
        """Say how it ended."""
        try:
            status = self._process.wait(GRACE)
        except subprocess.TimeoutExpired:
            return "it closed the line"
        return signal.Signals(-status).name if status < 0 else f"exit status {status}"

    def _send(self, message: Any) -> None:
        self._line.sendall(json.dumps(message).encode() + b"\n")


def _end(process: "subprocess.Popen[bytes]", *ends: socket.socket | BufferedIOBase) -> None:
    for end in ends:
        end.close()
    try:
        process.wait(GRACE)  # nobody asks any more, so it ends
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
