"""The Stacks Project's hooks: a statement with its label and its proof, in LaTeX that compiles."""

import re
from collections.abc import Iterator

from .form import statement
from .macros import ACCENTS, ENVIRONMENTS, FONTS, KINDS, MACROS, OPERATORS, OVER, SIGNS
from .stack import Automaton

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


def grammar(alphabet: str) -> Automaton:
    """Return the form of a statement and its proof, whatever the alphabet."""
    del alphabet
    return statement()
