"""The latex voice: what its corpus becomes, and that TeX takes all it may write."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from corpora import corpus
from corpora.fetch import Places
from generators import registry
from generators.automaton import automaton
from generators.forms.latex import faults
from generators.grammar import Table
from generators.plugin import Plugin
from training.vocabulary import Vocabulary

CHECKOUT = Path(__file__).parents[2]
ALPHABET = "\n" + "".join(chr(number) for number in range(32, 127))
APART = "\n\n\n"

LEMMA = r"""\begin{lemma}[Čech]
\label{lemma-zero}
Let $X$ be a scheme. Then $H^0(X, \mathcal{F})_{\mathfrak m} = 0$.
\end{lemma}

\begin{proof}
Assume $x'^2 \in X$.

\medskip\noindent
See Lemma \ref{sites-lemma-one} and
$$
\xymatrix{
X \ar[r]^f \ar[rd] & Y \ar[d]_{g'} \\
& Z
}
$$
and
\begin{enumerate}
\item this is \'etale, or
\item[(2')] that.
\end{enumerate}
The rest is left to you.
\end{proof}""".replace("Č", r"\v{C}")

SOURCE = r"""
\section{Schemes}
Some words that are no statement.

% a remark
\begin{lemma}
\label{lemma-zero}
\begin{slogan}
All is zero.
\end{slogan}
Let  $X$ be {\it affine}\footnote{Or not {so}.} and $\bigcup\nolimits_i U_i$. % a remark
\end{lemma}

\begin{proof}
Clear, as $\{x\} = {n \choose 2}$.
\end{proof}

\begin{definition}
\label{definition-strange}
A \newthing.
\end{definition}

\begin{remark}
This one has no label.
\end{remark}

\begin{lemma}
\label{lemma-long}
LONG
\end{lemma}

\begin{example}
\label{example-curved}
$$
\xymatrix{
A \ar `r[d] [d] \\
B
}
$$
\end{example}

\begin{remark}
\label{remark-last}
Here \v C and $x_ 1$.
\end{remark}
""".replace("LONG", "Long. " * 1000)

CLEANED = r"""\begin{lemma}
\label{lemma-zero}
Let $X$ be \textit{affine} and $\bigcup_i U_i$.
\end{lemma}

\begin{proof}
Clear, as $\{x\} = \binom{n }{2}$.
\end{proof}


\begin{remark}
\label{remark-last}
Here \v{C} and $x_1$.
\end{remark}


""".replace("n }", "n}")

STATEMENT = "\\begin{lemma}\n\\label{lemma-a}\n%s\n\\end{lemma}"

# What TeX refuses, as one cause each; `check` finds those that are True.
BAD = {
    "a group is open": ("{a", True),
    "a formula is open": ("$a", True),
    "a display is open": ("$$\na\n$$\n$$\nb", True),
    "an environment is open": ("\\begin{enumerate}\n\\item a", True),
    "environments cross": ("\\begin{enumerate}\n\\item a\n\\end{itemize}", True),
    "an unknown environment": ("\\begin{tikz}\n\\end{tikz}", True),
    "an unknown macro": ("\\unheardof", True),
    "a formula's macro in a text": ("\\alpha", True),
    "a script in a text": ("a_1", True),
    "two scripts above": ("$a^1^2$.", True),
    "two scripts below": ("$a_1_{2}$.", True),
    "a prime behind what is above": ("$a^1'$.", True),
    "primes apart": ("$a' '$.", False),
    "a macro with parts as a script": ("$a_\\overline{b}$.", False),
    "a column where there are none": ("$a & b$.", True),
    "a parameter": ("a # b", True),
    "a blank line in a formula": ("$a\n\n\\medskip\\noindent\nb$.", True),
    "a list without an item": ("Words.\n\\begin{enumerate}\na\n\\end{enumerate}", False),
    "a delimiter is open": ("$\\left(a$.", True),
    "no delimiter": ("$\\left a\\right.$.", False),
    "an arrow out of its diagram": ("$$\n\\xymatrix{\nA \\ar[r] \\\\\nB\n}\n$$", False),
    "an arrow to a shorter row": ("$$\n\\xymatrix{\nA & B \\ar[d] \\\\\nC\n}\n$$", False),
    "an arrow up to a shorter row": ("$$\n\\xymatrix{\nA \\\\\nB & C \\ar[u]\n}\n$$", False),
    "a matrix in brackets in a diagram": (
        "$$\n\\xymatrix{\n\\left(\n\\begin{matrix}\na & b\n\\end{matrix}\n\\right)\n}\n$$",
        False,
    ),
    "a star before an entry": ("$$\n\\xymatrix{\n*A & B\n}\n$$", False),
    "too many columns": ("$$\n\\begin{matrix}\n" + "a & " * 10 + "a\n\\end{matrix}\n$$", False),
    "two labels of an equation": ("\\begin{equation}\n\\label{a}\n\\label{b}\nx\n\\end{equation}", False),
    "an accent on nothing": ("\\'", False),
    "a bracket that ends an option": ("$\\sqrt[\\big]]{a}$.", False),
}

# Where a walk begins, for it comes to diagrams and tables seldom by chance.
BEGINNINGS = {
    "anything": "",
    "a formula": "\\begin{lemma}\n\\label{a}\n$",
    "rows": "\\begin{lemma}\n\\label{a}\n\\begin{align*}\n",
    "an equation": "\\begin{lemma}\n\\label{a}\n\\begin{equation}\n\\label{b}\n",
    "a matrix": "\\begin{lemma}\n\\label{a}\n$$\n\\left\\{\n\\begin{matrix}\n",
    "a diagram": "\\begin{lemma}\n\\label{a}\n$$\n\\xymatrix{\n",
    "a list in a list": "\\begin{lemma}\n\\label{a}\n\\begin{enumerate}\n\\item\n\\begin{enumerate}\n\\item",
    "a proof": "\\begin{lemma}\n\\label{a}\n.\n\\end{lemma}\n\n\\begin{proof}\n",
}


@pytest.fixture(scope="module")
def style() -> Plugin:
    return registry.find().get("latex")


@pytest.fixture(scope="module")
def latex(style: Plugin) -> Callable[[str], Any]:
    hook = style.hook("grammar")
    assert hook is not None
    return hook


@pytest.fixture(scope="module")
def check(style: Plugin) -> Callable[[str], str]:
    hook = style.hook("check")
    assert hook is not None
    return hook


@pytest.fixture
def tex() -> None:
    if shutil.which("pdflatex") is None:
        pytest.skip("no pdflatex: apt install texlive-latex-base texlive-pictures")


@pytest.fixture(scope="module")
def held_out(style: Plugin, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The statements of the test part, each with its proof."""
    folder = Path(os.environ.get("APOCRYPHA_MIRROR") or CHECKOUT.parent / "shared" / "corpora")
    spec = style.manifest.corpus
    if not (folder / spec.mirror).is_file():
        pytest.skip("the Stacks Project is not here: set APOCRYPHA_MIRROR to a folder that has it")
    text = corpus.build(spec, style.folder, Places(tmp_path_factory.mktemp("texts"), folder), style.hook("clean"))
    return [unit for unit in text.test.split(APART) if unit]


def ended(text: str) -> str:
    """Return a statement as the grammar ends it: blank lines say that there is no proof."""
    return text + ("\n" if text.endswith("\\end{proof}") else APART)


def follows(latex: Callable[[str], Any], text: str) -> bool:
    """Say whether the grammar has this text."""
    machine = latex(ALPHABET)
    state = machine.start
    for character in ended(text):
        state = next((after for some, after in machine.moves(state).items() if character in some), False)
        if state is False:
            return False
    return machine.distance(state) == 0 and not machine.moves(state)


def test_clean_keeps_plain_statements_with_a_label(style: Plugin) -> None:
    clean = style.hook("clean")
    assert clean is not None
    assert clean(SOURCE) == CLEANED
    assert clean(CLEANED) == CLEANED


def test_message_becomes_the_situation(style: Plugin, latex: Callable[[str], Any]) -> None:
    prompt = style.hook("prompt")
    assert prompt is not None
    said = prompt("Let $X$  be\na scheme")
    assert said.startswith(style.manifest.text.start)
    assert said.endswith("\\label{situation-Let-X-be-a-scheme}\nLet $X$ be a scheme.\n\\end{situation}" + APART)
    assert follows(latex, said.removeprefix(style.manifest.text.start).removesuffix(APART))
    assert "{situation-question}\n?\n" in prompt("?")


def test_one_statement_is_good_to_everyone(tex: None, latex: Callable[[str], Any], check: Callable[[str], str]) -> None:
    assert follows(latex, LEMMA)
    assert check(LEMMA) == check(LEMMA + APART) == ""
    assert faults([LEMMA]) == [""]


@pytest.mark.parametrize("what", BAD)
def test_grammar_has_nothing_that_tex_refuses(
    what: str, tex: None, latex: Callable[[str], Any], check: Callable[[str], str]
) -> None:
    body, found = BAD[what]
    text = STATEMENT % body
    assert not follows(latex, text)
    assert faults([text]) != [""]
    assert not found or check(text)


def test_check_knows_one_statement_from_others(check: Callable[[str], str]) -> None:
    assert check("Just words.")
    assert check(STATEMENT.replace("\\label{lemma-a}\n", "") % "a")
    assert check(f"{LEMMA}\n\n{LEMMA}")
    assert check(STATEMENT % "a % b") == "% without a backslash"


@pytest.mark.parametrize("body", ["$a$$b$", "Let $a$$b$ be", "\\textit{$a$$b$}"])
def test_no_formula_stands_right_behind_another(
    body: str, latex: Callable[[str], Any], check: Callable[[str], str]
) -> None:
    """TeX would take it, and everybody else would read two dollars as a display's."""
    assert not follows(latex, STATEMENT % body)
    assert check(STATEMENT % body) == "$$ ends where $ is open"


def test_human_texts_are_in_the_grammar(
    held_out: list[str], latex: Callable[[str], Any], check: Callable[[str], str]
) -> None:
    table = Table(automaton(latex(ALPHABET), ALPHABET), Vocabulary(ALPHABET))
    ends = [table.walk(ids) for ids in map(Vocabulary(ALPHABET).encode, map(ended, held_out[:500]))]
    taken = sum(end is not None and table.complete(np.array([end]))[0] for end in ends)
    assert taken >= 0.98 * len(ends) > 400
    assert sum(check(unit) == "" for unit in held_out) >= 0.998 * len(held_out)


def test_tex_takes_human_texts(tex: None, held_out: list[str]) -> None:
    assert [fault for fault in faults(held_out[:300]) if fault] == []


def walks(latex: Callable[[str], Any], begun: str, seed: int, count: int, length: int) -> Iterator[str]:
    """Yield random texts, each within `length`: half draw among the characters, half among the grammar's moves."""
    chance = np.random.default_rng(seed)
    machine = latex(ALPHABET)
    for number in range(count):
        state, written = machine.start, ""
        for character in begun:
            state = next(after for some, after in machine.moves(state).items() if character in some)
            written += character
        while state is not None:
            room = max(length - len(written), machine.distance(state))
            ways = [(some, after) for some, after in machine.moves(state).items() if machine.distance(after) < room]
            assert ways, f"no way to an end: {written[-200:]!r}"
            sizes = np.array([len(some) for some, _ in ways]) if number % 2 else np.ones(len(ways))
            some, state = ways[int(chance.choice(len(ways), p=sizes / sizes.sum()))]
            written += some[int(chance.integers(len(some)))]
        assert len(written) <= max(length, len(begun) + 100)
        yield written


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("begun", BEGINNINGS)
def test_tex_takes_whatever_the_grammar_allows(begun: str, seed: int, tex: None, latex: Callable[[str], Any]) -> None:
    texts = list(walks(latex, BEGINNINGS[begun], seed, 60, 500))
    found = [(fault, text) for fault, text in zip(faults(texts), texts, strict=True) if fault]
    assert found == []
    assert len(set(texts)) > len(texts) / 2


def test_texts_end_within_their_length_in_the_engines_table(tex: None, latex: Callable[[str], Any]) -> None:
    vocabulary, chance, length = Vocabulary(ALPHABET), np.random.default_rng(3), 300
    table = Table(automaton(latex(ALPHABET), ALPHABET), vocabulary)
    states, texts = np.full(40, table.start), [""] * 40
    for written in range(length):
        for state in set(states.tolist()):
            table.expand(state)
        allowed = table.allowed(states, np.full(len(states), length - written))
        for row in np.flatnonzero(~table.complete(states)):
            draw = chance.choice(np.flatnonzero(allowed[row]))
            texts[row] += vocabulary.decode(np.array([draw]))
            states[row] = table.advance(states[row : row + 1], np.array([draw]))[0]
    for state in set(states.tolist()):
        table.expand(state)
    assert table.complete(states).all()
    assert faults(texts) == [""] * len(texts)
