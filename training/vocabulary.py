"""Characters and their numbers."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from corpora.errors import UserError

Ids = NDArray[np.uint16]


class Vocabulary:
    """A fixed, ordered set of characters; the place of a character is its id, 0 to size - 1.

    A character the model never saw has no id: `encode` refuses it, `known` takes it out and says so.
    """

    def __init__(self, characters: Iterable[str]) -> None:
        """Sort `characters` by code point and number them; repeated ones count once."""
        self.characters = "".join(sorted(set("".join(characters))))
        if not self.characters:
            raise UserError("A vocabulary needs at least one character, and the text has none.")
        if len(self.characters) > 1 << 16:
            raise UserError(f"The text has {len(self.characters):,} different characters; at most 65,536 are possible.")
        self._points = _code_points(self.characters)

    def __len__(self) -> int:
        return len(self.characters)

    def encode(self, text: str) -> Ids:
        """Return the ids (len(text),) of `text`; raise UserError naming characters that have none."""
        points = _code_points(text)
        places = np.searchsorted(self._points, points).clip(max=len(self) - 1)
        if not np.array_equal(self._points[places], points):
            strangers = "".join(sorted(set(text) - set(self.characters)))
            raise UserError(f"The model has never seen these characters: {strangers[:40]!r}.")
        return places.astype(np.uint16)

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of `ids`."""
        return "".join(self.characters[i] for i in ids)

    def known(self, text: str) -> tuple[str, str]:
        """Split `text` into what the model can read and the distinct characters left out, both in order."""
        left_out = dict.fromkeys(c for c in text if c not in self.characters)
        return (text if not left_out else "".join(c for c in text if c not in left_out)), "".join(left_out)


def _code_points(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
