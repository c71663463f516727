"""The speeches' hooks: what a speaker's own paragraphs are."""

import re
from collections.abc import Iterator

HEAD = re.compile(r"[^\n]+\n[^\n]+, [A-Z][a-z]+ \d{1,2}, \d{4}\n+")  # a title; who spoke, and when
HEADING = re.compile(r"[^a-z]+|([A-Z][a-z]+ ?(of|the|and|in)? ?){1,6}")
OTHERS = re.compile(r"Q[. ]|(The (Attorney |)(General|Secretary)\b[\w ]*|Audience[\w ]*)[.:] ")
SPEAKER = re.compile(r"(THE PRESIDENT|The President|PRESIDENT [A-Z]+): ")
ENDS = re.compile(r"""([.?!]["')]*|:)$""")  # of a paragraph that stands for itself, unless the next one goes on
CONTINUES = "(-abcdefghijklmnopqrstuvwxyz"
UNBROKEN = 2000  # characters; a longer paragraph is a speech whose paragraphs the source has lost
LOST = re.compile(r"""(.{300,}?[a-z][.?!]["')]?) (?=[A-Z])""")
FOLDS = (
    (r"\((AUDIENCE|Audience)[^()]*\)|\([a-z]*\)|\[(sic|inaudible|indicating|\d+)\]|[][`*=°]", ""),
    (r"''", '"'),
    (r"ï", "i"),
    (r"é", "e"),
    (r"%", " percent"),
    (r"[ -]*(--| - )[ -]*", " -- "),
    (r"U\. S\.", "U.S."),
    (r"\b([ap])\. m\.", r"\1.m."),
    (r"(?<=[.?!])\((?=[A-Z])", " ("),
    (r'(?<=[:,])"(?=\w)', ' "'),
    (r'(?<=[.?!])"(?=[A-Z])', '" '),
    (r" (?=[.,;:?!)])", ""),
    (r" {2,}", " "),
)

PARAGRAPHS = 3
SENTENCE, WORD = 160, 16  # characters that must be left where one begins or is sure to, so that few are broken off
TITLES = ("Mr", "Mrs", "Ms", "Dr", "St", "Sen", "Rep", "Gov", "Gen", "Lt", "Sgt", "Jr")  # no sentence ends with them
BLESSING = "bless"  # a paragraph with this word is the last
STEMS = {word[:size] for word in (*TITLES, BLESSING) for size in range(1, len(word) + 1)}
ASIDES = ("(Applause.)", "(Laughter.)", "(Laughter and applause.)")

# Places in a paragraph: how many characters must be left there, and to which places the kinds of characters lead.
MARKS = {"sign": "word", "pause": "pause", "dash": "dash", "colon": "colon"}
AFTER = MARKS | {"point": "stop", "end": "stop", "space": "space", "closes": "closed"}
STOP = AFTER | {"space": "gap", "closes": "stop", "line": "break"}
PLACES: dict[str, tuple[int, dict[str, str]]] = {
    "start": (3, {"capital": "word", "opens": "start"}),
    "word": (2, AFTER | {"letter": "word"}),
    "pause": (WORD + 1, {"space": "space", "closes": "closed", "dash": "dash", "sign": "word"}),
    "dash": (WORD, AFTER | {"letter": "word", "opens": "space"}),
    "closed": (WORD + 1, AFTER),
    "colon": (WORD + 1, AFTER | {"line": "salutation"}),
    "space": (WORD, MARKS | {"letter": "word", "point": "word", "opens": "space", "aside": "closed"}),
    "stop": (1, STOP | {"point": "dots"}),
    "dots": (SENTENCE, STOP),
    "gap": (SENTENCE, {"letter": "word", "sign": "word", "dash": "dash", "opens": "gap", "aside": "stop"}),
    "salutation": (SENTENCE + 1, {"line": "paragraph"}),
    "break": (0, {"line": "paragraph"}),  # the text ends here where there is no room for more
    "paragraph": (SENTENCE, {"capital": "word", "opens": "paragraph"}),
    "over": (0, {}),
}

State = tuple[int, str, str, str]  # paragraphs that may follow, the place in this one, what is open, a word's beginning

# What is wrong with a paragraph that has not the form: the form.
ABBREVIATED = "".join(rf"""(?<![\s"-]{title})""" for title in (*TITLES, r"[^\W\d_]"))
ASIDE = "|".join(map(re.escape, ASIDES))
FORMS = {
    "does not begin as a paragraph does": r'"?[A-Z].*',
    "does not end where a sentence ends": rf""".*({ABBREVIATED}\.|[?!]|{ASIDE})[.?!"]*""",
    "has a gap": r"\S+( \S+)*",
    "leaves a quotation open": r"""([^"]*"[^"]*")*[^"]*""",
    "has something else in parentheses than applause": rf"([^()]|{ASIDE})*",
}


def clean(text: str) -> str:
    """Leave what the speaker said, and the applause: paragraphs without headings, questions and who is speaking."""
    speeches = ("\n\n".join(_broken(_joined(_own(speech)))) for speech in text.split("\n\n\n"))
    return "".join(f"{speech}\n\n\n" for speech in speeches)


