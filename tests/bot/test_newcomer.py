from pathlib import Path

import pytest

from bot import newcomer, settings
from bot.settings import Settings
from corpora.errors import UserError
from generators import registry

SKIES = "".join(f"On day {n} there was {['rain', 'sun', 'snow'][n % 3]}.\n" for n in range(200))


@pytest.fixture
def chosen(home: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("APOCRYPHA_HOME", str(home))
    monkeypatch.setenv("APOCRYPHA_THREADS", "1")
    return settings.load()


@pytest.fixture
def said() -> list[str]:
    return []


def test_a_text_becomes_a_plugin_once(chosen: Settings, tmp_path: Path, said: list[str]) -> None:
    file = tmp_path / "My Sky.txt"
    file.write_bytes(("\n\n" + SKIES).replace("\n", "\r\n").encode("utf-16"))
    found = registry.find(chosen.plugins)
    made = newcomer.find(chosen, found, str(file), said.append)
    assert (made.name, made.folder) == ("my-sky", chosen.plugins / "my-sky")
    assert (made.folder / "corpus.txt").read_text(encoding="utf-8") == SKIES
    assert said[0] == "measuring how fast networks learn here ..."
    assert said[-1] == f"{file} is the plugin my-sky now: {made.folder}"
    again = newcomer.find(chosen, registry.find(chosen.plugins), str(file), pytest.fail)
    assert again.name == "my-sky"
    assert newcomer.find(chosen, registry.find(chosen.plugins), "my-sky", pytest.fail).folder == made.folder
    file.write_text(SKIES.upper())
    with pytest.raises(UserError, match="There is a plugin named 'my-sky' already"):
        newcomer.find(chosen, registry.find(chosen.plugins), str(file), said.append)


def test_what_is_no_file_is_a_style(chosen: Settings, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"There is no style named '.*absent\.txt'"):
        newcomer.find(chosen, registry.find(chosen.plugins), str(tmp_path / "absent.txt"), pytest.fail)


@pytest.mark.parametrize(
    ("data", "name", "said"),
    [
        (b"", "", "has 0 characters. A voice needs at least 1,000"),
        (b"ten letter", "", "has 10 characters. A voice needs at least 1,000 to be heard"),
        (b"\x7fELF\x02\x01\x01\0\0" * 500, "", "is a program, not plain text"),
        (SKIES.encode(), "../sky", "'../sky' is no name for a plugin"),
        (SKIES.encode(), "bible", "There is a plugin named 'bible' already"),
        (SKIES.encode(), "weather", "There is a plugin named 'weather' already"),
        (None, "", "cannot be read"),
    ],
)
@pytest.mark.usefixtures("weather")
def test_nonsense_is_refused_and_leaves_nothing(
    chosen: Settings, tmp_path: Path, data: bytes | None, name: str, said: str
) -> None:
    file = tmp_path / "sky.txt"
    if data is not None:
        file.write_bytes(data)
    with pytest.raises(UserError, match=said.replace(".", r"\.")):
        newcomer.add(chosen, registry.find(chosen.plugins), file, pytest.fail, name)
    assert [path.name for path in chosen.plugins.iterdir()] == ["weather"]


@pytest.mark.usefixtures("weather")
def test_a_project_has_the_plugin_and_the_users_folder_a_link(chosen: Settings, tmp_path: Path) -> None:
    found = registry.find(chosen.plugins)
    made = newcomer.as_project(found.get("weather"), tmp_path)
    project = tmp_path / "apocrypha-weather"
    assert made.folder == chosen.plugins / "weather"
    assert made.folder.resolve() == project / "apocrypha_weather"
    assert {path.name for path in project.iterdir()} == {"pyproject.toml", "README.md", "LICENSE", "apocrypha_weather"}
    inside = {path.name for path in made.folder.iterdir()}
    assert inside == {"__init__.py", "plugin.toml", "corpus.txt", "test_voice.py"}
    assert found.get("weather").manifest.summary == "What the sky does"
    made.folder.unlink()
    made.folder.mkdir()
    with pytest.raises(UserError, match="apocrypha-weather is there already"):
        newcomer.as_project(made, tmp_path)
