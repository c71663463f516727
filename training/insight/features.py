"""Features of a text: functions that label each of its characters, with yes or no or with a number.

The label of a character says what is so *after* it was read, for that is when a network's cell has its value: behind an
opening quotation mark one is inside, behind the closing one outside. What no reader could know yet is not so yet.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from corpora.errors import UserError
from training.insight import c

Labels = NDArray[Any]  # (N,) for each character: bool for yes and no, otherwise float32


@dataclass(frozen=True)
class Feature:
    """Something that can be said of a character, in its text."""

    name: str
    says: str
    label: Callable[[str], Labels]
    form: str = ""  # the only kind of text in which it means something, where a text cannot be asked

    def labels(self, text: str) -> Labels:
        """Return the label of each character; raise UserError where there are more or fewer."""
        labels = np.asarray(self.label(text))
        if labels.shape != (len(text),):
            raise UserError(f"feature {self.name}: {len(text):,} characters need as many labels, not {labels.shape}.")
        return labels if labels.dtype == bool else labels.astype(np.float32)


def _between(pattern: str, text: str) -> Labels:
    """Label what is inside: from the last character of group `open` to the one before group `close`."""
    labels = np.zeros(len(text), bool)
    for match in re.finditer(pattern, text, re.DOTALL):
        labels[match.end("open") - 1 : match.start("close")] = True
    return labels


def _quotes(text: str) -> Labels:
    """Follow quotation marks by what stands beside them; a paragraph's end closes what was left open.

    A mark opens behind a blank, a dash or a bracket and closes elsewhere, so that one that is missing leads nobody
    astray for long.
    """
    labels = np.zeros(len(text), bool)
    paragraph = "\n\n" if "\n\n" in text else "\n"
    opened = None
    for match in re.finditer(rf'(?P<open>(?:(?<=[\s(\[-])|^)"(?=\S)|“)|(?P<close>["”]|{paragraph})', text):
        if opened is not None:
            labels[opened : match.start()] = True
        opened = match.start() if match["open"] else None
    if opened is not None:
        labels[opened:] = True
    return labels


def _line_position(text: str) -> Labels:
    """Count the characters since the line feed."""
    places = np.arange(len(text))
    feeds = np.array([character == "\n" for character in text])
    return (places - np.maximum.accumulate(np.where(feeds, places, -1))).astype(np.float32)


def _indentation(text: str) -> Labels:
    """Count the blanks (a tab for one) that the line begins with, as far as they were read."""
    labels = np.zeros(len(text), np.float32)
    for match in re.finditer(r"^[ \t]*", text, re.MULTILINE):
        end = text.find("\n", match.end())
        labels[match.start() : end if end >= 0 else len(text)] = len(match[0])
        labels[match.start() : match.end()] = np.arange(1, len(match[0]) + 1)
    return labels


def _capital(text: str) -> Labels:
    """Say whether the next word begins with a capital letter."""
    starts = [match.start() for match in re.finditer(r"(?<![^\W_])[^\W\d_]", text)]
    capital = np.array([text[start].isupper() for start in starts] + [False])
    return capital[np.searchsorted(starts, np.arange(len(text)), side="right")]


def _number(pattern: str, text: str) -> Labels:
    """Label with the number that was read last: group `number`."""
    labels = np.zeros(len(text), np.float32)
    for match in re.finditer(pattern, text, re.MULTILINE):
        labels[match.end("number") - 1 :] = int(match["number"])
    return labels


def _open(opening: str, closing: str, text: str) -> Labels:
    """Count what is open."""
    turns = np.zeros(len(text), np.float32)
    for match in re.finditer(f"(?P<open>{opening})|{closing}", text):
        turns[match.end() - 1] += 1 if match["open"] else -1
    return np.cumsum(turns, dtype=np.float32)


_URL = r"(?P<open>https?://)[^\s\]|}<>\"]+(?P<close>)"
_LINK = r"(?P<open>\[\[)[^\]\n]*(?P<close>\]\])"
_MATH = (
    r"(?:(?P<open>\\begin{(?P<name>equation|align\*?)}|(?<!\\)(?P<sign>\$\$?)).*?"
    r"(?P<close>\\end{(?P=name)}|(?(sign)(?P=sign))))"
)
_PROOF = r"(?P<open>\\begin{proof}).*?(?P<close>\\end{proof})"
_HEADER = r"(?P<open>^Title {7}: ).*?(?P<close>^Abstract {4}:)"
_VERSE = r"^(?:[1-3] )?[A-Z][A-Za-z ]+ \d+:(?P<number>\d+)(?= )"

FEATURES = {
    feature.name: feature
    for feature in (
        Feature("quotes", "inside quotation marks", _quotes),
        Feature("line", "position in the line", _line_position),
        Feature("capital", "the next word begins with a capital letter", _capital),
        Feature("verse", "the number of the verse", partial(_number, _VERSE)),
        Feature("header", "inside the header fields", partial(_between, f"(?m:{_HEADER})")),
        Feature("url", "inside a web address", partial(_between, _URL)),
        Feature("link", "inside a [[link]]", partial(_between, _LINK)),
        Feature("math", "inside a formula", partial(_between, _MATH), form="latex"),  # elsewhere $ is money
        Feature("proof", "inside a proof", partial(_between, _PROOF)),
        Feature("environments", "environments that are open", partial(_open, r"\\begin{[^}]*}", r"\\end{[^}]*}")),
        Feature("indentation", "blanks the line begins with", _indentation, form="c"),
        Feature("braces", "braces that are open", c.braces, form="c"),
        Feature("comment", "inside a comment or a string", c.comment_or_string, form="c"),
        Feature("if", "inside the condition of an if", c.condition, form="c"),
    )
}
