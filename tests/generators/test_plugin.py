from collections.abc import Callable
from pathlib import Path

import pytest

from corpora.errors import UserError
from generators import plugin
from generators.plugin import Manifest, Plugin

Make = Callable[..., Plugin]


@pytest.mark.parametrize("toml", ["", 'summary = "Five, seven, five"', "# nothing but a remark\n", 'name = ""'])
def test_a_line_or_less_beside_a_text_is_a_plugin(make_plugin: Make, tmp_path: Path, toml: str) -> None:
    made = make_plugin(toml, corpus="old pond\n")
    assert (made.name, made.origin, made.folder) == ("haiku", "folder", tmp_path / "plugins" / "haiku")
    assert made.manifest.corpus.file == "corpus.txt"
    assert made.manifest.text == Manifest().text
    assert made.hook("check") is None


def test_the_folder_gives_the_name_unless_the_file_does(make_plugin: Make) -> None:
    assert make_plugin(name="Limerick").name == "limerick"
    assert make_plugin('name = "limerick-2"', name="A folder of any name").name == "limerick-2"


def test_what_is_given_is_what_is_meant(make_plugin: Make) -> None:
    manifest = make_plugin('[text]\nstart = "<"\nstop = ">"\nlength = 17\n[model]\nkind = "gru"\nunits = 9').manifest
    assert (manifest.text.start, manifest.text.stop, manifest.text.length) == ("<", ">", 17)
    assert (manifest.model.kind, manifest.model.units, manifest.model.layers) == ("gru", 9, 2)


TEN_MISTAKES = """
name = "Not A Name"
sumary = "misspelt"
examples = 3
[corpus]
license = "American"
sha256 = "0123"
[corpus.split]
block = 3
test = 0.9
[text]
lenght = 3
temperature = -1
[train]
device = "abacus"
"""


def test_ten_mistakes_are_ten_lines_each_with_the_nearest(make_plugin: Make, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        make_plugin(TEN_MISTAKES)
    head, *lines = str(caught.value).splitlines()
    assert head == f"{tmp_path / 'plugins' / 'haiku' / 'plugin.toml'}: 10 thing(s) to mend:"
    faults = dict(line.strip().split(": ", 1) for line in lines)
    assert len(lines) == len(faults) == 10
    assert "small letters, digits and hyphens" in faults["name"]
    assert "(found 'Not A Name')" in faults["name"]
    assert faults["sumary"].startswith("no such key. Did you mean 'summary'? Known: corpus, examples, model,")
    assert "(found 3)" in faults["examples"]
    assert "Did you mean 'licence'?" in faults["corpus.license"]
    assert "(found '0123')" in faults["corpus.sha256"]
    assert faults["corpus.split.block"] == (
        "no such key. Did you mean 'blocks'? Known: blocks, boundary, test, validation."
    )
    assert "less than 0.5 (found 0.9)" in faults["corpus.split.test"]
    assert "Did you mean 'length'?" in faults["text.lenght"]
    assert "greater than or equal to 0 (found -1)" in faults["text.temperature"]
    assert "'auto', 'cpu' or 'cuda' (found 'abacus')" in faults["train.device"]


def test_a_key_like_no_other_is_answered_with_the_known_ones(make_plugin: Make) -> None:
    with pytest.raises(UserError, match=r"zzz: no such key\. Known: corpus, examples, model, name, summary"):
        make_plugin("zzz = 1")


def test_faults_between_keys_are_named(make_plugin: Make) -> None:
    with pytest.raises(UserError, match=r"corpus: a downloaded or mirrored text needs `sha256`"):
        make_plugin('[corpus]\nmirror = "a.txt"\n')
    with pytest.raises(UserError, match=r"model: a tied model needs embedding = units, not 4 and 8"):
        make_plugin("[model]\ntied = true\nunits = 8\nembedding = 4", name="another")


@pytest.mark.parametrize("name", ["2haiku", "my style", "a_b", "x" * 41, "haiku!", "-a", "ä"])
def test_a_bad_name_is_refused(make_plugin: Make, name: str) -> None:
    with pytest.raises(UserError, match=f"name: a name is .*found '{name}'"):
        make_plugin(f'name = "{name}"')
    with pytest.raises(UserError, match=f"name: a name is .*found '{name}'"):
        make_plugin(name=name)


def test_what_is_not_toml_or_not_there_is_said(make_plugin: Make, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"plugin\.toml: this is not TOML \(.*line 2"):
        make_plugin('summary = "fine"\ntext = = 3\n')
    (tmp_path / "plugin.toml").write_bytes(b'summary = "caf\xe9"')
    with pytest.raises(UserError, match=r"plugin\.toml: this is not TOML \(.*0xe9"):
        plugin.read(tmp_path, "folder")
    with pytest.raises(UserError, match=r"absent.plugin\.toml: No such file or directory"):
        plugin.read(tmp_path / "absent", "folder")


HELPERS = """
from textwrap import dedent as chek  # imported: nobody's misspelling
LIMIT = 3
def _chec(text): return text
def shorter(text): return text[:LIMIT]
class Checker: pass
"""


def test_hooks_are_found_by_name_and_helpers_are_let_be(make_plugin: Make) -> None:
    code = HELPERS + "def check(text, strict=False): return '' if len(text) < LIMIT else 'long'\nfinish = str.strip\n"
    made = make_plugin(code=code)
    check, finish = made.hook("check"), made.hook("finish")
    assert check is not None
    assert finish is not None
    assert [check("a"), check("abc"), finish(" a ")] == ["", "long", "a"]
    assert made.hook("prompt") is None
    assert made.hook("clean") is None


@pytest.mark.parametrize(
    "code",
    [
        "def check(): return ''",
        "def check(text, more): return ''",
        "def check(text, *, more): return ''",
        "check = 3",
    ],
)
def test_a_hook_of_another_shape_is_refused(make_plugin: Make, code: str) -> None:
    made = make_plugin(code=code)
    with pytest.raises(UserError, match=r"plugin\.py: check must be a function of 1 argument"):
        made.hook("check")


def test_all_faults_of_the_code_are_told_at_once(make_plugin: Make) -> None:
    made = make_plugin(code="def chek(text): return ''\ndef promt(m): return m\ndef finish(): return ''\n")
    for asked in ("check", "clean"):  # whichever is asked for, and not the first time only
        with pytest.raises(UserError) as caught:
            made.hook(asked)
        assert "chek is no hook; did you mean check?" in str(caught.value)
        assert "promt is no hook; did you mean prompt?" in str(caught.value)
        assert "finish must be a function of 1 argument" in str(caught.value)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("def check(text) return ''", "SyntaxError"),
        ("import no_such_module_anywhere", "ModuleNotFoundError: No module named 'no_such_module_anywhere'"),
    ],
)
def test_code_that_fails_when_loaded_is_named(make_plugin: Make, code: str, said: str) -> None:
    made = make_plugin(code=code)
    with pytest.raises(UserError, match=rf"haiku.plugin\.py: it fails when loaded \({said}"):
        made.hook("check")


@pytest.mark.parametrize("hooks", ["def check(text): return ''", "# no hook at all"])
def test_code_is_loaded_at_the_first_call_and_once(make_plugin: Make, tmp_path: Path, hooks: str) -> None:
    made = make_plugin(code=f"with open({str(tmp_path / 'loaded')!r}, 'a') as file: file.write('.')\n{hooks}\n")
    assert not (tmp_path / "loaded").exists()
    for name in ("check", "finish", "check"):
        made.hook(name)
    assert (tmp_path / "loaded").read_text() == "."
