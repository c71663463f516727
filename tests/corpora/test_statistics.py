import pytest

from corpora.corpus import Corpus
from corpora.statistics import Lengths, Statistics, lengths

DAYS = [f"On day {n} the rain of the year {n * n} fell upon house number {n * 37}.\n" for n in range(100)]


def test_all_of_a_corpus_is_told() -> None:
    held_out = "A wholly other sentence stands here, of no day and no rain.\n"
    found = Statistics.of(Corpus("rain", "CC0", "".join(DAYS[:90]) + DAYS[0], held_out + "é\n", DAYS[7]))
    assert found.parts == {"train": len("".join(DAYS[:90])) + len(DAYS[0]), "validation": 62, "test": len(DAYS[7])}
    assert found.size == sum(found.parts.values()) + 1  # é has two bytes
    assert found.seen.rare == ",Acwé"
    assert found.language == "English"
    assert found.doubles == {DAYS[0].strip(): 2, DAYS[7].strip(): 2}
    assert (found.held_out, [leak.text for leak in found.leaks]) == (3, [DAYS[7].strip()])
    assert found.leaked == pytest.approx(len(DAYS[7].strip()) / (len(DAYS[7].strip()) + 61 - 1))


def test_lengths_leave_blank_lines_out() -> None:
    assert lengths(["", "  ", *("x" * n for n in range(1, 101))]) == Lengths(50.5, 95, 100)
    assert lengths([]) == Lengths(0, 0, 0)
