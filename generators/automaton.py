"""A style's form as a plugin gives it: an automaton, or a grammar written down.

A plugin's `grammar` hook returns either a grammar in the notation of generators/notation.py or an object of its own
with the three parts of an `Automaton`.
"""

from collections.abc import Hashable, Mapping
from numbers import Real
from typing import Any, Protocol

from corpora.errors import UserError
from generators.notation import Grammar

Moves = list[tuple[str, Hashable, int]]  # characters, the state that they lead to, and its distance


class Automaton(Protocol):
    """A form, character by character. It covers a whole text, with the stop that ends it where the style has one."""

    @property
    def start(self) -> Hashable:
        """Return the state in which a text begins."""

    def moves(self, state: Any) -> Mapping[str, Hashable]:
        """Return which characters may come next (a string of them) and the state that each set leads to."""

    def distance(self, state: Any) -> int:
        """Return the fewest characters to a place where the text may end; 0: it may end here."""


def automaton(made: object, alphabet: str) -> Automaton:
    """Return the automaton that a `grammar` hook gave, or wrote down; raise UserError where it is neither."""
    if isinstance(made, str):
        return Grammar(made, alphabet)
    missing = [name for name in ("start", "moves", "distance") if not hasattr(made, name)]
    if missing:
        raise UserError(
            f"a grammar is a text in the notation, or an object with start, moves and distance; this "
            f"{type(made).__name__} has no {', '.join(missing)}."
        )
    return made  # type: ignore[return-value]  # the three parts are there


def beginning(automaton: Automaton) -> Hashable:
    """Return the automaton's start."""
    hash(automaton.start)
    return automaton.start


def ask(automaton: Automaton, state: Any) -> tuple[int, Moves]:
    """Return a state's distance, and its moves with the distance after each; raise UserError for another shape."""
    moves = [(characters, after, automaton.distance(after)) for characters, after in automaton.moves(state).items()]
    here = automaton.distance(state)
    for characters, after, distance in [("", state, here), *moves]:
        hash(after)
        if not isinstance(characters, str) or not isinstance(distance, Real) or not distance >= 0:
            raise UserError(
                f"a grammar's moves lead from strings to states, each a number of characters from an end; this one "
                f"has {characters!r:.60} to {after!r:.60}, {distance!r:.60} from an end."
            )
    return here, moves
