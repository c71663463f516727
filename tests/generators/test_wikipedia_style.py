"""The wikipedia voice: what its corpus becomes, and that all it may write is wikitext, says a parser of others'."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from corpora import corpus
from corpora.fetch import Places
from generators import registry
from generators.automaton import automaton
from generators.forms.wikitext import faults
from generators.grammar import Table
from generators.plugin import Plugin
from training.vocabulary import Vocabulary

CHECKOUT = Path(__file__).parents[2]
ALPHABET = "\n" + "".join(chr(number) for number in range(32, 127)) + "é–"
BEGINNING = "'''Albedo''' is a [[measure]]."
FILLING = "It is said of snow and of ice, of sand and of water, and of whatever else the sun shines on by day. " * 3

ARTICLE = """= Albedo =
{{Infobox thing
| name = albedo
}}
{{other uses}}
'''Albedo''' (Greek: {{lang|el|αλμπέδο}}) is "whiteness",<ref name="a">{{cite web | title=Snow
| url = http://www.example.org/a/very/long/path?id=7 |accessdate=1 May 2016 | last1 = Naïve }}</ref><ref name=b /> says
’Šimon’. FILLING<!-- a note -->
{| class="wikitable"
! head {{x}}
|-
| cell
|}
It has [sic] no end<ref name="b">A short one.</ref> of ''[[Ship|ships]]'''s sails. FILLING

==Of ''snow''==
;Old snow
* [[File:Snow.jpg|thumb|Old [[snow]]]] FILLING
* broken [[link FILLING
* formula <math>\\frac{1}{2}</math> FILLING

== References ==
{{reflist}}
""".replace("FILLING", FILLING)

CLEANED = """{{other uses}}
'''Albedo''' (Greek:) is "whiteness",<ref>{{cite web|last=Naive|title=Snow|url=http://www.example.org/a}}</ref> says
'Simon'. FILLING

It has (sic) no end<ref>A short one.</ref> of ''[[Ship|ships]]'s'' sails. FILLING


== Of snow ==
'''Old snow'''
* [[File:Snow.jpg|thumb|Old [[snow]]]] FILLING


""".replace("FILLING", FILLING.strip())


@pytest.fixture(scope="module")
def wikipedia() -> Plugin:
    return registry.find().get("wikipedia")


@pytest.fixture(scope="module")
def table(wikipedia: Plugin) -> Table:
    return table_of(wikipedia, ALPHABET)


def table_of(style: Plugin, alphabet: str) -> Table:
    grammar = style.hook("grammar")
    assert grammar is not None
    return Table(automaton(grammar(alphabet), alphabet), Vocabulary(alphabet))


def hook(style: Plugin, name: str) -> Callable[[str], Any]:
    function = style.hook(name)
    assert function is not None
    return function


def drawn(table: Table, length: int, chance: np.random.Generator, alike: bool) -> str:
    """Draw any character that may come until the text is at an end; `alike`, each way on and not each character."""
    text, state = "", table.start
    while True:
        if not table.ready(np.array([state]))[0]:
            table.expand(state)
        if table.complete(np.array([state]))[0]:
            return text
        allowed = np.flatnonzero(table.allowed(np.array([state]), np.array([length - len(text)]))[0])
        after = table.advance(np.full(len(allowed), state), allowed)
        if alike:
            allowed = allowed[after == chance.choice(np.unique(after))]
        text += ALPHABET[int(chance.choice(allowed))]
        state = int(table.advance(np.array([state]), np.array([ALPHABET.index(text[-1])]))[0])


def test_an_article_becomes_sections_of_sound_lines(wikipedia: Plugin) -> None:
    assert hook(wikipedia, "clean")(ARTICLE) == CLEANED


def test_a_long_section_goes_on_under_its_heading(wikipedia: Plugin) -> None:
    lines = [f"Line {number}. {FILLING}" for number in range(12)]
    cleaned = hook(wikipedia, "clean")("= A =\n'''A''' is. " + FILLING + "\n== B ==\n" + "\n\n".join(lines))
    sections = cleaned.split("\n\n\n")[1:-1]
    assert len(sections) > 2
    assert {section.split("\n")[0] for section in sections} == {"== B =="}
    assert max(map(len, sections)) <= wikipedia.manifest.text.length
    assert [line.strip() for section in sections for line in section.split("\n")[1:] if line] == [
        line.strip() for line in lines
    ]


JUDGED = [
    (BEGINNING, ""),
    ("== Snow ==\n* ''One'' & [[two|'''2''']]\n*# <ref>{{cite web|url=http://a.org|title=A = B}}</ref>", ""),
    ("=== Ice ===\n[[File:Ice.jpg|thumb|An [[iceberg]]<ref>[http://a.org of ice]</ref>]] is<br />cold", ""),
    ("Albedo is a measure.", "it says neither in a heading nor in bold what it is about"),
    ("== Snow =\nIt is white.", "the heading does not close"),
    ("== Snow ==", "a line is missing"),
    ("== Snow ==\nIt is white.\n", "a line is missing"),
    (BEGINNING + " It is [[white.", "[[ may not open here"),
    (BEGINNING + " It is [[white|whi.", "[[ does not close"),
    (BEGINNING + " It is ''white.", "'' does not close"),
    (BEGINNING + " It is ''white\nand cold''.", "'' does not close"),
    (BEGINNING + " It is '''''white'' and''' cold.", "'' is ambiguous"),
    (BEGINNING + " It is white}}.", "}} closes nothing"),
    (BEGINNING + " It {{is [[white}}]].", "{{ may not open here"),
    (BEGINNING + " It {{is|[[white}}]].", "[[ may not open here"),
    (BEGINNING + " It is [white].", "[ stands alone"),
    (BEGINNING + " It is <b>white</b>.", "< stands alone"),
    (BEGINNING + " It is <small />white.", "<small /> is empty"),
    (BEGINNING + " It is white.</ref>", "</ref> closes nothing"),
    (BEGINNING + " It is | white.", "| stands alone"),
    (BEGINNING + "\n It is white.", "a line begins with ' '"),
    (BEGINNING + "\n{| white", "{ stands alone"),
]


@pytest.mark.parametrize(("text", "fault"), JUDGED)
def test_its_judge_and_its_grammar_know_what_does_not_close(
    wikipedia: Plugin, table: Table, text: str, fault: str
) -> None:
    assert hook(wikipedia, "check")(text) == fault
    assert (table.walk(Vocabulary(ALPHABET).encode(f"{text}\n\n\n")) is None) == bool(fault)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("== A ==\n* [[b]] {{c|d=e}} ''f'' '''''g''''' <ref>h</ref> [http://a.org i]\n{|\n| j\n|}", ""),
        ("== A =\nb", "a heading does not close"),
        ("a [[b", "[ opens or closes nothing"),
        ("a {{b", "{ opens or closes nothing"),
        ("a <ref>b", "< opens or closes nothing"),
        ("a ''b", "'' opens or closes nothing"),
        ("a ''b\nc''", "'' goes on after its line"),
        ("a '''b\nc'''", "''' goes on after its line"),
        ("a]] b", "] opens or closes nothing"),
    ],
)
def test_the_parser_leaves_over_what_does_not_close(text: str, fault: str) -> None:
    assert faults([text, "all is well"]) == [fault, ""]


