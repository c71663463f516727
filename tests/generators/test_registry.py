from collections.abc import Callable
from pathlib import Path

import pytest

from corpora.errors import UserError
from generators import registry

Install = Callable[..., Path]


def write(folder: Path, toml: str = "", code: str = "") -> Path:
    folder.mkdir(parents=True)
    (folder / "plugin.toml").write_text(toml)
    (folder / "corpus.txt").write_text("old pond\n")
    if code:
        (folder / "plugin.py").write_text(code)
    return folder


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Install a distribution that has one package and one entry point, as pip would lay it out."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(site)

    def make(distribution: str, point: str, names: str = "") -> Path:
        information = site / f"{distribution.replace('-', '_')}-1.0.dist-info"
        information.mkdir()
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        (information / "entry_points.txt").write_text(f"[{registry.GROUP}]\n{point} = {names or point}\n")
        return site

    return make


def test_bundled_styles_are_there_without_any_folder(tmp_path: Path) -> None:
    for folder in (None, tmp_path, tmp_path / "absent"):
        found = registry.find(folder)
        assert found.get("bible").origin == "bundled"
        assert not found.broken


def test_folders_are_found_beside_the_bundled(tmp_path: Path) -> None:
    write(tmp_path / "limerick", 'summary = "There was"')
    write(tmp_path / "z", 'name = "haiku"')
    (tmp_path / "notes").mkdir()
    (tmp_path / "plugin.toml").write_text("a file of the user's, in no folder of its own")
    found = registry.find(tmp_path)
    assert set(found.plugins) == {*registry.find().plugins, "limerick", "haiku"}
    assert (found.get("haiku").folder, found.get("haiku").origin) == (tmp_path / "z", "folder")
    assert found.get("limerick").manifest.summary == "There was"


def test_listing_runs_no_code(tmp_path: Path, install: Install) -> None:
    witness = f"open({str(tmp_path / 'ran')!r}, 'w').close()\n"
    write(tmp_path / "plugins" / "haiku", code=witness)
    packaged = write(install("haiku-pack", "sonnet") / "sonnet", code=witness)
    (packaged / "__init__.py").write_text(witness)
    found = registry.find(tmp_path / "plugins")
    assert {"haiku", "sonnet"} <= set(found.plugins)
    assert not (tmp_path / "ran").exists()
    for name in ("haiku", "sonnet"):
        found.get(name).hook("check")
        (tmp_path / "ran").unlink()  # now it has run


def test_two_of_one_name_are_both_named_and_stop_nobody(tmp_path: Path) -> None:
    places = [write(tmp_path / folder, 'name = "haiku"') for folder in ("a", "b")]
    write(tmp_path / "limerick")
    found = registry.find(tmp_path)
    assert "haiku" not in found.plugins
    with pytest.raises(UserError, match="Two plugins are named 'haiku'") as caught:
        found.get("haiku")
    assert all(str(place) in str(caught.value) for place in places)
    assert found.get("limerick").name == "limerick"
    assert found.get("bible").origin == "bundled"


def test_a_third_of_one_name_is_named_too(tmp_path: Path) -> None:
    places = [write(tmp_path / folder, 'name = "haiku"') for folder in ("a", "b", "c")]
    found = registry.find(tmp_path)
    assert "haiku" not in found.plugins
    assert all(str(place) in found.broken["haiku"] for place in places)


def test_a_stranger_cannot_take_a_bundled_name_unseen(tmp_path: Path) -> None:
    place = write(tmp_path / "mine", 'name = "bible"')
    with pytest.raises(UserError, match="Two plugins are named 'bible'") as caught:
        registry.find(tmp_path).get("bible")
    assert f"{registry.BUNDLED / 'bible'} (bundled)" in str(caught.value)
    assert f"{place} (folder)" in str(caught.value)


def test_a_broken_plugin_is_one_entry_and_the_rest_works(tmp_path: Path) -> None:
    write(tmp_path / "first", "sumary = 3\n")
    write(tmp_path / "haiku")
    write(tmp_path / "last", "not toml")
    found = registry.find(tmp_path)
    assert set(found.broken) == {"first", "last"}
    assert "Did you mean 'summary'?" in found.broken["first"]
    with pytest.raises(UserError, match=r"last.plugin\.toml: this is not TOML"):
        found.get("last")
    assert found.get("haiku").name == "haiku"
    assert found.get("bible").origin == "bundled"


def test_each_broken_plugin_is_told_of_in_one_line(tmp_path: Path) -> None:
    write(tmp_path / "first", "sumary = 3\nlimits = 4\n")
    write(tmp_path / "last", "not toml")
    write(tmp_path / "only", "sumary = 3\n")
    first, last, only = registry.find(tmp_path).faults
    assert first == f"{tmp_path / 'first' / 'plugin.toml'}: 2 thing(s) to mend: `apocrypha show first` tells them."
    assert last.startswith(f"{tmp_path / 'last' / 'plugin.toml'}: this is not TOML (")
    assert "1 thing(s) to mend: sumary: no such key. Did you mean 'summary'?" in only
    assert "\n" not in last + only


