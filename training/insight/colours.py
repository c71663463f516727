"""A diverging palette: blue for less, orange for more, the page's own colour for nothing; one for light, one for dark.

Blue and orange stay apart for every common kind of colour blindness, and differ in nothing else: both ends are equally
far from the middle in lightness. Shades are mixed in OKLab (B. Ottosson 2020), where equal steps look equal.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Theme = Literal["light", "dark"]
Colours = NDArray[np.float64]  # (..., 3)

SHADES = 63  # from -1 to 1; the middle one is nothing
ENDS: dict[Theme, tuple[str, str, str]] = {  # less, nothing, more
    "light": ("#1d6fc4", "#ffffff", "#b04f00"),
    "dark": ("#5cb3ff", "#16181d", "#ef933b"),
}
INKS = ("#000000", "#ffffff")

# Linear sRGB to the cones' responses, and their cube roots to lightness and two hues.
_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def shades(theme: Theme) -> list[str]:
    """Return the SHADES of a theme, as #rrggbb."""
    less, nothing, more = (oklab(linear(colour)) for colour in ENDS[theme])
    part = np.linspace(-1, 1, SHADES)[:, None]
    mixed = nothing + np.abs(part) * (np.where(part < 0, less, more) - nothing)
    cones = np.linalg.solve(_LAB, mixed.T) ** 3
    return [_hexadecimal(colour) for colour in np.linalg.solve(_CONES, cones).T]


def ink(shade: str) -> str:
    """Return the one of INKS that can be read on a shade."""
    return max(INKS, key=lambda own: contrast(own, shade))


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours, 1 to 21 (WCAG 2.2)."""
    low, high = sorted(float(linear(colour) @ (0.2126, 0.7152, 0.0722)) for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


def shade_of(values: NDArray[np.floating]) -> NDArray[np.int64]:
    """Return the number of the shade of each value from -1 to 1; those beyond have the last."""
    return np.rint((values.clip(-1, 1) + 1) / 2 * (SHADES - 1)).astype(np.int64)


def linear(colour: str) -> Colours:
    """Return #rrggbb in linear light, (3,) from 0 to 1."""
    values = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def oklab(colour: Colours) -> Colours:
    """Return a colour in linear light as lightness and two hues, (..., 3)."""
    lab: Colours = np.cbrt(colour @ _CONES.T) @ _LAB.T
    return lab


def _hexadecimal(colour: Colours) -> str:
    light = colour.clip(0, 1)
    values = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return "#" + "".join(f"{round(value * 255):02x}" for value in values.tolist())
