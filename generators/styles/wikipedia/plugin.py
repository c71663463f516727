"""Wikipedia's hooks: sections of articles whose markup closes, each element within its line."""

import html
import re
import unicodedata
from collections.abc import Callable, Iterator

LENGTH = 1500  # the most characters of a section; a longer one is cut between lines, and goes on under its heading
LEAST = 200  # the fewest: shorter ones are {{Reflist}} and the like
REFERENCE = 250  # the most characters of a reference

DEPTH = 3  # templates and tags around the innermost

# Every element closes within its line. An apostrophe beside italics or bold would be read as part of them, so none
# stands there, and neither do two of those side by side.
SECTION = r"""
root      ::= (beginning | heading "\n" line) ("\n" "\n"? line)* "\n\n\n"
beginning ::= (hat "\n" "\n"?)* (opening inner-page-0{0,40})? bold-page-0 after-page-0
hat       ::= template-0 | file-0
heading   ::= "== " title " ==" | "=== " title " ===" | "==== " title " ===="
title     ::= "'"? letter ([ ']? letter){0,70} "'"?
letter    ::= [^ \n=\[\]{}<>|']
line      ::= ([*#:]{1,9} " "?)? (opening text-page-0 | "'" inner-page-0 text-page-0 | style-page-0 after-page-0)
opening   ::= [^ \n=\[\]{}<>|'*#:;!_-] | element-page-0
target    ::= name ("#" name)? | "#" name
name      ::= [^ \n\[\]{}<>|'#=/] (['/]? [^\n\[\]{}<>|'#=/]){0,120} "'"?
address   ::= "http" "s"? "://" [a-zA-Z0-9.-]{4,40} ("/" [^ \n\[\]{}<>|'"=]{0,60})?
title-of-template ::= [A-Za-z] ("'"? [^\n\[\]{}<>|'#=]){0,40}
parameter ::= [a-zA-Z0-9_-] [a-zA-Z0-9_ -]{0,20}
"""

# Text in a place P, within D elements: what may stand in italics or bold there is P-styled, without more of those.
PLACE = r"""
text-P-D  ::= (inner-P-D text-P-D | ("'" | style-P-D) after-P-D)?
after-P-D ::= (inner-P-D text-P-D)?
some-P-D  ::= inner-P-D text-P-D | "'" inner-P-D text-P-D | style-P-D after-P-D
style-P-D ::= "''" some-P-styled-D "''" | bold-P-D | "'''''" some-P-styled-D "'''''"
bold-P-D  ::= "'''" some-P-styled-D "'''"
inner-P-D ::= [^\n\[\]{}<>|'NOT] | element-P-D
element-P-D ::= "<br />" ELEMENTS
some-P-styled-D  ::= inner-P-styled-D ("'"? inner-P-styled-D)*
inner-P-styled-D ::= [^\n\[\]{}<>|'NOT] | "<br />" STYLED
"""
# Elements with text within D others, in the kind for italics or bold (K is "-styled") and in the other.
ELEMENTS = r"""
linkK-D   ::= "[[" target ("|" some-labelK-D)? "]]"
externalK-D ::= "[" address (" " some-labelK-D)? "]"
fileK-D   ::= "[[File:" name ("|" some-captionK-D)+ "]]"
referenceK-D ::= "<ref>" some-note-D "</ref>"
quotationK-D ::= "<blockquote>" some-caption-D "</blockquote>"
"""
DEEPER = r"""
templateK-D ::= "{{" title-of-template ("|" (parameter "=" some-noteK-E | some-argumentK-E))* "}}"
template-in-labelK-D ::= "{{" title-of-template ("|" (parameter "=" some-labelK-E | some-label-argumentK-E))* "}}"
"""
TAG = "tag-PK-D ::= " + " | ".join(f'"<{tag}>" some-PK-E "</{tag}>"' for tag in ("sub", "sup", "small")) + "\n"

