import numpy as np
import pytest

from training.insight.colours import ENDS, SHADES, contrast, ink, linear, oklab, shade_of, shades

THEMES = pytest.mark.parametrize("theme", ["light", "dark"])
# How colours in linear light look to those who lack a kind of cone (Machado, Oliveira & Fernandes 2009, severity 1).
LACKING = {
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


@THEMES
def test_every_shade_can_be_read_on(theme) -> None:
    assert min(contrast(ink(shade), shade) for shade in shades(theme)) > 4.5


@THEMES
def test_shades_go_evenly_from_end_to_end(theme) -> None:
    made = shades(theme)
    assert len(made) == SHADES
    assert (made[0], made[SHADES // 2], made[-1]) == ENDS[theme]
    places = np.array([oklab(linear(shade)) for shade in made])
    steps = np.linalg.norm(np.diff(places, axis=0), axis=1)
    for side in (steps[: SHADES // 2], steps[SHADES // 2 :]):
        assert side.max() < 1.5 * side.min()  # the rest is rounding to 8 bits
    assert abs(places[0, 0] - places[-1, 0]) < 0.02  # neither end is lighter


@THEMES
@pytest.mark.parametrize("cones", LACKING)
def test_ends_stay_apart_for_the_colour_blind(theme, cones: str) -> None:
    seen = [oklab((np.array(LACKING[cones]) @ linear(shades(theme)[at])).clip(0, 1)) for at in (0, -1)]
    assert np.linalg.norm(seen[0] - seen[1]) > 0.12  # a step that cannot be overlooked is 0.02


def test_values_have_the_shade_of_their_place() -> None:
    assert shade_of(np.array([-9, -1, -0.01, 0, 1, 9.0])).tolist() == [0, 0, 31, 31, 62, 62]


def test_contrast_is_that_of_black_on_white() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert oklab(linear("#ffffff")) == pytest.approx([1, 0, 0], abs=1e-4)
