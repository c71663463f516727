import itertools
import math
from collections.abc import Callable, Hashable, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpora.errors import UserError
from generators import grammar
from generators.automaton import Automaton, automaton
from generators.grammar import FREE, Table
from generators.notation import Grammar
from training.vocabulary import Vocabulary

END = "the end"
ALPHABET = "()a\n"
NOTATION = r"""
root  ::= group+ "\n"
group ::= "a" | "(" group* ")"
"""


class Brackets:
    """The same by hand, with as many states as there are depths: what is opened is closed, on a line not empty."""

    start: Hashable = "the beginning"

    def moves(self, state: Any) -> Mapping[str, Hashable]:
        if state == END:
            return {}
        depth = 0 if state == self.start else state
        return {"(": depth + 1, "a": depth} | ({")": depth - 1} if depth else {"\n": END} if state == 0 else {})

    def distance(self, state: Any) -> int:
        return {self.start: 2, END: 0}[state] if isinstance(state, str) else state + 1


class Drawn:
    """A finite automaton out of a table: moves lead anywhere (0 is no move), and ends are anywhere."""

    def __init__(self, after: list[list[int]], ends: list[bool]) -> None:
        self.after, self.start = after, 0
        self.distances = [0.0 if end else math.inf for end in ends]
        for _ in after:  # one round more for each state further away
            ways = [[1 + self.distances[to] for to in row if to] for row in after]
            self.distances = [min([d, *way]) for d, way in zip(self.distances, ways, strict=True)]

    def moves(self, state: int) -> Mapping[str, Hashable]:
        return {character: to for character, to in zip("abc", self.after[state], strict=True) if to}

    def distance(self, state: int) -> float:
        return self.distances[state]


def table(made: object, alphabet: str = ALPHABET, **options: Any) -> Table:
    return Table(automaton(made, alphabet), Vocabulary(alphabet), **options)


BOTH = pytest.mark.parametrize("made", [NOTATION, Brackets()], ids=["notation", "by hand"])


def is_text(text: str) -> bool:
    """The same a third time: whether a whole text has the form of the brackets."""
    depth = 0
    for character in text[:-1]:
        depth += (character == "(") - (character == ")")
        if depth < 0 or character == "\n":
            return False
    return text.endswith("\n") and len(text) > 1 and depth == 0


@BOTH
def test_after_every_beginning_what_may_come_is_what_some_short_enough_text_goes_on_with(made: object) -> None:
    form, longest = table(made), 6
    vocabulary = Vocabulary(ALPHABET)
    texts = ["".join(text) for n in range(1, longest + 1) for text in itertools.product(ALPHABET, repeat=n)]
    texts = [text for text in texts if is_text(text)]
    shortest: dict[str, int] = {}  # of all texts with this beginning
    for text in texts:
        for n in range(len(text) + 1):
            shortest[text[:n]] = min(len(text), shortest.get(text[:n], longest))
    beginnings = [begun for begun in shortest if len(begun) < 4]
    for begun in beginnings:
        state = form.walk(vocabulary.encode(begun))
        assert state is not None
        assert form.distance(state) == shortest[begun] - len(begun)
        for remaining in range(longest - len(begun) + 1):
            (allowed,) = form.allowed(np.array([state]), np.array([remaining]))
            expected = {c for c in ALPHABET if shortest.get(begun + c, 99) <= len(begun) + remaining}
            assert {vocabulary.characters[i] for i in np.flatnonzero(allowed)} == expected
    assert len(beginnings) > 15


@BOTH
def test_a_text_is_walked_to_its_state_or_has_not_the_form(made: object) -> None:
    form, vocabulary = table(made), Vocabulary(ALPHABET)
    for n in range(6):
        for text in map("".join, itertools.product(ALPHABET, repeat=n)):
            state = form.walk(vocabulary.encode(text))
            begins = any(is_text(text + ")" * k + "\n") or is_text(text + ")" * k + "a\n") for k in range(6))
            assert (state is not None) == (begins or is_text(text))
            if state is not None:
                assert (form.distance(state) == 0) == is_text(text) == bool(form.complete(np.array([state]))[0])
    assert form.walk(vocabulary.encode("")) == form.start


def expanded(form: Table, states: np.ndarray) -> None:
    """Make what texts have come to ready, as a batch does."""
    for state in states[~form.ready(states)]:
        form.expand(int(state))
    assert form.ready(states).all()


