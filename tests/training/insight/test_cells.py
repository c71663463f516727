import numpy as np
import pytest

from training.insight.cells import Columns, find
from training.insight.features import Feature

UNITS = 4


def chance(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def slow(characters: int, seed: int, columns: int = 8) -> np.ndarray:
    """Return columns of noise that changes slowly, as cells do."""
    steps = chance(seed).normal(size=(characters + 200, columns))
    return np.stack([np.convolve(column, np.ones(200), "valid") for column in steps.T])[:, :characters].T.astype("f")


def spells(seed: int) -> "Feature":
    """Return a feature without any sense, in runs of about 60 characters."""

    def label(text: str) -> np.ndarray:
        turns = chance(seed + len(text)).random(len(text)) < 1 / 60
        return np.cumsum(turns) % 2 == 1

    return Feature("spells", "in a spell", label)


def test_area_under_the_curve_is_the_share_of_pairs() -> None:
    cells = chance().integers(0, 5, (60, 3)).astype("f")  # with many that are equal
    labels = chance(1).random(60) < 0.3
    pairs = [
        np.mean([(yes > no) + 0.5 * (yes == no) for yes in column[labels] for no in column[~labels]])
        for column in cells.T
    ]
    assert Columns(cells).scores(labels) / 2 + 0.5 == pytest.approx(pairs, abs=1e-6)


def test_numbers_are_correlated() -> None:
    cells, labels = slow(300, 2, 3), chance(3).normal(size=(2, 300)).astype("f")
    wanted = [[np.corrcoef(row, column)[0, 1] for column in cells.T] for row in labels]
    assert np.allclose(Columns(cells).scores(labels), wanted, atol=1e-5)
    still = np.ones((300, 1), "f")
    assert Columns(still).scores(labels[0]) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("number", [False, True])
def test_a_planted_cell_is_found_and_stands_far_above_chance(number: bool) -> None:
    feature = spells(5)
    if number:
        feature = Feature("n", "n", lambda text: np.convolve(spells(5).label(text), np.ones(30), "same").astype("f"))
    texts, columns = ("a" * 6000, "b" * 5000), []
    for text in texts:
        cells = slow(len(text), len(text))
        cells[:, 5] = -3.0 * feature.label(text) + chance(7).normal(size=len(text)) * (1 if number else 0.2)
        columns.append(Columns(cells))
    found = find(feature, (texts[0], columns[0]), (texts[1], columns[1]), UNITS, chance())
    assert found is not None
    assert str(found.best) == "1:1"  # 5, in layers of 4
    assert found.best.number(UNITS) == 5
    assert not found.best.rises
    assert found.best.score > 0.97 > found.null + 0.2
    assert found.best.chosen == pytest.approx(found.best.score, abs=0.02)
    assert found.measure == ("r" if number else "AUC")
    assert len(found.cells) == 5
    assert found.margin > 0.9


def test_slow_noise_is_not_taken_for_a_cell_that_knows() -> None:
    """Of 20 features without sense about one may pass what 95 of 100 searches by chance stay below; shuffled labels
    one by one would let nearly all pass."""
    texts = ("a" * 4000, "b" * 4001)
    columns = [Columns(slow(len(text), len(text))) for text in texts]
    passed = []
    for seed in range(20):
        found = find(spells(seed), (texts[0], columns[0]), (texts[1], columns[1]), UNITS, chance(seed))
        assert found is not None
        passed.append(found.best.score > found.null)
    assert sum(passed) <= 4


def test_what_the_last_character_tells_is_told() -> None:
    feature = Feature("vowel", "a vowel", lambda text: np.array([c in "ae" for c in text]))
    text = "abcde" * 300
    cells = Columns(slow(len(text), 1))
    found = find(feature, (text, cells), (text, cells), UNITS, chance())
    assert found is not None
    assert found.letter == pytest.approx(1)
    assert found.share == pytest.approx(0.4)


def test_too_little_is_nothing() -> None:
    text = "abc" * 500
    cells = Columns(slow(len(text), 1))
    for label in (
        lambda text: np.zeros(len(text), bool),
        lambda text: np.arange(len(text)) < 700,  # once
        lambda text: np.arange(len(text)) % 40 == 0,  # at 38 characters
        lambda text: np.zeros(len(text), "f"),
    ):
        assert find(Feature("f", "f", label), (text, cells), (text, cells), UNITS, chance()) is None
    short, few = "abc" * 100, Columns(slow(300, 1))
    assert find(spells(1), (short, few), (short, few), UNITS, chance()) is None
