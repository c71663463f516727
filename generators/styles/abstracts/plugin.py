"""The award records' hooks: a record's fields, each of its kind and all agreeing, and its abstract.

A record is written piece by piece. A piece is a choice between texts, a row of signs, some words or wrapped prose;
which one comes next may depend on what was written: so number, unit and dates agree.
"""

import re
import textwrap
from calendar import month_name, monthrange
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import cache
from typing import Any, Protocol

# The directorates, each with its divisions.
UNITS = """
MPS  DIRECT FOR MATHEMATICAL & PHYSICAL SCIEN
  DMS  DIVISION OF MATHEMATICAL SCIENCES
  CHE  DIVISION OF CHEMISTRY
  PHY  DIVISION OF PHYSICS
  DMR  DIVISION OF MATERIALS RESEARCH
  AST  DIVISION OF ASTRONOMICAL SCIENCES
ENG  DIRECTORATE FOR ENGINEERING
  CMMI DIV OF CIVIL, MECHANICAL, & MANUFACT INN
  CBET DIV OF CHEM, BIOENG, ENV, & TRANSP SYS
  ECCS DIV OF ELECTRICAL, COMMUN & CYBER SYS
  EEC  DIV OF ENGINEERING EDUCATION AND CENTERS
  EFMA EMERGING FRONTIERS & MULTIDISCIPLINARY ACTIVITIES
SBE  DIRECT FOR SOCIAL, BEHAV & ECONOMIC SCIE
  BCS  DIVISION OF BEHAVIORAL AND COGNITIVE SCI
  SES  DIVN OF SOCIAL AND ECONOMIC SCIENCES
  SBE  DIRECT FOR SOCIAL, BEHAV & ECONOMIC SCIE
  SMA  SBE OFF OF MULTIDISCIPLINARY ACTIVITIES
CSE  DIRECT FOR COMPUTER & INFO SCIE & ENGINR
  IIS  DIV OF INFORMATION & INTELLIGENT SYSTEMS
  CNS  DIVISION OF COMPUTER AND NETWORK SYSTEMS
  CCF  DIVISION OF COMPUTING AND COMMUNICATION FOUNDATIONS
  OAC  OFFICE OF ADVANCED CYBERINFRASTRUCTURE (OAC)
BIO  DIRECT FOR BIOLOGICAL SCIENCES
  IOS  DIVISION OF INTEGRATIVE ORGANISMAL SYSTEMS
  DEB  DIVISION OF ENVIRONMENTAL BIOLOGY
  MCB  DIV OF MOLECULAR AND CELLULAR BIOSCIENCE
  DBI  DIV OF BIOLOGICAL INFRASTRUCTURE
  EF   EMERGING FRONTIERS
GEO  DIRECTORATE FOR GEOSCIENCES
  EAR  DIVISION OF EARTH SCIENCES
  OCE  DIVISION OF OCEAN SCIENCES
  AGS  DIV ATMOSPHERIC & GEOSPACE SCIENCES
  OPP  OFFICE OF POLAR PROGRAMS (OPP)
  GEO  DIRECTORATE FOR GEOSCIENCES
EDU  DIRECTORATE FOR STEM EDUCATION
  DUE  DIVISION OF UNDERGRADUATE EDUCATION
  DRL  DIVISION OF RESEARCH ON LEARNING
  EES  DIV. OF EQUITY FOR EXCELLENCE IN STEM
  DGE  DIVISION OF GRADUATE EDUCATION
EHR  DIRECT FOR EDUCATION AND HUMAN RESOURCES
  DUE  DIVISION OF UNDERGRADUATE EDUCATION
  DRL  DIVISION OF RESEARCH ON LEARNING
  HRD  DIVISION OF HUMAN RESOURCE DEVELOPMENT
  DGE  DIVISION OF GRADUATE EDUCATION
TIP  DIR FOR TECH, INNOVATION, & PARTNERSHIPS
  TI   TRANSLATIONAL IMPACTS
O/D  OFFICE OF THE DIRECTOR
  OISE OFFICE OF INTERNATL SCIENCE &ENGINEERING
  EPS  EPSCOR
  OIA  OIA-OFFICE OF INTEGRATIVE ACTIVITIES
"""
FIELDS = """
0000099   Other Applications NEC
0000908   Urban Problems
0000912   Computer Science
0104000   Information Systems
0106000   Materials Research
0107000   Operations Research
0110000   Technology Transfer
0111000   Science Policy
0112000   System Theory
0115000   Historical Sites
0116000   Human Subjects
0118000   Pollution Control
0120000   Research Involving Recombinant DNA
0200000   Interagency
0203000   Health
0204000   Oceanography
0205000   Space
0206000   Telecommunications
0207000   Transportation
0304000   Disaster & Natural Hazard
0304010   Earthquake
0304040   Fire
0306000   Energy Research & Resources
0308000   Industrial Technology
0311000   Polar Programs-Related
0313000   Regional & Environmental
0313010   Air Pollution
0313040   Water Pollution
0316000   Trace Contaminants
0319000   Climate Related Activities
0400000   Industry University - Co-op
0510102   Role-Terrestrial Ecosystem
0510403   Engineering & Computer Science
0510602   Ecosystem Dynamics
0510704   Geophysical Monitoring
0522100   High Technology Materials
"""
STATES = """
AK AL AR AZ CA CO CT DC DE FL GA HI IA ID IL IN KS KY LA MA MD ME MI MN MO MS MT NC ND NE NH NJ NM NV NY OH OK OR PA PR
RI SC SD TN TX UT VA VI VT WA WI WV WY
"""
INSTRUMENTS = """
Standard Grant, Continuing Grant, Continuing grant, Cooperative Agreement, Fellowship Award, Fellowship,
Interagency Agreement, Contract Interagency Agreement
"""
ROLES = [f" ({rank}Principal Investigator {when})\n" for rank in ("", "Co-") for when in ("current", "former")]
MARGIN = " " * 14
DIGITS = "0123456789"
CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
LETTERS = CAPITALS + CAPITALS.lower()
DAYS = [f"{month_name[month]} {day},  " for month in range(1, 13) for day in range(1, monthrange(2008, month)[1] + 1)]
AMENDED, BEGUN, LAST = range(2007, 2020), range(2006, 2013), 2019  # years, as in the records of 2008

