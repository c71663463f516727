"""The abstracts voice: whatever it may write is a whole record, whose days, numbers and units are real and agree."""

import importlib.util
import os
import re
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from corpora import corpus
from corpora.fetch import Places
from generators import registry
from generators.automaton import Automaton, automaton
from generators.grammar import Table
from generators.plugin import Plugin
from training.vocabulary import Vocabulary

CHECKOUT = Path(__file__).parents[2]
ALPHABET = "\n" + "".join(chr(number) for number in range(32, 127)) + "é"
LABELS = """
Title, Type, NSF Org, Latest, Amendment, Date, File, Award Number, Award Instr., Prgm Manager, Start Date, Expires,
Expected, Total Amt., Investigator, Sponsor, NSF Program, Fld Applictn, Program Ref, Abstract
"""

RECORD = """\
Title       : Collaborative Research: How Whales Sing, and Why They Do Not Sing
               at Noon
Type        : Award
NSF Org     : OCE
Latest
Amendment
Date        : February 29,  2008
File        : a0812345

Award Number: 0812345
Award Instr.: Standard Grant
Prgm Manager: Ann O. Nymous
              OCE  DIVISION OF OCEAN SCIENCES
              GEO  DIRECTORATE FOR GEOSCIENCES
Start Date  : July 1,  2008
Expires     : July 1,  2008   (Estimated)
Expected
Total Amt.  : $120000             (Estimated)
Investigator: Jo Doe (Principal Investigator current)
              J-P O'Nil (Co-Principal Investigator former)
Sponsor     : University of Nowhere
              Nowhere, AK

NSF Program : 1650      BIOLOGICAL OCEANOGRAPHY
              068P      WHALES & DOLPHINS (ALL)
Fld Applictn: 0204000   Oceanography
Program Ref : 0000,116E,OTHR,
Abstract    :

              We ask whales what they sing, and write down what they say to us.
              Nobody has done so before.

              The broader impact is a choir, in which people who cannot sing at
              all sing with whales who can.
"""


@pytest.fixture(scope="module")
def abstracts() -> Plugin:
    return registry.find().get("abstracts")


