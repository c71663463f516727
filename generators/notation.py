r"""Grammars in the notation of llama.cpp (GBNF), followed a character at a time.

    root   ::= (word | group)*              # a text is what root describes; a rule may span lines
    group  ::= "(" root ")" | "\"" [^"\n]{0,80} "\""
    word   ::= [a-z] [a-z0-9_]*

The automaton is that of llama.cpp's llama-grammar: a state is the set of stacks of what may remain to be written. Here
stacks are interned, so that they share what lies below and compare by identity, and nothing recurses: neither the depth
of a text nor the length of a repetition is bounded by the interpreter.
"""

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import TypeAlias

from corpora.errors import UserError, unknown

REPETITIONS = 1000  # the largest number in {m,n}
STACKS = 1000  # the most readings of a text that are followed at once

TOKEN = re.compile(
    r"""(?P<blank>  \s+ | \#[^\n]* )
      | (?P<define> [A-Za-z0-9-]+ (?=\s*::=) ) \s*::=
      | (?P<name>   [A-Za-z0-9-]+ )
      | "(?P<literal> (?: [^"\\\n] | \\[^\n] )* )"
      | \[(?P<set>  \^?+ (?: [^]\\\n] | \\[^\n] )+ )\]
      | (?P<any>    \. )
      | (?P<open>   \( )
      | (?P<close>  \) )
      | (?P<or>     \| )
      | (?P<repeat> [*+?] | \{[^{}\n]*\} )
      | (?P<fault>  . )""",
    re.VERBOSE,
)
COUNTS = re.compile(r"\{\s*([0-9]{1,4})\s*(?:(,)\s*([0-9]{1,4})?\s*)?\}")
CHARACTER = r"\\x[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|\\.|[^\\]"
RANGE = re.compile(rf"({CHARACTER})(?:-({CHARACTER}))?")
ESCAPES = {"\\n": "\n", "\\t": "\t", "\\r": "\r", "\\\\": "\\", '\\"': '"'}
ESCAPES_IN_SETS = ESCAPES | {"\\]": "]", "\\[": "[", "\\-": "-", "\\^": "^"}
CLOSING = {'"': 'a closing " on this line (\\n is a line break)', "[": "characters and a closing ] on this line"}
AMBIGUOUS = (
    f"grammar: it is too ambiguous; a text can be read in more than {STACKS:,} ways. Let each text be described in one "
    "way only: look for repetitions inside of repetitions and for neighbours that may both be empty."
)
ELEMENT = "a name (of letters, digits, hyphens), a literal, a class, a group, a repetition or |"


@dataclass(frozen=True)
class Terminal:
    """One character out of a set; `mask` has a bit for each character of the alphabet."""

    mask: int
    spelling: str = field(compare=False)

    @property
    def length(self) -> float:
        """Infinite where the alphabet has none of the characters."""
        return 1 if self.mask else math.inf


@dataclass(eq=False, repr=False)
class Rule:
    """A named rule, or the nameless one that a group or a repetition becomes."""

    name: str
    line: int
    alternatives: "list[Symbols]" = field(default_factory=list)  # empty: not defined (yet)
    length: float = math.inf  # of the shortest text; infinite where there is none in this alphabet
    suffixes: "list[Suffix | None]" = field(default_factory=list)  # what can be written of the alternatives


Symbols: TypeAlias = tuple[Terminal | Rule, ...]


@dataclass(eq=False, repr=False, slots=True)
class Suffix:
    """A symbol and what follows it in an alternative. None stands for the end of an alternative."""

    mask: int  # the symbol's characters; 0 where it is a rule, which begins with one of `choices`
    choices: "list[Suffix | None]"
    rest: "Suffix | None"
    length: float


@dataclass(eq=False, repr=False, slots=True)
class Stack:
    """What remains to be written in one reading of the text: `top`, then `below`. None is the empty stack."""

    top: Suffix
    below: "Stack | None"
    distance: float


State: TypeAlias = frozenset[Stack | None]  # the readings of a text so far


