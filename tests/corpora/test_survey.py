from corpora.survey import survey


def test_lines_are_texts_where_nothing_parts_them() -> None:
    found = survey("".join(f"{'x' * n}\n" for n in range(1, 101)))
    assert (found.unit.name, found.unit.start, found.unit.stop, found.unit.count) == ("lines", "\n", "\n", 100)
    assert (found.unit.shortest, found.unit.longest) == (5, 95)
    assert (found.characters, found.alphabet) == (5150, "\nx")


def test_blank_lines_part_texts() -> None:
    found = survey("an old silent pond\na frog jumps\n\n  \n\n" * 30)
    assert (found.unit.name, found.unit.stop) == ("blocks between blank lines", "\n\n")
    assert (found.unit.count, found.unit.lines, found.unit.longest) == (30, 2.0, 31)


def test_one_long_line_has_no_parts() -> None:
    found = survey("word " * 1000)
    assert (found.unit.stop, found.unit.start, found.unit.longest) == ("", " ", 400)


def test_a_character_seen_twice_is_rare() -> None:
    assert survey("aaa bbb cc d").rare == "cd"