TITLE, WIDTH = 66, 65  # characters in a line of the title and of the abstract; a word that is longer is ended
LONGEST = 79  # in a line with such a word
SHORTEST = 30  # in a line that goes on in the next one
LINES = 4  # of an abstract, at least
SENTENCE, WORD = 160, 16  # characters that must be left where an abstract begins one, so that few are broken off
PIECES = 5000  # that are kept; more are forgotten, and made again where needed

Then = Callable[[str], "Piece | None"]  # what comes after a piece, by what was written there; None at a record's end


class Piece(Protocol):
    """A part of a record. `so_far` is what its methods know of what was written of it."""

    start: Any
    then: Then

    def moves(self, so_far: Any) -> dict[str, Any]:
        """Return what may come next: disjoint sets of characters, and what was written then."""

    def ended(self, so_far: Any) -> str | None:
        """Return what decides on the next piece where this one is at its end, None where it is not."""

    def rest(self, so_far: Any) -> int:
        """Return the fewest characters to the record's end."""


def _rest(piece: Piece | None) -> int:
    return piece.rest(piece.start) if piece else 0


class Choice:
    """One of some texts, none of which begins with another. So far: what was written."""

    start = ""

    def __init__(self, texts: Iterable[str], then: Then, alike: bool = True) -> None:
        """Know the texts; where they are `alike`, what comes after the first tells how long that is for all."""
        self._texts, self.then, self._alike = dict.fromkeys(texts), then, alike
        self._rests: dict[str, int] = {}

    def moves(self, so_far: str) -> dict[str, str]:
        """Return the next characters of the texts that begin so."""
        size = len(so_far)
        return {text[size]: text[: size + 1] for text in self._texts if text.startswith(so_far)}

    def ended(self, so_far: str) -> str | None:
        """Return the text."""
        return so_far if so_far in self._texts else None

    def rest(self, so_far: str) -> int:
        """Return the length of what is left of the shortest text that begins so, and of what follows."""
        return min(len(text) + self._after(text) for text in self._texts if text.startswith(so_far)) - len(so_far)

    def _after(self, text: str) -> int:
        key = next(iter(self._texts)) if self._alike else text
        if key not in self._rests:
            self._rests[key] = _rest(self.then(key))
        return self._rests[key]


