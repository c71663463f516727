"""Which of several drafts was called for most by what was said.

The score is log p(draft | said) - log p(draft), which keeps the answers that would do for every question from winning
(maximum mutual information: Li et al. 2016, "A Diversity-Promoting Objective Function for Neural Conversation Models").
What was said fades from the memory of these small networks within a line, so that by themselves they do not know a
reply from another text. Hence p(draft | said) is a cache model (Kuhn & De Mori 1990): with some probability a word is
one of those said, and else the network's; so a word counts the more, the less the network expected it. The numbers were
chosen by `apocrypha study replies`.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generators.inference import LanguageModel, Logits, State
from generators.quality import WORD

COUNTED = 200  # characters of a draft, from its beginning
Mind = tuple[Logits, State]  # what a model expects next (V,), and its memory (S,)


@dataclass(frozen=True)
class Cache:
    """The words that were said: with probability `weight` the next word is one of them.

    Words are the same where their first `stem` letters are.
    """

    weight: float = 0.6
    stem: int = 6
    per_word: bool = True

    def gain(self, said: str, text: str, nats: NDArray[np.float64]) -> float:
        """Return the nats that `text`, whose characters have the log-probabilities `nats`, gains by what was said.

        They are given per word of the text, or all together. A text without words has no more than one that says
        nothing of it.
        """
        heard = Counter(map(self._stem, WORD.findall(said)))
        gains = [self._gain(heard, match[0], nats[slice(*match.span())].sum()) for match in WORD.finditer(text)]
        gains = gains or [math.log(1 - self.weight)]
        return sum(gains) / (len(gains) if self.per_word else 1)

    def _gain(self, heard: Counter[str], word: str, expected: float) -> float:
        part = self.weight * heard[self._stem(word)] / max(heard.total(), 1)
        again = math.log(part) - expected if part else -math.inf
        return float(np.logaddexp(math.log(1 - self.weight), again))

    def _stem(self, word: str) -> str:
        return word.casefold()[: self.stem]


def ranked(model: LanguageModel, mind: Mind, said: str, drafts: Sequence[str]) -> list[int]:
    """Return the places of `drafts`, first of the one that gains most by what was `said`; equals stay in order.

    `mind` is that of the model before it writes one.
    """
    if not WORD.search(said):
        return list(range(len(drafts)))
    known = [model.vocabulary.known(draft)[0][:COUNTED] for draft in drafts]
    nats = likelihoods(model, mind, known)
    gains = [Cache().gain(said, text, each) for text, each in zip(known, nats, strict=True)]
    return sorted(range(len(drafts)), key=lambda place: -gains[place])


def likelihoods(model: LanguageModel, mind: Mind, texts: Sequence[str]) -> list[NDArray[np.float64]]:
    """Return for each text the log-probabilities of its characters, (len(text),); all are read in one call."""
    logits, memory = mind
    ids = np.full((max(map(len, texts), default=0), len(texts)), -1, dtype=np.int64)
    if not ids.size:
        return [np.zeros(0) for _ in texts]
    for column, text in enumerate(texts):
        ids[: len(text), column] = model.vocabulary.encode(text)
    after, _ = model.read(ids, np.repeat(memory[None], len(texts), axis=0))
    first = np.broadcast_to(logits, (1, *after.shape[1:]))
    guesses = np.concatenate([first, after[:-1]]).astype(np.float64)  # (T, n, V)
    top = guesses.max(axis=-1)
    sums = np.log(np.exp(guesses - top[..., None]).sum(axis=-1)) + top
    found = np.take_along_axis(guesses, ids.clip(0)[..., None], axis=-1)[..., 0] - sums
    return [found[: len(text), column] for column, text in enumerate(texts)]
