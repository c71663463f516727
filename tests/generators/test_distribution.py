import re
import tomllib
import zipfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest

from corpora.errors import UserError
from generators import distribution, plugin, registry
from generators.plugin import Plugin
from training.checkpoint import Model

LICENSED = 'summary = "What\\nthe \\"sky\\" does"\n[corpus]\ntitle = "Old pond"\nlicence = "Public domain (1890)"\n'


@pytest.fixture
def haiku(make_plugin: Callable[..., Plugin], make_model: Callable[..., Model], tmp_path: Path) -> Plugin:
    made = make_plugin(LICENSED, "def check(text): return ''\n", "old pond\n" * 200, "old-pond")
    make_model(tmp_path / "models" / "old-pond")
    (tmp_path / "models" / "old-pond" / "quality.safetensors").write_bytes(b"index")
    (tmp_path / "models" / "old-pond" / "evil.pkl").write_bytes(b"pickle")
    return made


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as file:
        return set(file.namelist())


def test_a_wheel_has_the_voice_its_test_and_its_licence_and_no_text(haiku: Plugin, tmp_path: Path) -> None:
    wheel = distribution.build(haiku, tmp_path / "models", tmp_path / "dist", "1.2.3", with_text=False)
    assert wheel == tmp_path / "dist" / "apocrypha_old_pond-1.2.3-py3-none-any.whl"
    package = {name.removeprefix("apocrypha_old_pond/") for name in names(wheel) if "dist-info" not in name}
    model = {f"model/{name}" for name in ("model.json", "weights.safetensors", "quality.safetensors")}
    assert package == {"__init__.py", "plugin.toml", "plugin.py", "test_voice.py", *model}
    with zipfile.ZipFile(wheel) as file:
        information = "apocrypha_old_pond-1.2.3.dist-info"
        told = file.read(f"{information}/METADATA").decode()
        assert "License-Expression: LicenseRef-Public-domain-1890" in told
        assert 'Summary: What the "sky" does' in told
        assert "Requires-Dist: apocrypha" in told
        assert "Public domain (1890)" in file.read(f"{information}/licenses/LICENSE").decode()
        assert (
            "[apocrypha.generators]\nold-pond=apocrypha_old_pond"
            in file.read(f"{information}/entry_points.txt").decode()
        )


@pytest.mark.parametrize(
    ("licence", "expression"),
    [("cc0-1.0", "CC0-1.0"), ("MIT or Apache-2.0", "MIT OR Apache-2.0"), ("all mine!", "LicenseRef-all-mine")],
)
def test_a_licence_that_spdx_knows_is_named_as_there(
    make_plugin: Callable[..., Plugin], tmp_path: Path, licence: str, expression: str
) -> None:
    made = make_plugin(LICENSED.replace("Public domain (1890)", licence), "", "old pond\n" * 200, "old-pond")
    distribution.lay_out(tmp_path / "project", made)
    project = tomllib.loads((tmp_path / "project" / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["license"] == expression


def test_what_is_unpacked_where_pip_would_is_found(
    haiku: Plugin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = distribution.build(haiku, tmp_path / "models", tmp_path / "dist", "1.0", with_text=True)
    with zipfile.ZipFile(wheel) as file:
        file.extractall(tmp_path / "site")
    monkeypatch.syspath_prepend(tmp_path / "site")
    found = registry.find().get("old-pond")
    assert (found.origin, found.folder) == ("apocrypha-old-pond", tmp_path / "site" / "apocrypha_old_pond")
    assert found.trained_folder(tmp_path / "none") == found.folder / "model"
    assert (found.folder / "corpus.txt").read_text() == "old pond\n" * 200
    assert metadata.version("apocrypha-old-pond") == "1.0"


def test_what_cannot_be_given_to_others_is_refused(haiku: Plugin, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no trained model to pack: `apocrypha train old-pond`"):
        distribution.build(haiku, tmp_path / "none", tmp_path, "1.0", with_text=True)
    (haiku.folder / "plugin.toml").write_text("")
    unnamed = plugin.read(haiku.folder, "folder")
    with pytest.raises(UserError, match="say on what terms its text is"):
        distribution.build(unnamed, tmp_path / "models", tmp_path, "1.0", with_text=True)
    (tmp_path / "models" / "old-pond" / "weights.safetensors").write_bytes(b"torn")
    with pytest.raises(UserError, match="these are not the weights"):
        distribution.build(haiku, tmp_path / "models", tmp_path, "1.0", with_text=True)


def test_a_project_is_built_as_it_says(haiku: Plugin, tmp_path: Path) -> None:
    project = tmp_path / "apocrypha-old-pond"
    folder = distribution.lay_out(project, haiku)
    for file in haiku.folder.iterdir():
        file.rename(folder / file.name)
    distribution.name(folder, haiku)
    distribution.name(folder, haiku)  # once is enough
    table = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))
    assert table["project"]["entry-points"][registry.GROUP] == {"old-pond": "apocrypha_old_pond"}
    described = (project / "pyproject.toml").read_text(encoding="utf-8")
    (project / "pyproject.toml").write_text(described.replace("0.1.0", "7.0"), encoding="utf-8")
    (project / ".git").mkdir()
    made = plugin.read(folder, "folder")
    wheel = distribution.build(made, tmp_path / "models", tmp_path / "dist", "ignored", with_text=False)
    assert wheel.name.startswith("apocrypha_old_pond-7.0")
    assert "apocrypha_old_pond/model/weights.safetensors" in names(wheel)
    assert not [name for name in names(wheel) if re.search(r"corpus|\.git", name)]
    assert not (folder / "model").exists()
    (project / "pyproject.toml").write_text("[project]\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"pyproject\.toml cannot be built"):
        distribution.build(made, tmp_path / "models", tmp_path / "dist", "ignored", with_text=False)
