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
    assert faults["sumary"].startswith(
        "no such key. Did you mean 'summary'? Known: corpus, examples, form, limits, model,"
    )
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
    with pytest.raises(UserError, match=r"zzz: no such key\. Known: corpus, examples, form, limits, model, name,"):
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


def test_hooks_are_called_under_a_guard_that_names_the_file(make_plugin: Make) -> None:
    made = make_plugin(code="def finish(text): return text.strip()\ndef check(text): return 3\n")
    finish, check = made.hook("finish"), made.hook("check")
    assert finish is not None
    assert check is not None
    assert finish(" a ") == "a"
    with pytest.raises(UserError, match=r"haiku.plugin\.py: check must return a str, not 3\.$"):
        check("a")
    assert made.hook("prompt") is None


def test_what_a_plugin_made_is_called_under_the_same_guard(make_plugin: Make) -> None:
    made = make_plugin()
    assert made.call("grammar", max, 3, 4) == 4
    with pytest.raises(UserError, match=r"haiku.plugin\.py: grammar failed \(ZeroDivisionError: .*zero\)\.$"):
        made.call("grammar", divmod, 1, 0)


def test_no_code_runs_when_a_plugin_is_read(make_plugin: Make, tmp_path: Path) -> None:
    made = make_plugin(code=f"open({str(tmp_path / 'ran')!r}, 'w').close()")
    assert not (tmp_path / "ran").exists()
    made.hook("check")
    assert (tmp_path / "ran").exists()
