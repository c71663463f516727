"""A plugin's own functions: found and checked in its plugin.py, and called under a time limit.

They run on a thread of the plugin's, so that one that fails or hangs is named and stops nobody else. A function that
hangs in Python is interrupted; one that hangs in C is left behind, and after three of those no more are called.
"""

import ctypes
import difflib
import importlib.util
import inspect
import queue
import sys
import threading
import weakref
from collections.abc import Callable
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
    "grammar": (
        1,
        object,
    ),  # grammar(alphabet) -> notation, or an automaton: what may come next (generators/grammar.py)
}
SECONDS = 2.0  # that one call may take
PATIENT = {"clean": 600.0, "loading it": 10.0}  # a whole corpus is cleaned in one call; loading may import
GRACE = 0.1  # seconds for a thread that is interrupted to come to its next instruction
STRIKES = 3  # calls cut off, after which a plugin's code is called no more

Function = Callable[..., Any]
_Call = tuple[Function, tuple[Any, ...], "queue.SimpleQueue[tuple[Any, BaseException | None]]"]
_Calls = queue.SimpleQueue[_Call | None]  # None: there will be no more


class Hooks:
    """The functions of one plugin; its code is loaded when the first of them is asked for."""

    def __init__(self, plugin: str, path: Path) -> None:
        """Know the plugin's name and its plugin.py, which need not exist."""
        self._plugin, self._path = plugin, path
        self._functions: dict[str, Function] | None = None
        self._lock = threading.RLock()
        self._calls: _Calls | None = None
        self._thread: threading.Thread | None = None
        self._strikes = 0

    def get(self, name: str) -> Function | None:
        """Return the plugin's function of this name, guarded, or None; raise UserError where its code is bad."""
        with self._lock:
            if self._functions is None:
                self._functions = self._load() if self._path.exists() else {}
        function, (_, kind) = self._functions.get(name), HOOKS[name]
        if function is None:
            return None

        def guarded(*arguments: Any) -> Any:
            value = self.call(name, function, *arguments)
            if not isinstance(value, kind):
                raise UserError(f"{self._path}: {name} must return a {kind.__name__}, not {value!r:.60}.")
            return value

        return guarded

    def call(self, name: str, function: Function, *arguments: Any) -> Any:
        """Call `function` on the plugin's thread; raise UserError naming it where it raises or takes too long."""
        seconds = PATIENT.get(name, SECONDS)
        with self._lock:
            if self._strikes >= STRIKES:
                raise UserError(f"{self._path}: its code was cut off {STRIKES} times and is called no more.")
            done: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()
            self._running().put((function, arguments, done))
            try:
                value, error = done.get(timeout=seconds)
            except queue.Empty:
                self._cut_off(done)
                raise UserError(f"{self._path}: {name} took longer than {seconds:g} s and was cut off.") from None
        if isinstance(error, UserError):
            raise error
        if error is not None:
            raise UserError(f"{self._path}: {name} failed ({type(error).__name__}: {error}).") from error
        return value

    def _running(self) -> _Calls:
        if self._calls is None:
            self._calls = queue.SimpleQueue()
            self._thread = threading.Thread(
                target=_serve, args=(self._calls,), name=f"plugin {self._plugin}", daemon=True
            )
            self._thread.start()
            weakref.finalize(self, self._calls.put, None)
        return self._calls

    def _cut_off(self, done: "queue.SimpleQueue[tuple[Any, BaseException | None]]") -> None:
        """End the thread at its next Python instruction, and let the next call have a new one."""
        self._strikes += 1
        if self._calls is not None and self._thread is not None and self._thread.ident is not None:
            self._calls.put(None)
            _interrupt(self._thread.ident, done)
        self._calls = self._thread = None

    def _load(self) -> dict[str, Function]:
        module = self.call("loading it", _import, self._plugin, self._path)
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
            raise UserError(f"{self._path}: {'; '.join(faults)}.")
        return functions


class _Interruption(SystemExit):  # which ends a thread without a word
    """Raised in a thread from outside."""


def _interrupt(thread: int, done: "queue.SimpleQueue[tuple[Any, BaseException | None]]") -> None:
    """Raise an exception in `thread`, or, where it is in C and does not come to it, take it back.

    One that stays pending slows every thread down, and stops those that are traced (CPython 3.11 looks for it again and
    again, in all of them). Only a thread that raises one unsets the mark, so this one does; no Python function is
    called until then.
    """
    raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc
    that, this, kind = ctypes.c_ulong(thread), ctypes.c_ulong(threading.get_ident()), ctypes.py_object(_Interruption)
    nothing = ctypes.c_void_p(None)
    raise_in(that, kind)
    try:
        done.get(timeout=GRACE)
    except queue.Empty:
        raise_in(that, nothing)
        try:
            raise_in(this, kind)
            while True:
                pass
        except _Interruption:
            pass


def _serve(calls: _Calls) -> None:
    while call := calls.get():
        function, arguments, done = call
        try:
            done.put((function(*arguments), None))
        except BaseException as error:  # a hook may raise anything, SystemExit included
            done.put((None, error))
        del call, function, arguments, done  # what a call was given is not kept until the next


def _import(plugin: str, path: Path) -> ModuleType:
    name = f"apocrypha_plugin_{plugin.replace('-', '_')}"
    spec = importlib.util.spec_from_file_location(name, path)
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
