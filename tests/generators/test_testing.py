from collections.abc import Callable
from pathlib import Path

import pytest

from generators.testing import check_plugin

LICENSED = '[corpus]\nlicence = "CC0"\n'


def test_a_plugin_passes_before_any_training(weather: Path) -> None:
    (weather / "plugin.toml").write_text(LICENSED)
    card = check_plugin(weather)
    assert "held-out loss" in [line.name for line in card.failed]


def test_what_is_in_the_authors_hands_is_asserted(weather: Path) -> None:
    (weather / "plugin.py").write_text("import random\ndef finish(text): return text + str(random.random())\n")
    with pytest.raises(AssertionError) as caught:
        check_plugin(weather)
    assert str(caught.value).splitlines() == [
        "weather fails:",
        '  licence: say whose text it is: [corpus] licence = "..." in plugin.toml',
        "  hooks: finish does not always give the same answer to the same text",
    ]


def test_a_tiny_model_is_trained_in_seconds_and_speaks(weather: Path, tiny_model: Callable[[Path], Path]) -> None:
    (weather / "plugin.toml").write_text(LICENSED)
    models = tiny_model(weather)
    card = check_plugin(weather, models)
    said = {line.name: line.said for line in card.lines}
    assert said["held-out loss"].startswith("never measured")
    assert said["size"] != "0.0 MB"


def test_a_plugin_that_has_its_model_must_pass_in_every_line(weather: Path, tiny_model: Callable[[Path], Path]) -> None:
    (weather / "plugin.toml").write_text(LICENSED)
    (tiny_model(weather) / "weather").rename(weather / "model")
    with pytest.raises(AssertionError, match="held-out loss: never measured"):
        check_plugin(weather)
