"""What this voice must show before it may post. Run: pytest --pyargs apocrypha_limericks."""

from collections.abc import Callable
from pathlib import Path

from generators.testing import check_plugin

FOLDER = Path(__file__).parent


def test_it_may_post() -> None:
    """With its model inside, as in the wheel, every line of the card counts; without, those that need no training."""
    check_plugin(FOLDER)


def test_it_can_be_learned(tiny_model: Callable[[Path], Path]) -> None:
    """A tiny network, trained in seconds, keeps to the form."""
    check_plugin(FOLDER, models=tiny_model(FOLDER))
