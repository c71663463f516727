"""Modified Kneser-Ney: the n-gram model that a network has to beat.

Interpolated, after S. F. Chen and J. Goodman, An Empirical Study of Smoothing Techniques for Language Modeling
(TR-10-98, Harvard 1998), section 3. With h a context, h' the same without its first character, c(hw) the count of w
after h and c(h) the sum of c(hw) over all w,

    p(w | h) = (c(hw) - D(c(hw))) / c(h)  +  g(h) p(w | h'),      g(h) = sum over w of D(c(hw)) / c(h).

Only the longest grams (runs of characters) are counted by their occurrences. A shorter one counts the different
characters seen before it: it is needed where a longer context fails, and there it matters after how many others it
came, not how often after the same one. Below the empty context the recursion ends in 1 / V for each of V characters.

The grams of one length are numbered in sorted order. A gram is its context, one character shorter, and its last
character: `context's number * V + last` is its key, and the tables of each length cost one sort of the text.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from corpora.errors import UserError
from training.vocabulary import Ids

Numbers = NDArray[np.int64]
Probabilities = NDArray[np.float64]

# The number of a gram the training text lacks. As an index it picks the last entry of an array, kept for this.
ABSENT = -1


def character_nats(train: Ids, test: Ids, characters: int, orders: Sequence[int]) -> dict[int, Probabilities]:
    """Return by order n the -log probability (nats) of test[1:], each from up to n characters before it: (T - 1,).

    `train` (N,) and `test` (T,) hold ids below `characters`. The contexts lie within `test`: its first few are shorter.
    The orders share their tables, each dropped once used: the memory needed is that of two lengths, however many.
    Raise UserError where either text is too short.
    """
    if len(test) < 2:
        raise UserError(f"A test text needs at least 2 characters to be scored; this one has {len(test)}.")
    found = _probabilities(_levels(train, characters, max(orders)), characters, test[:-1], test, orders)
    return {order: -np.log(found[order][1:]) for order in orders}


def table_bytes(train: Ids, characters: int, order: int) -> int:
    """Return the memory that the tables of an order take: for each gram its key and share, for each context the rest.

    They are made one after another, so that this needs far less than it counts.
    """
    number = 8  # bytes, of an int64 as of a float64
    return sum(number * (2 * len(level.keys) + level.contexts) for level in _levels(train, characters, order))


class KneserNey:
    """The model of one order (characters of context), its tables kept for any number of questions."""

    def __init__(self, train: Ids, characters: int, order: int) -> None:
        """Count `train` (N,), ids below `characters`; raise UserError where it is too short for `order`."""
        self.characters = characters
        self.order = order
        self._levels = list(_levels(train, characters, order))

    def probabilities(self, text: Ids, candidates: Ids) -> Probabilities:
        """Return the probability that candidates[..., j] follows text[:j].

        `text` is (T,); `candidates`, (..., T + 1) or broadcast to it, begin before its first character and end after
        its last.
        """
        return _probabilities(self._levels, self.characters, text, candidates, [self.order])[self.order]

    def distribution(self, context: Ids) -> Probabilities:
        """Return the probability of every character after `context`, of any length: (V,)."""
        everyone = np.arange(self.characters, dtype=np.uint16)[:, None]  # (V, 1)
        nearest = context[max(len(context) - self.order, 0) :]
        return self.probabilities(nearest, everyone)[:, -1]


@dataclass(frozen=True)
class _Shares:
    """How one length splits the probability: a share of its own, and the weight of the length below in the rest."""

    own: Probabilities  # (G + 1,) by gram; nothing for the absent
    rest: Probabilities  # (C + 1,) by context; everything for the absent

    def over(self, lower: Probabilities, grams: Numbers, contexts: Numbers) -> Probabilities:
        return self.own[grams] + self.rest[contexts] * lower


@dataclass(frozen=True)
class _Level:
    """The G different grams of one length, over the C different contexts one character shorter."""

    characters: int
    contexts: int  # C
    keys: Numbers  # (G,) sorted: number of the context * V + last character
    counts: Numbers  # (G,) occurrences in the text
    continuations: Numbers  # (G,) different characters before it; 0 if it stands at the text's beginning only

    def find(self, contexts: Numbers, last: Ids) -> Numbers:
        """Return the number of the gram of each context (by number) and last character; ABSENT where there is none."""
        wanted = contexts * self.characters + last  # negative, hence no key, where the context is ABSENT
        places = np.searchsorted(self.keys, wanted).clip(max=len(self.keys) - 1)
        return np.where(self.keys[places] == wanted, places, ABSENT)

    @cached_property
    def as_longest(self) -> _Shares:
        return self._shares(self.counts)

    @cached_property
    def as_shorter(self) -> _Shares:
        return self._shares(self.continuations)

    def _shares(self, counts: Numbers) -> _Shares:
        contexts = self.keys // self.characters  # (G,)
        taken = _discounts(counts)[counts.clip(max=3)]  # (G,)
        total = np.bincount(contexts, counts, self.contexts)  # (C,)
        # A context with nothing counted after it, such as the end of the text, leaves everything to the shorter one.
        rest = np.divide(np.bincount(contexts, taken, self.contexts), total, out=np.ones_like(total), where=total > 0)
        own = (counts - taken) / total.clip(min=1)[contexts]
        return _Shares(np.append(own, 0.0), np.append(rest, 1.0))


def _discounts(counts: Numbers) -> Probabilities:
    """Return what is taken off a count of 0, 1, 2 and 3 or more: (4,), from how many grams have counts 1 to 4.

    Chen & Goodman 1998, equation 26. It fails where too few grams are rare, in a tiny text or among single characters:
    an n is zero, or a discount not above it. Then 1/2, 1 and 3/2 stand in, as in KenLM's `--discount_fallback`. So
    every context leaves something to the characters never seen after it.
    """
    n1, n2, n3, n4 = np.bincount(counts.clip(max=5), minlength=6)[1:5].tolist()
    if n1 and n2 and n3:
        y = n1 / (n1 + 2 * n2)
        taken = np.array([0, 1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3])
        if taken[1:].min() > 0:
            return taken
    return np.array([0, 0.5, 1, 1.5])


def _levels(train: Ids, characters: int, order: int) -> Iterator[_Level]:
    """Yield the grams of 1, 2, ... `order` + 1 characters of `train`."""
    if len(train) <= order:
        raise UserError(
            f"The training text has {len(train):,} characters; contexts of {order} need at least {order + 1:,}. "
            "Use more text or a lower order."
        )
    _check(train, characters)
    start = np.zeros(len(train) + 1, dtype=np.int64)  # the empty gram, before and after every character
    keys, ending, counts = _longer(start, train, characters)
    contexts = 1
    # One length more than is yielded is needed: its grams tell what stands before those one character shorter.
    for length in range(1, order + 2):
        longer, longer_ending, longer_counts = _longer(ending, train[length:], characters)
        tails = np.empty_like(longer)  # number of each longer gram without its first character
        tails[longer_ending] = ending[1:]
        yield _Level(characters, contexts, keys, counts, np.bincount(tails, minlength=len(keys)))
        contexts = len(keys)
        keys, ending, counts = longer, longer_ending, longer_counts


def _longer(ending: Numbers, following: Ids, characters: int) -> tuple[Numbers, Numbers, Numbers]:
    """Lengthen the grams that end at successive places (M + 1,), the last place aside, by what follows each (M,).

    Return the sorted keys of the different longer ones (G,), the number of the one that ends at each following place
    (M,), and how often each occurs (G,).
    """
    return np.unique(ending[:-1] * characters + following, return_inverse=True, return_counts=True)


def _probabilities(
    levels: Iterable[_Level], characters: int, text: Ids, candidates: Ids, orders: Collection[int]
) -> dict[int, Probabilities]:
    """Return by order what `KneserNey.probabilities` does, in one walk from the shortest grams to the longest."""
    _check(text, characters)
    _check(candidates, characters)
    result = dict[int, Probabilities]()
    contexts = np.zeros(len(text) + 1, dtype=np.int64)  # the gram that ends before each place; at first the empty one
    lower = np.array(1 / characters)
    for order, level in enumerate(levels):
        grams = level.find(contexts, candidates)
        if order in orders:
            result[order] = level.as_longest.over(lower, grams, contexts)
        lower = level.as_shorter.over(lower, grams, contexts)
        contexts = np.append(ABSENT, level.find(contexts[:-1], text))
    return result


def _check(ids: Ids, characters: int) -> None:
    # A larger id would silently be read as a gram of the next context.
    if ids.size and ids.max() >= characters:
        raise ValueError(f"id {ids.max()} is outside a vocabulary of {characters}")