# What stands where: the characters that mean something else there, the elements, and those that cannot be in italics.
PLACES = {
    "page": ("", "link external reference template tag-page", "file quotation"),
    "caption": ("", "link reference template tag-caption", ""),
    "note": ("", "link external template tag-note", ""),
    "argument": ("=", "link template tag-argument", ""),
    "label": ("", "template-in-label tag-label", ""),
    "label-argument": ("=", "template-in-label tag-label-argument", ""),
}

PAIRED = ("ref", "sub", "sup", "small", "blockquote", "code")
HEADING = re.compile(r"(={2,4}) [^ \n=\[\]{}<>|](?:[^\n=\[\]{}<>|']|(?<!')'(?!'))* \1")
MARK = re.compile(
    r"(?P<quotes>'{2,})|(?P<open>\{\{|\[\[(?:File:)?|\[(?=https?://[^\s\[\]]))|(?P<close>\}\}|\]\]|\])|(?P<bar>\|)"
    rf"|<(?P<end>/?)(?P<tag>{'|'.join(PAIRED)})(?P<empty> />)?(?(empty)|>)"
    r"|(?P<stray><(?!br />)|[\[{}])"
)
CLOSING = {"{{": "}}", "[[": "]]", "[[File:": "]]", "[": "]"}
TEMPLATE = re.compile(r"\{\{[A-Za-z](?:[^\n{}\[\]<>|=#']|'(?!'))*(?:\||\}\})")
LINK = re.compile(r"\[\[(?:[^\n{}\[\]<>|']|'(?!'))+(?:\|(?!\]\])|\]\])")


def grammar(alphabet: str) -> str:
    """Write down what a section is."""
    del alphabet
    return SECTION + "".join(_within(depth) for depth in range(DEPTH + 1))


def _within(depth: int) -> str:
    """Return the rules of text within `depth` elements; the innermost has neither templates nor tags."""
    innermost = depth == DEPTH
    rules = ELEMENTS if innermost else ELEMENTS + DEEPER + "".join(TAG.replace("P", place) for place in PLACES)
    places = (_place(place, *what, innermost) for place, what in PLACES.items())
    rules = "".join(places) + rules.replace("K", "") + rules.replace("K", "-styled")
    return rules.replace("-D", f"-{depth}").replace("-E", f"-{depth + 1}")


def _place(place: str, characters: str, elements: str, upright: str, innermost: bool) -> str:
    """Return the rules of text in a place."""
    names = [name for name in elements.split() if not (innermost and name.startswith("t"))]
    plain = "".join(f" | {name}-D" for name in [*names, *upright.split()])
    styled = "".join(f" | {name}-styled-D" for name in names)
    rules = PLACE.replace("ELEMENTS", plain).replace("STYLED", styled)
    return rules.replace("-P", f"-{place}").replace("NOT", characters)


def prompt(message: str) -> str:
    """Let the message stand as a section of its own before the one that answers it; many go on under their heading."""
    words = " ".join(re.sub(r"[=\[\]{}<>|]|''+", "", message).split())
    return f"\n\n\n== {words} ==\n{words}\n\n\n"


def check(text: str) -> str:
    """Say what keeps `text` from being a section of balanced markup; "" where nothing does."""
    lines = text.split("\n")
    if lines[0].startswith("="):
        if not HEADING.fullmatch(lines.pop(0)):
            return "the heading does not close"
    elif "'''" not in text:
        return "it says neither in a heading nor in bold what it is about"
    if not lines or not lines[0] or not lines[-1] or "\n\n\n" in text:
        return "a line is missing"
    return next(filter(None, map(_fault, filter(None, lines))), "")


def _fault(line: str) -> str:
    """Say what is wrong with the markup of a line."""
    if re.match(r"[ |!=;]|----|[*#:]*\s*$", line):
        return f"a line begins with {line[0]!r}"
    opened: list[str] = []
    for mark in MARK.finditer(line):
        fault = _take(mark, line, opened)
        if fault:
            return fault
    return f"{opened[-1]} does not close" if opened else ""


