"""Where a text that is broken off by its length may end: after a sentence or a line, and else after a word."""

import re

from generators.stream import Reason

TAIL = 160  # characters at the end of a length of which only whole sentences are given
SENTENCE = re.compile(r"""[.!?…]["')\]]*(?=\s)|\n""")
LAST = re.compile(r"""[.!?…]["')\]]*\Z""")


class Ending:
    """Passes a text on as it is written; of the last TAIL characters of its length only what comes to an end."""

    def __init__(self, length: int) -> None:
        """Know how many characters the text may have."""
        self._left, self._held, self._ended = length, "", False

    def pass_on(self, piece: str) -> str:
        """Return what may be given now that `piece` was written too."""
        self._left -= len(piece)
        self._held += piece
        if self._left > TAIL:
            return self._give(len(self._held))
        ends = [end.end() for end in SENTENCE.finditer(self._held)]
        self._ended = self._ended or bool(ends)
        return self._give(max(ends, default=0))

    def finish(self, reason: Reason | None) -> str:
        """Return what may be given of the rest of a text that ended for this reason."""
        if reason != "length" or LAST.search(self._held):
            return self._give(len(self._held))
        if self._ended:
            return ""
        return self._held[: self._held.rfind(" ")] if " " in self._held else self._held

    def _give(self, size: int) -> str:
        given, self._held = self._held[:size], self._held[size:]
        return given