def _own(speech: str) -> Iterator[str]:
    """Yield the speaker's paragraphs, in the characters that all speeches have."""
    for paragraph in HEAD.sub("", speech.strip("\n"), count=1).split("\n\n"):
        own = SPEAKER.sub("", paragraph.lstrip("["))
        if OTHERS.match(own) or HEADING.fullmatch(own.rstrip("]")):
            continue
        for found, folded in FOLDS:
            own = re.sub(found, folded, own)
        if own.strip():
            yield own.strip()


def _joined(paragraphs: Iterator[str]) -> Iterator[str]:
    """Put together what the source broke in the middle of a sentence, or before the applause."""
    whole = ""
    for paragraph in paragraphs:
        if ENDS.search(whole) and paragraph[0] not in CONTINUES:
            yield whole
            whole = ""
        whole = f"{whole} {paragraph}".strip()
    if whole:
        yield whole


def _broken(paragraphs: Iterator[str]) -> Iterator[str]:
    """Break the speeches that the source has as one paragraph where sentences end."""
    for paragraph in paragraphs:
        yield LOST.sub(r"\1\n\n", paragraph) if len(paragraph) > UNBROKEN else paragraph


class Prose:
    """Whole sentences in which quotations close: up to PARAGRAPHS of them, or up to a blessing.

    Where a sentence or a word begins, the end is said to be further than it is: it begins only where there is room.
    """

    start: State = (PARAGRAPHS - 1, "start", "", "")

    def __init__(self, alphabet: str) -> None:
        """Sort the characters."""
        letters = "".join(filter(str.isalpha, alphabet))
        signs = "".join(c for c in alphabet if not c.isalpha() and c not in ' \n"().?!:-,;')
        self._letters = {"letter": letters, "capital": "".join(filter(str.isupper, letters))}
        self._others = {"sign": signs, "pause": ",;", "dash": "-", "colon": ":", "space": " ", "end": "?!"}

    def distance(self, state: State) -> int:
        """Return how many characters must be left."""
        _, place, opened, word = state
        aside = min((len(aside) - len(word) for aside in ASIDES if word and aside.startswith(word)), default=0)
        return PLACES[place][0] + len(opened) + aside

    def moves(self, state: State) -> dict[str, State]:
        """Return what may come next, and the states after it."""
        following, place, opened, word = state
        if word.startswith("("):
            more = [aside[: len(word) + 1] for aside in ASIDES if aside.startswith(word)]
            return {begun[-1]: (following, place, opened, "" if begun in ASIDES else begun) for begun in more}
        left = 0 if word == BLESSING else following
        ways: dict[str, State] = {}
        for kind, after in PLACES[place][1].items():
            if kind in self._letters:
                ways |= {c: (following, after, opened, _stem(c, place, word)) for c in self._letters[kind]}
            elif kind in self._others:
                ways[self._others[kind]] = (left, after, opened, "")
            elif kind == "point":
                abbreviated = word in TITLES or len(word) == 1
                ways["."] = (left, "word" if abbreviated else after, opened, "")
            elif kind == "aside":
                ways["("] = (left, after, opened, "(")
            elif kind == ("closes" if opened else "opens"):
                ways['"'] = (left, after, "" if opened else '"', "")
            elif kind == "line" and not opened:
                ways |= _line(left, after)
        return ways


def _stem(letter: str, place: str, word: str) -> str:
    """Return what is remembered of a word after one more letter: its beginning while it may become one of the STEMS."""
    begins = place != "word"
    if (begins or word) and word + letter in STEMS:
        return word + letter
    return "?" if begins else ""


def _line(following: int, place: str) -> dict[str, State]:
    """Return the state after a line feed, of which there are two between paragraphs and one at the end."""
    if place == "paragraph":
        return {"\n": (following - 1, place, "", "")}
    if following:
        return {"\n": (following, place, "", "")}
    return {} if place == "salutation" else {"\n": (0, "over", "", "")}


def grammar(alphabet: str) -> Prose:
    """Return what may come next."""
    return Prose(alphabet)


def prompt(message: str) -> str:
    """Let the message stand as the paragraph before the answer."""
    paragraph = " ".join(message.split())
    return f"(Applause.)\n\n{paragraph}{'' if paragraph.endswith(('.', '?', '!', ':', ')')) else '.'}\n\n"


def check(text: str) -> str:
    """Say what keeps `text` from being a paragraph or a short address; "" where nothing does."""
    paragraphs = text.rstrip("\n").split("\n\n")
    if any(re.search(rf"\b{BLESSING}\b", paragraph) for paragraph in paragraphs[:-1]):
        return "goes on after the blessing"
    whole = [re.sub(":$", "!", paragraph) for paragraph in paragraphs[:-1]] + paragraphs[-1:]
    return next((fault for fault, form in FORMS.items() for p in whole if not re.fullmatch(form, p)), "")
