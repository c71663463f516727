import gc
import sys
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from corpora.errors import UserError
from generators import hooks
from generators.hooks import HOOKS, STRIKES, Function, Hooks

LONG = 60.0  # seconds after which a thread is taken for one that never ends
Write = Callable[[str], Hooks]
CutOff = Callable[[Function], None]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a plugin.py, and know it."""

    def written(code: str) -> Hooks:
        (tmp_path / "plugin.py").write_text(code)
        return Hooks("old-pond", tmp_path / "plugin.py")

    return written


@pytest.fixture
def cut_off(monkeypatch: pytest.MonkeyPatch) -> CutOff:
    """Call a hook that never returns, with little patience."""

    def called(function: Function) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(hooks, "SECONDS", 0.02)
            with pytest.raises(UserError, match=r"plugin\.py: check took longer than 0\.02 s and was cut off\.$"):
                function("text")

    return called


def own(made: Hooks, name: str) -> Function:
    """The hook of this name, which there has to be."""
    function = made.get(name)
    assert function is not None
    return function


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "plugin old-pond"]


HELPERS = """
from textwrap import dedent as chek  # imported: nobody's misspelling
LIMIT = 3
def _chec(text): return text
def shorter(text): return text[:LIMIT]
class Checker: pass
"""


def test_hooks_are_found_by_name_and_helpers_are_let_be(write: Write) -> None:
    made = write(
        HELPERS + "def check(text, strict=False): return '' if len(text) < LIMIT else 'long'\nfinish = str.strip\n"
    )
    check, finish = own(made, "check"), own(made, "finish")
    assert [check("a"), check("abc"), finish(" a ")] == ["", "long", "a"]
    assert [made.get(name) for name in ("prompt", "clean", "grammar")] == [None] * 3


def test_without_a_file_there_is_no_hook_and_no_thread(tmp_path: Path) -> None:
    before = threads()
    made = Hooks("old-pond", tmp_path / "plugin.py")
    assert [made.get(name) for name in HOOKS] == [None] * len(HOOKS)
    assert threads() == before


@pytest.mark.parametrize(
    "code",
    [
        "def check(): return ''",
        "def check(text, more): return ''",
        "def check(text, *, more): return ''",
        "check = 3",
        "check = None, None",
    ],
)
def test_a_hook_of_another_shape_is_refused(write: Write, code: str) -> None:
    with pytest.raises(UserError, match=r"plugin\.py: check must be a function of 1 argument"):
        write(code).get("check")


def test_all_faults_of_the_code_are_told_at_once(write: Write) -> None:
    made = write("def chek(text): return ''\ndef promt(m): return m\ndef finish(): return ''\n")
    for asked in ("check", "clean"):  # whichever is asked for, and not the first time only
        with pytest.raises(UserError) as caught:
            made.get(asked)
        assert "chek is no hook; did you mean check?" in str(caught.value)
        assert "promt is no hook; did you mean prompt?" in str(caught.value)
        assert "finish must be a function of 1 argument" in str(caught.value)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("def check(text) return ''", "SyntaxError"),
        ("import no_such_module_anywhere", "ModuleNotFoundError: No module named 'no_such_module_anywhere'"),
        ("raise SystemExit(3)", "SystemExit: 3"),
    ],
)
def test_code_that_fails_when_loaded_is_named(write: Write, tmp_path: Path, code: str, said: str) -> None:
    made = write(code)
    with pytest.raises(UserError, match=rf"plugin\.py: loading it failed \({said}"):
        made.get("check")
    assert "apocrypha_plugin_old_pond" not in sys.modules
    (tmp_path / "plugin.py").write_text("def check(text): return 'mended'")
    assert own(made, "check")("") == "mended"


@pytest.mark.parametrize("code", ["def check(text): return ''", "# no hook at all"])
def test_code_is_loaded_at_the_first_call_and_once(write: Write, tmp_path: Path, code: str) -> None:
    made = write(f"with open({str(tmp_path / 'loaded')!r}, 'a') as file: file.write('.')\n{code}\n")
    assert not (tmp_path / "loaded").exists()
    for name in ("check", "finish", "check"):
        made.get(name)
    assert (tmp_path / "loaded").read_text() == "."


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        ("ValueError('no verse')", "ValueError: no verse"),
        ("SystemExit(1)", "SystemExit: 1"),
        ("KeyboardInterrupt", "KeyboardInterrupt: "),
        ("GeneratorExit", "GeneratorExit: "),
        ("StopIteration('all')", "StopIteration: all"),
        ("type('Own', (BaseException,), {})(7)", "Own: 7"),
    ],
)
def test_what_a_hook_raises_is_named_and_is_no_strike(write: Write, raised: str, said: str) -> None:
    made = write(f"def check(text): raise {raised}\ndef finish(text): return text\n")
    for _ in range(STRIKES + 2):
        with pytest.raises(UserError, match=r"plugin\.py: check failed \(") as caught:
            own(made, "check")("text")
        assert str(caught.value).endswith(f": check failed ({said}).")
        assert type(caught.value.__cause__).__name__ == said.split(":")[0]
    assert own(made, "finish")("well") == "well"


def test_what_a_hook_has_to_say_to_the_user_is_said_as_it_is(write: Write) -> None:
    made = write("from corpora.errors import UserError\ndef prompt(message): raise UserError('Give me a verse.')\n")
    with pytest.raises(UserError, match=r"^Give me a verse\.$"):
        own(made, "prompt")("?")


@pytest.mark.parametrize("name", ["clean", "prompt", "finish", "check"])
@pytest.mark.parametrize("given", ["None", "3", "b'bytes'", "['text']"])
def test_a_value_of_another_type_is_named(write: Write, name: str, given: str) -> None:
    made = write(f"def {name}(text): return {given}")
    with pytest.raises(UserError) as caught:
        own(made, name)("text")
    assert str(caught.value).endswith(f"plugin.py: {name} must return a str, not {given}.")


def test_of_a_long_value_the_beginning_is_told(write: Write) -> None:
    made = write("def check(text): return list(range(1000))")
    with pytest.raises(UserError, match=r"must return a str, not \[0, 1, 2, .{50,60}\.$"):
        own(made, "check")("text")


def test_a_grammar_may_be_any_object(write: Write) -> None:
    assert own(write("def grammar(alphabet): return {alphabet: 3}"), "grammar")("ab") == {"ab": 3}


def test_all_calls_are_made_one_after_the_other_on_the_plugins_own_thread(write: Write) -> None:
    made = write("""