def _take(mark: re.Match[str], line: str, opened: list[str]) -> str:
    """Open or close what a mark opens or closes; say what is wrong with it."""
    top = opened[-1] if opened else ""
    if mark["quotes"]:
        return _take_quotes(mark[0], opened)
    if mark["open"]:
        if not _may_open(mark, line, opened):
            return f"{mark[0]} may not open here"
        opened.append(mark[0])
    elif mark["close"] or mark["end"]:
        if mark[0] != (CLOSING.get(top) or f"</{top}>"):
            return f"{mark[0]} closes nothing"
        opened.pop()
    elif mark["tag"]:
        if not mark["empty"]:
            opened.append(mark["tag"])
        elif mark["tag"] != "ref":
            return f"{mark[0]} is empty"
    elif mark["stray"] or top not in ("{{", "[[", "[[File:"):
        return f"{mark[0]} stands alone"
    return ""


def _take_quotes(quotes: str, opened: list[str]) -> str:
    if opened and opened[-1] == quotes:
        opened.pop()
        return ""
    if len(quotes) not in (2, 3, 5) or (opened and opened[-1].startswith("'")):
        return f"{quotes} is ambiguous"
    opened.append(quotes)
    return ""


def _may_open(mark: re.Match[str], line: str, opened: list[str]) -> bool:
    if mark[0] == "{{":
        return bool(TEMPLATE.match(line, mark.start()))
    around = [one for one in opened if one.startswith("[")]
    return around in ([], ["[[File:"]) and (mark[0] == "[" or bool(LINK.match(line, mark.start())))


# From here on: how the articles of the dump become such sections.

KEPT = "–—°£×áâãäåæçèéêëíîñóôöøúü"  # beyond ASCII; other characters become their nearest, or nothing
FOLDED = str.maketrans(
    {"’": "'", "‘": "'", "“": '"', "”": '"', "„": '"', "′": "'", "″": '"', "…": "...", "−": "-", "‑": "-", "‐": "-"}
    | {"ß": "ss", "ı": "i", "ł": "l", "Ł": "L", "œ": "oe", "Æ": "Ae", "Ø": "O", "đ": "d", "ð": "d", "þ": "th"}
    | {"ʿ": "'", "ʾ": "'", "ʻ": "'", "•": "*", "·": "-", "⁄": "/", "―": "—", "→": "->", "\t": " ", "½": "1/2"}
)
# Templates of which a reader sees nothing, or scripts that were folded away, or what is no sentence.
SILENT = re.compile(
    r"(ipa|respell|audio|pron|lang|transl|script|nastaliq|hebrew|arabic|zh|nihongo|flag|pp-|pp$|use |infobox|taxobox"
    r"|wayback|dead ?link|webarchive|nav|clade|bartable|chart|bar |col|div|end|clear|-$|refbegin|refend|sister|subject"
    r"|authority|portal|good article|featured|wik|dmoz|coord|multiple image|anchor|vanchor|hlist|plainlist|spoken"
    r"|library|hidden|.*sidebar|.*stub|reflist|notelist|cleanup|refimprove|expand|unreferenced|more footnotes|efn|refn"
    r"|listen|image|gallery|location map|annotated|automatic|speciesbox|chembox|drugbox|legend|won|nom|yes|no$|!|pipe"
    r"|toc|sfn|rp$|tooltip|abbr|small|smaller|font|resize|nobold|fix|failed|verify|specify|page needed|who|when|which"
    r"|lsj|nts|dts|sort|tree|family|ahnentafel|s-|succession|start|tfd|article|redirect category|commons|official)",
    re.IGNORECASE,
)
CITED = """
last first author editor title journal work newspaper magazine encyclopedia volume issue publisher location year date
page pages url
"""
_IN_URL = r"[^\s|\[\]{}<>\"']"
URL = re.compile(  # of which the host stays, and the path where it is short
    rf"((?:https?:)?//(?:(?!/){_IN_URL})+)((?:/(?:(?![/?#&]){_IN_URL}){{0,30}}(?=[/\s|\]}}<]|$))?){_IN_URL}*"
)
_OPEN, _SHUT = "\x01", "\x02"  # stand for the braces of a template that is mended


