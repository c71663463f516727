import gc
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from corpora.errors import UserError
from generators import hooks
from generators.automaton import automaton
from generators.grammar import Table
from generators.hooks import STRIKES, Hooks
from generators.host import HOOKS, Function
from training.vocabulary import Vocabulary

Write = Callable[..., Hooks]
CutOff = Callable[[Function], None]
WHO = "import os\ndef prompt(message): return str(os.getpid())\n"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a plugin.py, and know it."""

    def written(code: str, ours: bool = False) -> Hooks:
        (tmp_path / "plugin.py").write_text(code)
        return Hooks("old-pond", tmp_path / "plugin.py", ours)

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


def lives(process: str) -> bool:
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    return True


HELPERS = """
from textwrap import dedent as chek  # imported: nobody's misspelling
LIMIT = 3
def _chec(text): return text
def shorter(text): return text[:LIMIT]
class Checker: pass
"""
BOTH = pytest.mark.parametrize("ours", [True, False], ids=["bundled", "a stranger's"])


@BOTH
def test_hooks_are_found_by_name_and_helpers_are_let_be(write: Write, ours: bool) -> None:
    code = "def check(text, strict=False): return '' if len(text) < LIMIT else 'long'\nfinish = str.strip\n"
    made = write(HELPERS + code, ours)
    check, finish = own(made, "check"), own(made, "finish")
    assert [check("a"), check("abc"), finish(" a ")] == ["", "long", "a"]
    assert [made.get(name) for name in ("prompt", "clean", "grammar")] == [None] * 3


@BOTH
def test_code_may_import_what_lies_beside_it(write: Write, tmp_path: Path, ours: bool) -> None:
    for said in ("one", "two"):  # each time as it is by then
        (tmp_path / "words.py").write_text(f"def said(text): return text + ' {said}'\n")
        made = write("from . import words\nfrom .words import said as finish\ncheck = words.said\n", ours)
        assert [own(made, name)("old pond") for name in ("check", "finish")] == [f"old pond {said}"] * 2


def test_without_a_file_there_is_no_hook(tmp_path: Path) -> None:
    made = Hooks("old-pond", tmp_path / "plugin.py")
    assert [made.get(name) for name in HOOKS] == [None] * len(HOOKS)


@pytest.mark.parametrize(
    "definition",
    ["def check(): return ''", "def check(text, more): return ''", "def check(text, *, more): return ''", "check = 3"],
)
def test_a_hook_of_another_shape_is_refused(write: Write, definition: str) -> None:
    with pytest.raises(UserError, match=r"plugin\.py: check must be a function of 1 argument"):
        write(definition, ours=True).get("check")


@BOTH
def test_all_faults_of_the_code_are_told_at_once(write: Write, ours: bool) -> None:
    made = write("def chek(text): return ''\ndef promt(m): return m\ndef finish(): return ''\n", ours)
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
    (tmp_path / "plugin.py").write_text("def check(text): return 'mended'")
    assert own(made, "check")("") == "mended"


@BOTH
def test_code_is_loaded_at_the_first_call_and_once(write: Write, tmp_path: Path, ours: bool) -> None:
    made = write(f"with open({str(tmp_path / 'loaded')!r}, 'a') as file: file.write('.')\n", ours)
    assert not (tmp_path / "loaded").exists()
    for name in ("check", "finish", "check"):
        made.get(name)
    assert (tmp_path / "loaded").read_text() == "."


def test_what_a_hook_raises_is_named_and_is_no_strike(write: Write) -> None:
    raised = {
        "ValueError('no verse')": "ValueError: no verse",
        "SystemExit(1)": "SystemExit: 1",
        "KeyboardInterrupt": "KeyboardInterrupt: ",
        "type('Own', (BaseException,), {})(7)": "Own: 7",
    }
    made = write(f"def check(text): raise eval(text)\ndef finish(text): return text\n{WHO}")
    process = own(made, "prompt")("?")
    for code, said in raised.items():
        with pytest.raises(UserError) as caught:
            own(made, "check")(code)
        assert str(caught.value).endswith(f"plugin.py: check failed ({said}).")
    assert own(made, "finish")("well") == "well"
    assert own(made, "prompt")("?") == process != str(os.getpid())


def test_our_own_code_is_called_here_and_what_it_raises_is_named_too(write: Write) -> None:
    made = write(f"def check(text): return 1 / 0\n{WHO}", ours=True)
    assert own(made, "prompt")("?") == str(os.getpid())
    with pytest.raises(UserError, match=r"plugin\.py: check failed \(ZeroDivisionError: division by zero\)\.$"):
        own(made, "check")("text")


@BOTH
def test_what_a_hook_has_to_say_to_the_user_is_said_as_it_is(write: Write, ours: bool) -> None:
    code = "from corpora.errors import UserError\ndef prompt(message): raise UserError('Give me a verse.')\n"
    with pytest.raises(UserError, match=r"^Give me a verse\.$"):
        own(write(code, ours), "prompt")("?")


@BOTH
def test_a_value_of_another_type_is_named(write: Write, ours: bool) -> None:
    made = write("".join(f"def {name}(text): return eval(text)\n" for name in ("clean", "prompt", "finish")), ours)
    for name in ("clean", "prompt", "finish"):
        for given in ("None", "3", "b'bytes'", "['text']"):
            with pytest.raises(UserError) as caught:
                own(made, name)(given)
            assert str(caught.value).endswith(f"plugin.py: {name} must return a str, not {given}.")


def test_of_a_long_value_the_beginning_is_told(write: Write) -> None:
    made = write("def check(text): return list(range(1000))")
    with pytest.raises(UserError, match=r"must return a str, not \[0, 1, 2, .{50,60}\.$"):
        own(made, "check")("text")


def test_any_text_comes_through(write: Write) -> None:
    made = write("def finish(text): return text[::-1]")
    for text in ("", "a\nb\r\n\u2028\x00", "\U0001f600 \ud800", "x" * 3_000_000):
        assert own(made, "finish")(text) == text[::-1]


def test_what_cannot_be_told_across_processes_is_named(write: Write) -> None:
    made = write("def features(text): return {'labels': {1, 2}}\ndef finish(text): return text\n")
    with pytest.raises(UserError, match=r"features failed \(TypeError: Object of type set is not JSON serializable\)"):
        own(made, "features")("text")
    assert own(made, "finish")("well") == "well"


def test_what_the_code_prints_is_no_answer(write: Write, capfd: pytest.CaptureFixture[str]) -> None:
    made = write("print('loaded')\ndef check(text):\n    print('checked')\n    return text\n")
    assert own(made, "check")("well") == "well"
    assert capfd.readouterr().out == ""


def test_many_threads_may_ask_at_once(write: Write) -> None:
    made = write("inside = 0\ndef check(text):\n    global inside\n    inside += 1\n    return f'{text} {inside}'\n")
    with ThreadPoolExecutor(8) as callers:
        said = list(callers.map(own(made, "check"), "abcdefgh" * 8))
    assert [answer[0] for answer in said] == list("abcdefgh" * 8)
    assert sorted(int(answer[2:]) for answer in said) == list(range(1, 65))


HANGS = """
import threading
lock = threading.Lock()
lock.acquire()
def check(text):
    {}