import threading
inside = 0
def check(text):
    global inside
    inside += 1
    for _ in range(10_000): pass
    inside -= 1
    return f"{inside} {threading.current_thread().name} {threading.get_ident()}"
""")
    check = own(made, "check")
    with ThreadPoolExecutor(8) as callers:
        said = set(callers.map(check, "abcdefgh" * 4))
    (only,) = said
    assert only.startswith("0 plugin old-pond ")
    assert only != f"0 plugin old-pond {threading.get_ident()}"


def test_a_loop_is_interrupted_and_its_thread_ends(write: Write, cut_off: CutOff) -> None:
    made = write("def check(text):\n    while True: pass\ndef finish(text): return text.strip()\n")
    before, finish = threads(), own(made, "finish")
    (thread,) = set(threads()) - set(before)  # the code was loaded on it
    cut_off(own(made, "check"))
    thread.join(LONG)
    assert not thread.is_alive()
    assert finish(" well ") == "well"  # on another thread


def test_what_hangs_in_c_is_left_behind_and_ends_when_it_comes_back(write: Write, cut_off: CutOff) -> None:
    made = write(
        "import threading\nlock = threading.Lock()\nlock.acquire()\n"
        "def check(text):\n    lock.acquire()\n    return ''\n"
        "def finish(text): return text\n"
    )
    before, check = threads(), own(made, "check")
    (thread,) = set(threads()) - set(before)
    cut_off(check)
    assert own(made, "finish")("well") == "well"
    assert thread.is_alive()
    sys.modules["apocrypha_plugin_old_pond"].lock.release()
    thread.join(LONG)
    assert not thread.is_alive()


def test_after_three_strikes_nothing_is_called_any_more(write: Write, tmp_path: Path, cut_off: CutOff) -> None:
    code = f"def check(text):\n    while True: pass\ndef finish(text): open({str(tmp_path / 'called')!r}, 'w')\n"
    made = write(code)
    finish = own(made, "finish")
    for _ in range(STRIKES):
        cut_off(own(made, "check"))
    for _ in range(2):
        with pytest.raises(UserError, match=r"plugin\.py: its code was cut off 3 times and is called no more\.$"):
            finish("text")
    assert not (tmp_path / "called").exists()


def test_code_that_hangs_when_loaded_is_cut_off_and_no_more_loaded(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(hooks.PATIENT, "loading it", 0.02)
    made = write("while True: pass")
    for _ in range(STRIKES):
        with pytest.raises(UserError, match=r"plugin\.py: loading it took longer than 0\.02 s and was cut off"):
            made.get("check")
    with pytest.raises(UserError, match="called no more"):
        made.get("check")


def test_a_whole_corpus_may_take_its_time(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "SECONDS", 0.001)
    made = write("def clean(text):\n    for _ in range(1_000_000): pass\n    return text.upper()\ncheck = clean\n")
    assert own(made, "clean")("text") == "TEXT"
    with pytest.raises(UserError, match="check took longer"):
        own(made, "check")("text")


class Thing:
    pass


def test_what_a_call_was_given_is_not_kept(write: Write) -> None:
    made, thing, gone = write(""), Thing(), threading.Event()
    weakref.finalize(thing, gone.set)
    assert made.call("check", lambda it: type(it).__name__, thing) == "Thing"
    del thing
    assert gone.wait(LONG)


def test_the_thread_ends_with_the_plugin(write: Write) -> None:
    before = threads()
    made = write("def check(text): return text\n")
    assert own(made, "check")("a") == "a"
    (thread,) = set(threads()) - set(before)
    del made
    gc.collect()
    thread.join(LONG)
    assert not thread.is_alive()
