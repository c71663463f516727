"""Named text -> text functions, for `each` and `clean` in a corpus spec."""

import html
import json
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from xml.etree import ElementTree

from corpora.errors import UserError, unknown

Cleaner = Callable[[str], str]

_ASCII = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": "--", "\u2026": "..."}
    | {"\u2212": "-", "\u00b5": "u", "\u03bc": "u", "\u00ae": "", "\ufb01": "fi", "\ufb02": "fl"}
)


def unix_newlines(text: str) -> str:
    """Turn CRLF and lone CR line ends into LF and drop a byte-order mark."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def tabs_to_spaces(text: str) -> str:
    """Make every tab one space."""
    return text.replace("\t", " ")


def bible_book_json(text: str) -> str:
    """Read one book of a JSON Bible as lines `Book chapter:verse TAB text`, with its stray spacing repaired."""
    try:
        book = json.loads(text)
        verses = [(book["book"], c["chapter"], v["verse"], v["text"]) for c in book["chapters"] for v in c["verses"]]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"This is not a Bible book in JSON (book, chapters, verses, text): {error!r}") from error
    return "".join(f"{name} {chapter}:{verse}\t{_repair(words)}\n" for name, chapter, verse, words in verses)


def _repair(verse: str) -> str:
    verse = " ".join(verse.replace("\u2019", "'").split())
    return re.sub(r":(?=[a-z])", ": ", re.sub(r" (?=[?!.,;:])", "", verse))


SPEAKERS = {  # the folders of the Corpus of Presidential Speeches
    "fdroosevelt": "Franklin D. Roosevelt",
    "truman": "Harry S. Truman",
    "eisenhower": "Dwight D. Eisenhower",
    "kennedy": "John F. Kennedy",
    "lbjohnson": "Lyndon B. Johnson",
    "nixon": "Richard M. Nixon",
    "ford": "Gerald R. Ford",
    "carter": "Jimmy Carter",
    "reagan": "Ronald Reagan",
    "bush": "George H. W. Bush",
    "clinton": "Bill Clinton",
    "gwbush": "George W. Bush",
    "obama": "Barack Obama",
}
_SPEECH = re.compile(r'(?:[^\n]*/)?(\w+)/[^/\n]+\n\s*<title="([^\n]*)">\s*<date="([^\n]*)">(.*)', re.DOTALL)
# `i` takes with it three asides that begin with "I ", as it did when the text of the mirror was made.
_MARKUP = re.compile(r"</?(?:br|em|i|li|span|ul)\b[^<>]*>", re.IGNORECASE)
_REACTION = re.compile(r"(laugh-?ter|applause|laughter and applause)\.?", re.IGNORECASE)
_PRESIDENT = re.compile(r"((the )?president( \w+)?)[.:]", re.IGNORECASE)
# A sentence's end and the next one's beginning with nothing between: the source has lost a line feed there.
_LOST_BREAK = re.compile(r"""((?<=[a-z0-9][.?!])|(?<=[a-z0-9][.?!]")|(?<=\.\)))(?=[A-Z][a-z]+[ ,'])""")


def president_speech(text: str) -> str:
    """Read a speech of the Corpus of Presidential Speeches; its first line is its file's name, for the speaker's.

    Returns the title, a line `speaker, date` and the paragraphs, a blank line before each.
    """
    match = _SPEECH.fullmatch(text)
    if not match or match[1] not in SPEAKERS:
        raise UserError(f"This is no speech with its file's name, <title=> and <date=> at its head: {text[:60]!r}")
    body = _MARKUP.sub("", html.unescape(match[4]).translate(_ASCII))
    body = re.sub("[<>]", "", re.sub("<([^<>]*)>", _aside, body))  # what is left then are halves of nested tags
    body = re.sub("(?<=[0-9])\u00bd", " 1/2", body)
    paragraphs = _once(" ".join(line.split()) for line in _LOST_BREAK.sub("\n", body).split("\n"))
    head = f"{match[2].translate(_ASCII)}\n{SPEAKERS[match[1]]}, {match[3]}"
    return "\n\n".join([head, *paragraphs]) + "\n"


def _aside(match: re.Match[str]) -> str:
    """Write out what stands in angle brackets: a reaction, who speaks, what another says, an editor's word."""
    words = match[1].strip()
    if _REACTION.fullmatch(words):
        return f"({words.replace('-', '').rstrip('.').capitalize()}.)"
    if speaker := _PRESIDENT.fullmatch(words):
        return f"{speaker[1].upper()}:"
    if re.fullmatch("[A-Za-z ]+:", words):
        return words
    if words.upper().startswith("AUDIENCE"):
        return f"({words})"
    if len(match[1]) > 60 or ":" in words or words.startswith(("MR. ", "Q. ")):
        return f"\n{words}\n"
    return f"[{words}]"


def _once(paragraphs: Iterable[str]) -> Iterator[str]:
    """Leave out what is empty, and what is long and was there before: the source's fault, not the speaker's art."""
    seen = set[str]()
    for paragraph in paragraphs:
        if paragraph and not (len(paragraph) >= 120 and paragraph in seen):
            yield paragraph
        seen.add(paragraph)


_INDENT = " " * 14


def nsf_award(text: str) -> str:
    """Lay out an award of the US National Science Foundation like its abstracts of 1990 to 2003.

    `text` is such an abstract, or the award in the XML of the award search. E-mail addresses and telephone numbers
    are left out of the former; the latter's fields with them, and with street addresses, are not read.
    """
    if text.startswith("<?xml"):
        return _award_of_xml(text)
    text = re.sub(r"\S+@\S+", "", text.expandtabs())
    text = re.sub(r" +[\d ]{3}/[\d ]{3}-[\d ]{0,4}$", "", text, flags=re.MULTILINE)
    lines = "\n".join(line.rstrip() for line in text.split("\n")).strip("\n")
    return re.sub("\n{3,}", "\n\n", lines) + "\n"


def _award_of_xml(text: str) -> str:
    try:
        award = ElementTree.fromstring(text).find("Award")
    except ElementTree.ParseError as error:
        raise UserError(f"This is not XML: {error}.") from error
    if award is None:
        raise UserError("This is no award in XML: it has no <Award>.")
    lines = [*_award_head(award), *_award_people(award), "", *_award_codes(award), "Abstract    :"]
    for paragraph in re.split(r"<br\s*/?>|\n", _mended(award.findtext("AbstractNarration", ""))):
        wrapped = textwrap.wrap(" ".join(paragraph.split()), 65, break_on_hyphens=False)
        lines += ["", *(_INDENT + line for line in wrapped)] if wrapped else []
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _award_head(award: ElementTree.Element) -> list[str]:
    field = {part.tag: " ".join((part.text or "").split()) for part in award}
    title = f"\n{_INDENT} ".join(textwrap.wrap(" ".join(_mended(field["AwardTitle"]).split()), 66))
    units = [award.find(f"Organization/{unit}") for unit in ("Division", "Directorate")]
    names = [(unit.findtext("Abbreviation", ""), unit.findtext("LongName", "")) for unit in units if unit is not None]
    return [
        f"Title       : {title}\nType        : Award\nNSF Org     : {names[0][0]}",
        f"Latest\nAmendment\nDate        : {_day(field['MaxAmdLetterDate'])}\nFile        : a{field['AwardID']}",
        f"\nAward Number: {field['AwardID']}\nAward Instr.: {award.findtext('AwardInstrument/Value', '')}",
        f"Prgm Manager: {award.findtext('ProgramOfficer/SignBlockName', '').strip()}",
        *(f"{_INDENT}{short:<5}{long.upper()}" for short, long in names),
        f"Start Date  : {_day(field['AwardEffectiveDate'])}",
        f"Expires     : {_day(field['AwardExpirationDate'])}   (Estimated)\nExpected",
        f"Total Amt.  : ${field['AwardAmount']}             (Estimated)",
    ]


def _award_people(award: ElementTree.Element) -> list[str]:
    people = [
        (person.findtext("RoleCode", ""), person.findtext("PI_FULL_NAME", "")) for person in award.iter("Investigator")
    ]
    people.sort(key=lambda person: person[0] != "Principal Investigator")
    rows = [
        f"{name} ({role.removeprefix('Former ')} {'former' if role.startswith('Former') else 'current'})"
        for role, name in people[:5]
    ]
    sponsor = award.find("Institution")
    if sponsor is None:
        return _rows("Investigator: ", rows)
    place = f"{sponsor.findtext('CityName', '').title()}, {sponsor.findtext('StateCode', '')}"
    return _rows("Investigator: ", rows) + _rows("Sponsor     : ", [sponsor.findtext("Name", ""), place])


def _award_codes(award: ElementTree.Element) -> list[str]:
    programs = [f"{p.findtext('Code', ''):<10}{p.findtext('Text', '')}" for p in award.iter("ProgramElement")]
    fields = [f"{f.findtext('Code', ''):<10}{f.findtext('Name', '')}" for f in award.iter("FoaInformation")]
    references = "".join(f"{code.text or ''}," for code in award.findall("ProgramReference/Code")[:6])
    return [
        *_rows("NSF Program : ", programs[:3]),
        *_rows("Fld Applictn: ", fields[:2]),
        *_rows("Program Ref : ", [references] if references else []),
    ]


def _rows(label: str, rows: list[str]) -> list[str]:
    return [f"{_INDENT if number else label}{row}" for number, row in enumerate(rows)]


def _day(numbers: str) -> str:
    day = datetime.strptime(numbers, "%m/%d/%Y")
    return f"{day:%B} {day.day},  {day.year}"


def _mended(text: str) -> str:
    """Unpack text that was escaped twice, and put back what has become question marks, where that is certain."""
    text = html.unescape(html.unescape(text))
    text = re.sub(r"(?<=\w)\?(?=(s|t|re|ve|ll|d|m)\b)", "'", text)
    return text.replace(" ? ", " -- ").translate(_ASCII)


def graham_essay(text: str) -> str:
    """Keep the paragraphs of an essay: whole sentences, without dates, notices, headings and marks of notes."""
    text = html.unescape(re.sub("<!--.*?(-->|$)", "", text, flags=re.DOTALL)).translate(_ASCII)
    paragraphs = (" ".join(re.sub(r"\s?\[\d+\]", " ", part).split()) for part in re.split(r"\n\s*\n", text))
    return "".join(f"{p}\n\n" for p in paragraphs if p.endswith(_SENTENCE_ENDS) and not _NOTICE.match(p))


_SENTENCE_ENDS = (".", "?", "!", ":", '"', "'", ")")
_NOTICE = re.compile(
    r"Want to start a startup\?|Like to build things\?|Thanks:? to |Comment on this|Related:|\(This |\d+\. |DH\d"
)


def wiki_articles(text: str) -> str:
    """Take the articles out of a MediaWiki export: `= Title =`, then the wikitext; redirects are left out."""
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise UserError(f"This is not XML: {error}.") from error
    pages = [page for page in root.findall("{*}page") if page.find("{*}redirect") is None]
    return "\n\n".join(f"= {p.findtext('{*}title')} =\n{p.findtext('{*}revision/{*}text')}\n" for p in pages)


CLEANERS: dict[str, Cleaner] = {
    function.__name__: function
    for function in (
        *(unix_newlines, tabs_to_spaces),
        *(bible_book_json, president_speech, nsf_award, graham_essay, wiki_articles),
    )
}


def apply(names: Iterable[str], text: str) -> str:
    """Pass `text` through the cleaners of these names, in order; raise UserError for a name that is none."""
    for name in names:
        if name not in CLEANERS:
            raise unknown("cleaner", name, CLEANERS)
        text = CLEANERS[name](text)
    return text