class Signs:
    """A row of characters, each out of a set. So far: those written, or as many others where they are not `kept`."""

    start = ""

    def __init__(self, sets: Iterable[str], then: Then, kept: bool = False) -> None:
        """Know the sets."""
        self._sets, self.then, self._kept = list(sets), then, kept
        self._after: int | None = None

    def moves(self, so_far: str) -> dict[str, str]:
        """Return the characters of the next set."""
        signs = self._sets[len(so_far)]
        return {sign: so_far + sign for sign in signs} if self._kept else {signs: so_far + signs[0]}

    def ended(self, so_far: str) -> str | None:
        """Return the characters."""
        return so_far if len(so_far) == len(self._sets) else None

    def rest(self, so_far: str) -> int:
        """Return how many characters are left, and the length of what follows."""
        if self._after is None:
            self._after = _rest(self.then("".join(signs[0] for signs in self._sets)))
        return len(self._sets) - len(so_far) + self._after


class Words:
    """A name: words with single spaces between them, then one of some ends.

    So far: the number of characters, and what was written of an end; a space may be of an end or not.
    """

    start = (0, "")

    def __init__(
        self, first: str, others: str, most: int, ends: Iterable[str], then: Then, blank: bool = False
    ) -> None:
        """Know the sets of the first character and of the others (a space there lets words follow words)."""
        self._first, self._others, self._spaced = first, others.replace(" ", ""), " " in others
        self._most, self._ends, self.then, self._blank = most, list(ends), then, blank
        self._rests: dict[str, int] = {}

    def moves(self, so_far: tuple[int, str]) -> dict[str, tuple[int, str]]:
        """Return the characters of a word, the space, and the next of each end."""
        count, end = so_far
        found = {text[len(end)]: (count, text[: len(end) + 1]) for text in self._possible(so_far)}
        if self._may_go_on(so_far):
            found[self._others if count else self._first] = (count + 1, "")
        if self._spaced and 0 < count < self._most - 1 and not end:
            found[" "] = (count + 1, " ")
        return found

    def ended(self, so_far: tuple[int, str]) -> str | None:
        """Return the end."""
        return so_far[1] if so_far[1] in self._ends else None

    def rest(self, so_far: tuple[int, str]) -> int:
        """Return the length of what is left of the shortest end, and of what follows."""
        ways = [self._after(text) - len(so_far[1]) for text in self._possible(so_far)]
        ways += [1 + self._after(text) for text in self._ends] if self._may_go_on(so_far) else []
        return min(ways)

    def _may_go_on(self, so_far: tuple[int, str]) -> bool:
        count, end = so_far
        return count < self._most and (end == "" or (end == " " and self._spaced and count > 0))

    def _possible(self, so_far: tuple[int, str]) -> list[str]:
        count, end = so_far
        return [text for text in self._ends if text.startswith(end)] if count or self._blank else []

    def _after(self, text: str) -> int:
        if text not in self._rests:
            self._rests[text] = len(text) + _rest(self.then(text))
        return self._rests[text]


Place = tuple[int, int, str, bool]