def drawn_texts(form: Table, lengths: np.ndarray, chance: np.random.Generator) -> list[str]:
    """Draw texts, of up to so many characters each, evenly out of what may come: all together, a step for each."""
    characters = "".join(sorted(ALPHABET))
    texts, states = [""] * len(lengths), np.full(len(lengths), form.walk(np.zeros(0, np.uint16)))
    for step in range(lengths.max()):
        allowed = form.allowed(states, lengths - step)
        running = ~form.complete(states) & (lengths > step)
        assert allowed[running].any(axis=1).all()  # never at a loss
        ids = np.where(allowed, chance.random(allowed.shape), -1).argmax(axis=1)
        texts = [text + characters[i] if runs else text for text, i, runs in zip(texts, ids, running, strict=True)]
        states = np.where(running, form.advance(states, ids), states)
        if form.full:
            states = form.keep(states)
        expanded(form, states)
    return texts


@BOTH
@pytest.mark.parametrize("largest", [5, 40, 20_000])
def test_whatever_is_drawn_ends_in_time(made: object, largest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grammar, "LARGEST", largest * len(ALPHABET))
    lengths = np.repeat([2, 3, 4, 5, 8, 20, 150], 30)
    texts = drawn_texts(table(made), lengths, np.random.default_rng(0))
    for text, length in zip(texts, lengths, strict=True):
        assert is_text(text)
        assert len(text) <= length
    assert len(set(texts)) > 60
    assert max(map(len, texts)) > 100
    assert {len(text) for text, length in zip(texts, lengths, strict=True) if length == 5} >= {2, 3, 4, 5}


@BOTH
def test_forgetting_changes_nothing(made: object, monkeypatch: pytest.MonkeyPatch) -> None:
    lengths = np.repeat([10, 60], 20)
    remembered = drawn_texts(table(made), lengths, np.random.default_rng(1))
    monkeypatch.setattr(grammar, "LARGEST", 8 * len(ALPHABET))
    assert drawn_texts(table(made), lengths, np.random.default_rng(1)) == remembered


@given(
    st.lists(st.lists(st.integers(0, 5), min_size=3, max_size=3), min_size=6, max_size=6),
    st.lists(st.booleans(), min_size=6, max_size=6),
    st.integers(1, 12),
    st.integers(0, 2**32),
)
def test_any_automaton_is_at_an_end_when_the_length_is(
    after: list[list[int]], ends: list[bool], length: int, seed: int
) -> None:
    made, chance = Drawn(after, ends), np.random.default_rng(seed)
    form = table(made, "abc")
    state = form.walk(np.zeros(0, np.uint16))
    assert state is not None
    if made.distance(0) > length:
        assert not form.allowed(np.array([state]), np.array([length])).any()
        return
    by_hand = 0
    for remaining in range(length, 0, -1):
        moves = made.moves(by_hand)
        assert form.complete(np.array([state]))[0] == (ends[by_hand] and not moves)
        if ends[by_hand] and not moves:
            break
        (allowed,) = form.allowed(np.array([state]), np.array([remaining]))
        assert {"abc"[i] for i in np.flatnonzero(allowed)} == {
            c for c, to in moves.items() if isinstance(to, int) and made.distances[to] < remaining
        }
        if not allowed.any():
            assert made.distance(by_hand) == 0  # it may not go on, but end
            break
        character = int(chance.choice(np.flatnonzero(allowed)))
        (state,) = form.advance(np.array([state]), np.array([character])).tolist()
        expanded(form, np.array([state]))
        by_hand = after[by_hand][character]
        assert form.distance(state) == made.distances[by_hand]
    assert made.distance(by_hand) == 0


def test_a_state_is_to_be_expanded_before_it_is_looked_up_and_is_asked_about_once() -> None:
    asked = []

    def call(function: Callable[..., Any], *given: Any) -> Any:
        asked.append(given[-1])
        return function(*given)

    made = Brackets()
    form, vocabulary = table(made, call=call), Vocabulary(ALPHABET)
    assert asked == [made]  # for where it starts
    states = np.array([FREE, form.start])
    assert form.ready(states).tolist() == [True, False]
    assert form.allowed(states, np.array([9, 9])).sum(axis=1).tolist() == [4, 0]
    for _ in range(2):
        assert form.walk(vocabulary.encode("(()")) is not None
    assert asked == [made, "the beginning", 1, 2]  # after the last bracket it is at depth 1 again
    assert form.walk(vocabulary.encode("a")) is not None
    assert asked == [made, "the beginning", 1, 2, 0]