class Grammar:
    """The states of a text under a grammar; `start` is that of the empty text."""

    def __init__(self, notation: str, alphabet: str) -> None:
        """Compile; `alphabet` has each character once. Raise UserError for what is wrong with the notation."""
        self._alphabet = alphabet
        self._stacks: dict[tuple[Suffix, Stack | None], Stack] = {}
        self._partitions: dict[frozenset[int], list[tuple[int, list[int]]]] = {}
        self._spelled: dict[int, str] = {}
        rules = _Reader(alphabet).read(notation)
        _measure(rules)
        _refuse_left_recursion(rules)
        _refuse_impossible(rules[0])
        self.start: State = frozenset((self._push(_link(rules), None),))

    def moves(self, state: State) -> dict[str, State]:
        """Return sets of characters, disjoint and each in the alphabet's order, with the state each leads to.

        What is in none may not come next; from all states the text can end. Raises UserError where it is too ambiguous.
        """
        waiting: dict[int, list[Stack]] = {}
        for stack in self._closure(state):
            waiting.setdefault(stack.top.mask, []).append(stack)
        found: dict[State, int] = {}
        for part, masks in self._partition(frozenset(waiting)):
            target = frozenset(self._push(s.top.rest, s.below) for mask in masks for s in waiting[mask])
            if len(target) > STACKS:
                raise UserError(AMBIGUOUS)
            found[target] = found.get(target, 0) | part
        ordered = sorted(found.items(), key=lambda item: item[1] & -item[1])  # the lowest bit: the first character
        return {self._spell(mask): target for target, mask in ordered}

    def distance(self, state: State) -> int:
        """Return the fewest characters to a place where the text may stop; 0: it may stop here."""
        return int(min(stack.distance if stack else 0 for stack in state))

    def forget(self, _: Iterable[State] = ()) -> None:
        """Let go of the interned stacks. States kept elsewhere stay good, but differ from equal ones made later."""
        self._stacks.clear()
        self._partitions.clear()
        self._spelled.clear()

    def _closure(self, state: State) -> list[Stack]:
        """Return the stacks with characters on top that remain when rules on top are replaced by their alternatives."""
        tops: list[Stack] = []
        seen = set(state)
        waiting = list(state)
        while waiting:
            stack = waiting.pop()
            if stack is not None and stack.top.mask:
                tops.append(stack)
            elif stack is not None:
                below = self._push(stack.top.rest, stack.below)
                fresh = {self._push(choice, below) for choice in stack.top.choices} - seen
                seen |= fresh
                waiting += fresh
        return tops

    def _push(self, top: Suffix | None, below: Stack | None) -> Stack | None:
        if top is None:
            return below
        key = (top, below)
        stack = self._stacks.get(key)
        if stack is None:
            stack = self._stacks[key] = Stack(top, below, top.length + (below.distance if below else 0))
        return stack

    def _partition(self, masks: frozenset[int]) -> list[tuple[int, list[int]]]:
        """Return the coarsest disjoint sets of which all masks are unions, with the masks that contain each."""
        if masks not in self._partitions:
            parts: list[tuple[int, list[int]]] = [((1 << len(self._alphabet)) - 1, [])]
            for mask in masks:
                within = [(part & mask, [*among, mask]) for part, among in parts]
                parts = [part for part in within + [(part & ~mask, among) for part, among in parts] if part[0]]
            self._partitions[masks] = [(part, among) for part, among in parts if among]
        return self._partitions[masks]

    def _spell(self, mask: int) -> str:
        if mask not in self._spelled:
            self._spelled[mask] = "".join(c for i, c in enumerate(self._alphabet) if mask >> i & 1)
        return self._spelled[mask]


