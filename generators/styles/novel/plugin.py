"""The novel's hooks: what a paragraph is, and what may come next in one or in a dialogue."""

import re
from itertools import pairwise

HEADING = re.compile(r"(BOOK|CHAPTER|FIRST EPILOGUE|SECOND EPILOGUE)\b[^a-z]*")
MARK = re.compile(r" ?\*+(\(\d+\))?")

LINES = 6  # paragraphs of a dialogue
SENTENCE, WORD = 120, 16  # characters that must be left where one begins or is sure to, so that few are broken off
TITLES = ("Mr", "Mrs", "Dr", "St", "Mme", "Mlle")  # a point after them, or after one letter, ends no sentence

# Places in a paragraph: how many characters must be left there, the marks that close what is open not counted, and to
# which places the kinds of characters lead. "opens" and "closes" are quotation marks and parentheses.
MARKS = {"sign": "word", "inner": "word", "pause": "pause", "dash": "dash", "colon": "colon"}
AFTER = MARKS | {"point": "stop", "end": "stop", "space": "space", "closes": "closed"}
STOP = AFTER | {"inner": "stop", "space": "gap", "closes": "stop", "line": "line"}
PLACES: dict[str, tuple[int, dict[str, str]]] = {
    "start": (3, {"capital": "word", "inner": "start", "opens": "start"}),
    "line": (0, {"capital": "sentence", "opens": "quote"}),  # the text ends here where there is no room for more
    "answer": (SENTENCE + 2, {"speech": "quote"}),
    "quote": (SENTENCE, {"capital": "word", "inner": "quote"}),
    "sentence": (SENTENCE, AFTER | {"letter": "word"}),
    "word": (2, AFTER | {"letter": "word"}),
    "pause": (WORD + 1, {"space": "space", "closes": "closed", "dash": "dash", "inner": "pause", "sign": "word"}),
    "dash": (WORD, AFTER | {"letter": "word", "opens": "space"}),
    "closed": (WORD + 1, AFTER),
    "colon": (WORD + 1, AFTER | {"line": "answer"}),
    "space": (WORD, MARKS | {"letter": "word", "point": "word", "opens": "space"}),
    "stop": (1, STOP | {"point": "dots"}),
    "dots": (SENTENCE, STOP),
    "gap": (SENTENCE, {"letter": "word", "sign": "word", "inner": "word", "dash": "dash", "opens": "gap"}),
    "over": (0, {}),
}
CLOSING = {'"': '"', "(": ")"}
STEMS = {title[:size] for title in TITLES for size in range(1, len(title) + 1)}

State = tuple[int, str, str, str]  # lines that may follow, the place in this one, what is open, a word's beginning

# What is wrong with a paragraph that has not the form: the form.
ABBREVIATED = "".join(rf"""(?<![\s"(-]{title})""" for title in (*TITLES, r"[^\W\d_]"))
FORMS = {
    "does not begin as a paragraph does": r"""["'(]*[A-Z].*""",
    "does not end where a sentence ends": rf""".*({ABBREVIATED}\.|[?!])[.?!"')]*""",
    "has a gap": r"\S+( \S+)*",
    "leaves a quotation open": r"""([^"]*"[^"]*")*[^"]*""",
    "leaves a parenthesis open": r"([^()]*\([^()]*\))*[^()]*",
}


def clean(text: str) -> str:
    """Leave the novel's own paragraphs, a line each, without headings, footnotes and their marks."""
    paragraphs = (" ".join(paragraph.split()) for paragraph in text.removeprefix("\ufeff").split("\n\n"))
    own = (p for p in paragraphs if p and not p.startswith("*") and not HEADING.fullmatch(p))
    return "".join(MARK.sub("", paragraph) + "\n" for paragraph in own)


class Prose:
    """Whole sentences in which quotations and parentheses close: a paragraph, or speeches up to one that narrates.

    Where a sentence or a word begins, the end is said to be further than it is: it begins only where there is room.
    """

    start: State = (LINES - 1, "start", "", "")

    def __init__(self, alphabet: str) -> None:
        """Sort the characters."""
        letters = "".join(filter(str.isalpha, alphabet))
        signs = "".join(c for c in alphabet if not c.isalpha() and c not in " \n\"'().?!:-,;")
        self._letters = {"letter": letters, "capital": "".join(filter(str.isupper, letters))}
        self._others = {"sign": signs, "inner": "'", "pause": ",;", "dash": "-", "colon": ":"}
        self._others |= {"space": " ", "end": "?!"}

    def distance(self, state: State) -> int:
        """Return how many characters must be left."""
        _, place, opened, _ = state
        return PLACES[place][0] + len(opened)

    def moves(self, state: State) -> dict[str, State]:
        """Return what may come next, and the states after it."""
        lines, place, opened, word = state
        ways: dict[str, State] = {}
        for kind, after in PLACES[place][1].items():
            if kind in self._letters:
                left = 0 if place in ("start", "line") and not opened else lines  # what narrates is the last paragraph
                ways |= {c: (left, after, opened, _stem(c, place, word)) for c in self._letters[kind]}
            elif kind in self._others:
                ways[self._others[kind]] = (lines, after, opened, "")
            elif kind == "point":
                abbreviated = word in TITLES or len(word) == 1
                ways["."] = (lines, "word" if abbreviated else after, opened, "")
            elif kind == "opens":
                ways |= {mark: (lines, after, opened + mark, "") for mark in CLOSING if mark not in opened}
            elif kind == "closes" and opened:
                ways[CLOSING[opened[-1]]] = (lines, after, opened[:-1], "")
            elif kind == "speech":
                ways['"'] = (lines, after, '"', "")
            elif kind == "line" and not opened:
                ways["\n"] = _line(lines, after)
        return ways


def _stem(letter: str, place: str, word: str) -> str:
    """Return what is remembered of a word after one more letter: its beginning while it may become a title."""
    begins = place not in ("word", "sentence")
    if (begins or word) and word + letter in STEMS:
        return word + letter
    return "?" if begins else ""


def _line(lines: int, place: str) -> State:
    """Return the state after a paragraph that `lines` more may follow; one that ends with a colon has its answer."""
    if place == "answer":
        return (max(lines - 1, 1), place, "", "")
    return (lines - 1, place, "", "") if lines else (0, "over", "", "")


def grammar(alphabet: str) -> Prose:
    """Return what may come next."""
    return Prose(alphabet)


def prompt(message: str) -> str:
    """Let the message stand as the paragraph before the answer; what asks or exclaims is said by somebody."""
    paragraph = " ".join(message.split())
    if paragraph.endswith(("?", "!")):
        return f'.\n"{paragraph}"\n'
    return f".\n{paragraph}\n" if paragraph.endswith((".", ":", '"')) else f".\n{paragraph}.\n"


def check(text: str) -> str:
    """Say what keeps `text` from being a paragraph or a dialogue; "" where nothing does."""
    paragraphs = text.removesuffix("\n").split("\n")
    for paragraph, following in pairwise(paragraphs):
        answered = paragraph.endswith(":") and following.startswith('"')
        if not (answered or paragraph.startswith(('"', "'", "("))):
            return "goes on after a paragraph that narrates"
    whole = [re.sub(":$", "!", paragraph) for paragraph in paragraphs[:-1]] + paragraphs[-1:]
    return next((fault for fault, form in FORMS.items() for p in whole if not re.fullmatch(form, p)), "")