def test_an_unknown_style_is_answered_with_the_nearest_and_all(tmp_path: Path) -> None:
    write(tmp_path / "haiku")
    found = registry.find(tmp_path)
    with pytest.raises(UserError) as caught:
        found.get("hiaku")
    known = ", ".join(sorted(found.plugins))
    assert str(caught.value) == f"There is no style named 'hiaku'. Did you mean 'haiku'? Known: {known}."
    with pytest.raises(UserError, match=r"^There is no style named 'quux'\. Known: "):
        found.get("quux")


def test_a_distribution_brings_a_plugin(install: Install) -> None:
    place = write(install("haiku-pack", "haiku") / "haiku", 'summary = "packaged"')
    (place / "__init__.py").write_text("")
    found = registry.find().get("haiku")
    assert (found.folder, found.origin, found.manifest.summary) == (place, "haiku-pack", "packaged")


def test_a_packaged_folder_needs_no_init(install: Install) -> None:
    place = write(install("haiku-pack", "haiku") / "haiku")
    assert registry.find().get("haiku").folder == place


def test_a_package_in_a_package_is_found_without_importing_it(install: Install) -> None:
    site = install("many-styles", "haiku", "many_styles.haiku")
    place = write(site / "many_styles" / "haiku")
    (site / "many_styles" / "__init__.py").write_text("raise RuntimeError('nobody may import this to list it')")
    assert registry.find().get("haiku").folder == place


@pytest.mark.parametrize("names", ["no_such_package", "no_such.package", "no_such_package:thing", ".haiku", "a b"])
def test_an_entry_point_to_nowhere_is_one_entry(install: Install, tmp_path: Path, names: str) -> None:
    install("haiku-pack", "haiku", names)
    write(tmp_path / "plugins" / "limerick")
    found = registry.find(tmp_path / "plugins")
    assert "haiku-pack" in found.broken["haiku"]
    with pytest.raises(UserError, match="names a plugin 'haiku' in a package that is not there"):
        found.get("haiku")
    assert found.get("limerick").name == "limerick"
    assert found.get("bible").name == "bible"


def test_an_entry_point_to_a_package_that_is_no_plugin_is_one_entry(install: Install) -> None:
    (install("haiku-pack", "haiku") / "haiku").mkdir()
    assert "plugin.toml: No such file" in registry.find().broken["haiku"]
    assert registry.find().get("bible").name == "bible"


def test_what_comes_changes_and_goes_in_the_folder_counts_at_once(tmp_path: Path) -> None:
    kept = write(tmp_path / "limerick", code="def check(text): return ''")
    found = registry.find(tmp_path)
    limerick = found.get("limerick")
    with pytest.raises(UserError, match="There is no style named 'haiku'"):
        found.get("haiku")
    place = write(tmp_path / "haiku", 'summary = "Old pond"')
    first = found.get("haiku")
    assert (first.manifest.summary, first.changed) == ("Old pond", False)
    (place / "plugin.toml").write_text('summary = "A frog jumps in"')
    assert first.changed
    assert found.get("haiku").manifest.summary == "A frog jumps in"
    again = found.get("haiku")
    (place / "test_words.py").write_text("")
    assert found.get("haiku") is again
    (place / "words.py").write_text("")  # which its code may import
    assert found.get("haiku") is not again
    (place / "plugin.toml").write_text("sumary = 3")
    with pytest.raises(UserError, match="Did you mean 'summary'"):
        found.get("haiku")
    (place / "plugin.py").write_text("def check(text): return 'new'")
    (place / "plugin.toml").write_text("")
    check = found.get("haiku").hook("check")
    assert check
    assert check("") == "new"
    for file in place.iterdir():
        file.unlink()
    with pytest.raises(UserError, match="There is no style named 'haiku'"):
        found.get("haiku")
    assert found.get("limerick") is limerick
    assert kept.exists()


def test_what_did_not_change_is_not_read_again(tmp_path: Path) -> None:
    write(tmp_path / "haiku")
    write(tmp_path / "last", "not toml")
    found = registry.find(tmp_path)
    before = {**found.plugins}
    assert not found.look()
    assert all(found.get(name) is plugin for name, plugin in before.items())
    write(tmp_path / "mine", 'name = "haiku"')
    with pytest.raises(UserError, match="Two plugins are named 'haiku'"):
        found.get("haiku")
    assert found.get("bible") is before["bible"]


@pytest.mark.parametrize("name", ["plugin.toml", "plugin.py", "words.py", "corpus.txt", "model"])
def test_nothing_of_a_plugin_may_lie_elsewhere(tmp_path: Path, name: str) -> None:
    place = write(tmp_path / "plugins" / "haiku")
    (place / name).unlink(missing_ok=True)
    (tmp_path / "secret").write_text("")
    (place / name).symlink_to(tmp_path / "secret")
    assert f"{name} leads out of the plugin's folder" in registry.find(tmp_path / "plugins").broken["haiku"]


def test_a_text_is_not_looked_for_above_the_folder(tmp_path: Path) -> None:
    write(tmp_path / "haiku", '[corpus]\nfile = "../secret.txt"')
    assert "secret.txt leads out of the plugin's folder" in registry.find(tmp_path).broken["haiku"]


def test_a_plugin_may_itself_be_a_link(tmp_path: Path) -> None:
    place = write(tmp_path / "work" / "haiku")
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "haiku").symlink_to(place)
    assert registry.find(tmp_path / "plugins").get("haiku").name == "haiku"