def finish(text): return text
"""


@pytest.mark.parametrize("hang", ["while True: pass", "lock.acquire()"], ids=["in Python", "in C"])
def test_what_hangs_is_ended_with_its_process_and_the_rest_goes_on(write: Write, cut_off: CutOff, hang: str) -> None:
    made = write(HANGS.format(hang) + WHO)
    before = own(made, "prompt")("?")
    cut_off(own(made, "check"))
    assert not lives(before)
    assert own(made, "finish")("well") == "well"
    assert own(made, "prompt")("?") != before


def test_after_three_strikes_nothing_is_called_any_more(write: Write, cut_off: CutOff, tmp_path: Path) -> None:
    made = write(HANGS.format("while True: pass") + f"open({str(tmp_path / 'loaded')!r}, 'a').write('.')\n")
    finish = own(made, "finish")
    for _ in range(STRIKES):
        cut_off(own(made, "check"))
    for _ in range(2):
        with pytest.raises(UserError, match=r"plugin\.py: its code was cut off 3 times and is called no more\.$"):
            finish("text")
    assert (tmp_path / "loaded").read_text() == "." * STRIKES


def test_code_that_hangs_when_loaded_is_cut_off_and_no_more_loaded(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(hooks.PATIENT, "load", 0.02)
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


def test_what_eats_memory_is_named_and_the_rest_goes_on(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "MEMORY", 1 << 28)
    made = write("def check(text): return 'x' * int(text)\ndef finish(text): return text\n")
    assert len(own(made, "check")("1000000")) == 1_000_000
    with pytest.raises(UserError, match=r"plugin\.py: check wanted more than 0\.25 GB of memory and was cut off\.$"):
        own(made, "check")("1000000000")
    assert own(made, "finish")("well") == "well"
    with pytest.raises(UserError, match=r"plugin\.py: loading it wanted more than 0\.25 GB"):
        write("hoard = [0] * 10**9").get("check")


@pytest.mark.parametrize(
    ("end", "how"), [("os._exit(3)", "exit status 3"), ("os.kill(os.getpid(), 11)", "SIGSEGV")], ids=["exit", "crash"]
)
def test_what_takes_its_process_down_is_named_and_the_rest_goes_on(write: Write, end: str, how: str) -> None:
    made = write("import os\ndef finish(text): return text\n")
    assert own(made, "finish")("well") == "well"
    with pytest.raises(UserError, match=rf"plugin\.py: loading it took its process down \({how}\)\.$"):
        write(f"import os\n{end}").get("check")
    assert own(made, "finish")("well") == "well"


@pytest.mark.parametrize(
    "effect",
    [
        "open('written', 'w')",
        "open('written', 'a')",
        "__import__('os').mkdir('made')",
        "__import__('os').remove('gone')",
        "__import__('os').system('true')",
        "__import__('subprocess').run(['true'])",
        "__import__('socket').create_connection(('127.0.0.1', 9))",
        "__import__('urllib.request').request.urlopen('http://127.0.0.1:9')",
    ],
)
def test_a_hook_has_no_effects(write: Write, effect: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.iterdir()) | {tmp_path / "plugin.py"}
    with pytest.raises(UserError, match=r"check failed \(\w+: .*a hook neither writes files, nor starts programs"):
        own(write(f"import urllib.request\ndef check(text): {effect}\n"), "check")("text")
    assert set(tmp_path.iterdir()) == before


def test_a_hook_may_read_what_lies_beside_it_and_import(write: Write, tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("well")
    made = write("from pathlib import Path\ndef check(text):\n    import decimal\n    return Path(text).read_text()\n")
    assert own(made, "check")(str(tmp_path / "words.txt")) == "well"


def test_the_process_ends_with_the_plugin(write: Write) -> None:
    made = write(WHO)
    process = own(made, "prompt")("?")
    assert lives(process)
    del made
    gc.collect()
    assert not lives(process)


BRACKETS = """
class Brackets:
    start = ("text", 0)
    def moves(self, state):
        depth = state[1]
        ways = {"ab": state, "(": ("text", depth + 1)}
        return ways | ({")": ("text", depth - 1)} if depth else {"\\n": ("end", 0)}) if state[0] == "text" else {}
    def distance(self, state):
        if state[1] == 7: raise ValueError("seven")
        if state[1] == 8:
            while True: pass
        return state[1] + 1 if state[0] == "text" else 0