class _Reader:
    """Makes rules of a notation, alternatives and repetitions unfolded. For one notation."""

    def __init__(self, alphabet: str) -> None:
        self._alphabet = alphabet
        self._masks = {character: 1 << place for place, character in enumerate(alphabet)}
        self._line = 1
        self._rules = {"root": Rule("root", 0)}
        self._nameless: list[Rule] = []
        self._rule: Rule | None = None  # the one being read
        self._groups: list[tuple[int, list[list[Symbols]]]] = []  # open ones: line, alternatives of elements

    def read(self, notation: str) -> list[Rule]:
        """Return all rules, root first; raise UserError with the line of what cannot be read."""
        for token in TOKEN.finditer(notation):
            assert token.lastgroup is not None
            self._take(token.lastgroup, token[token.lastgroup])
            self._line += token[0].count("\n")
        self._end_rule()
        self._refuse_unknown()
        return [*self._rules.values(), *self._nameless]

    def _take(self, kind: str, text: str) -> None:
        if kind == "blank":
            return
        if kind == "define":
            self._begin_rule(text)
        elif kind == "fault" or not self._groups:
            raise self._fault(CLOSING.get(text, ELEMENT if self._groups else "a rule (name ::= ...)"), repr(text))
        elif kind == "open":
            self._groups.append((self._line, [[]]))
        elif kind == "close":
            self._end_group()
        elif kind == "or":
            self._groups[-1][1].append([])
        else:
            elements = self._groups[-1][1][-1]
            elements.append(self._repeated(elements, text) if kind == "repeat" else self._element(kind, text))

    def _element(self, kind: str, text: str) -> Symbols:
        if kind == "name":
            return (self._rules.setdefault(text, Rule(text, self._line)),)
        if kind == "any":
            return (Terminal((1 << len(self._alphabet)) - 1, "."),)
        if kind == "set":
            return (self._set(text),)
        characters = [self._character(piece, ESCAPES) for piece in re.findall(CHARACTER, text)]
        return tuple(Terminal(self._masks.get(character, 0), repr(character)) for character in characters)

    def _set(self, text: str) -> Terminal:
        negated = text.startswith("^")
        ranges = []
        for low, high in RANGE.findall(text[negated:]):
            first = self._character(low, ESCAPES_IN_SETS)
            last = self._character(high, ESCAPES_IN_SETS) if high else first
            if first > last:
                raise self._fault("a range from the smaller to the larger character", f"'{low}-{high}'")
            ranges.append((first, last))
        matches = (any(first <= c <= last for first, last in ranges) != negated for c in self._alphabet)
        return Terminal(sum(1 << place for place, match in enumerate(matches) if match), f"[{text}]")

    def _character(self, piece: str, escapes: dict[str, str]) -> str:
        if piece in escapes or len(piece) == 1:
            return escapes.get(piece, piece)
        if len(piece) > 2:
            return chr(int(piece[2:], 16))
        raise self._fault(f"an escape ({' '.join(escapes)} \\xNN \\uNNNN)", f"'{piece}'")

    def _repeated(self, elements: list[Symbols], text: str) -> Symbols:
        """Take the last element and return its repetition, right-recursive, with an element's copies kept small."""
        if not elements:
            raise self._fault("something to repeat before it", f"'{text}'")
        least, most = self._counts(text)
        once = elements.pop()
        if len(once) > 1 and (least + 1 if most is None else most) > 1:
            once = self._helper([once])  # or nested repetitions would multiply
        if most is None:
            endless = self._helper([()])
            endless[0].alternatives.insert(0, once + endless)
            return once * least + endless
        optional: Symbols = ()
        for _ in range(most - least):
            optional = self._helper([once + optional, ()])
        return once * least + optional

    def _counts(self, text: str) -> tuple[int, int | None]:
        if text in "*+?":
            return int(text == "+"), 1 if text == "?" else None
        counts = COUNTS.fullmatch(text)
        if counts:
            least = int(counts[1])
            most = int(counts[3]) if counts[3] else None if counts[2] else least
            if max(least, most or 0) <= REPETITIONS and (most is None or least <= most):
                return least, most
        raise self._fault(f"{{m}}, {{m,}} or {{m,n}} with m <= n <= {REPETITIONS}", f"'{text}'")

    def _helper(self, alternatives: list[Symbols]) -> tuple[Rule]:
        self._nameless.append(Rule("", self._line, alternatives))
        return (self._nameless[-1],)

    def _begin_rule(self, name: str) -> None:
        self._end_rule()
        self._rule = self._rules.setdefault(name, Rule(name, self._line))
        if self._rule.alternatives:
            raise self._fault("each rule once", f"'{name}', of line {self._rule.line}, again")
        self._rule.line = self._line
        self._groups = [(self._line, [[]])]

    def _end_rule(self) -> None:
        if self._rule is None:
            return
        if len(self._groups) > 1:
            raise self._fault(f"a ) for the ( in line {self._groups[-1][0]}", "the end of the rule")
        self._rule.alternatives = self._alternatives("the end of the rule")

    def _end_group(self) -> None:
        if len(self._groups) == 1:
            raise self._fault("a ( before it", "')'")
        alternatives = self._alternatives("')'")
        group = self._helper(alternatives) if len(alternatives) > 1 else alternatives[0]
        self._groups[-1][1][-1].append(group)

    def _alternatives(self, found: str) -> list[Symbols]:
        _, alternatives = self._groups.pop()
        if alternatives == [[]]:
            raise self._fault(f'{ELEMENT} ("" is the empty text)', found)
        return [tuple(symbol for element in elements for symbol in element) for elements in alternatives]

    def _refuse_unknown(self) -> None:
        missing = [rule for rule in self._rules.values() if not rule.alternatives]
        known = [rule.name for rule in self._rules.values() if rule.alternatives]
        places = (f"grammar, line {rule.line}" if rule.line else "grammar" for rule in missing)
        faults = [f"{place}: {unknown('rule', rule.name, known)}" for place, rule in zip(places, missing, strict=True)]
        if faults:
            raise UserError("\n".join(faults))

    def _fault(self, expected: str, found: str) -> UserError:
        return UserError(f"grammar, line {self._line}: expected {expected}, found {found}.")