def clean(text: str) -> str:
    """Cut the articles into sections of balanced markup, each followed by two blank lines."""
    articles = re.split(r"(?:^|\n\n)= [^\n=]+ =\n", text)
    return "".join(f"{section}\n\n\n" for article in articles for section in _sections(_mended(article)))


def _sections(article: str) -> Iterator[str]:
    """Yield the sections of an article, its beginning first, none too long and none too short."""
    first, *rest = re.split(r"^==+[^\n]+==+ *$", article, flags=re.MULTILINE)
    headings = [_heading(line) for line in re.findall(r"^==+[^\n]+==+ *$", article, flags=re.MULTILINE)]
    begun = False
    for heading, body in zip(["== Overview ==", *headings], [first, *rest], strict=True):
        for piece in _pieces(body, LENGTH - len(heading) - 1):
            begins = not begun and body is first and "'''" in piece
            section, begun = piece if begins else f"{heading}\n{piece}", begun or begins
            if len(piece) >= LEAST and not check(section):
                yield section


def _heading(line: str) -> str:
    """Return a heading with its marks as all write them."""
    depth = min(len(line) - len(line.lstrip("=")), 4)
    words = re.sub(r"\x01[^\x01\x02]*\x02|<[^<>]*>|''+|[][={}<>|]", "", line)
    return f"{'=' * depth} {' '.join(words.split())} {'=' * depth}"


def _pieces(body: str, length: int) -> Iterator[str]:
    """Yield the sound lines of a section in pieces of at most `length` characters."""
    piece = ""
    for gap, line in _lines(body, length):
        if piece and len(piece) + len(gap) + len(line) > length:
            yield piece
            piece = ""
        piece += (gap if piece else "") + line
    yield piece


def _lines(body: str, length: int) -> Iterator[tuple[str, str]]:
    """Yield the sound lines, each after a line feed or a blank line, long ones broken between sentences."""
    for gap, line in re.findall(r"(\n*)([^\n]+)", body):
        before = gap[:2] or "\n"
        line = re.sub(r"^;\s*([^:\n]+)$", r"'''\1'''", " ".join(line.split()))
        while len(line) > length and not _fault(line):
            ends = [end.end() for end in re.finditer(r"[.>](?= [A-Z])", line) if end.end() <= length]
            cut = next((end for end in reversed(ends) if not _fault(line[:end])), 0)
            if not cut:
                break
            yield before, line[:cut]
            before, line = "\n\n", line[cut + 1 :]
        if len(line) <= length and not _fault(line):
            yield before, line


def _mended(article: str) -> str:
    """Return an article in the characters and with the markup that are kept."""
    text = re.sub(r"<!--.*?-->|<(gallery|div|center|timeline|source|poem|pre)\b.*?</\1>", "", article, flags=re.DOTALL)
    text = re.sub(r"<math\b.*?</math>", "<math>", text, flags=re.DOTALL)  # a line with a formula is left out
    text = re.sub(r"<blockquote>\s*(.*?)\s*</blockquote>", _quotation, text, flags=re.DOTALL)
    text = text.replace("[[Image:", "[[File:")
    text = re.sub(r"</?(?:span|div|center|big|nowiki|s|cite|li|ol|ul|tt|hr)\b[^<>]*>|__[A-Z]+__", "", text)
    text = _folded(html.unescape(re.sub(r"&[lg]t;|&amp;", " ", text)))
    text = URL.sub(lambda url: ("http:" if url[1].startswith("/") else "") + url[1] + url[2], text)
    text = re.sub(r"<br *[^<>]*>", "<br />", text)
    text = _until_same(_tables, text)
    text = re.sub(r"<ref(?:[^<>\"/]|\"[^\"<>]*\")*>(.*?)</ref *>|<ref[^<>]*/>", _reference, text, flags=re.DOTALL)
    text = re.sub(r"(</ref>)(<ref>.*?</ref>)+", r"\1", text)
    text = re.sub(r"^\[\[[a-z-]{2,12}:[^\]]*\]\]$", "", text, flags=re.MULTILINE)
    text = re.sub(r"(?<!\[)\[(?!\[|https?://[^\s\[\]])([^\[\]\n]*)\](?!\])", r"(\1)", text)
    text = re.sub(r"(?<!')''(?!')([^'\n]+)'''s\b", r"''\1's''", text)
    return _tidy(text.replace(_OPEN, "{{").replace(_SHUT, "}}"))