def test_whatever_it_may_write_is_wikitext(wikipedia: Plugin, table: Table) -> None:
    chance, check = np.random.default_rng(7), hook(wikipedia, "check")
    lengths = [int(chance.choice([20, 60, 150, 400, 1500])) for _ in range(200)]
    texts = [drawn(table, length, chance, alike=bool(n % 2)) for n, length in enumerate(lengths)]
    assert [text for text, length in zip(texts, lengths, strict=True) if len(text) > length] == []
    assert {text[-3:] for text in texts} == {"\n\n\n"}
    whole = [text[:-3] for text in texts]
    assert {text: fault for text, fault in zip(whole, faults(whole), strict=True) if fault} == {}
    assert {text: check(text) for text in whole if check(text)} == {}
    for mark in ("[[", "{{", "'''", "<ref>", "[http", "\n*", "<sub>", "<blockquote>"):
        assert any(mark in text for text in whole), mark


def test_a_message_is_a_section_of_its_own(wikipedia: Plugin) -> None:
    prompt = hook(wikipedia, "prompt")
    assert prompt("Who was\n[[Aristotle]]?") == "\n\n\n== Who was Aristotle? ==\nWho was Aristotle?\n\n\n"
    assert prompt("== History ==") == "\n\n\n== History ==\nHistory\n\n\n"


def test_people_write_what_it_may_write(wikipedia: Plugin, tmp_path: Path) -> None:
    folder = Path(os.environ.get("APOCRYPHA_MIRROR") or CHECKOUT.parent / "shared" / "corpora")
    spec = wikipedia.manifest.corpus
    if not (folder / spec.mirror).is_file():
        pytest.skip("the text of wikipedia is not here: set APOCRYPHA_MIRROR to a folder that has it")
    text = corpus.build(spec, wikipedia.folder, Places(tmp_path, folder), wikipedia.hook("clean"))
    assert len(text.alphabet) < 125
    held_out = [section for part in (text.validation, text.test) for section in part.split("\n\n\n")[:-1]]
    assert faults(held_out) == [""] * len(held_out)
    table = table_of(wikipedia, text.alphabet)
    accepted = [table.walk(Vocabulary(text.alphabet).encode(f"{section}\n\n\n")) is not None for section in held_out]
    assert np.mean(accepted) > 0.98