def test_a_free_text_may_go_on_with_anything_and_never_ends() -> None:
    form, free = table(NOTATION), np.array([FREE, FREE])
    assert form.ready(free).all()
    assert form.allowed(free, np.array([1, 100_000])).all()
    assert form.advance(free, np.array([0, 3])).tolist() == [FREE, FREE]
    assert not form.complete(free).any()
    assert form.distance(FREE) == 0


def test_free_and_formed_texts_stand_side_by_side() -> None:
    form = table(NOTATION)
    formed = form.walk(Vocabulary(ALPHABET).encode("(a"))
    assert formed is not None
    allowed = form.allowed(np.array([formed, FREE, formed]), np.array([2, 2, 3]))
    assert ["".join("\n()a"[i] for i in np.flatnonzero(row)) for row in allowed] == [")", "\n()a", ")a"]
    assert form.advance(np.array([formed, FREE]), np.array([3, 3])).tolist() == [formed, FREE]


@pytest.mark.parametrize("depth", [70, 300])  # rows are made in sixty-fours
def test_there_is_no_end_of_states(depth: int) -> None:
    form, vocabulary = table(Brackets()), Vocabulary(ALPHABET)
    state = form.walk(vocabulary.encode("(" * depth))
    assert state is not None
    assert form.distance(state) == depth + 1
    assert form.allowed(np.array([state] * 2), np.array([depth + 1, depth + 3])).sum(axis=1).tolist() == [1, 3]
    assert form.walk(vocabulary.encode("(" * depth + ")" * depth + "\n")) is not None
    assert form.walk(vocabulary.encode("(" * depth + ")" * (depth + 1))) is None


def test_keep_forgets_all_but_what_is_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grammar, "LARGEST", 50 * len(ALPHABET))
    form, vocabulary = table(Brackets()), Vocabulary(ALPHABET)
    shallow, deep = (form.walk(vocabulary.encode("(" * n)) for n in (3, 45))
    assert not form.full
    form.walk(vocabulary.encode("(" * 60))
    assert form.full
    assert shallow is not None
    assert deep is not None
    kept = form.keep(np.array([deep, FREE, shallow, deep, form.start]))
    assert not form.full
    assert kept[[0, 1]].tolist() == [kept[3], FREE]
    assert kept[4] == form.start
    assert len(set(kept.tolist())) == 4
    assert max(kept) < 5
    expanded(form, kept)
    assert [form.distance(int(state)) for state in kept] == [46, 0, 4, 46, 2]
    assert [form.describe(int(state)) for state in kept[[0, 2, 4]]] == ["45", "3", "'the beginning'"]


def test_where_a_text_may_end_and_go_on_it_is_not_complete_nor_where_it_cannot_go_on_but_may_not_end() -> None:
    form = table('root ::= "a"+ "b"?', "ab")
    once, done = (form.walk(Vocabulary("ab").encode(text)) for text in ("a", "ab"))
    assert once is not None
    assert done is not None
    assert [form.distance(state) for state in (form.start, once, done)] == [1, 0, 0]
    assert form.complete(np.array([form.start, once, done])).tolist() == [False, False, True]
    stuck = table(Odd(distance=3), "ab")
    expanded(stuck, np.array([stuck.start]))
    assert stuck.complete(np.array([stuck.start])).tolist() == [False]


class Nothing:
    """A text is one a; and this automaton calls its end None."""

    start: Hashable = "begin"

    def moves(self, state: Any) -> Mapping[str, Hashable]:
        return {"a": None} if state else {}

    def distance(self, state: Any) -> int:
        return 1 if state else 0


def test_a_state_may_be_none() -> None:
    form = table(Nothing(), "ab")
    end = form.walk(np.array([0], np.uint16))
    assert end is not None
    assert end != FREE
    (end,) = form.keep(np.array([end])).tolist()
    assert end != FREE
    form.expand(end)
    assert form.complete(np.array([end])).tolist() == [True]


class Wide:
    """Its moves have characters that the model never saw, and some states of only such."""

    start: Hashable = 0

    def moves(self, state: Any) -> Mapping[str, Hashable]:
        return {0: {"aäb": 1, "ö": 2}, 1: {"éè": 0}}.get(state, {})

    def distance(self, state: Any) -> int:
        return 0 if state else 1


