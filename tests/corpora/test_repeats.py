from corpora.repeats import doubles, leaks

VERSE = "the quick brown fox jumps over the lazy dog and runs away from the farmer again"


def test_doubles_are_counted_whatever_their_spaces() -> None:
    assert doubles(["a  b", "c", "a\nb", "d", "c", "a b", " "]) == {"a b": 3, "c": 2}


def test_a_copy_and_one_with_a_word_changed_leak_and_the_worst_is_first() -> None:
    changed, other = VERSE.replace("lazy", "sleepy").upper(), "nothing of this stands anywhere in the other text"
    found = leaks([changed, other, VERSE], ["before it", VERSE, "after it"])
    assert [(leak.text, leak.part) for leak in found] == [(VERSE, 1.0), (changed, 9 / 13)]


def test_runs_do_not_go_from_one_text_into_the_next() -> None:
    half = VERSE.split()
    assert leaks([VERSE], [" ".join(half[:7]), " ".join(half[7:])])[0].part == 10 / 13
    assert not leaks([VERSE], half)


def test_each_ideograph_is_a_word() -> None:
    assert [leak.part for leak in leaks(["古池や蛙飛びこむ", "山路来て何やら"], ["古池や蛙飛びこむ水の音"])] == [1.0]


def test_what_is_too_short_to_tell_is_let_pass() -> None:
    assert not leaks(["oh my lord"], ["oh my lord"])