class Prose:
    """Words wrapped into lines, perhaps in paragraphs, then an end.

    So far: the lines begun (as many as matter), the column, what was written of what leads to another word, another
    line or the end, and whether the text may end after its last letter. Where a word or a sentence of an abstract is to
    begin, the end is said to be further than it is: it begins only where there is room.
    """

    start: Place = (1, 0, " ", False)

    def __init__(
        self, letters: str, closing: str, lines: tuple[int, int], joints: list[str], end: str, then: Then
    ) -> None:
        """Know all letters, those it may end after, the fewest and the most lines (0: any number), and the joints.

        The first joint leads to the next line, the other to the next paragraph. Prose without paragraphs is a title.
        """
        self._open = "".join(letter for letter in letters if letter not in closing)
        self._closing, self._joints, self._end, self.then = closing, joints, end, then
        self._width, self._rooms = (TITLE, (0, 0)) if len(joints) == 1 else (WIDTH, (WORD, SENTENCE))
        self._least, self._most = lines
        self._after: int | None = None

    def moves(self, so_far: Place) -> dict[str, Place]:
        """Return the letters, the space, and what leads to the next line or to the end."""
        line, column, joint, _ = so_far
        found = {text[len(joint)]: self._joined(so_far, text[: len(joint) + 1]) for text in self._possible(so_far)}
        if self._may_go_on(so_far):
            found |= {self._open: (line, column + 1, "", False), self._closing: (line, column + 1, "", True)}
        if 0 < column < self._width - 1 and not joint:
            found[" "] = (line, column + 1, " ", so_far[3])
        found.pop("", None)
        return found

    def ended(self, so_far: Place) -> str | None:
        """Return the end."""
        return self._end if so_far[2] == self._end else None

    def rest(self, so_far: Place) -> int:
        """Return the length of the shortest way to the end, and of what follows."""
        line, column, joint, closed = so_far
        ways = [self._way(line, text, closed) - len(joint) for text in self._possible(so_far)]
        if self._may_go_on(so_far):
            room = self._rooms[closed] if joint else 0
            ways += [room + 1 + self._way(line, text, False) for text in self._possible((line, column + 1, "", True))]
        return min(ways)

    def _may_go_on(self, so_far: Place) -> bool:
        return so_far[1] < LONGEST and so_far[2] in ("", " ")

    def _joined(self, so_far: Place, joint: str) -> Place:
        """Return what is known after so much of a joint or of the end: a new line where a joint is whole."""
        line, column, _, closed = so_far
        if joint in self._joints:
            return min(line + 1, max(self._least, self._most)), 0, " ", closed
        return line, min(column, SHORTEST), joint, closed

    def _possible(self, so_far: Place) -> list[str]:
        """Return the joints, and the end, that may come or have begun."""
        line, column, joint, closed = so_far
        texts = self._joints if column >= SHORTEST and line != self._most else self._joints[1:]
        texts = [*texts, self._end] if closed and line >= self._least else texts
        return [text for text in texts if text.startswith(joint)]

    def _way(self, line: int, text: str, closed: bool) -> int:
        """Return the length of a joint or the end, and of the shortest that can follow it."""
        if self._after is None:
            self._after = len(self._end) + _rest(self.then(self._end))
        if text == self._end:
            return self._after
        paragraphs = max(self._least - line - 1, 0)  # of a letter each
        further = paragraphs * (self._rooms[False] + 1 + len(self._joints[-1]))
        return len(text) + self._rooms[closed] + further + 1 + self._after