def test_what_the_model_never_saw_does_not_come() -> None:
    form = table(Wide(), "abc")
    expanded(form, np.array([form.start]))
    assert form.allowed(np.array([form.start]), np.array([9])).tolist() == [[True, True, False]]
    (after,) = form.advance(np.array([form.start]), np.array([1])).tolist()
    expanded(form, np.array([after]))
    assert form.complete(np.array([after])).tolist() == [True]  # what might follow cannot be written


def test_distances_may_be_beyond_counting() -> None:
    form = table('root ::= ((("a"{1000}){1000}){1000}){4} | "bb"', "ab")  # the long text has 4 thousand million
    expanded(form, np.array([form.start]))
    assert form.distance(form.start) == 2
    assert form.allowed(np.array([form.start]), np.array([100_000])).tolist() == [[False, True]]
    long = table('root ::= ((("a"{1000}){1000}){1000}){4}', "a")
    expanded(long, np.array([long.start]))
    assert long.distance(long.start) > 100_000
    assert not long.allowed(np.array([long.start]), np.array([100_000])).any()


class Odd:
    """One wrong thing, and the rest right."""

    def __init__(self, start: Any = 0, moves: Any = None, distance: Any = 0) -> None:
        self.start, self._moves, self._distance = start, moves or {}, distance

    def moves(self, _: Any) -> Any:
        return self._moves

    def distance(self, _: Any) -> Any:
        return self._distance


def guarded(function: Callable[..., Any], *given: Any) -> Any:
    """Call as a plugin's guard does, as far as errors go."""
    try:
        return function(*given)
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"grammar failed ({type(error).__name__}: {error}).") from error


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        (Odd(moves=[("a", 1)]), "AttributeError: 'list' object has no attribute 'items'"),
        (Odd(moves={"a": []}), "TypeError: unhashable type: 'list'"),
        (Odd(moves={7: 1}), "lead from strings to states, .* has 7 to 1, 0 from an end"),
        (Odd(moves={"a": 1}, distance=None), "has '' to 0, None from an end"),
        (Odd(distance="3"), "'3' from an end"),
        (Odd(distance=-1), "-1 from an end"),
        (Odd(distance=math.nan), "nan from an end"),
    ],
)
def test_an_answer_of_another_shape_is_named(odd: Odd, said: str) -> None:
    form = table(odd, "ab", call=guarded)
    for _ in range(2):  # nothing is left half done
        with pytest.raises(UserError, match=said):
            form.expand(form.start)
        assert not form.ready(np.array([form.start])).any()


def test_a_start_that_is_no_state_is_named() -> None:
    with pytest.raises(UserError, match="TypeError: unhashable type: 'list'"):
        table(Odd(start=[]), "ab", call=guarded)


def test_what_the_automaton_raises_comes_through_and_it_can_be_asked_again() -> None:
    made, troubles = Brackets(), [UserError("not now")]

    def call(function: Callable[..., Any], *given: Any) -> Any:
        if given[-1] == 1 and troubles:
            raise troubles.pop()
        return function(*given)

    form, vocabulary = table(made, call=call), Vocabulary(ALPHABET)
    with pytest.raises(UserError, match="not now"):
        form.walk(vocabulary.encode("(a"))
    assert form.walk(vocabulary.encode("(a")) is not None


def test_a_grammar_is_a_text_or_an_object_of_three_parts() -> None:
    made: Automaton = Brackets()
    assert automaton(made, ALPHABET) is made
    assert isinstance(automaton(NOTATION, ALPHABET), Grammar)
    with pytest.raises(UserError, match="grammar, line 1: expected"):
        automaton("root := a", ALPHABET)
    with pytest.raises(UserError, match="this dict has no start, moves, distance"):
        automaton({}, ALPHABET)
    with pytest.raises(UserError, match="this NoneType has no start, moves, distance"):
        automaton(None, ALPHABET)
    with pytest.raises(UserError, match="this Lacking has no distance"):
        automaton(type("Lacking", (), {"start": 0, "moves": {}})(), ALPHABET)


def test_a_long_state_is_told_in_part() -> None:
    form = table(Odd(start="x" * 1000), "ab")
    assert form.describe(form.start) == "'" + "x" * 199