def grammar(alphabet): return Brackets()
"""
NOTATION = r"""
def grammar(alphabet): return r'''
    root ::= part "\n"
    part ::= ([ab] | "(" part ")")*
'''
"""


@pytest.mark.parametrize("code", [BRACKETS, NOTATION], ids=["an automaton", "notation"])
def test_a_grammar_is_the_same_in_another_process(write: Write, code: str) -> None:
    alphabet, vocabulary = "\n()ab", Vocabulary("\n()ab")
    near, far = (
        Table(automaton(own(write(code, ours), "grammar")(alphabet), alphabet), vocabulary) for ours in (True, False)
    )
    for text in ("a(b)\n", "((", "(a(b)()", "a)", "\n", "()\n\n"):
        ends = [table.walk(vocabulary.encode(text)) for table in (near, far)]
        assert (ends[0] is None) == (ends[1] is None)
        if ends[0] is not None and ends[1] is not None:
            rows = [table.allowed(np.array([end]), np.array([2])) for table, end in zip((near, far), ends, strict=True)]
            assert rows[0].tolist() == rows[1].tolist()
            assert near.distance(ends[0]) == far.distance(ends[1])
            ends[1] = int(far.keep(np.array([ends[1]]))[0])  # what is forgotten is found again
            assert far.walk(vocabulary.encode("(a)\n")) is not None


def test_an_automaton_that_fails_or_hangs_is_named(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    made = write(BRACKETS)
    form = own(made, "grammar")("\n()ab")
    vocabulary = Vocabulary("\n()ab")
    table = Table(form, vocabulary)
    state = table.walk(vocabulary.encode("(("))
    assert state is not None
    assert table.describe(state) == "('text', 2)"
    with pytest.raises(UserError, match=r"plugin\.py: grammar failed \(ValueError: seven\)\.$"):
        Table(form, vocabulary).walk(vocabulary.encode("(" * 7))
    skips = write(BRACKETS.replace("state[1] == 7", "False"))
    form = own(skips, "grammar")("\n()ab")
    with monkeypatch.context() as patch:
        patch.setattr(hooks, "SECONDS", 0.05)
        with pytest.raises(UserError, match=r"plugin\.py: grammar took longer than 0\.05 s and was cut off\.$"):
            Table(form, vocabulary).walk(vocabulary.encode("(" * 9))
    with pytest.raises(UserError, match="its code was cut off a moment ago"):
        form.moves(form.start)
    assert Table(own(skips, "grammar")("\n()ab"), vocabulary).walk(vocabulary.encode("(a)\n")) is not None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("3", "this int has no start, moves, distance"),
        ("'root := a'", "grammar, line 1: expected"),
        ("type('A', (), {'start': [], 'moves': 0, 'distance': 0})()", "TypeError: unhashable type: 'list'"),
    ],
)
def test_what_is_no_grammar_is_named_by_the_process_too(write: Write, given: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        own(write(f"def grammar(alphabet): return {given}"), "grammar")("ab")
