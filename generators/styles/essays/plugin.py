"""The essays' hooks: what a paragraph is, and what may come next in one."""

import re

FOLDS = ((r"``|''", '"'), ("é", "e"), (r"\s*--+\s*", " -- "), (r" (?=[.,;:?!)]( |$))", ""))

SENTENCE, WORD = 120, 16  # characters that must be left where one begins or is sure to, so that few are broken off
TITLES = ("Mr", "Mrs", "Dr", "St", "vs", "etc")  # a point after them, or after one letter, ends no paragraph

# Places in a paragraph: how many characters must be left there, the marks that close what is open not counted, and to
# which places the kinds of characters lead. "opens" and "closes" are quotation marks and parentheses.
MARKS = {"sign": "word", "pause": "pause", "dash": "dash"}
AFTER = MARKS | {"point": "stop", "end": "stop", "space": "space", "closes": "closed"}
STOP = AFTER | {"space": "gap", "closes": "stop", "line": "line"}
PLACES: dict[str, tuple[int, dict[str, str]]] = {
    "start": (4, {"capital": "word", "opens": "start"}),
    "word": (3, AFTER | {"letter": "word"}),
    "pause": (WORD + 1, {"space": "space", "closes": "closed", "dash": "dash", "sign": "word"}),
    "dash": (WORD, AFTER | {"letter": "word", "opens": "space"}),
    "closed": (WORD + 1, AFTER),
    "space": (WORD, MARKS | {"letter": "word", "point": "word", "opens": "space"}),
    "stop": (2, STOP | {"point": "dots"}),
    "dots": (SENTENCE, STOP),
    "gap": (SENTENCE, {"letter": "word", "sign": "word", "dash": "dash", "opens": "gap"}),
    "line": (1, {"line": "over"}),
    "over": (0, {}),
}
CLOSING = {'"': '"', "(": ")"}
STEMS = {title[:size] for title in TITLES for size in range(1, len(title) + 1)}

State = tuple[str, str, str]  # the place, what is open, the beginning of a title

# What is wrong with a paragraph that has not the form: the form.
LEAST, MOST = 60, 1200
ABBREVIATED = "".join(rf"""(?<![\s"(-]{title})""" for title in (*TITLES, r"[^\W\d_]"))
FORMS = {
    "does not begin as a paragraph does": r"""["(]*[A-Z].*""",
    "does not end where a sentence ends": rf""".*({ABBREVIATED}\.|[?!])[.?!")]*""",
    "has a gap": r"\S+( \S+)*",
    "leaves a quotation open": r"""([^"]*"[^"]*")*[^"]*""",
    "leaves a parenthesis open": r"([^()]*\([^()]*\))*[^()]*",
    "has a formula or an address": r"((?!http)[^]\[{}^|_<>=@#\\*~`])*",
}


def clean(text: str) -> str:
    """Leave the paragraphs that are prose, with one kind of quotation marks and of dashes."""
    paragraphs = text.split("\n\n")
    for found, folded in FOLDS:
        paragraphs = [re.sub(found, folded, paragraph) for paragraph in paragraphs]
    paragraphs = [paragraph.strip() for paragraph in paragraphs]
    return "".join(f"{p}\n\n" for p in paragraphs if LEAST <= len(p) <= MOST and p.isascii() and not check(p))


class Prose:
    """A paragraph of whole sentences in which quotations and parentheses close.

    Where a sentence or a word begins, the end is said to be further than it is: it begins only where there is room.
    """

    start: State = ("start", "", "")

    def __init__(self, alphabet: str) -> None:
        """Sort the characters."""
        letters = "".join(filter(str.isalpha, alphabet))
        signs = "".join(c for c in alphabet if not c.isalpha() and c not in ' \n"().?!:-,;')
        self._letters = {"letter": letters, "capital": "".join(filter(str.isupper, letters))}
        self._others = {"sign": signs, "pause": ",;:", "dash": "-", "space": " ", "end": "?!"}

    def distance(self, state: State) -> int:
        """Return how many characters must be left."""
        place, opened, _ = state
        return PLACES[place][0] + len(opened)

    def moves(self, state: State) -> dict[str, State]:
        """Return what may come next, and the states after it."""
        place, opened, word = state
        ways: dict[str, State] = {}
        for kind, after in PLACES[place][1].items():
            if kind in self._letters:
                ways |= {c: (after, opened, _stem(c, place, word)) for c in self._letters[kind]}
            elif kind in self._others:
                ways[self._others[kind]] = (after, opened, "")
            elif kind == "point":
                abbreviated = word in TITLES or len(word) == 1
                ways["."] = ("word" if abbreviated else after, opened, "")
            elif kind == "opens":
                ways |= {mark: (after, opened + mark, "") for mark in CLOSING if mark not in opened}
            elif kind == "closes" and opened:
                ways[CLOSING[opened[-1]]] = (after, opened[:-1], "")
            elif kind == "line" and not opened:
                ways["\n"] = (after, "", "")
        return ways


def _stem(letter: str, place: str, word: str) -> str:
    """Return what is remembered of a word after one more letter: its beginning while it may become a title."""
    begins = place != "word"
    if (begins or word) and word + letter in STEMS:
        return word + letter
    return "?" if begins else ""


def grammar(alphabet: str) -> Prose:
    """Return what may come next."""
    return Prose(alphabet)


def prompt(message: str) -> str:
    """Let the message stand as the paragraph before the answer."""
    paragraph = " ".join(message.split())
    return f".\n\n{paragraph}{'' if paragraph.endswith(('.', '?', '!', ':')) else '.'}\n\n"


def check(text: str) -> str:
    """Say what keeps `text` from being a paragraph of whole sentences; "" where nothing does."""
    paragraph = text.removesuffix("\n\n")
    return next((fault for fault, form in FORMS.items() if not re.fullmatch(form, paragraph)), "")