class Record:
    """The states of a record: a piece, and what was written of it so far. At the record's end there is no piece."""

    def __init__(self, alphabet: str, lenient: bool = False) -> None:
        """Know the characters of prose; with `lenient`, units and investigators may be nameless, as some are."""
        self._letters = "".join(letter for letter in alphabet if letter not in " \n")
        self._lenient = lenient
        self._made: dict[tuple[object, ...], Piece] = {}
        title = self._once(self._title)
        self.start: Any = (Choice(["Title       : "], lambda _: title), "")

    def moves(self, state: Any) -> dict[str, Any]:
        """Return which characters may come next, and the state that each set of them leads to."""
        piece, so_far = state
        found = piece.moves(so_far) if piece else {}
        return {characters: self._state(piece, after) for characters, after in found.items()}

    def distance(self, state: Any) -> int:
        """Return the fewest characters to the record's end."""
        piece, so_far = state
        return int(piece.rest(so_far)) if piece else 0

    def _state(self, piece: Piece, so_far: Any) -> tuple[Piece | None, Any]:
        """Return the state: the beginning of the next piece where this one is at its end."""
        written = piece.ended(so_far)
        if written is None:
            return piece, so_far
        after = piece.then(written)
        return (after, after.start) if after else (None, None)

    def _once(self, make: Callable[..., Piece], *known: object) -> Piece:
        """Return what `make` makes of what is known; the same piece every time, for states compare by identity."""
        key = (make.__name__, *known)
        if key not in self._made:
            if len(self._made) >= PIECES:
                self._made.clear()
            self._made[key] = make(*known)
        return self._made[key]

    def _title(self) -> Piece:
        end = "\nType        : Award\nNSF Org     :"
        return Prose(self._letters, self._letters, (1, 3), [f"\n {MARGIN}"], end, lambda _: self._once(self._unit))

    def _unit(self) -> Piece:
        """Return the code of the unit that gave the award."""
        codes = [f" {unit}" for unit in sorted(_units())] + ([""] if self._lenient else [])
        texts = [f"{code}\nLatest\nAmendment\nDate        : " for code in codes]
        return Choice(texts, lambda text: self._once(self._amended, text.split("\n")[0].strip()), alike=False)

    def _amended(self, unit: str) -> Piece:
        return Choice(DAYS, lambda day: self._once(self._amended_in, unit, day))

    def _amended_in(self, unit: str, day: str) -> Piece:
        years = [str(year) for year in AMENDED if _exists(day, year)]
        return Choice(years, lambda _: self._once(self._file, unit))

    def _file(self, unit: str) -> Piece:
        """Return the file's number; the first two digits are the year's in which it was opened."""
        number = self._once(self._number, unit)
        return Choice(["\nFile        : a08"], lambda _: number)

    def _number(self, unit: str) -> Piece:
        return Signs([DIGITS] * 5, lambda number: self._once(self._award, unit, number), kept=True)

    def _award(self, unit: str, number: str) -> Piece:
        """Return the award's number, which is the file's."""
        return Choice([f"\n\nAward Number: 08{number}"], lambda _: self._once(self._instrument, unit))

    def _instrument(self, unit: str) -> Piece:
        texts = [f"\nAward Instr.: {name}\nPrgm Manager: " for name in _listed(INSTRUMENTS)]
        return Choice(texts, lambda _: self._once(self._manager, unit))

    def _manager(self, unit: str) -> Piece:
        return Words(LETTERS, LETTERS + " ,.'-", 32, [f"\n{MARGIN}"], lambda _: self._once(self._division, unit))

    def _division(self, unit: str) -> Piece:
        """Return the unit's name and its directorate's."""
        named = _units()[unit] if unit else _nameless()
        return Choice([f"{names}\nStart Date  : " for names in named], lambda _: self._once(self._begun))

    def _begun(self) -> Piece:
        return Choice(DAYS, lambda day: self._once(self._begun_in, day))

    def _begun_in(self, day: str) -> Piece:
        texts = [f"{year}\nExpires     : " for year in BEGUN if _exists(day, year)]
        return Choice(texts, lambda text: self._once(self._expired, day, int(text[:4])))

    def _expired(self, begun: str, year: int) -> Piece:
        return Choice(DAYS, lambda day: self._once(self._expired_in, year + (DAYS.index(day) < DAYS.index(begun)), day))

    def _expired_in(self, first: int, day: str) -> Piece:
        """Return a year from the first on, in which the award does not expire before it starts."""
        years = [str(year) for year in range(first, LAST + 1) if _exists(day, year)]
        return Choice(years, lambda _: self._once(self._sum))

    def _sum(self) -> Piece:
        amount = self._once(self._amount)
        return Choice(["   (Estimated)\nExpected\nTotal Amt.  : $"], lambda _: amount)

    def _amount(self) -> Piece:
        end = "             (Estimated)\nInvestigator: "
        return Words(DIGITS[1:], DIGITS, 8, [end], lambda _: self._once(self._investigator, 1))

    def _investigator(self, number: int) -> Piece:
        """Return a name and a role; the first is that of a principal investigator, of whom only one is current."""
        principal, former, *others = ROLES
        roles = [principal, former] if number == 1 else [former, *others]
        then = self._once(self._after_investigator, number)
        return Words(LETTERS, LETTERS + " ,.'-", 45, roles, lambda _: then, self._lenient)

    def _after_investigator(self, number: int) -> Piece:
        """Return the margin before another investigator, of five at most, or the next field."""
        then = {"Sponsor     : ": lambda: self._once(self._sponsor)}
        then |= {MARGIN: lambda: self._once(self._investigator, number + 1)} if number < 5 else {}
        return Choice(then, lambda text: then[text](), alike=False)

    def _sponsor(self) -> Piece:
        return Words(
            LETTERS + DIGITS, LETTERS + DIGITS + " .,:&()'/-", 63, [f"\n{MARGIN}"], lambda _: self._once(self._town)
        )

    def _town(self) -> Piece:
        ends = [f", {state}\n\nNSF Program : " for state in STATES.split()]
        return Words(LETTERS, LETTERS + " .'-", 30, ends, lambda _: self._once(self._program, 1))

    def _program(self, number: int) -> Piece:
        """Return a program's code."""
        sets = [DIGITS + CAPITALS, DIGITS, DIGITS, DIGITS + CAPITALS]
        return Signs(sets, lambda _: self._once(self._gap, number))

    def _gap(self, number: int) -> Piece:
        """Return what stands between a program's code and its name, or after a nameless one."""
        name = "      "
        ends = self._after_program(number)
        then = {name: lambda: self._once(self._program_name, number)} | (ends if self._lenient else {})
        return Choice(then, lambda text: then[text](), alike=False)

    def _program_name(self, number: int) -> Piece:
        ends = self._after_program(number)
        return Words(CAPITALS + DIGITS, LETTERS + DIGITS + " .,:&()'/-", 40, ends, lambda end: ends[end]())

    def _after_program(self, number: int) -> dict[str, Callable[[], Piece]]:
        """Return what ends a program, and what comes then: another one, of three at most, or another field."""
        ends: dict[str, Callable[[], Piece]] = {
            "\nFld Applictn: ": lambda: self._once(self._field, 1),
            "\nProgram Ref : ": lambda: self._once(self._reference, 1),
        }
        return ends | ({f"\n{MARGIN}": lambda: self._once(self._program, number + 1)} if number < 3 else {})

    def _field(self, number: int) -> Piece:
        """Return a field of application; there are two at most."""
        ends: dict[str, Callable[[], Piece]] = {"\nProgram Ref : ": lambda: self._once(self._reference, 1)}
        ends |= {f"\n{MARGIN}": lambda: self._once(self._field, 2)} if number == 1 else {}
        then = {f"{field}{end}": make for field in FIELDS.strip().split("\n") for end, make in ends.items()}
        return Choice(then, lambda text: then[text](), alike=False)

    def _reference(self, number: int, signs: int = 4) -> Piece:
        """Return what is left of a code, and a comma."""
        sets = [*[DIGITS + CAPITALS] * signs, ","]
        return Signs(sets, lambda _: self._once(self._after_reference, number))

    def _after_reference(self, number: int) -> Piece:
        """Return the abstract's label, or the first sign of another code; there are six at most."""
        label = f"\nAbstract    :\n\n{MARGIN}"
        signs = DIGITS + CAPITALS if number < 6 else ""

        def then(text: str) -> Piece:
            return self._once(self._abstract) if text == label else self._once(self._reference, number + 1, 3)

        return Choice([label, *signs], then, alike=False)

    def _abstract(self) -> Piece:
        joints = [f"\n{MARGIN}", f"\n\n{MARGIN}"]
        closing = self._letters if self._lenient else ".?!*)/\"'"
        return Prose(self._letters, closing, (LINES, 0), joints, "\n\n\n", lambda _: None)


