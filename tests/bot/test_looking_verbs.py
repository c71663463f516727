"""The verbs of `study` that look into networks, and their page, with weights that were drawn at random."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from click.testing import Result
from typer.testing import CliRunner

from bot import insight_page
from bot.cli import app
from bot.records import Record, stored
from corpora.errors import UserError
from corpora.fetch import Places
from generators import registry
from training import checkpoint, trainer
from training.checkpoint import ModelCard
from training.config import ModelConfig, TrainConfig
from training.model import CharacterModel

ROOT = Path(__file__).parents[2]
PAGE = "".join(f"before\n<!-- {name} -->\n<!-- /{name} -->\n" for name in ("gates", "evolution", "garble"))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home with a style of 200,000 characters and networks for it, and a run that was made."""
    home = tmp_path_factory.mktemp("home")
    plugin = home / "plugins" / "weather"
    plugin.mkdir(parents=True)
    (plugin / "plugin.toml").write_text("", encoding="utf-8")
    days = (f'On day {n} there was {("rain", "sun", "snow")[n * 7 % 3]}, and "wind" came.\n' for n in range(5000))
    (plugin / "corpus.txt").write_text("".join(days), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("APOCRYPHA_HOME", str(home))
        patch.setenv("APOCRYPHA_THREADS", "1")
        patch.delenv("APOCRYPHA_MIRROR", raising=False)
        patch.chdir(home)
        _make_networks(home)
        yield home


def _make_networks(home: Path) -> None:
    corpus = registry.find(home / "plugins").get("weather").text(Places(home / "corpora", None))
    training = {"epochs": 0.02, "batch": 4, "length": 16, "evaluations": 2, "device": "cpu", "precision": "fp32"}
    tiny = ModelConfig(layers=1, units=4, embedding=4)
    list(trainer.train(tiny, TrainConfig.model_validate(training), corpus, home / "runs" / "weather"))
    for kind in ("lstm", "gru", "rnn"):
        torch.manual_seed(0)
        config = ModelConfig.model_validate({"kind": kind, "layers": 2, "units": 6, "embedding": 4})
        arrays = CharacterModel(config, len(corpus.alphabet)).arrays()
        about = {"title": "Weather", "digest": corpus.digest}
        card = ModelCard(model=config, vocabulary=corpus.alphabet, parameters=1, corpus=about)
        checkpoint.save(home / kind, card, arrays)
    checkpoint.save(home / "models" / "weather", card.model_copy(update={"model": config}), arrays)


def study(*arguments: str) -> Result:
    done = CliRunner().invoke(app, ["study", *arguments, "--into", "study"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done


def records(home: Path, name: str) -> list[Record]:
    return stored(home / "study" / f"{name}.json")


def test_gates_are_counted(home: Path) -> None:
    told = study("gates", "weather", "--model", "lstm", "--model", "gru").stdout
    assert "forget" in told
    assert "update" in told
    found = records(home, "gates")
    assert [list(record["gates"]) for record in found] == [["input", "forget", "output"], ["reset", "update"]]
    assert found[1]["command"] == "apocrypha study gates weather --model gru"
    assert {"digest", "trained_on", "model", "seed", "characters"} <= found[0].keys()
    assert (home / "study" / "gates.svg").read_text(encoding="utf-8").count("<svg") == 1


def test_cells_are_found_held_and_drawn(home: Path) -> None:
    study("cells", "weather", "--characters", "2000")
    (record,) = records(home, "cells")
    assert (record["style"], record["characters"], record["seed"]) == ("weather", 2000, 0)
    assert {finding["feature"] for finding in record["findings"]} == {"quotes", "line", "capital"}
    for finding in record["findings"]:
        assert len(finding["effects"]) == len(finding["cells"]) == 5
        assert finding["controls"]["where"] == sorted(finding["controls"]["where"])
        assert (home / "study" / "cells" / f"weather-{finding['feature']}.png").exists()


def test_gradients_are_followed(home: Path) -> None:
    assert "fresh" in study("gradients", "weather", "--model", "rnn", "--model", "lstm").stdout
    found = records(home, "gradients")
    assert [len(record[when]) for record in found for when in ("fresh", "trained")] == [500] * 4
    assert found[0]["fresh"][0] > 100 * found[0]["fresh"][30]  # an RNN's vanish


def test_contexts_are_measured(home: Path) -> None:
    study("context", "weather")
    (record,) = records(home, "context")
    assert record["least"][0] == 1
    assert record["most"][-1] == 2000
    assert record["excess"][-1] == pytest.approx(0, abs=1e-3)
    assert (home / "study" / "context.svg").exists()


def test_lags_are_climbed_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from training.insight import lags

    for name, value in {"LAGS": (2, 3), "UPDATES": 20, "LOOK": 10, "BATCH": 8}.items():
        monkeypatch.setattr(lags, name, value)
    first = study("lags", "--seeds", "1")
    found = records(home, "lags")
    assert {(record["kind"], record["task"]) for record in found} == set(lags.all_tasks())
    assert study("lags", "--seeds", "1").stdout == first.stdout
    assert records(home, "lags") == found


def test_what_was_written_on_the_way_is_shown(home: Path) -> None:
    told = study("evolution", "weather").stdout
    assert told.index("after 1 update,") < told.index("after 3 updates,")
    (record,) = records(home, "evolution")
    assert record["command"] == "apocrypha study evolution weather"
    assert (home / "study" / "evolution-weather.svg").exists()
    with pytest.raises(UserError, match="no run has kept its samples"):
        study("evolution", "bible")


def test_the_page_is_written_from_the_records(home: Path) -> None:
    study("gates", "weather", "--model", "gru")
    study("evolution", "weather")
    (home / "page.md").write_text(PAGE, encoding="utf-8")
    study("insight", "--page", "page.md")
    page = (home / "page.md").read_text(encoding="utf-8")
    assert page.count("before\n") == 3
    assert "| GRU | update | 1 |" in page
    assert "**After 1 update**" in page
    assert re.search(r"```text\n(after +[\d,]+   .+\n)+```", page)
    assert "![The loss](study/evolution-weather.svg)" in page
    study("insight", "--page", "page.md")
    assert (home / "page.md").read_text(encoding="utf-8") == page
    (home / "page.md").write_text("nothing\n", encoding="utf-8")
    with pytest.raises(UserError, match="none of the marks that tables stand between: <!-- cells -->"):
        study("insight", "--page", "page.md")
    with pytest.raises(UserError, match="there is no record"):
        insight_page.filled("<!-- lags -->\n<!-- /lags -->\n", home / "nowhere")


def test_a_trick_has_gained_where_it_gains_more_than_another_seed() -> None:
    losses = {"plain": 1.4, "another-seed": 1.42, "adamw": 1.5, "tied": 1.39, "no-dropout": 1.3}
    shown = insight_page.tricks([{"options": {"name": name}, "validation": loss} for name, loss in losses.items()])
    ends = [row.split(" | ")[1:] for row in shown.splitlines()[2:]]
    assert ends == [
        ["1.300", "-0.100", "gained |"],
        ["1.390", "-0.010", "no difference |"],
        ["1.400", "", " |"],
        ["1.420", "+0.020", " |"],
        ["1.500", "+0.100", "lost |"],
    ]


def test_without_what_draws_it_says_what_to_install(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "training.insight.plots", raising=False)
    monkeypatch.delattr("training.insight.plots", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(UserError, match="Figures need matplotlib: `make train` installs it"):
        study("evolution", "weather")


@pytest.mark.parametrize("name", ["docs/insight.md", "docs/voices.md", "README.md"])
def test_the_pages_of_this_repository_are_those_of_its_records(name: str) -> None:
    path = ROOT / name
    page = path.read_text(encoding="utf-8")
    assert insight_page.filled(page, ROOT / "docs" / "study") == page
    for picture in re.findall(r"!\[[^]]*\]\(([^)]*)\)", page):
        assert (path.parent / picture).exists(), picture