def _measure(rules: list[Rule]) -> None:
    """Set the rules' lengths, the least fixpoint."""
    changed = True
    while changed:
        changed = False
        rules = rules[::-1]  # what is used stands mostly after what uses it, or mostly before: two rounds for either
        for rule in rules:
            length = min(sum(symbol.length for symbol in symbols) for symbols in rule.alternatives)
            if length < rule.length:
                rule.length, changed = length, True


def _refuse_left_recursion(rules: list[Rule]) -> None:
    """Raise UserError where a rule can begin with itself: its closure would have no end."""
    try:
        TopologicalSorter({rule: dict.fromkeys(_beginnings(rule)) for rule in rules}).prepare()
    except CycleError as error:
        cycle = [rule for rule in error.args[1][:0:-1] if rule.name]  # its last is its first again
        names = [rule.name for rule in [*cycle, cycle[0]]]
        raise UserError(
            f"grammar, line {cycle[0].line}: rule '{names[0]}' can begin with itself ({' -> '.join(names)}), so it "
            'cannot be followed from left to right. Write a repetition instead: list ::= item ("," item)*'
        ) from error


def _beginnings(rule: Rule) -> Iterator[Rule]:
    """Yield the rules that a text of `rule` can begin with.

    The endless repetition of something that may be empty is left out: it stands at its own end, so the stack does not
    grow and the closure meets itself.
    """
    for symbols in rule.alternatives:
        for symbol in symbols:
            if isinstance(symbol, Rule) and (symbol is not rule or rule.name):
                yield symbol
            if symbol.length > 0:
                break


def _refuse_impossible(root: Rule) -> None:
    """Raise UserError where no text in the alphabet fits; say which characters it lacks and which rules have no end."""
    if root.length < math.inf:
        return
    seen = {root: None}  # a dict for its order
    missing: dict[str, None] = {}
    waiting = [root]
    while waiting:
        for symbols in waiting.pop().alternatives:
            for symbol in (symbol for symbol in symbols if symbol.length == math.inf):
                if isinstance(symbol, Terminal):
                    missing[symbol.spelling] = None
                elif symbol not in seen:
                    seen[symbol] = None
                    waiting.append(symbol)
    if missing:
        raise UserError(f"grammar: no text fits it: the alphabet has no {', '.join(missing)}.")
    names = ", ".join(f"'{rule.name}' (line {rule.line})" for rule in seen if rule.name)
    raise UserError(
        f"grammar: no text fits it, for none would have an end. Give another alternative to one of {names}."
    )


def _link(rules: list[Rule]) -> Suffix:
    """Set the rules' suffixes to what can be written, equal ones as one object; return the one that is all of root."""
    suffixes: dict[tuple[Terminal | Rule, Suffix | None], Suffix] = {}
    for rule in rules:
        for symbols in rule.alternatives:
            if any(symbol.length == math.inf for symbol in symbols):
                continue
            suffix: Suffix | None = None
            for symbol in reversed(symbols):
                mask, choices = (0, symbol.suffixes) if isinstance(symbol, Rule) else (symbol.mask, [])
                length = symbol.length + (suffix.length if suffix else 0)
                suffix = suffixes.setdefault((symbol, suffix), Suffix(mask, choices, suffix, length))
            rule.suffixes.append(suffix)
    return Suffix(0, rules[0].suffixes, None, rules[0].length)
