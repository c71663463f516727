"""Reading along with a text as it is written: how likely the voice found each character, and what else it expected."""

from dataclasses import dataclass

import numpy as np

from generators.voice import Request, Voice


@dataclass(frozen=True)
class Guess:
    """A character, its log-probability (nats), and the likeliest characters in its place with theirs, best first.

    The log-probability is None for a character that the model does not know: it reads on as if there were none.
    """

    character: str
    log_probability: float | None
    likeliest: list[tuple[str, float]]


class Reading:
    """What a voice expects after a request's prompt, then after each piece that follows.

    These are the model's own chances: at temperature 1, all characters open to it, whatever text was drawn.
    """

    def __init__(self, voice: Voice, request: Request, likeliest: int) -> None:
        """Read the prompt, prefix included; report the `likeliest` characters at every place."""
        self._model, self._count = voice.model, likeliest
        prompt = voice.prompt(request)
        logits, self._state = self._model.read(prompt[:, None], self._model.start(1))
        self._next = logits[-1, 0]  # (V,)

    def follow(self, piece: str) -> list[Guess]:
        """Read the next characters; return what was expected in the place of each."""
        vocabulary = self._model.vocabulary
        known = vocabulary.known(piece)[0]
        if not known:
            return [Guess(character, None, []) for character in piece]
        ids = vocabulary.encode(known).astype(np.int64)
        after, self._state = self._model.read(ids[:, None], self._state)
        before = np.concatenate([self._next[None], after[:-1, 0]]).astype(np.float64)  # (T, V)
        self._next = after[-1, 0]
        top = before.max(axis=1, keepdims=True)
        chances = before - top - np.log(np.exp(before - top).sum(axis=1, keepdims=True))
        told = iter(zip(ids, chances, strict=True))
        return [
            self._guess(character, *next(told)) if character in vocabulary.characters else Guess(character, None, [])
            for character in piece
        ]

    def _guess(self, character: str, number: np.int64, chances: np.ndarray) -> Guess:
        best = np.argsort(-chances, kind="stable")[: self._count]
        characters = self._model.vocabulary.characters
        likeliest = [(characters[place], float(chances[place])) for place in best]
        return Guess(character, float(chances[number]), likeliest)
