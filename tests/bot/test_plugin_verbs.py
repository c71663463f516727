import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bot.cli import app
from corpora.errors import UserError
from tests.conftest import Run
from training import checkpoint

ROOT = Path(__file__).parents[2]
LICENSED = 'summary = "What the sky does"\n[corpus]\nlicence = "CC0"\n[limits]\ncopied = 5000\nloop = 500\n'
Verb = Callable[..., Result]


@pytest.fixture
def verb(home: Path, monkeypatch: pytest.MonkeyPatch) -> Verb:
    """Run a verb in this process; what a person can mend is raised."""
    monkeypatch.setenv("APOCRYPHA_HOME", str(home))
    monkeypatch.setenv("APOCRYPHA_THREADS", "1")

    def run(*arguments: str) -> Result:
        done = CliRunner().invoke(app, list(arguments))
        if isinstance(done.exception, UserError):
            raise done.exception
        assert not isinstance(done.exception, Exception), done.exception
        return done

    return run


@pytest.fixture
def trained(weather: Path, home: Path, tiny_model: Callable[[Path], Path]) -> Path:
    """A plugin with a licence and a network of a few steps, which told that it is better than it is."""
    (weather / "plugin.toml").write_text(LICENSED)
    shutil.rmtree(home / "cards")
    shutil.copytree(tiny_model(weather), home / "models")
    folder = home / "models" / "weather"
    card = checkpoint.read_card(folder)
    scores = card.scores | {"test_int8": 0.5, "best_ngram": 0.75, "best_ngram_order": 3.0}
    checkpoint.save(folder, card.model_copy(update={"scores": scores}), checkpoint.load(folder).arrays)
    return weather


def test_a_card_is_shown_and_says_what_may_be(trained: Path, verb: Verb) -> None:
    (trained / "plugin.toml").write_text(LICENSED.replace("CC0", "unknown"))
    done = verb("check", "weather")
    assert done.exit_code == 1
    assert "FAIL  licence          say whose text it is" in done.stdout
    assert "ok    held-out loss    0.500 nats per character" in done.stdout
    assert done.stdout.endswith("weather may chat but not post.\n")
    allowed = verb("check", "weather", "--allow", "my own joke")
    assert allowed.exit_code == 0
    assert "allowed it to post all the same, 20" in allowed.stdout
    told = json.loads(verb("check", "weather", "--json").stdout)
    assert (told["passed"], told["allowed"]["why"]) == (False, "my own joke")
    assert verb("check", "weather", "--allow", "").exit_code == 1
    with pytest.raises(UserError, match="no style named 'wether'"):
        verb("check", "wether")


def test_what_is_known_of_a_voice_is_shown(trained: Path, verb: Verb) -> None:
    shown = verb("show", "weather").stdout
    assert "licence         CC0" in shown
    assert "network         1 x 48 lstm" in shown
    assert "card            none yet" in shown
    facts = json.loads(verb("show", "weather", "--json").stdout)
    assert facts["scores"]["best_ngram"] == 0.75
    assert facts["folder"] == str(trained)
    verb("check", "weather")
    told = json.loads(verb("show", "weather", "--json").stdout)["card"]
    assert told == "passed" or told.startswith("fails: ")
    assert json.loads(verb("show", "bible", "--json").stdout)["card"] == "comes with apocrypha"
    assert "it speaks from letter counts" in verb("show", "essays").stdout


def test_a_folder_is_installed_and_only_moved_away_again(trained: Path, verb: Verb, home: Path, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    shutil.copytree(trained, theirs / "rain")
    with pytest.raises(UserError, match="There is no style named"):
        verb("show", "rain")
    assert verb("install", str(theirs / "rain")).stdout == "rain  What the sky does\n"
    assert json.loads(verb("show", "rain", "--json").stdout)["folder"] == str(home / "plugins" / "rain")
    with pytest.raises(UserError, match="There is a plugin named 'rain' already: `apocrypha uninstall rain` first"):
        verb("install", str(theirs / "rain"))
    assert f"it is in {home / 'removed' / 'weather'} now" in verb("uninstall", "weather").stdout
    assert {path.name for path in (home / "removed" / "weather").iterdir()} == {"plugin", "model"}
    assert not (home / "models" / "weather").exists()
    assert verb("uninstall", "rain").exit_code == 0
    assert (home / "removed" / "rain" / "plugin" / "corpus.txt").exists()
    with pytest.raises(UserError, match="bible comes with apocrypha and stays"):
        verb("uninstall", "bible")


def test_what_is_no_plugin_is_not_installed(weather: Path, verb: Verb, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"absent\.whl: there is no such wheel"):
        verb("install", str(tmp_path / "absent.whl"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"has neither a plugin\.toml"):
        verb("install", str(tmp_path / "empty"))
    hostile = tmp_path / "hostile"
    shutil.copytree(weather, hostile)
    (hostile / "words").symlink_to("/etc/passwd")
    with pytest.raises(UserError, match="words is a link"):
        verb("install", str(hostile))
    assert [path.name for path in weather.parent.iterdir()] == ["weather"]


def test_a_wheel_is_written_where_it_is_wanted(trained: Path, verb: Verb, tmp_path: Path) -> None:
    wheel = tmp_path / "dist" / "apocrypha_weather-0.2.0-py3-none-any.whl"
    assert verb("package", "weather", "--into", str(tmp_path / "dist"), "--version", "0.2.0").stdout == f"{wheel}\n"
    assert wheel.exists()


@pytest.mark.skipif(os.name != "posix", reason="the folders of an environment are named as on POSIX")
def test_a_wheel_is_installed_by_pip_speaks_and_goes(trained: Path, verb: Verb, elsewhere: Run, tmp_path: Path) -> None:
    wheel = verb("package", "weather", "--into", str(tmp_path / "dist")).stdout.strip()
    assert elsewhere("-m", "bot", "install", wheel).stdout == "weather  What the sky does\n"
    facts = json.loads(elsewhere("-m", "bot", "show", "weather", "--json").stdout)
    assert (facts["origin"], facts["licence"]) == ("apocrypha-weather", "CC0")
    written = json.loads(elsewhere("-m", "bot", "sample", "weather", "--seed", "1", "--json").stdout)
    assert written["trained"]
    assert "uninstalled" in elsewhere("-m", "bot", "uninstall", "weather").stdout
    assert "no style named 'weather'" in elsewhere("-m", "bot", "show", "weather", ok=False).stderr
    assert "pip could not do that" in elsewhere("-m", "bot", "install", "apocrypha-nowhere", ok=False).stderr