def _listed(names: str) -> list[str]:
    return " ".join(names.split()).split(", ")


def _exists(day: str, year: int) -> bool:
    return day != "February 29,  " or year % 4 == 0


@cache
def _units() -> dict[str, list[str]]:
    """Return the lines of each unit and its directorate, by the unit's code."""
    found: dict[str, list[str]] = {}
    above = ""
    for line in UNITS.strip().split("\n"):
        if line.startswith(" "):
            found.setdefault(line[2:7].strip(), []).append(f"{line[2:]}\n{MARGIN}{above}")
        else:
            above = line
    return found


def _nameless() -> list[str]:
    """Return the lines of all units, without codes."""
    lines = [line for lines in _units().values() for line in lines]
    pairs = (line.split(f"\n{MARGIN}") for line in lines)
    return [f"     {unit[5:]}\n{MARGIN}     {above[5:]}" for unit, above in pairs]


def grammar(alphabet: str) -> Record:
    """Return what a record is, in the layout of those of 2008, every field filled in."""
    return Record(alphabet)


# What a record is to a reader of the corpus, in the layout of 1990 too.
RECORD = re.compile(
    r"""Title       : \S.*(?:\n {15}\S.*)*
Type        : Award
NSF Org     :(?: [A-Z]+)?
Latest
Amendment
Date        : (?P<amended>.+)
File        : a(?P<file>\d{7})

Award Number: (?P<award>\d{7})
Award Instr.: (?:Standard|Continuing|Cooperative|Fellowship|Interagency|Contract)\b.*
Prgm Manager:.*
 {14}.{4} \S.*
 {14}.{4} \S.*
Start Date  : (?P<begun>.+)
Expires     : (?P<expired>.+?) +\(Estimated\)
Expected
Total Amt.  : \$\d{1,8} +\(Estimated\)
(?:Investigator: .*\(Principal Investigator (?:current|former)\)
(?: {14}.*\((?:Co-)?(?:Principal Investigator|Project Director) (?:current|former)\)
)*)?(?:Sponsor     :.*
(?:\n? {14}.*
)*)?\n+(?:NSF Program : [0-9A-Z]{4}.*
(?: {14}[0-9A-Z]{4}.*
)*)?(?:Fld Applictn: \d{7} .*
(?: {14}\d{2}.*
)*)?(?:Program Ref :(?: [0-9A-Z,]*,)?
)?Abstract    :
(?P<abstract>(?:\n| {14}.{1,79}\n)*(?: {14}.{1,79}))\n?"""
)


def check(text: str) -> str:
    """Say what keeps `text` from being a record whose fields are in order and agree; "" where nothing does."""
    record = RECORD.fullmatch(text)
    if not record:
        return "a field is missing, or not of its kind"
    if record["file"] != record["award"]:
        return "the file and the award have different numbers"
    try:
        days = {field: _day(record[field]) for field in ("amended", "begun", "expired")}
    except ValueError:
        return "there is no such day"
    return "it expires before it starts" if days["expired"] < days["begun"] else ""


def _day(text: str) -> datetime:
    return datetime.strptime(text, "%B %d,  %Y")


def prompt(message: str) -> str:
    """Let the message stand as the abstract of the record before."""
    words = " ".join(message.removeprefix("Title       :").split())
    lines = textwrap.wrap(words, WIDTH, break_on_hyphens=False)
    return "Abstract    :\n\n" + "\n".join(MARGIN + line for line in lines) + "\n\n\n"
