r"""What a statement and its proof look like, so that TeX takes them.

The form is an automaton of its own: that the arrows of a diagram end at entries which are there is said with numbers,
where a notation has but names. What TeX accepts was found out by asking TeX; some of its reasons are in the comments.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from string import ascii_letters, digits
from typing import Any

from .diagram import WIDEST, Grid
from .macros import ACCENTS, FONTS, KINDS, OPERATORS, OVER, SIGNS
from .stack import Automaton, Choice, Following, Item, Items, Macros, Moves, Stem, Word, here, shortest, stem_of

DEEPEST = 6  # braces in each other: TeX's own bound, 255, is further than anybody reads
LISTS = 3  # in each other; LaTeX has four
LETTERED = 26  # items of a list in a list, which LaTeX numbers with letters
COLUMNS = 10  # of a matrix: MaxMatrixCols of amsmath

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


def statement() -> Automaton:
    """Return the form of a statement and its proof."""
    return Automaton(("\\begin{", Word(_openings(), "")))


@dataclass(frozen=True)
class _Until:
    """These characters, of which some are to come where `wanting`, with accents and braces where `rich`, then `end`."""

    characters: str
    end: str
    wanting: bool = False
    rich: bool = False

    def moves(self) -> Moves:
        rest = replace(self, wanting=False)
        braces: Moves = [("{", (replace(self, end="}"), rest))] if self.end != "}" else []
        accents: Moves = [("\\", (Word(_accents(), rest),)), *braces] if self.rich else []
        return [(self.characters, (rest,)), *accents, *([] if self.wanting else [(self.end, ())])]

    def length(self) -> int:
        return 1 + self.wanting


KEY = _Until(KEYS, "}", wanting=True)
LETTER = Choice(((ascii_letters, ()),))
ACCENTED: Macros = {"'": (LETTER, here), '"': (LETTER, here), "`": (LETTER, here), "v{": (LETTER, "}", here)}
HEADING = Choice((("\n", ()), ("[", (_Until(TITLES, "]", rich=True), "\n"))))  # what follows \begin{lemma}


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

    def moves(self) -> Moves:
        if self.place == "item":
            return self._moves_of_item()
        inside = self.place in ("within", "end", "formula")
        # an [ would begin the option of what is before it, where there is nothing between but blanks
        words = WORDS if self.place in ("first", "head") else WORDS + "["
        inline: Items = (_Formula("$", fresh=True), self.at("formula"))
        begun: Moves = [("$", inline if inside or self.place == "head" else (_Dollar(self),))]
        return [
            (words + "] " if inside else words + "]", (self.at("within"),)),
            *((ENDS, (self.at("end"),)), ("{", (_Text(1), self.at("within")))),
            ("\\", (Word(_body_words(self), self.at("within")),)),
            *([] if self.place == "formula" else begun),  # two dollars would look like a display
            *self._line_feeds(),
        ]

    def _moves_of_item(self) -> Moves:
        within = self.at("within")
        return [
            *((" ", (self.at("head"),)), ("\n", (self.at("first"),))),
            *(("[", (_Until(KEYS + "()*'", "]"), within)), ("\\", (Word(_body_words(within), within),))),
        ]

    def _line_feeds(self) -> Moves:
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

    def moves(self) -> Moves:
        display: Items = ("\n", _Formula("$$", broken=True), self.body.at("done"))
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

    def moves(self) -> Moves:
        inside = replace(self, broken=False, behind=False)
        formula: Moves = [("$", (_Formula("$", fresh=True, depth=self.depth + 1), replace(inside, behind=True)))]
        deeper: Moves = [*([] if self.behind else formula), ("{", (_Text(self.depth + 1), inside))]
        return [
            (WORDS + ENDS + ("[]" if self.broken else "[] "), (inside,)),
            *(("}", ()), ("\\", (Word(_text_words(self.depth), inside),))),
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

    within: "str | Grid"
    scripts: str = ""
    fresh: bool = False
    broken: bool = False  # at the head of a line
    depth: int = 0
    accented: bool = False  # under an accent
    drawn: bool = False  # in a diagram
    column: int = 1  # of a matrix

    def moves(self) -> Moves:
        within = self.within.written() if isinstance(self.within, Grid) else self.within
        after = replace(self, within=within, scripts="", fresh=False, broken=False)
        return [
            *((self._signs(), (after,)), ("\\", (Word(_formula_words(self._setting()), after),))),
            *([("{", (self.inside(fresh=True), after))] if self.depth < DEEPEST else []),
            *(*self._scripts(after), *self._blanks(), *self._closing(after)),
        ]

    def inside(self, within: str = "}", **fields: Any) -> "_Formula":
        """Return a formula in this one."""
        drawn = self.drawn or isinstance(self.within, Grid)
        return _Formula(within, depth=self.depth + 1, accented=self.accented, drawn=drawn, **fields)

    def _signs(self) -> str:
        if isinstance(self.within, Grid) and self.fresh:
            return FORMULAS.replace("*", "")  # there it would begin a description of the entry
        return FORMULAS.replace("]", "") if self.within == "]" else FORMULAS

    def _setting(self) -> "_Formula":
        """Return the formula without what has no part in which macros it may have."""
        within: str | Grid = self.within
        drawn = self.drawn or isinstance(within, Grid)
        if isinstance(within, Grid):
            within = "row" if within.ends else "entry"
        return replace(self, within=within, scripts="", fresh=self.fresh and within == "}", column=1, drawn=drawn)

    def _scripts(self, after: "_Formula") -> Moves:
        """Return the scripts that the last sign may still have: primes, one above, one below."""
        below = "_" if "_" in self.scripts else ""
        found: Moves = []
        if "^" not in self.scripts:
            found.append(("'", (replace(after, scripts="'" + below),)))
            found.append(("^", (_script(replace(after, scripts="^" + below), primed="'" in self.scripts),)))
        if not below:
            found.append(("_", (_script(replace(after, scripts="^_" if self.scripts else "_")),)))
        return found

    def _blanks(self) -> Moves:
        if self.broken:
            return []
        # behind a blank, primes and what is above are two scripts, and TeX refuses the second
        rested = replace(self, scripts=self.scripts.replace("'", "^"))
        return [(" ", (rested,)), ("\n", (replace(rested, broken=True),))]

    def _closing(self, after: "_Formula") -> Moves:
        if isinstance(self.within, Grid):
            return _out_of_entry(self.within, self.fresh, self.broken)
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
        if isinstance(self.within, Grid):
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
    words: Stem
    inside: _Formula
    after: Item
    before: str = ""  # a character that may come first

    def moves(self) -> Moves:
        braces: Moves = [("{", (self.inside, self.after))] if self.inside.depth <= DEEPEST else []
        before: Moves = [(self.before, (replace(self, before=""),))] if self.before else []
        return [(self.characters, (self.after,)), ("\\", (Word(self.words, self.after),)), *braces, *before]

    def length(self) -> int:
        return 1 + shortest(self.after)


def _script(after: _Formula, primed: bool = False) -> _Single:
    """Return what stands above or below a sign; behind primes TeX takes one macro, but not what that needs."""
    words = _sign_words() if primed else _script_words(after.depth, after.accented)
    return _Single(SCRIPTS, words, after.inside(), after)


def _argument(inside: _Formula, after: _Formula) -> _Single:
    return _Single(ascii_letters + digits, _sign_words(), inside, after, before=" ")


def _font(back: _Formula) -> Item:
    return _argument(back.inside(fresh=True), back)


def _accent(back: _Formula) -> Item:
    return _argument(replace(back.inside(fresh=True), accented=True), back)


def _over(back: _Formula) -> Item:
    return _argument(back.inside(), back)


@dataclass(frozen=True)
class _Arrow:
    r"""An arrow behind \ar."""

    within: Grid
    styled: bool = False

    def moves(self) -> Moves:
        style: Moves = [] if self.styled else [("@", (Word(_styles(), replace(self, styled=True)),))]
        return [("[", (_Hop(self.within),)), ("'", ("[", _Hop(self.within, through=True))), *style]

    def length(self) -> int:
        return 1 + _Hop(self.within).length()


@dataclass(frozen=True)
class _Hop:
    """Where an arrow goes to or, where `through`, on its way; `right` and `down` of where it begins."""

    within: Grid
    right: int = 0
    down: int = 0
    through: bool = False

    def moves(self) -> Moves:
        found: Moves = []
        for letter, (right, down) in HOPS.items():
            onward = right * self.right >= 0 and down * self.down >= 0
            if onward and self.within.reaches(self.right + right, self.down + down):
                found.append((letter, (replace(self, right=self.right + right, down=self.down + down),)))
        return [*found, ("]", self._end())] if self.right or self.down else found

    def _end(self) -> Items:
        grid = self.within.wanting(self.right, self.down)
        return ("[", _Hop(grid)) if self.through else (_Labels(grid),)

    def length(self) -> int:
        if self.right or self.down:
            return 1 + sum(shortest(item) for item in self._end())
        return 1 + min(shortest(item) for _, (item,) in self.moves())


@dataclass(frozen=True)
class _Labels:
    """Behind an arrow, which may have labels."""

    within: Grid

    def moves(self) -> Moves:
        arrows = _Arrows(self.within)
        label = _Single(ascii_letters + digits, _label_words(), _Formula("}", depth=1, drawn=True), self, before="-")
        return [("^_", (label,)), (" ", (arrows,)), ("\n", (replace(arrows, broken=True),))]

    def length(self) -> int:
        return 1 + min(_Arrows(self.within, broken).length() for broken in (False, True))


@dataclass(frozen=True)
class _Arrows:
    """Behind an arrow and a blank: other arrows, or the end of the entry."""

    within: Grid
    broken: bool = False

    def moves(self) -> Moves:
        blanks: Moves = [(" ", (self,)), ("\n", (replace(self, broken=True),))]
        word = Word(_arrow_words(self.within.ends), replace(self, broken=False))
        return [("\\", (word,)), *_out_of_entry(self.within, False, self.broken), *([] if self.broken else blanks)]

    def length(self) -> int:
        return self.within.length(False, self.broken)


def _out_of_entry(grid: Grid, fresh: bool, broken: bool) -> Moves:
    """Return the moves out of an entry by a mark: to the next, and at the head of a line to the end of the diagram."""
    beside: Moves = [("&", (_Formula(grid.beside(), fresh=True),))] if grid.column < WIDEST else []
    return [*beside, ("}", ())] if broken and not grid.missing(fresh) else beside


def _ended(back: Item) -> Item:
    """Return to where the word stands; a text may end with it."""
    return back.at("end") if isinstance(back, _Body) else back


def _arrow(back: _Formula | _Arrows) -> Item:
    assert isinstance(back.within, Grid)
    return _Arrow(back.within)


def _row(back: _Formula | _Arrows) -> Item:
    """Return the first entry of the row after the one that ends here."""
    if isinstance(back.within, Grid):
        return _Formula(back.within.below(), fresh=True, broken=True)
    assert isinstance(back, _Formula)
    return replace(back, scripts="", broken=True, column=1)


@lru_cache
def _openings() -> Stem:
    begun: Following = (HEADING, "\\label{", KEY, "\n")
    proof: Items = ("begin{proof}", HEADING, _Body("proof"))
    closing = Choice((("\n", ()), ("\\", proof)))  # after a statement and a blank line: another, or a proof
    return stem_of({f"{kind}}}": (*begun, _Body(kind), "\n", closing) for kind in KINDS})


@lru_cache
def _accents() -> Stem:
    return stem_of(ACCENTED)


@lru_cache
def _text_words(depth: int) -> Stem:
    return stem_of(_textual(depth))


def _textual(depth: int) -> Macros:
    """Return the macros of a text."""
    words = ACCENTED | dict.fromkeys((*" #{}", "ldots"), (here,)) | {"ref{": (KEY, _ended), "cite{": (KEY, _ended)}
    words["cite["] = (_Until(TITLES, "]", rich=True), "{", KEY, _ended)
    return words | _texts(depth, accented=False)


@lru_cache(maxsize=1000)
def _body_words(body: _Body) -> Stem:
    words = _textual(0) | {"label{": (KEY, here)}
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
    return stem_of(words)


def _item(body: _Body) -> _Body:
    return replace(body, items=body.items + 1) if body.level > 1 else body


@lru_cache
def _sign_words() -> Stem:
    return stem_of(dict.fromkeys(SIGNS, (here,)))


@lru_cache
def _label_words() -> Stem:
    return stem_of(dict.fromkeys((*SIGNS, "cong"), (here,)))


@lru_cache
def _script_words(depth: int, accented: bool) -> Stem:
    words: Macros = dict.fromkeys((*SIGNS, "#"), (here,))
    return stem_of(words | dict.fromkeys(FONTS, (_font,)) | _texts(depth, accented))


def _texts(depth: int, accented: bool) -> Macros:
    """Return the macros that have text in braces; in a formula under an accent, which it could have more of, none."""
    words = ("text{", "textit{", "textbf{") if depth < DEEPEST and not accented else ()
    return dict.fromkeys(words, (_Text(depth + 1), here))


@lru_cache
def _formula_words(setting: _Formula) -> Stem:
    within, deeper = setting.within, setting.depth < DEEPEST
    words: Macros = dict.fromkeys((*SIGNS, *OPERATORS, *" ,!#{}"), (here,))
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
    return stem_of(words | _lines(setting) if setting.broken else words)


def _structures(outer: _Formula) -> Macros:
    """Return the macros that have formulas in braces, or text."""
    one: Following = (outer.inside(), here)
    two: Following = (outer.inside(), "{", outer.inside(), here)
    words = {"frac{": two, "binom{": two, "xrightarrow{": one, "xleftarrow{": one}
    return words | _texts(outer.depth, outer.accented)


def _bracketed(outer: _Formula) -> Macros:
    """Return the macros that have brackets, and those that have formulas in brackets."""
    option: Following = (outer.inside("]"), "{", outer.inside(), here)
    words: Macros = dict.fromkeys(("xrightarrow[", "xleftarrow[", "sqrt["), option)
    words |= {f"{size}{mark}": (here,) for size in ("big", "Big") for mark in DELIMITERS}
    return words | {f"left{mark}": (outer.inside("right"), here) for mark in DELIMITERS}


def _lines(outer: _Formula) -> Macros:
    """Return the macros that stand at the head of a line."""
    words: Macros = {}
    if outer.depth < DEEPEST and not outer.drawn:  # a diagram would take its &
        words["begin{matrix}\n"] = (outer.inside("matrix", broken=True), here)
    if outer.within in ("$$", "equation"):
        diagram = _Formula(Grid(), fresh=True, broken=True)
        words |= {"xymatrix{\n": (diagram, here), "vcenter{\n\\xymatrix{\n": (diagram, "\n}", here)}
    if outer.within in END:
        words[END[outer.within]] = ()
    return words


@lru_cache
def _styles() -> Stem:
    return stem_of(dict.fromkeys(STYLES, (here,)))


@lru_cache
def _arrow_words(ends: bool) -> Stem:
    return stem_of(_arrows(ends))


def _arrows(ends: bool) -> Macros:
    return {"ar": (_arrow,), "\\\n": (_row,)} if ends else {"ar": (_arrow,)}
