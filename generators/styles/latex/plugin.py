r"""The Stacks Project's hooks: a statement with its label and its proof, in LaTeX that compiles.

The grammar is an automaton of its own: that the arrows of a diagram end at entries which are there is said with
numbers, where a notation has but names. A state is a stack of what remains to be written, the nearest on top. Every
thing on it knows what it may begin with and what is then in its place (`moves`), and in how many characters it can be
brought to its end (`length`). What TeX accepts was found out by asking TeX; some of its reasons are in the comments.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from string import ascii_letters, digits
from typing import Any, Protocol, TypeAlias

KINDS = ("lemma", "proposition", "theorem", "definition", "remark", "example", "situation", "exercise")
ENVIRONMENTS = (*KINDS, "proof", "enumerate", "itemize", "equation", "align*", "matrix")

# Macros that are one sign in a formula, and may be a script without braces.
_SIGNS = """
Cohstack Coim Coker Complexesstack Curvesstack Deformationcategory Delta Gamma Hilbfunctor Im Ker Lambda Leftrightarrow
Omega Phi Pi Picardfunctor Picardstack Polarizedstack Psi QCoh QCohstack Quotfunctor Rightarrow Sch Sigma Spacesstack
Theta Xi aleph alpha amalg ast beta boxtimes bullet cap cdot chi circ cup delta diamond downarrow ell emptyset epsilon
equiv eta etale exists forall gamma geq gg hookrightarrow in infty iota kappa lambda langle leadsto leftarrow
leftrightarrow leq ll longleftarrow longmapsto mapsto mid mu nabla natural neq nu omega oplus otimes partial perp phi pi
pm prime proetale psi rangle rho rightarrow setminus sharp sigma sim simeq star subset supset tau theta times to uparrow
upsilon varepsilon varphi vartheta vee wedge xi zeta
"""
# Those that are no script without braces: what they stand for has several parts.
_OPERATORS = """
CH Ext Hom Mor NL Ob Pic Sh SheafExt SheafHom Spec bigcap bigcup bigoplus bmod cdots colim cong coprod deg det dim exp
gcd int ldots lim log longrightarrow max min not prod quad sum sup
"""
_OTHERS = """
' " ` v textit textbf ref cite medskip noindent item text begin end label frac binom xrightarrow xleftarrow left right
big Big xymatrix ar vcenter { } # ! , \\
"""
SIGNS, OPERATORS = _SIGNS.split(), _OPERATORS.split()
FONTS = ("mathcal", "mathfrak", "mathbf", "mathbb", "mathit")
OVER = ("overline", "underline", "sqrt")
ACCENTS = ("tilde", "widetilde", "hat", "widehat", "bar", "check", "vec")
MACROS = frozenset((*SIGNS, *OPERATORS, *FONTS, *OVER, *ACCENTS, *_OTHERS.split(), " "))

LONGEST = 4000  # characters of a statement with its proof; beyond are proofs in which a small network would get lost

_KIND = "|".join(KINDS)
_UNIT = re.compile(
    rf"^\\begin{{({_KIND})}}.*?^\\end{{\1}}\n(?:\n*\\begin{{proof}}.*?^\\end{{proof}}\n)?", re.DOTALL | re.MULTILINE
)
_HEAD = re.compile(rf"\\begin{{(?:{_KIND})}}(?:\[[^]\n]*\])?\n\\label{{[A-Za-z0-9-]+}}\n")
_MACRO = re.compile(r"\\([A-Za-z]+|.|\n)")
_ENVIRONMENT = re.compile(r"\\(?:begin|end){([^}\n]*)}")
_BRACED = r"(?:[^{}]|{(?:[^{}]|{(?:[^{}]|{[^{}]*})*})*})*"  # what stands in braces, three deep
_HOPS = r"\[[lrud]+\]"
_LABEL = rf"[\^_]-? ?(?:{{{_BRACED}}}|\\[A-Za-z]+(?![A-Za-z{{])|[A-Za-z0-9])"
_STYLE = (
    r"@(?:{(?:=|-|\.\.|\.\.>|\.>|-->|\|->|=>|~>|<=>|->>|\^{\(}->)?}|<-?(?:0\.5|[0-4])ex>|/[\^_](?:[1-5](?:pc|ex|em))?/)"
)
_ARROW = re.compile(rf"\\ar(?:{_STYLE})*(?:'{_HOPS})?{_HOPS}(?:{_LABEL})*(?=[ \n}}])")
_ANY_ARROW = re.compile(r"\\ar(?![A-Za-z])")
_REWRITTEN = [
    (re.compile(pattern, re.MULTILINE), by)
    for pattern, by in (
        (r"^%.*\n|(?<!\\)%.*", ""),
        (r"^\\begin{(reference|slogan|history)}(?s:.*?)^\\end{\1}\n", ""),
        (rf"\\footnote{{{_BRACED}}}", ""),
        (r"\\(?:nolimits|limits)(?![A-Za-z])|\\linebreak\[0\]|\\textstyle(?={)", ""),
        (r"{\\(?:it|em)\s", r"\\textit{"),
        (r"{\\bf\s", r"\\textbf{"),
        (r"{([^{}\\]+) \\choose ([^{}\\]+)}", r"\\binom{\1}{\2}"),
        (r"\\v C", r"\\v{C}"),
        (r"\\xymatrix ?@[^{\n]*{", r"\\xymatrix{"),
        (r"[ \t]+|~(?!>)", " "),
        (r"^ | $", ""),
        (r"([_^]) ", r"\1"),
        (r"\n{3,}", "\n\n"),
        (r"\n\n\\noindent", r"\n\n\\medskip\\noindent"),
    )
]


def clean(text: str) -> str:
    """Keep the statements that have a label, each with its proof; two blank lines stand between one and the next.

    Left out are those that are long or hold what the grammar does not: macros that are seldom used, diagrams with
    arrows of rare kinds. Footnotes and remarks about the sources go, and fonts are written in one way.
    """
    for pattern, by in _REWRITTEN:
        text = pattern.sub(by, text)
    units = (match[0].rstrip() for match in _UNIT.finditer(text))
    return "".join(f"{unit}\n\n\n" for unit in units if _is_plain(unit))


def _is_plain(unit: str) -> bool:
    return (
        len(unit) <= LONGEST
        and _HEAD.match(unit) is not None
        and set(_MACRO.findall(unit)) <= MACROS
        and set(_ENVIRONMENT.findall(unit)) <= set(ENVIRONMENTS)
        and len(_ARROW.findall(unit)) == len(_ANY_ARROW.findall(unit))
    )


def prompt(message: str) -> str:
    """Let the message be the situation that the answer is about."""
    words = " ".join(message.split())
    name = "-".join(re.findall("[A-Za-z0-9]+", words))[:40].strip("-") or "question"
    end = "" if words.endswith((".", "?", "!", ":")) else "."
    return (
        f"\\end{{proof}}\n\n\n\\begin{{situation}}\n\\label{{situation-{name}}}\n{words}{end}\n\\end{{situation}}\n\n\n"
    )


_WORDS = rf"(?:(?!\\begin{{(?:{_KIND}|proof)}}).)*"
_SHAPE = re.compile(
    rf"{_HEAD.pattern}{_WORDS}\n\\end{{({_KIND})}}(\n\n\\begin{{proof}}{_WORDS}\n\\end{{proof}})?\s*", re.DOTALL
)
_TOKEN = re.compile(
    r"""\\(?:label|ref|cite)(?:\[[^]]*\])?{[^{}]*}  # whatever they name
      | \\(?P<turn>begin|end){(?P<environment>[^{}]*)}
      | \\(?P<holder>text|textit|textbf|xymatrix){
      | \\(?P<pair>left|right)(?![A-Za-z])
      | \\(?P<macro>[A-Za-z]+|.|\n)
      | (?P<mark>\$\$|[${}^_&#%])
      | (?P<blank>\n\s*\n)""",
    re.VERBOSE,
)
_FORMULAS = ("$", "$$", "equation", "align*", "matrix", "xymatrix", "left")
_ROWS = ("align*", "matrix", "xymatrix")
_TWICE = re.compile(r"([\^_])(?:\\[A-Za-z]+|[^\\{}\s]|{[^{}]*})\s*\1|\^(?:[^\\{}\s]|{[^{}]*})\s*'")


def check(text: str) -> str:
    """Say what keeps `text` from being one statement, with its proof or without, that compiles; "" where nothing does.

    It finds what is open, unknown or in the wrong place, and knows nothing of the grammar.
    """
    if not _SHAPE.fullmatch(text):
        return "not one statement with its label, and its proof if it has one"
    if _TWICE.search(text):
        return "two scripts in one place"
    return next(_faults(text), "")


def _faults(text: str) -> Iterator[str]:
    """Yield what is wrong, in order."""
    within = [""]  # what is open, the innermost last
    for token in _TOKEN.finditer(text):
        if environment := token["environment"]:
            yield from _fault_of_environment(token["turn"] == "begin", environment, within)
        elif holder := token["holder"]:
            within.append("xymatrix" if holder == "xymatrix" else "text")
        elif pair := token["pair"]:
            yield from _turn(pair == "left", "left", within)
        elif macro := token["macro"]:
            yield from _fault_of_macro(macro, within)
        elif mark := token["mark"]:
            yield from _fault_of_mark(mark, within)
        elif token["blank"] and _in_formula(within):
            yield "a blank line in a formula"
    if within != [""]:
        yield f"{within[-1]} does not close"


def _fault_of_environment(begins: bool, name: str, within: list[str]) -> Iterator[str]:
    if name not in ENVIRONMENTS:
        yield f"no environment is named {name}"
    yield from _turn(begins, name, within)


def _turn(begins: bool, name: str, within: list[str]) -> Iterator[str]:
    if begins:
        within.append(name)
    elif within[-1] == name:
        within.pop()
    else:
        yield f"{name} ends where {within[-1] or 'nothing'} is open"


def _fault_of_macro(macro: str, within: list[str]) -> Iterator[str]:
    if macro not in MACROS:
        yield f"\\{macro} is not known"
    elif macro == "\\" and within[-1] not in _ROWS:
        yield "a row ends where there are none"
    elif macro in (*SIGNS, *OPERATORS, *FONTS, *OVER, *ACCENTS) and macro != "ldots" and not _in_formula(within):
        yield f"\\{macro} outside of a formula"


def _fault_of_mark(mark: str, within: list[str]) -> Iterator[str]:
    if mark in "#%":
        yield f"{mark} without a backslash"
    elif mark in "^_" and not _in_formula(within):
        yield f"{mark} outside of a formula"
    elif mark == "&" and within[-1] not in _ROWS:
        yield "& where there are no columns"
    elif mark == "{":
        within.append("{")
    elif mark == "}":
        yield from _turn(False, within[-1] if within[-1] in ("text", "xymatrix") else "{", within)
    elif mark in ("$", "$$"):
        yield from _turn(not _in_formula(within), mark, within)


def _in_formula(within: list[str]) -> bool:
    return next((name for name in reversed(within) if name != "{"), "") in _FORMULAS


DEEPEST = 6  # braces in each other: TeX's own bound, 255, is further than anybody reads
LISTS = 3  # in each other; LaTeX has four
LETTERED = 26  # items of a list in a list, which LaTeX numbers with letters
COLUMNS = 10  # of a matrix: MaxMatrixCols of amsmath
WIDEST = 12  # columns of a diagram
FAR = 3  # rows that an arrow may cross

KEYS = ascii_letters + digits + "-."
TITLES = ascii_letters + digits + " .,;:!?()'`-/+*="
ENDS = ".?!:)"  # what a paragraph may end with, but for formulas
WORDS = ascii_letters + digits + ",;('`-/+*=<>|@\""  # what else stands in a text for itself
FORMULAS = ascii_letters + digits + '+-*/=<>()[].,:;!?|"`'
SCRIPTS = ascii_letters + digits + "+-*/!"
DELIMITERS = ("(", ")", "[", "]", ".", "|", "/", "\\{", "\\}", "\\langle", "\\rangle")
_STYLES = """
{=} {-} {..} {..>} {.>} {-->} {|->} {=>} {~>} {<=>} {->>} {^{(}->} {} <1ex> <-1ex> <0.5ex> <-0.5ex> <0ex> <2ex> <-2ex>
/^1pc/ /_1pc/ /^2pc/ /_2pc/ /_3pc/ /^1em/ /^2em/ /_2em/ /_3em/ /^3ex/ /^4ex/ /^/ /_/
"""
STYLES = _STYLES.split()
HOPS = {"r": (1, 0), "l": (-1, 0), "d": (0, 1), "u": (0, -1)}
END = {"equation": "end{equation}\n", "align*": "end{align*}\n", "matrix": "end{matrix}"}


class _Form(Protocol):
    """Something that remains to be written, a string aside."""

    def moves(self) -> "_Moves":
        """Return the characters it may begin with, in sets, and what is in its place after each."""

    def length(self) -> int:
        """Return the fewest characters to its end, or a few more; one of its moves leads to fewer."""

    def __hash__(self) -> int:
        """Return a number for a set: the states of a grammar are told apart."""


_Item: TypeAlias = str | _Form
_Items: TypeAlias = tuple[_Item, ...]
_Moves: TypeAlias = list[tuple[str, _Items]]
_Following: TypeAlias = tuple[_Item | Callable[[Any], _Item], ...]  # functions are called with what a macro stands in
_Macros: TypeAlias = dict[str, _Following]


class _Stack:
    """What remains to be written of a text: `item`, then `below`."""

    __slots__ = ("_hash", "below", "item", "length")

    def __init__(self, item: _Item, below: "_Stack | None") -> None:
        self.item, self.below = item, below
        self.length: int = _length(item) + (below.length if below else 0)
        self._hash = hash((item, below))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Stack):
            return NotImplemented
        if self is other:
            return True
        return self._hash == other._hash and self.item == other.item and self.below == other.below

    def __repr__(self) -> str:
        return f"{self.item!r}, {self.below!r}"


class _Latex:
    """A statement with its proof: the three parts that generators/grammar.py asks for."""

    def __init__(self) -> None:
        self.start = _push(("\\begin{", _Word(_openings(), "")), None)

    def moves(self, state: _Stack | None) -> dict[str, _Stack | None]:
        if state is None:
            return {}
        return {characters: _push(items, state.below) for characters, items in _moves(state.item)}

    def distance(self, state: _Stack | None) -> int:
        return state.length if state else 0


def grammar(alphabet: str) -> _Latex:
    """Return the automaton of a statement and its proof."""
    del alphabet
    return _Latex()


def _push(items: _Items, below: _Stack | None) -> _Stack | None:
    for item in reversed(items):
        below = _Stack(item, below)
    return below


@lru_cache(maxsize=100_000)
def _moves(item: _Item) -> _Moves:
    if isinstance(item, str):
        return [(item[0], (item[1:],) if item[1:] else ())]
    return item.moves()


@lru_cache(maxsize=100_000)
def _length(item: _Item) -> int:
    return len(item) if isinstance(item, str) else item.length()


class _Stem:
    """What is written of a macro: the letters that go on, and what follows where it is whole.

    Equal stems are one object: where macros were begun in one set of them or another makes no difference.
    """

    __slots__ = ("_least", "following", "letters")

    def __init__(self, letters: "dict[str, _Stem]", following: _Following | None) -> None:
        self.letters, self.following = letters, following
        self._least: dict[tuple[Callable[[Any], _Item], ...], int] = {}  # functions to come -> characters before
        if following is not None:
            functions = tuple(part for part in following if callable(part))
            self._least[functions] = sum(_length(part) for part in following if not callable(part))
        for stem in letters.values():
            for functions, length in stem._least.items():
                self._least[functions] = min(length + 1, self._least.get(functions, length + 1))

    def items(self, back: _Item) -> _Items:
        """Return what follows the macro, if it is whole and stands in `back`."""
        return tuple(part(back) if callable(part) else part for part in self.following or ())

    def length(self, back: _Item) -> int:
        """Return the fewest characters to the end of one of the macros, and of what follows it."""
        ways = self._least.items()
        return min(least + sum(_length(function(back)) for function in functions) for functions, least in ways)


_STEMS: dict[tuple[frozenset[tuple[str, _Stem]], _Following | None], _Stem] = {}


def _stem(words: Mapping[str, _Following]) -> _Stem:
    """Return the beginning of these macros, each with what follows it."""
    rests: dict[str, dict[str, _Following]] = {}
    for word, following in words.items():
        if word:
            rests.setdefault(word[0], {})[word[1:]] = following
    letters = {letter: _stem(rest) for letter, rest in rests.items()}
    key = (frozenset(letters.items()), words.get(""))
    return _STEMS.setdefault(key, _Stem(letters, words.get("")))


def _back(back: _Item) -> _Item:
    """Return to where the word stands."""
    return back


@dataclass(frozen=True)
class _Word:
    """A macro behind its backslash; `back` is what it stands in. If it ends in a letter, it ends before another."""

    stem: _Stem
    back: _Item

    def moves(self) -> _Moves:
        found = [(letter, self._written(letter, stem)) for letter, stem in self.stem.letters.items()]
        first, *rest = self.stem.items(self.back) or ("",)
        for characters, items in _moves(first) if first else ():
            others = "".join(character for character in characters if character not in ascii_letters)
            found += [(others, (*items, *rest))] if others else []
        return found

    def _written(self, letter: str, stem: _Stem) -> _Items:
        ended = stem.following is not None and letter not in ascii_letters
        return stem.items(self.back) if ended else (replace(self, stem=stem),)

    def length(self) -> int:
        return self.stem.length(self.back)


@dataclass(frozen=True)
class _Choice:
    """One of several things, of which one is a single character."""

    ways: tuple[tuple[str, _Items], ...]

    def moves(self) -> _Moves:
        return list(self.ways)

    def length(self) -> int:
        return 1


@dataclass(frozen=True)
class _Until:
    """These characters, of which some are to come where `wanting`, with accents and braces where `rich`, then `end`."""

    characters: str
    end: str
    wanting: bool = False
    rich: bool = False

    def moves(self) -> _Moves:
        rest = replace(self, wanting=False)
        braces: _Moves = [("{", (replace(self, end="}"), rest))] if self.end != "}" else []
        accents: _Moves = [("\\", (_Word(_accents(), rest),)), *braces] if self.rich else []
        return [(self.characters, (rest,)), *accents, *([] if self.wanting else [(self.end, ())])]

    def length(self) -> int:
        return 1 + self.wanting


KEY = _Until(KEYS, "}", wanting=True)
LETTER = _Choice(((ascii_letters, ()),))
ACCENTED: _Macros = {"'": (LETTER, _back), '"': (LETTER, _back), "`": (LETTER, _back), "v{": (LETTER, "}", _back)}
HEADING = _Choice((("\n", ()), ("[", (_Until(TITLES, "]", rich=True), "\n"))))  # what follows \begin{lemma}


@dataclass(frozen=True)
class _Body:
    r"""Text in a statement, a proof or a list, with the line that ends it.

    Environments, displays and items stand on lines of their own. `place` says where this is: at the head of a line,
    "first" where nothing is written, "line", or "done" where the text may end; in a line, "item" behind an \item,
    "head" behind that and a space, "within", or "end" where the text may end with the line, "formula" behind one, where
    it may end too.
    """

    environment: str
    place: str = "first"
    level: int = 0  # lists it stands in
    items: int = 0  # it has, in a list that may not have too many

    def moves(self) -> _Moves:
        if self.place == "item":
            return self._moves_of_item()
        inside = self.place in ("within", "end", "formula")
        # an [ would begin the option of what is before it, where there is nothing between but blanks
        words = WORDS if self.place in ("first", "head") else WORDS + "["
        inline: _Items = (_Formula("$", fresh=True), self.at("formula"))
        begun: _Moves = [("$", inline if inside or self.place == "head" else (_Dollar(self),))]
        return [
            (words + "] " if inside else words + "]", (self.at("within"),)),
            *((ENDS, (self.at("end"),)), ("{", (_Text(1), self.at("within")))),
            ("\\", (_Word(_body_words(self), self.at("within")),)),
            *([] if self.place == "formula" else begun),  # two dollars would look like a display
            *self._line_feeds(),
        ]

    def _moves_of_item(self) -> _Moves:
        within = self.at("within")
        return [
            *((" ", (self.at("head"),)), ("\n", (self.at("first"),))),
            *(("[", (_Until(KEYS + "()*'", "]"), within)), ("\\", (_Word(_body_words(within), within),))),
        ]

    def _line_feeds(self) -> _Moves:
        if self.place in ("within", "end", "formula"):
            return [("\n", (self.at("line" if self.place == "within" else "done"),))]
        return [("\n", ("\\medskip\\noindent\n", self.at("first")))] if self.place in ("line", "done") else []

    def at(self, place: str) -> "_Body":
        return replace(self, place=place)

    def length(self) -> int:
        line = len(f"\\end{{{self.environment}}}\n")
        if self.level:
            return line + {"within": 1, "end": 1, "formula": 1, "item": 1, "head": 2}.get(self.place, 0)
        return line + {"done": 0, "end": 1, "formula": 1}.get(self.place, 2)  # with a full stop


@dataclass(frozen=True)
class _Dollar:
    """Behind a dollar at the head of a line: another makes a display of it."""

    body: _Body

    def moves(self) -> _Moves:
        display: _Items = ("\n", _Formula("$$", broken=True), self.body.at("done"))
        inline = _Formula("$", fresh=True).moves()
        return [("$", display), *((characters, (*items, self.body.at("formula"))) for characters, items in inline)]

    def length(self) -> int:
        return len("x$") + self.body.at("formula").length()


@dataclass(frozen=True)
class _Text:
    """Text in the braces of a macro, which has no blank lines."""

    depth: int
    broken: bool = False  # at the head of a line
    behind: bool = False  # ... a formula

    def moves(self) -> _Moves:
        inside = replace(self, broken=False, behind=False)
        formula: _Moves = [("$", (_Formula("$", fresh=True, depth=self.depth + 1), replace(inside, behind=True)))]
        deeper: _Moves = [*([] if self.behind else formula), ("{", (_Text(self.depth + 1), inside))]
        return [
            (WORDS + ENDS + ("[]" if self.broken else "[] "), (inside,)),
            *(("}", ()), ("\\", (_Word(_text_words(self.depth), inside),))),
            *([] if self.broken else [("\n", (replace(inside, broken=True),))]),
            *(deeper if self.depth < DEEPEST else []),
        ]

    def length(self) -> int:
        return 1


@dataclass(frozen=True)
class _Formula:
    r"""A formula up to what closes it. It has no blank lines.

    `within` is what it stands in: "$", "$$", "}", "]", "right" for \left( ... \right), an environment, or a diagram, of
    which this is an entry. `scripts` has a ^ and a _ where the last sign has such a script, and a ' where more primes
    may follow. `fresh` where nothing is written yet and that matters.
    """

    within: "str | _Grid"
    scripts: str = ""
    fresh: bool = False
    broken: bool = False  # at the head of a line
    depth: int = 0
    accented: bool = False  # under an accent
    drawn: bool = False  # in a diagram
    column: int = 1  # of a matrix

    def moves(self) -> _Moves:
        within = self.within.written() if isinstance(self.within, _Grid) else self.within
        after = replace(self, within=within, scripts="", fresh=False, broken=False)
        return [
            *((self._signs(), (after,)), ("\\", (_Word(_formula_words(self._setting()), after),))),
            *([("{", (self.inside(fresh=True), after))] if self.depth < DEEPEST else []),
            *(*self._scripts(after), *self._blanks(), *self._closing(after)),
        ]

    def inside(self, within: str = "}", **fields: Any) -> "_Formula":
        """Return a formula in this one."""
        drawn = self.drawn or isinstance(self.within, _Grid)
        return _Formula(within, depth=self.depth + 1, accented=self.accented, drawn=drawn, **fields)

    def _signs(self) -> str:
        if isinstance(self.within, _Grid) and self.fresh:
            return FORMULAS.replace("*", "")  # there it would begin a description of the entry
        return FORMULAS.replace("]", "") if self.within == "]" else FORMULAS

    def _setting(self) -> "_Formula":
        """Return the formula without what has no part in which macros it may have."""
        within: str | _Grid = self.within
        drawn = self.drawn or isinstance(within, _Grid)
        if isinstance(within, _Grid):
            within = "row" if within.ends else "entry"
        return replace(self, within=within, scripts="", fresh=self.fresh and within == "}", column=1, drawn=drawn)

    def _scripts(self, after: "_Formula") -> _Moves:
        """Return the scripts that the last sign may still have: primes, one above, one below."""
        below = "_" if "_" in self.scripts else ""
        found: _Moves = []
        if "^" not in self.scripts:
            found.append(("'", (replace(after, scripts="'" + below),)))
            found.append(("^", (_script(replace(after, scripts="^" + below), primed="'" in self.scripts),)))
        if not below:
            found.append(("_", (_script(replace(after, scripts="^_" if self.scripts else "_")),)))
        return found

    def _blanks(self) -> _Moves:
        if self.broken:
            return []
        # behind a blank, primes and what is above are two scripts, and TeX refuses the second
        rested = replace(self, scripts=self.scripts.replace("'", "^"))
        return [(" ", (rested,)), ("\n", (replace(rested, broken=True),))]

    def _closing(self, after: "_Formula") -> _Moves:
        if isinstance(self.within, _Grid):
            return self.within.closing(self.fresh, self.broken)
        if self.within == "$":  # two dollars would begin a display
            return [] if self.fresh else [("$", ())]
        if self.within == "$$":
            return [("$", ("$\n",))] if self.broken else []
        if self.within in ("}", "]"):
            return [(self.within, ())]
        if self.within == "align*":
            return [("&", (after,))]
        if self.within == "matrix" and self.column < COLUMNS:
            return [("&", (replace(after, column=self.column + 1),))]
        return []

    def length(self) -> int:
        if isinstance(self.within, _Grid):
            return self.within.length(self.fresh, self.broken)
        if self.within in ("$", "}", "]"):
            return 1 + (self.fresh and self.within == "$")
        if self.within == "right":
            return len("\\right)")
        return (not self.broken) + (len("$$\n") if self.within == "$$" else 1 + len(END[self.within]))


@dataclass(frozen=True)
class _Single:
    """One thing, before it goes on `after`: a character, a macro, or what stands `inside` of braces."""

    characters: str
    words: _Stem
    inside: _Formula
    after: _Item
    before: str = ""  # a character that may come first

    def moves(self) -> _Moves:
        braces: _Moves = [("{", (self.inside, self.after))] if self.inside.depth <= DEEPEST else []
        before: _Moves = [(self.before, (replace(self, before=""),))] if self.before else []
        return [(self.characters, (self.after,)), ("\\", (_Word(self.words, self.after),)), *braces, *before]

    def length(self) -> int:
        return 1 + _length(self.after)


def _script(after: _Formula, primed: bool = False) -> _Single:
    """Return what stands above or below a sign; behind primes TeX takes one macro, but not what that needs."""
    words = _sign_words() if primed else _script_words(after.depth, after.accented)
    return _Single(SCRIPTS, words, after.inside(), after)


def _argument(inside: _Formula, after: _Formula) -> _Single:
    return _Single(ascii_letters + digits, _sign_words(), inside, after, before=" ")


def _font(back: _Formula) -> _Item:
    return _argument(back.inside(fresh=True), back)


def _accent(back: _Formula) -> _Item:
    return _argument(replace(back.inside(fresh=True), accented=True), back)


def _over(back: _Formula) -> _Item:
    return _argument(back.inside(), back)


@dataclass(frozen=True)
class _Grid:
    """A diagram up to one of its entries. Arrows end at entries that are there, or will be."""

    above: tuple[int, ...] = ()  # the columns of the rows before, as many as an arrow may cross
    column: int = 1
    wanted: tuple[int, ...] = (1,)  # columns that this row and the next must have for the arrows so far

    @property
    def ends(self) -> bool:
        """True where the row has the columns it must have."""
        return self.column >= max(self.wanted[:1], default=0)

    def reaches(self, right: int, down: int) -> bool:
        """Return whether an arrow from here may end so many columns to the right, and rows below."""
        known = -len(self.above) <= down <= FAR and 1 <= self.column + right <= WIDEST
        return known and (down >= 0 or self.column + right <= self.above[down])

    def wanting(self, right: int, down: int) -> "_Grid":
        """Return the diagram with an arrow that ends there."""
        if down < 0:
            return self
        wanted = [*self.wanted, *[0] * (down + 1 - len(self.wanted))]
        wanted[down] = max(wanted[down], self.column + right)
        return replace(self, wanted=tuple(wanted)).written()

    def written(self) -> "_Grid":
        """Return the diagram without the wish for entries that are there, now that there is something in this one."""
        if self.wanted and self.wanted[0] <= self.column:
            return replace(self, wanted=(0, *self.wanted[1:]) if self.wanted[1:] else ())
        return self

    def beside(self) -> "_Grid":
        """Return the diagram at the next entry of the row."""
        return replace(self, column=self.column + 1).written()

    def below(self) -> "_Grid":
        """Return the diagram at the first entry of the next row."""
        return _Grid((*self.above, self.column)[-FAR:], 1, self.wanted[1:])

    def missing(self, fresh: bool) -> int:
        """Return the fewest characters that make all entries which must be there.

        The last row is there where it has more than one entry or something in it, the others in any case.
        """
        here, *further = self.wanted or (0,)
        empty = fresh and self.column == 1
        if not further:
            return max(here - self.column, int(empty and here == 1))
        rows = sum(len("\\\\\n") + max(columns - 1, 0) for columns in further)
        return max(here - self.column, 0) + rows + (further[-1] == 1)

    def closing(self, fresh: bool, broken: bool) -> _Moves:
        """Return the moves out of an entry by a mark: to the next, and at the head of a line to the end."""
        beside: _Moves = [("&", (_Formula(self.beside(), fresh=True),))] if self.column < WIDEST else []
        return [*beside, ("}", ())] if broken and not self.missing(fresh) else beside

    def length(self, fresh: bool, broken: bool) -> int:
        """Return the fewest characters from an entry to the end, and with it."""
        missing = self.missing(fresh)
        return 1 if broken and not missing else missing + len("\n}")


@dataclass(frozen=True)
class _Arrow:
    r"""An arrow behind \ar."""

    within: _Grid
    styled: bool = False

    def moves(self) -> _Moves:
        style: _Moves = [] if self.styled else [("@", (_Word(_styles(), replace(self, styled=True)),))]
        return [("[", (_Hop(self.within),)), ("'", ("[", _Hop(self.within, through=True))), *style]

    def length(self) -> int:
        return 1 + _Hop(self.within).length()


@dataclass(frozen=True)
class _Hop:
    """Where an arrow goes to or, where `through`, on its way; `right` and `down` of where it begins."""

    within: _Grid
    right: int = 0
    down: int = 0
    through: bool = False

    def moves(self) -> _Moves:
        found: _Moves = []
        for letter, (right, down) in HOPS.items():
            onward = right * self.right >= 0 and down * self.down >= 0
            if onward and self.within.reaches(self.right + right, self.down + down):
                found.append((letter, (replace(self, right=self.right + right, down=self.down + down),)))
        return [*found, ("]", self._end())] if self.right or self.down else found

    def _end(self) -> _Items:
        grid = self.within.wanting(self.right, self.down)
        return ("[", _Hop(grid)) if self.through else (_Labels(grid),)

    def length(self) -> int:
        if self.right or self.down:
            return 1 + sum(_length(item) for item in self._end())
        return 1 + min(_length(item) for _, (item,) in self.moves())


@dataclass(frozen=True)
class _Labels:
    """Behind an arrow, which may have labels."""

    within: _Grid

    def moves(self) -> _Moves:
        arrows = _Arrows(self.within)
        label = _Single(ascii_letters + digits, _label_words(), _Formula("}", depth=1, drawn=True), self, before="-")
        return [("^_", (label,)), (" ", (arrows,)), ("\n", (replace(arrows, broken=True),))]

    def length(self) -> int:
        return 1 + min(_Arrows(self.within, broken).length() for broken in (False, True))


@dataclass(frozen=True)
class _Arrows:
    """Behind an arrow and a blank: other arrows, or the end of the entry."""

    within: _Grid
    broken: bool = False

    def moves(self) -> _Moves:
        blanks: _Moves = [(" ", (self,)), ("\n", (replace(self, broken=True),))]
        word = _Word(_arrow_words(self.within.ends), replace(self, broken=False))
        return [("\\", (word,)), *self.within.closing(False, self.broken), *([] if self.broken else blanks)]

    def length(self) -> int:
        return self.within.length(False, self.broken)


def _ended(back: _Item) -> _Item:
    """Return to where the word stands; a text may end with it."""
    return back.at("end") if isinstance(back, _Body) else back


def _arrow(back: _Formula | _Arrows) -> _Item:
    assert isinstance(back.within, _Grid)
    return _Arrow(back.within)


def _row(back: _Formula | _Arrows) -> _Item:
    """Return the first entry of the row after the one that ends here."""
    if isinstance(back.within, _Grid):
        return _Formula(back.within.below(), fresh=True, broken=True)
    assert isinstance(back, _Formula)
    return replace(back, scripts="", broken=True, column=1)


@lru_cache
def _openings() -> _Stem:
    begun: _Following = (HEADING, "\\label{", KEY, "\n")
    proof: _Items = ("begin{proof}", HEADING, _Body("proof"))
    closing = _Choice((("\n", ()), ("\\", proof)))  # after a statement and a blank line: another, or a proof
    return _stem({f"{kind}}}": (*begun, _Body(kind), "\n", closing) for kind in KINDS})


@lru_cache
def _accents() -> _Stem:
    return _stem(ACCENTED)


@lru_cache
def _text_words(depth: int) -> _Stem:
    return _stem(_textual(depth))


def _textual(depth: int) -> _Macros:
    """Return the macros of a text."""
    words = ACCENTED | dict.fromkeys((*" #{}", "ldots"), (_back,)) | {"ref{": (KEY, _ended), "cite{": (KEY, _ended)}
    words["cite["] = (_Until(TITLES, "]", rich=True), "{", KEY, _ended)
    return words | _texts(depth, accented=False)


@lru_cache(maxsize=1000)
def _body_words(body: _Body) -> _Stem:
    words = _textual(0) | {"label{": (KEY, _back)}
    if body.place in ("first", "line", "done"):
        done = body.at("done")
        words["begin{align*}\n"] = (_Formula("align*", broken=True), done)
        words["begin{equation}\n\\label{"] = (KEY, "\n", _Formula("equation", broken=True), done)
        if body.level < LISTS:
            for kind in ("enumerate", "itemize"):
                words[f"begin{{{kind}}}\n\\item"] = (_item(_Body(kind, "item", body.level + 1)), done)
        if body.level and body.items < LETTERED:
            words["item"] = (_item(body.at("item")),)
        if body.level or body.place == "done":
            words[f"end{{{body.environment}}}\n"] = ()
    return _stem(words)


def _item(body: _Body) -> _Body:
    return replace(body, items=body.items + 1) if body.level > 1 else body


@lru_cache
def _sign_words() -> _Stem:
    return _stem(dict.fromkeys(SIGNS, (_back,)))


@lru_cache
def _label_words() -> _Stem:
    return _stem(dict.fromkeys((*SIGNS, "cong"), (_back,)))


@lru_cache
def _script_words(depth: int, accented: bool) -> _Stem:
    words: _Macros = dict.fromkeys((*SIGNS, "#"), (_back,))
    return _stem(words | dict.fromkeys(FONTS, (_font,)) | _texts(depth, accented))


def _texts(depth: int, accented: bool) -> _Macros:
    """Return the macros that have text in braces; in a formula under an accent, which it could have more of, none."""
    words = ("text{", "textit{", "textbf{") if depth < DEEPEST and not accented else ()
    return dict.fromkeys(words, (_Text(depth + 1), _back))


@lru_cache
def _formula_words(setting: _Formula) -> _Stem:
    within, deeper = setting.within, setting.depth < DEEPEST
    words: _Macros = dict.fromkeys((*SIGNS, *OPERATORS, *" ,!#{}"), (_back,))
    words |= dict.fromkeys(FONTS, (_font,)) | dict.fromkeys(OVER, (_over,))
    # accents on accents are too much for amsmath; braces with but one in them are that one, and its scripts are theirs
    if not setting.accented and not setting.fresh:
        words |= dict.fromkeys(ACCENTS, (_accent,))
    if deeper:
        words |= _structures(setting)
    if deeper and within != "]":  # which the first ] would end
        words |= _bracketed(setting)
    if within in ("row", "entry"):
        words |= _arrows(within == "row")
    if within in ("align*", "matrix"):
        words["\\\n"] = (_row,)
    if within == "right":
        words |= {f"right{mark}": () for mark in DELIMITERS}
    return _stem(words | _lines(setting) if setting.broken else words)


def _structures(outer: _Formula) -> _Macros:
    """Return the macros that have formulas in braces, or text."""
    one: _Following = (outer.inside(), _back)
    two: _Following = (outer.inside(), "{", outer.inside(), _back)
    words = {"frac{": two, "binom{": two, "xrightarrow{": one, "xleftarrow{": one}
    return words | _texts(outer.depth, outer.accented)


def _bracketed(outer: _Formula) -> _Macros:
    """Return the macros that have brackets, and those that have formulas in brackets."""
    option: _Following = (outer.inside("]"), "{", outer.inside(), _back)
    words: _Macros = dict.fromkeys(("xrightarrow[", "xleftarrow[", "sqrt["), option)
    words |= {f"{size}{mark}": (_back,) for size in ("big", "Big") for mark in DELIMITERS}
    return words | {f"left{mark}": (outer.inside("right"), _back) for mark in DELIMITERS}


def _lines(outer: _Formula) -> _Macros:
    """Return the macros that stand at the head of a line."""
    words: _Macros = {}
    if outer.depth < DEEPEST and not outer.drawn:  # a diagram would take its &
        words["begin{matrix}\n"] = (outer.inside("matrix", broken=True), _back)
    if outer.within in ("$$", "equation"):
        diagram = _Formula(_Grid(), fresh=True, broken=True)
        words |= {"xymatrix{\n": (diagram, _back), "vcenter{\n\\xymatrix{\n": (diagram, "\n}", _back)}
    if outer.within in END:
        words[END[outer.within]] = ()
    return words


@lru_cache
def _styles() -> _Stem:
    return _stem(dict.fromkeys(STYLES, (_back,)))


@lru_cache
def _arrow_words(ends: bool) -> _Stem:
    return _stem(_arrows(ends))


def _arrows(ends: bool) -> _Macros:
    return {"ar": (_arrow,), "\\\n": (_row,)} if ends else {"ar": (_arrow,)}