@pytest.fixture(scope="module")
def code(abstracts: Plugin) -> ModuleType:
    """The plugin's code, for the reading of a record that allows for what people leave out."""
    spec = importlib.util.spec_from_file_location("abstracts_code", abstracts.folder / "plugin.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def record(abstracts: Plugin) -> Automaton:
    return automaton(hook(abstracts, "grammar")(ALPHABET), ALPHABET)


@pytest.fixture(scope="module")
def table(record: Automaton) -> Table:
    return Table(record, Vocabulary(ALPHABET))


def hook(style: Plugin, name: str) -> Callable[[str], Any]:
    function = style.hook(name)
    assert function is not None
    return function


def reader(made: Automaton, alphabet: str) -> Callable[[str], bool]:
    """Return whether a record is one, as a function."""
    vocabulary = Vocabulary(alphabet)
    table = Table(made, vocabulary)

    def accepts(text: str) -> bool:
        if table.full:
            table.keep(np.array([table.start], dtype=np.int64))
        return table.walk(vocabulary.encode(f"{text.rstrip()}\n\n\n")) is not None

    return accepts


def drawn(table: Table, length: int, chance: np.random.Generator, alike: bool) -> str:
    """Draw any character that may come until the record is at its end; `alike`, each way on and not each character."""
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


def fields(text: str) -> dict[str, list[str]]:
    """Return the lines of each field, by its label; the first of them is what stands behind the label."""
    found: dict[str, list[str]] = {}
    for line in text.split("\n"):
        label = re.match(r"(\w[^:]{0,11}?) *:|(Latest|Amendment|Expected)$", line)
        if label:
            found[label[1] or label[2]] = [line[14:]]
        elif found:
            found[list(found)[-1]].append(line)
    return found


def day(text: str) -> datetime:
    assert re.fullmatch(r"[A-Z][a-z]+ \d\d?,  \d{4}", text)
    return datetime.strptime(text.replace("  ", " "), "%B %d, %Y")


def assert_record(text: str) -> None:
    """Read a record as a person would who knows the calendar."""
    field = fields(text)
    labels = " ".join(LABELS.split()).split(", ")
    assert [label for label in labels if label in field] == list(field)
    assert set(labels) - set(field) <= {"Fld Applictn"}
    assert field["File"][0] == f"a{field['Award Number'][0]}"
    assert re.fullmatch(r"08\d{5}", field["Award Number"][0])
    assert day(field["Start Date"][0]) <= day(field["Expires"][0].removesuffix("   (Estimated)"))
    assert day(field["Date"][0])
    assert re.fullmatch(r"\$[1-9]\d* {13}\(Estimated\)", field["Total Amt."][0])
    manager, unit, above = field["Prgm Manager"]
    assert manager.strip()
    assert unit[14:19].strip() == field["NSF Org"][0]
    assert above[14:19].strip() in {"BIO", "CSE", "EDU", "EHR", "ENG", "GEO", "MPS", "O/D", "SBE", "TIP"}
    assert all(re.match(r" {14}\S", line) for line in field["Investigator"][1:] + field["NSF Program"][1:])
    assert all(re.search(r"[A-Za-z][A-Za-z ,.'-]* \((Co-)?Principal Inv", line) for line in field["Investigator"])
    assert field["Investigator"][0].endswith(("(Principal Investigator current)", "(Principal Investigator former)"))
    assert re.fullmatch(r" {14}\S.*, [A-Z]{2}", field["Sponsor"][1])
    assert all(re.fullmatch(r"[0-9A-Z]{4} {6}\S.*", line.strip()) for line in field["NSF Program"])
    assert re.fullmatch(r"([0-9A-Z]{4},){1,6}", field["Program Ref"][0])
    abstract = field["Abstract"][2:]
    assert all(not line or re.fullmatch(r" {14}\S(.{0,77}\S)?", line) for line in abstract)
    assert len([line for line in abstract if line]) >= 4
    assert abstract[-1][-1] in ".?!*)/\"'"


def test_a_record_is_one_and_what_is_wrong_with_it_is_said(abstracts: Plugin, record: Automaton) -> None:
    assert_record(RECORD.rstrip())
    assert hook(abstracts, "check")(RECORD) == ""
    assert reader(record, ALPHABET)(RECORD)


@pytest.mark.parametrize(
    ("found", "instead", "fault"),
    [
        ("Number: 0812345", "Number: 0812354", "the file and the award have different numbers"),
        ("February 29,  2008", "February 29,  2009", "there is no such day"),
        ("February 29,  2008", "February 30,  2008", "there is no such day"),
        ("Expires     : July 1,", "Expires     : June 30,", "it expires before it starts"),
        ("$120000", "$many", "a field is missing, or not of its kind"),
        ("Award Instr.: Standard Grant\n", "", "a field is missing, or not of its kind"),
        ("Standard Grant", "Generous Gift", "a field is missing, or not of its kind"),
        ("(Principal Investigator current)", "", "a field is missing, or not of its kind"),
        ("\n              We ask", "\n     We ask", "a field is missing, or not of its kind"),
    ],
)
def test_judge_and_grammar_find_what_does_not_agree(
    abstracts: Plugin, record: Automaton, found: str, instead: str, fault: str
) -> None:
    text = RECORD.replace(found, instead)
    assert text != RECORD
    assert hook(abstracts, "check")(text) == fault
    assert not reader(record, ALPHABET)(text)


@pytest.mark.parametrize(
    ("found", "instead"),
    [
        ("NSF Org     : OCE", "NSF Org     :"),
        ("OCE  DIVISION OF OCEAN SCIENCES", "DEB  DIVISION OF ENVIRONMENTAL BIOLOGY"),
        ("GEO  DIRECTORATE FOR GEOSCIENCES", "BIO  DIRECT FOR BIOLOGICAL SCIENCES"),
        ("Jo Doe (P", " (P"),
        ("$120000", "$0"),
        ("Nowhere, AK", "Nowhere, XX"),
        ("0812345", "9012345"),
        ("all sing with whales who can.", "all sing with whales who"),
        ("Nobody has", "Nobody  has"),
    ],
)
def test_the_grammar_is_the_stricter_one(record: Automaton, found: str, instead: str) -> None:
    text = RECORD.replace(found, instead)
    assert text != RECORD
    assert not reader(record, ALPHABET)(text)


def test_whatever_it_may_write_is_a_record(abstracts: Plugin, table: Table) -> None:
    chance, check = np.random.default_rng(5), hook(abstracts, "check")
    for number in range(120):
        if table.full:
            table.keep(np.array([table.start], dtype=np.int64))
        length = int(chance.choice([800, 1500, 4000]))
        text = drawn(table, length, chance, alike=bool(number % 2))
        assert len(text) <= length
        assert text.endswith("\n\n\n")
        assert_record(text[:-3])
        assert check(text[:-3]) == ""


def test_from_every_place_there_is_a_way_to_the_end(record: Automaton) -> None:
    """A claim is an upper bound, from which the next character has to lead down."""
    chance = np.random.default_rng(3)
    for _ in range(40):
        state: Any = record.start
        for _ in range(1500):
            moves, left = record.moves(state), record.distance(state)
            if not moves:
                break
            assert len("".join(moves)) == len(set("".join(moves)))
            assert min(record.distance(after) for after in moves.values()) < left
            state = list(moves.values())[int(chance.integers(len(moves)))]


def test_every_day_there_is_and_no_other_may_be_written(record: Automaton) -> None:
    accepts = reader(record, ALPHABET)
    for month, number in [(1, 31), (2, 28), (2, 29), (4, 30), (4, 31), (12, 31), (2, 30)]:
        for year in (2008, 2009, 2012):
            name = datetime(2000, month, 1).strftime("%B")
            text = RECORD.replace("Expires     : July 1,  2008", f"Expires     : {name} {number},  {year}")
            try:
                real = date(year, month, number) >= date(2008, 7, 1)
            except ValueError:
                real = False
            assert accepts(text) == real, (name, number, year)


def test_a_message_is_the_abstract_of_the_record_before(abstracts: Plugin) -> None:
    prompt = hook(abstracts, "prompt")
    assert prompt("Title       : CAREER:") == "Abstract    :\n\n              CAREER:\n\n\n"
    assert prompt("Whales\nand men " * 6) == (
        "Abstract    :\n\n"
        "              Whales and men Whales and men Whales and men Whales and men\n"
        "              Whales and men Whales and men\n\n\n"
    )


def test_people_wrote_what_it_may_write(abstracts: Plugin, code: ModuleType, tmp_path: Path) -> None:
    """All but a few, where it allows for names that people left out; without those, one in six is too bare for it."""
    folder = Path(os.environ.get("APOCRYPHA_MIRROR") or CHECKOUT.parent / "shared" / "corpora")
    spec = abstracts.manifest.corpus
    if not (folder / spec.mirror).is_file():
        pytest.skip("the text of abstracts is not here: set APOCRYPHA_MIRROR to a folder that has it")
    text = corpus.build(spec, abstracts.folder, Places(tmp_path, folder), abstracts.hook("clean"))
    held_out = [record for record in (text.validation + text.test).split("\n\n\n") if record]
    lenient = reader(code.Record(text.alphabet, lenient=True), text.alphabet)
    strict = reader(hook(abstracts, "grammar")(text.alphabet), text.alphabet)
    assert np.mean([lenient(record) for record in held_out]) > 0.95
    assert np.mean([strict(record) for record in held_out]) > 0.8
