"""What may come next: a style's form as an automaton, laid out in tables that a whole batch looks up at once.

The states that texts come to become rows of arrays when they are first come to, so an automaton may have any number of
states and is asked about each only once.
"""

from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generators.automaton import Automaton, ask, beginning
from generators.hooks import RemoteAutomaton
from generators.notation import Grammar
from training.vocabulary import Vocabulary

States = NDArray[np.int64]  # one for each row of a batch
FREE = 0  # the state of a text without a grammar: everything may come, and it may end anywhere
FORBIDDEN = np.int32(2**31 - 1)
LARGEST = 2_000_000  # entries, states times characters: 24 MB; more states are forgotten, and found again where needed


class Table:
    """The states of an automaton that texts have come to, each a row of arrays over the characters (V).

    A state is a row's number. `call(function, state)` is how the automaton is asked: a plugin's code goes through the
    guard of its hooks. Not thread-safe.
    """

    def __init__(
        self, automaton: Automaton, vocabulary: Vocabulary, call: Callable[..., Any] = lambda ask, *given: ask(*given)
    ) -> None:
        """Begin with two states: free, and the automaton's start."""
        self._automaton, self._vocabulary, self._call = automaton, vocabulary, call
        self._empty()
        self.start = self._number(call(beginning, automaton))

    @property
    def full(self) -> bool:
        """True where `keep` should be called before more states are come to."""
        return len(self._states) * len(self._vocabulary) > LARGEST

    def ready(self, states: States) -> NDArray[np.bool_]:
        """Return which of the states (B,) can be looked up; `expand` makes the others so."""
        return self._expanded[states]

    def expand(self, state: int) -> None:
        """Ask the automaton about a state; raise UserError where it fails."""
        here, moves = self._call(ask, self._automaton, self._states[state])
        for characters, after, distance in moves:
            known = self._vocabulary.known(characters)[0]
            ids = self._vocabulary.encode(known) if known else np.zeros(0, dtype=np.uint16)
            to = self._number(after)  # may make the arrays longer
            self._to[state, ids], self._after[state, ids] = to, min(distance, FORBIDDEN - 1)
        self._complete[state] = here == 0 and bool((self._after[state] == FORBIDDEN).all())
        self._distance[state], self._expanded[state] = min(here, FORBIDDEN - 1), True

    def allowed(self, states: States, remaining: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which characters (B, V) may come next in texts that may have `remaining` (B,) more characters.

        A character that leaves too few characters to close what is open may not come.
        """
        return self._after[states] < remaining[:, None]

    def advance(self, states: States, ids: NDArray[np.int64]) -> States:
        """Return the states (B,) after one more character each."""
        return self._to[states, ids]

    def complete(self, states: States) -> NDArray[np.bool_]:
        """Return which texts are at their end: they may end here, and nothing may follow."""
        return self._complete[states]

    def distance(self, state: int) -> int:
        """Return the fewest characters from an expanded state to a place where the text may end."""
        return int(self._distance[state])

    def walk(self, ids: NDArray[np.uint16]) -> int | None:
        """Return the expanded state after a text, or None where the text does not have the form."""
        state = self._expanded_state(self.start)
        for character in ids.tolist():
            if self._after[state, character] == FORBIDDEN:
                return None
            state = self._expanded_state(int(self._to[state, character]))
        return state

    def _expanded_state(self, state: int) -> int:
        if not self._expanded[state]:
            self.expand(state)
        return state

    def keep(self, states: States) -> States:
        """Forget all states but these (B,) and the start; return their new numbers."""
        start, known = self._states[self.start], self._states
        self._empty()
        if isinstance(self._automaton, Grammar | RemoteAutomaton):
            self._automaton.forget({start, *(known[s] for s in states.tolist() if s != FREE)})
        self.start = self._number(start)
        return np.array([FREE if s == FREE else self._number(known[s]) for s in states.tolist()], dtype=np.int64)

    def describe(self, state: int) -> str:
        """Return a state as the automaton knows it, for a message."""
        if isinstance(self._automaton, RemoteAutomaton):
            return self._automaton.describe(self._states[state])
        return f"{self._states[state]!r:.200}"

    def _empty(self) -> None:
        self._states: list[Any] = [None]  # FREE
        self._numbers: dict[Hashable, int] = {}
        self._to = np.zeros((64, len(self._vocabulary)), dtype=np.int64)
        self._after = np.full(self._to.shape, FORBIDDEN, dtype=np.int32)
        self._distance = np.zeros(len(self._to), dtype=np.int32)
        self._complete, self._expanded = (np.zeros(len(self._to), dtype=bool) for _ in range(2))
        self._after[FREE], self._expanded[FREE] = 0, True

    def _number(self, state: Hashable) -> int:
        number = self._numbers.get(state)
        if number is None:
            number = self._numbers[state] = len(self._states)
            self._states.append(state)
            if number == len(self._to):
                self._grow()
        return number

    def _grow(self) -> None:
        """Make room for as many states again."""
        more = len(self._to)
        self._to = np.concatenate([self._to, np.zeros_like(self._to)])
        self._after = np.concatenate([self._after, np.full_like(self._after, FORBIDDEN)])
        self._distance = np.concatenate([self._distance, np.zeros(more, dtype=np.int32)])
        self._complete = np.concatenate([self._complete, np.zeros(more, dtype=bool)])
        self._expanded = np.concatenate([self._expanded, np.zeros(more, dtype=bool)])
