import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot import settings
from bot.cards import Cards, UnfitError
from bot.settings import Settings
from bot.speaking import open_engine
from generators import registry
from generators.engine import Engine

LENIENT = '[corpus]\nlicence = "CC0"\n[limits]\ncopied = 5000\nloop = 500\n'


@pytest.fixture
def weather(weather: Path, home: Path) -> Path:
    """The plugin, which nobody has allowed anything."""
    shutil.rmtree(home / "cards")
    return weather


@pytest.fixture
def chosen(home: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("APOCRYPHA_HOME", str(home))
    monkeypatch.setenv("APOCRYPHA_THREADS", "1")
    return settings.load()


@pytest.fixture
def engine(chosen: Settings) -> Iterator[Engine]:
    with open_engine(chosen, registry.find(chosen.plugins)) as opened:
        yield opened


def test_a_plugin_that_fails_is_told_why_line_by_line(weather: Path, chosen: Settings, engine: Engine) -> None:
    with pytest.raises(UnfitError) as caught:
        Cards(chosen).require(engine, "weather")
    head, *lines, foot = str(caught.value).splitlines()
    assert head == "weather may chat but not post:"
    assert "  licence: say whose text it is" in "\n".join(lines)
    assert "  held-out loss: it speaks from letter counts: `apocrypha train weather`" in lines
    assert foot == 'Mend it, or answer for it: `apocrypha check weather --allow "why"`.'
    assert "fails: licence, held-out loss" in Cards(chosen).told("weather")


def test_what_is_allowed_is_recorded_and_may_be_taken_back(weather: Path, chosen: Settings, engine: Engine) -> None:
    cards = Cards(chosen)
    cards.allow("weather", "ada", "2026-01-02T03:04:05+00:00", "a joke among friends")
    cards.require(engine, "weather")
    record = json.loads((chosen.cards / "weather.json").read_text(encoding="utf-8"))
    assert record["allowed"] == {"by": "ada", "at": "2026-01-02T03:04:05+00:00", "why": "a joke among friends"}
    cards.card(engine, "weather")
    assert cards.allowed("weather") == record["allowed"]
    cards.allow("weather", "ada", "2026-01-02T03:05:06+00:00", "")
    assert not cards.allowed("weather")
    with pytest.raises(UnfitError):
        cards.require(engine, "weather")


@pytest.mark.usefixtures("weather")
def test_what_comes_with_apocrypha_needs_no_card(chosen: Settings, engine: Engine) -> None:
    Cards(chosen).require(engine, "bible")
    assert not chosen.cards.exists()


def test_a_card_is_kept_until_the_plugin_or_its_model_changes(weather: Path, chosen: Settings, engine: Engine) -> None:
    cards, path = Cards(chosen), chosen.cards / "weather.json"
    cards.card(engine, "weather")
    state = json.loads(path.read_text(encoding="utf-8"))
    state["card"]["lines"] = [{"name": "kept", "passed": True, "said": "as it was"}]
    path.write_text(json.dumps(state), encoding="utf-8")
    assert [line.name for line in cards.card(engine, "weather").lines] == ["kept"]
    (weather / "plugin.toml").write_text(LENIENT)
    card = cards.card(engine, "weather")
    assert [line.name for line in card.failed] == ["held-out loss"]
    path.write_text("{ torn")
    assert cards.card(engine, "weather").digest == card.digest


def test_a_plugin_that_does_not_load_has_a_card_of_one_line(weather: Path, chosen: Settings, engine: Engine) -> None:
    (weather / "plugin.py").write_text("1 / 0")
    card = Cards(chosen).card(engine, "weather")
    assert [(line.name, line.passed) for line in card.lines] == [("loads", False)]
    assert "loading it failed (ZeroDivisionError: division by zero)" in card.lines[0].said


def test_the_losses_of_a_network_are_told_or_measured(
    weather: Path, chosen: Settings, engine: Engine, tiny_model: Callable[[Path], Path]
) -> None:
    (weather / "plugin.toml").write_text(LENIENT)
    shutil.copytree(tiny_model(weather), chosen.models)
    path = chosen.models / "weather" / "model.json"
    card = json.loads(path.read_text(encoding="utf-8"))
    assert "test_int8" not in card["scores"]  # so they are measured
    said = {line.name: line.said for line in Cards(chosen).card(engine, "weather").lines}["held-out loss"]
    assert "nats per character, the best n-gram (order " in said
    card["scores"] |= {"test_int8": 0.5, "best_ngram": 0.75, "best_ngram_order": 3}
    path.write_text(json.dumps(card), encoding="utf-8")
    told = Cards(chosen).card(engine, "weather", anew=True)
    assert "0.500 nats per character, the best n-gram (order 3) 0.750" in str(told)
    (weather / "corpus.txt").unlink()
    assert "0.500 nats" in str(Cards(chosen).card(engine, "weather", anew=True))
