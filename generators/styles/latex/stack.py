"""A form as a stack of what remains to be written, the nearest on top.

Every thing on it knows what it may begin with and what is then in its place (`moves`), and in how many characters it
can be brought to its end (`length`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from string import ascii_letters
from typing import Any, Protocol, TypeAlias


class Form(Protocol):
    """Something that remains to be written, a string aside."""

    def moves(self) -> "Moves":
        """Return the characters it may begin with, in sets, and what is in its place after each."""

    def length(self) -> int:
        """Return the fewest characters to its end, or a few more; one of its moves leads to fewer."""

    def __hash__(self) -> int:
        """Return a number for a set: the states of a grammar are told apart."""


Item: TypeAlias = str | Form
Items: TypeAlias = tuple[Item, ...]
Moves: TypeAlias = list[tuple[str, Items]]
Following: TypeAlias = tuple[Item | Callable[[Any], Item], ...]  # functions are called with what a macro stands in
Macros: TypeAlias = dict[str, Following]


class Stack:
    """What remains to be written of a text: `item`, then `below`."""

    __slots__ = ("_hash", "below", "item", "length")

    def __init__(self, item: Item, below: "Stack | None") -> None:
        self.item, self.below = item, below
        self.length: int = shortest(item) + (below.length if below else 0)
        self._hash = hash((item, below))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Stack):
            return NotImplemented
        if self is other:
            return True
        return self._hash == other._hash and self.item == other.item and self.below == other.below

    def __repr__(self) -> str:
        return f"{self.item!r}, {self.below!r}"


class Automaton:
    """The three parts that generators/grammar.py asks for; a state is a stack, or None where nothing remains."""

    def __init__(self, items: Items) -> None:
        """Begin with these to be written."""
        self.start = _push(items, None)

    def moves(self, state: Stack | None) -> dict[str, Stack | None]:
        """Return the characters that may come next, in sets, and the state that each leads to."""
        if state is None:
            return {}
        return {characters: _push(items, state.below) for characters, items in _moves(state.item)}

    def distance(self, state: Stack | None) -> int:
        """Return the fewest characters to an end."""
        return state.length if state else 0


def _push(items: Items, below: Stack | None) -> Stack | None:
    for item in reversed(items):
        below = Stack(item, below)
    return below


@lru_cache(maxsize=100_000)
def _moves(item: Item) -> Moves:
    if isinstance(item, str):
        return [(item[0], (item[1:],) if item[1:] else ())]
    return item.moves()


@lru_cache(maxsize=100_000)
def shortest(item: Item) -> int:
    """Return in how many characters something can be written."""
    return len(item) if isinstance(item, str) else item.length()


class Stem:
    """What is written of a macro: the letters that go on, and what follows where it is whole.

    Equal stems are one object: where macros were begun in one set of them or another makes no difference.
    """

    __slots__ = ("_least", "following", "letters")

    def __init__(self, letters: "dict[str, Stem]", following: Following | None) -> None:
        self.letters, self.following = letters, following
        self._least: dict[tuple[Callable[[Any], Item], ...], int] = {}  # functions to come -> characters before
        if following is not None:
            functions = tuple(part for part in following if callable(part))
            self._least[functions] = sum(shortest(part) for part in following if not callable(part))
        for stem in letters.values():
            for functions, length in stem._least.items():
                self._least[functions] = min(length + 1, self._least.get(functions, length + 1))

    def items(self, back: Item) -> Items:
        """Return what follows the macro, if it is whole and stands in `back`."""
        return tuple(part(back) if callable(part) else part for part in self.following or ())

    def length(self, back: Item) -> int:
        """Return the fewest characters to the end of one of the macros, and of what follows it."""
        ways = self._least.items()
        return min(least + sum(shortest(function(back)) for function in functions) for functions, least in ways)


_STEMS: dict[tuple[frozenset[tuple[str, Stem]], Following | None], Stem] = {}


def stem_of(words: Mapping[str, Following]) -> Stem:
    """Return the beginning of these macros, each with what follows it."""
    rests: dict[str, dict[str, Following]] = {}
    for word, following in words.items():
        if word:
            rests.setdefault(word[0], {})[word[1:]] = following
    letters = {letter: stem_of(rest) for letter, rest in rests.items()}
    key = (frozenset(letters.items()), words.get(""))
    return _STEMS.setdefault(key, Stem(letters, words.get("")))


def here(back: Item) -> Item:
    """Return to where the word stands."""
    return back


@dataclass(frozen=True)
class Word:
    """A macro behind its backslash; `back` is what it stands in. If it ends in a letter, it ends before another."""

    stem: Stem
    back: Item

    def moves(self) -> Moves:
        """Return the letters that go on, and where a macro may be whole, what follows it."""
        found = [(letter, self._written(letter, stem)) for letter, stem in self.stem.letters.items()]
        first, *rest = self.stem.items(self.back) or ("",)
        for characters, items in _moves(first) if first else ():
            others = "".join(character for character in characters if character not in ascii_letters)
            found += [(others, (*items, *rest))] if others else []
        return found

    def _written(self, letter: str, stem: Stem) -> Items:
        ended = stem.following is not None and letter not in ascii_letters
        return stem.items(self.back) if ended else (replace(self, stem=stem),)

    def length(self) -> int:
        """Return the fewest characters of any of them with what follows."""
        return self.stem.length(self.back)


@dataclass(frozen=True)
class Choice:
    """One of several things, of which one is a single character."""

    ways: tuple[tuple[str, Items], ...]

    def moves(self) -> Moves:
        """Return the ways."""
        return list(self.ways)

    def length(self) -> int:
        """Return that of one character."""
        return 1
