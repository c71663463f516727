"""The verb `inspect`, with networks whose weights were drawn at random."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import Result
from PIL import Image
from typer.testing import CliRunner

from bot.cli import app
from corpora.errors import UserError
from training import checkpoint
from training.checkpoint import ModelCard
from training.config import ModelConfig
from training.insight.colours import shades
from training.model import CharacterModel

Invoke = Callable[..., Result]


@pytest.fixture
def invoke(monkeypatch: pytest.MonkeyPatch, home: Path) -> Invoke:
    monkeypatch.setenv("APOCRYPHA_HOME", str(home))
    monkeypatch.setenv("APOCRYPHA_THREADS", "1")
    monkeypatch.delenv("APOCRYPHA_MIRROR", raising=False)
    runner = CliRunner()

    def run(*arguments: str) -> Result:
        result = runner.invoke(app, list(arguments), catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result

    return run


@pytest.fixture
def model(weather: Path, tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a model folder for the weather's characters."""
    alphabet = "".join(sorted(set((weather / "corpus.txt").read_text(encoding="utf-8"))))

    def made(**fields: Any) -> Path:
        config = ModelConfig.model_validate({"layers": 2, "units": 6, "embedding": 4} | fields)
        folder = tmp_path / f"model-{config.kind}"
        card = ModelCard(model=config, vocabulary=alphabet, parameters=1, corpus={"title": "w", "digest": "d"})
        torch.manual_seed(1)
        checkpoint.save(folder, card, CharacterModel(config, len(alphabet)).arrays())
        return folder

    return made


def test_it_finds_cells_and_shows_the_best_one(invoke: Invoke, model: Callable[..., Path]) -> None:
    done = invoke("inspect", "weather", "--model", str(model()))
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["feature", "cell", "score", "chance", "letter", "next", "best"]
    row = next(line for line in lines if line.startswith("position in the line"))
    assert re.search(r"[01]:[0-5]\s+r 0\.\d{3}\s+0\.\d{3}\s+-?0\.\d{3}  ([01]:[0-5] -?0\.\d\d *){4}$", row)
    assert "weather, cell" in done.stdout
    assert set("▁▂▃▄▅▆▇█") & set(done.stdout)  # there are no colours where nobody sees them
    assert "\x1b" not in done.stdout
    assert "it may have seen this one" in done.stderr


def test_a_terminal_has_colours_unless_nobody_wants_them(
    invoke: Invoke, model: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"FORCE_COLOR": "1", "COLORTERM": "truecolor", "TERM": "xterm-256color"}.items():
        monkeypatch.setenv(name, value)
    command = ("inspect", "weather", "--model", str(model()), "--feature", "line")
    text = invoke(*command).stdout
    grounds = set(re.findall(r"48;2;(\d+;\d+;\d+)m", text))
    assert grounds <= {";".join(str(int(shade[at : at + 2], 16)) for at in (1, 3, 5)) for shade in shades("dark")}
    assert len(grounds) > 5
    assert not set("▁▂▃▄▅▆▇█") & set(text)
    monkeypatch.setenv("NO_COLOR", "1")
    text = invoke(*command).stdout
    assert "48;2;" not in text
    assert set("▁▂▃▄▅▆▇█") & set(text)


def test_what_is_found_can_be_read_by_a_program_and_drawn(
    invoke: Invoke, model: Callable[..., Path], tmp_path: Path
) -> None:
    png, html = tmp_path / "pictures" / "cell.png", tmp_path / "page.html"
    options = ("--feature", "line", "--json", "--png", str(png), "--html", str(html), "--length", "500", "--light")
    done = invoke("inspect", "weather", "--model", str(model(kind="gru")), *options)
    (finding,) = json.loads(done.stdout)
    assert (finding["feature"], finding["measure"], len(finding["cells"])) == ("line", "r", 5)
    assert Image.open(png).convert("RGB").getpixel((5, 5)) == (255, 255, 255)
    assert "What the network knows: weather" in html.read_text(encoding="utf-8")
    assert str(png) in done.stderr


def test_any_cell_and_any_text_can_be_shown(invoke: Invoke, model: Callable[..., Path], tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("On day 7 there was snow and wind from the east. ☃", encoding="utf-8")
    done = invoke("inspect", "weather", "--model", str(model(kind="rnn")), "--text", str(text), "--cell", "1:3")
    assert "No feature comes often enough" in done.stdout
    assert "weather, cell 1:3" in done.stdout
    assert "'☃'; left out" in done.stderr


def test_a_plugins_own_features_are_looked_for(invoke: Invoke, model: Callable[..., Path], weather: Path) -> None:
    hook = "def features(text):\n    return {'a digit': [c.isdigit() for c in text], 'place': list(range(len(text)))}\n"
    (weather / "plugin.py").write_text(hook, encoding="utf-8")
    done = invoke("inspect", "weather", "--model", str(model()), "--json", "--feature", "a digit", "--feature", "place")
    found = {finding["feature"]: finding for finding in json.loads(done.stdout)}
    assert found["a digit"]["measure"] == "AUC"
    assert found["a digit"]["letter"] == pytest.approx(1)
    assert found["place"]["measure"] == "r"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), "weather is not trained: it speaks from letter counts, which have no cells"),
        (("--model", "MODEL", "--feature", "quote"), "no feature named 'quote'. Did you mean 'quotes'"),
        (("--model", "MODEL", "--feature", "url"), "feature url: it comes too seldom"),
        (
            ("--model", "MODEL", "--cell", "2:0"),
            "There is no cell 2:0: cells are called LAYER:UNIT, here from 0:0 to 1:5",
        ),
        (("--model", "MODEL", "--text", "nowhere"), "nowhere: the text cannot be read"),
        (("--model", "MODEL", "--text", "/dev/null"), "/dev/null: the network knows fewer than two of its characters"),
        (("--model", "MODEL", "--png", "/proc/no/cell.png"), "it could not be written"),
    ],
)
def test_what_cannot_be_is_said(
    invoke: Invoke, model: Callable[..., Path], options: tuple[str, ...], says: str
) -> None:
    folder = str(model())
    with pytest.raises(UserError, match=re.escape(says)):
        invoke("inspect", "weather", *(folder if option == "MODEL" else option for option in options))