def _folded(text: str) -> str:
    """Return the text in ASCII and the characters that are kept; foreign scripts vanish."""
    text = text.translate(FOLDED)
    return "".join(c if c < "\x7f" or c in KEPT else _nearest(c) for c in text)


def _nearest(character: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", character) if c < "\x7f" and c not in "[]{}<>|='")


def _until_same(change: Callable[[str], str], text: str) -> str:
    changed = change(text)
    while changed != text:
        text, changed = changed, change(changed)
    return text


def _templates(text: str) -> str:
    """Mend or drop the innermost templates."""
    return re.sub(r"\{\{([^{}]*)\}\}", _template, text)


def _tables(text: str) -> str:
    """Mend the templates, and drop the innermost tables."""
    return re.sub(r"\{\|(?:(?!\{\||\|\}).)*\|\}", "", _until_same(_templates, text), flags=re.DOTALL)


def _template(match: re.Match[str]) -> str:
    """Write a template on one line, a citation with the fields a reader looks for; drop one that is silent or long."""
    name, *fields = (" ".join(part.split()) for part in _split(match[1]))
    if re.match("cit(e|ation)\\b", name, re.IGNORECASE):
        fields = [f"{key}={value}" for key, value in _cited(fields)]
    whole = _OPEN + "|".join([name, *filter(None, fields)]) + _SHUT
    return "" if SILENT.match(name) or len(whole) > REFERENCE or "''" in name else whole


def _split(inside: str) -> list[str]:
    """Split at the bars that are not within links or templates."""
    return re.split(r"\|(?![^\[]*\]\])(?![^\x01]*\x02)", inside)


def _cited(fields: list[str]) -> list[tuple[str, str]]:
    pairs = (field.partition("=") for field in fields)
    given = {re.sub("1$", "", key.strip()): value.strip() for key, _, value in pairs}
    return [(key, given[key]) for key in CITED.split() if given.get(key)]


def _reference(match: re.Match[str]) -> str:
    """Write a reference without its name; drop a long one, and one that only points at another."""
    body = " ".join((match[1] or "").split())
    return f"<ref>{body}</ref>" if 10 < len(body) <= REFERENCE and "<" not in body else ""


def _quotation(match: re.Match[str]) -> str:
    """Write a quotation on one line."""
    return f"<blockquote>{' '.join(match[1].split())}</blockquote>"


def _tidy(text: str) -> str:
    """Mend what is left where something was dropped."""
    text = re.sub(r"(?<!')(?:'{4}|'{6}|'{10})(?!')", "", text)
    text = re.sub(r"\[\[([^\[\]|\n]+)\|\]\]", r"[[\1]]", text)
    text = re.sub(r"\((?:[\s,;:'\"/-]|or|and)*\)", "", text)
    text = re.sub(r"\([\s,;:]+", "(", text)
    text = re.sub(r"[ ,;]+\)", ")", text)
    text = re.sub(r" +([,.;:)])", r"\1", text)
    text = re.sub(r",(?=[,;.])", "", text)
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]*\n", "\n", re.sub(r"  +", " ", text)))
