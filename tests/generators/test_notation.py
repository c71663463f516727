import gc
import itertools
import random
import re
import time
from collections.abc import Iterator
from functools import reduce
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from corpora.errors import UserError
from generators.notation import REPETITIONS, STACKS, Grammar, State

ASCII = "\t\n\r" + "".join(map(chr, range(32, 127)))
CODE = r"""
root    ::= text
text    ::= (plain | string | char | comment | "(" text ")" | "[" text "]" | "{" text "}")*
plain   ::= [^()\[\]{}"'/] | "/" [^()\[\]{}"'/*]        # a slash that begins no comment
string  ::= "\"" ([^"\\\n] | "\\" .)* "\""
char    ::= "'" ([^'\\\n] | "\\" .) "'"
comment ::= "//" [^\n]* "\n" | "/*" ([^*] | "*"+ [^*/])* "*"+ "/"
"""
ENVIRONMENTS = r"""
root ::= (plain | "\\begin{a}" root "\\end{a}" | "\\begin{ab}" root "\\end{ab}")*
plain ::= [^\\]
"""
LISTS = r"""
root  ::= value
value ::= "[" (value ("," value)*)? "]" | word | "\"" [^"]{1,3} "\""
word  ::= "nil" | [0-9]+
"""


def walk(grammar: Grammar, text: str, state: State | None = None) -> State | None:
    """The state after `text`, or None where some character may not come."""
    state = grammar.start if state is None else state
    for character in text:
        targets = [target for characters, target in grammar.moves(state).items() if character in characters]
        if not targets:
            return None
        (state,) = targets  # the sets of characters are disjoint
    return state


def accepts(grammar: Grammar, text: str) -> bool:
    state = walk(grammar, text)
    return state is not None and grammar.distance(state) == 0


def strings(alphabet: str, longest: int) -> Iterator[str]:
    for length in range(longest + 1):
        yield from map("".join, itertools.product(alphabet, repeat=length))


def assert_is_language(grammar: Grammar, alphabet: str, words: set[str], longest: int) -> None:
    """Compare with all words of the language up to a length: moves, distances, and where the text may stop."""
    nearest: dict[str, int] = {}
    for word in words:
        for length in range(len(word) + 1):
            nearest[word[:length]] = min(nearest.get(word[:length], longest), len(word) - length)
    reached: dict[str, State] = {"": grammar.start}
    for text in strings(alphabet, longest):
        if text not in reached:
            assert text not in nearest, text
            continue
        distance = grammar.distance(reached[text])
        if len(text) + min(distance, nearest.get(text, longest)) <= longest:
            assert distance == nearest.get(text), text
        for characters, state in grammar.moves(reached[text]).items():
            assert characters == "".join(sorted(characters, key=alphabet.index))
            for character in characters:
                assert text + character not in reached, "the sets are not disjoint"
                reached[text + character] = state


def wander(grammar: Grammar, steps: int, seed: int, bold: str = "") -> State:
    """The state after random characters, those of `bold` often."""
    chance = random.Random(seed)
    state = grammar.start
    for _ in range(steps):
        moves = grammar.moves(state)
        if not moves:
            break
        eager = [target for characters, target in moves.items() if set(characters) & set(bold)]
        state = chance.choice(eager if eager and chance.random() < 0.4 else list(moves.values()))
    return state


@pytest.mark.parametrize(
    ("notation", "pattern"),
    [
        ('root ::= "ab" | "a" "c"', "ab|ac"),
        ('root ::= "ab"* "c"', "(ab)*c"),  # a literal is repeated whole
        ("root ::= [ab]+ [^a]?", "[ab]+[^a]?"),
        ('root ::= ("a" | "b" "c")+', "(a|bc)+"),
        ('root ::= . "b" .', ".b."),
        ("root ::= [ab]{2,4}", "[ab]{2,4}"),
        ('root ::= ("a"{2} | "c"){1,2} "b"{0,1}', "(aa|c){1,2}b{0,1}"),
        ('root ::= "a"{2,} "c"{0}', "a{2,}"),
        ('root ::= ("a"* "b"?)* "c"', "[ab]*c"),  # what may be empty, repeated
        ('root ::= ("a" "b"){0,2} | ("c"+)*', "(ab){0,2}|c*"),
        ('root ::= ( | "a") "b" |', "a?b|"),
        ('root ::= ("a" | "ab") ("c" | "bc") ""', "(a|ab)(c|bc)"),
        ('root ::= "a"+? "b"{1}{2}', "a*bb"),
        ('root ::= x y\nx ::= "a" |\n  "b"\ny ::= x? "c"', "[ab][ab]?c"),
        ('root ::= "a" [abc]* "a"', "a[abc]*a"),
    ],
)
def test_regular_grammars_are_the_regular_expressions_they_look_like(notation: str, pattern: str) -> None:
    words = {text for text in strings("abc", 6) if re.fullmatch(pattern, text)}
    assert_is_language(Grammar(notation, "abc"), "abc", words, 6)


@pytest.mark.parametrize(
    ("notation", "matching"),
    [
        (r'"\n"', "\n"),
        (r'"\t"', "\t"),
        (r'"\r"', "\r"),
        (r'"\\"', "\\"),
        (r'"\""', '"'),
        (r'"\x41"', "A"),
        (r'"\u0041"', "A"),
        ('"#"', "#"),  # no comment inside of a literal
        (r"[\x41-\u0043]", "ABC"),
        (r"[\]\-\^\[]", "-[]^"),
        (r"[a^]", "^a"),
        ("[-a]", "-a"),
        ("[a-]", "-a"),
        ("[a-cx]", "abcx"),
        (r"[+-\-]", "+,-"),
        ('["#]', '"#'),
        (r"[\n-\r]", "\n\r"),
        (r"[^ -~]", "\t\n\r"),
        (r"[^\^-~]", ASCII[: ASCII.index("^")]),
        (r"[^\t\n\r\u0020-\x7e]|[é-ﬀb]", "b"),
        ("[\u0430-\u044fz]", "z"),
        (".", ASCII),
    ],
)
def test_a_character_is_written_in_many_ways(notation: str, matching: str) -> None:
    grammar = Grammar(f"root ::= {notation}", ASCII)
    assert list(grammar.moves(grammar.start)) == [matching]


def test_rules_span_lines_and_comments_end_with_them() -> None:
    notation = '# before\r\nroot ::= # "a"\r\n  "b" | # of two\n\n  other-1\n  "d"\nother-1::="c"#end'
    assert [text for text in strings("abcd", 3) if accepts(Grammar(notation, "abcd"), text)] == ["b", "cd"]


def test_a_literal_that_cannot_be_written_is_as_if_it_were_not_there() -> None:
    words = {"a" * n for n in range(7)}
    assert_is_language(Grammar('root ::= ("a" | "aé" | "[" root "]" | [é-ü]+)*', "ab"), "ab", words, 6)


def test_characters_of_one_destiny_come_together_in_the_alphabets_order() -> None:
    grammar = Grammar('root ::= [a-c] "z" | "d" "z" | "y"', "zyxdcba")
    assert list(grammar.moves(grammar.start)) == ["y", "dcba"]


@pytest.mark.parametrize(
    ("notation", "message"),
    [
        ("", "grammar: There is no rule named 'root'. None is known."),
        ('rot ::= "a"', "grammar: There is no rule named 'root'. Did you mean 'rot'? Known: rot."),
        (
            'root ::= word\n  | wird | "a" nothing\nword ::= "a"',
            "grammar, line 2: There is no rule named 'wird'. Did you mean 'word'? Known: root, word.\n"
            "grammar, line 2: There is no rule named 'nothing'. Known: root, word.",
        ),
        ('root ::= "a"\n\nroot ::= "b"', "grammar, line 3: expected each rule once, found 'root', of line 1, again."),
        ('root ::= "a', "grammar, line 1: expected a closing \" on this line (\\n is a line break), found '\"'."),
        ('root ::=\n "a\n"', "grammar, line 2: expected a closing \" on this line (\\n is a line break), found '\"'."),
        ('root ::= "a\\"', "expected a closing \" on this line (\\n is a line break), found '\"'."),
        ("root ::= [a", "grammar, line 1: expected characters and a closing ] on this line, found '['."),
        ("root ::= []", "expected characters and a closing ] on this line, found '['."),
        ("root ::= [^]", "expected characters and a closing ] on this line, found '['."),
        ("root ::= [z-a]", "expected a range from the smaller to the larger character, found 'z-a'."),
        (r'root ::= "\d"', r"""expected an escape (\n \t \r \\ \" \xNN \uNNNN), found '\d'."""),
        (r'root ::= "\]"', r"""expected an escape (\n \t \r \\ \" \xNN \uNNNN), found '\]'."""),
        (r'root ::= "\x4"', r"""expected an escape (\n \t \r \\ \" \xNN \uNNNN), found '\x'."""),
        (r"root ::= [\w]", r"""expected an escape (\n \t \r \\ \" \] \[ \- \^ \xNN \uNNNN), found '\w'."""),
        (
            'root ::= "a" (\n"b" | ("c")',
            "grammar, line 2: expected a ) for the ( in line 1, found the end of the rule.",
        ),
        ('root ::= "a")', "grammar, line 1: expected a ( before it, found ')'."),
        ('root ::= "a" | * "b"', "grammar, line 1: expected something to repeat before it, found '*'."),
        ("root ::= ({2})", "expected something to repeat before it, found '{2}'."),
        ("root ::= a_b", "a repetition or |, found '_'."),
        ('root ::= "a"{', "a repetition or |, found '{'."),
        ("root ::= ()", "a repetition or | (\"\" is the empty text), found ')'."),
        ("root ::= # none", 'a repetition or | ("" is the empty text), found the end of the rule.'),
        ('"a"\nroot ::= "b"', "grammar, line 1: expected a rule (name ::= ...), found 'a'."),
        ('= "b"', "grammar, line 1: expected a rule (name ::= ...), found '='."),
        *(
            (f'root ::= "a"{{{counts}}}', f"with m <= n <= 1000, found '{{{counts}}}'.")
            for counts in ("", ",", ",3", "3,2", "1001", "1,1001", "-1", "a", "1 2", "9" * 5000)
        ),
    ],
)
def test_a_fault_is_told_with_its_line_and_what_was_expected(notation: str, message: str) -> None:
    with pytest.raises(UserError) as fault:
        Grammar(notation, "ab")
    assert str(fault.value).endswith(message)


@pytest.mark.parametrize(
    ("notation", "line", "cycle"),
    [
        ('root ::= root "a" | "a"', 1, "root -> root"),
        ("root ::= root", 1, "root -> root"),
        ('root ::= "a" x\nx ::= y "b" | "a"\ny ::= z\nz ::= x "a" | "b"', 2, "x -> y -> z -> x"),
        ('root ::= e root "a" | "b"\ne ::= "a"?', 1, "root -> root"),  # hidden behind what may be empty
        ('root ::= ("b" | ("a"* x)? "a")\nx ::= ("b"{0,3} root){2}', 1, "root -> x -> root"),
        ('root ::= "a"\nunused ::= (unused "é")*', 2, "unused -> unused"),
    ],
)
def test_left_recursion_is_refused_by_name(notation: str, line: int, cycle: str) -> None:
    with pytest.raises(UserError) as fault:
        Grammar(notation, "ab")
    told = re.match(r"grammar, line (\d+): rule '(\w+)' can begin with itself \((.*?)\)", str(fault.value))
    assert told is not None
    names, expected = told[3].split(" -> ")[:-1], cycle.split(" -> ")[:-1]
    turn = names.index(expected[0])  # a cycle may be told from any rule on it
    assert names[turn:] + names[:turn] == expected
    assert told[2] == names[0]
    if turn == 0:
        assert int(told[1]) == line


@pytest.mark.parametrize(
    ("notation", "told"),
    [
        ('root ::= "aé" | [x-z]+ x\nx ::= "ü" "é" | "a" root', "the alphabet has no 'é', [x-z], 'ü'."),
        ('root ::= "a" root', "none would have an end. Give another alternative to one of 'root' (line 1)."),
        ('root ::= "a" | x\nx ::= "b" x', None),  # only one alternative has no end
        (
            'root ::= ("a" x | "b" x)\nx ::= "b" x',
            "Give another alternative to one of 'root' (line 1), 'x' (line 2).",
        ),
        ("root ::= [^ab]", "the alphabet has no [^ab]."),
    ],
)
def test_a_root_without_a_text_is_refused(notation: str, told: str | None) -> None:
    if told is None:
        assert accepts(Grammar(notation, "ab"), "a")
        return
    with pytest.raises(UserError) as fault:
        Grammar(notation, "ab")
    assert str(fault.value).startswith("grammar: no text fits it")
    assert str(fault.value).endswith(told)


# A second implementation: rules as trees, and the set of all short words of each rule by going round until none is new.

Tree = tuple[str, Any, Any]
LONGEST = 5


def joined(left: set[str], right: set[str]) -> set[str]:
    return {a + b for a in left for b in right if len(a + b) <= LONGEST}


def language(tree: Tree, rules: dict[str, set[str]]) -> set[str]:
    kind, of, more = tree
    if kind == "literal":
        return {of} if len(of) <= LONGEST else set()
    if kind == "class":
        return set(of)
    if kind == "name":
        return rules[of]
    if kind == "repeat":
        least, most = more
        once = language(of, rules)
        powers = list(itertools.accumulate([once] * (least + LONGEST + 1), joined, initial={""}))
        return set[str]().union(*powers[least : None if most is None else most + 1])
    words = (language(part, rules) for part in of)
    return reduce(joined, words, {""}) if kind == "sequence" else set[str]().union(*words)


def written(tree: Tree) -> str:
    kind, of, more = tree
    if kind in ("literal", "class"):
        return f'"{of}"' if kind == "literal" else f"[{of}]"
    if kind == "name":
        return str(of)
    if kind == "repeat":
        return f"({written(of)}){{{more[0]},{'' if more[1] is None else more[1]}}}"
    return f"({(' ' if kind == 'sequence' else ' | ').join(map(written, of))})"


def beginnings(tree: Tree, rules: dict[str, set[str]]) -> set[str]:
    kind, of, more = tree
    if kind == "name":
        return {of}
    if kind == "repeat":
        return beginnings(of, rules) if more[1] != 0 else set()
    if kind not in ("sequence", "either"):
        return set()
    found: set[str] = set()
    for part in of:
        found |= beginnings(part, rules)
        if kind == "sequence" and "" not in language(part, rules):
            break
    return found


leaves = st.one_of(
    st.tuples(st.just("literal"), st.sampled_from(["", "a", "b", "ab", "ba", "bb"]), st.none()),
    st.tuples(st.just("class"), st.sampled_from(["a", "ab"]), st.none()),
    st.tuples(st.just("name"), st.sampled_from(["root", "x", "y"]), st.none()),
)
counts = st.sampled_from([(0, None), (1, None), (2, None), (0, 1), (0, 2), (1, 3), (2, 2), (0, 0)])
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.tuples(st.just("sequence"), st.lists(inner, min_size=1, max_size=3), st.none()),
        st.tuples(st.just("either"), st.lists(inner, min_size=1, max_size=3), st.none()),
        st.tuples(st.just("repeat"), inner, counts),
    ),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(st.fixed_dictionaries({"root": trees, "x": trees, "y": trees}))
def test_any_grammar_has_the_moves_and_distances_of_its_language(rules: dict[str, Tree]) -> None:
    words: dict[str, set[str]] = {name: set() for name in rules}
    while True:
        more = {name: language(tree, words) for name, tree in rules.items()}
        if more == words:
            break
        words = more
    begins = {name: beginnings(tree, words) for name, tree in rules.items()}
    for through, first, last in itertools.product(rules, repeat=3):
        if through in begins[first] and last in begins[through]:
            begins[first].add(last)
    notation = "\n".join(f"{name} ::= {written(tree)}" for name, tree in rules.items())
    if any(name in begins[name] for name in rules):
        with pytest.raises(UserError, match="can begin with itself"):
            Grammar(notation, "ab")
        return
    assume(words["root"])  # or all of its words are too long, or it has none
    grammar = Grammar(notation, "ab")
    try:
        assert_is_language(grammar, "ab", words["root"], LONGEST)
    except UserError as fault:  # a few double their readings with each character
        assume("too ambiguous" not in str(fault))
        raise


def test_balanced_brackets_are_what_a_counter_says() -> None:
    words = set()
    for text in strings("()", 12):
        depths = list(itertools.accumulate((1 if c == "(" else -1 for c in text), initial=0))
        if min(depths) == 0 == depths[-1]:
            words.add(text)
    assert_is_language(Grammar('root ::= ("(" root ")")*', "()"), "()", words, 12)


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("int f(a[2]) { return ')'; }", 0),
        ('{ "}" ', 1),
        ('{ "\\"', 2),
        ("{ [ /* ( ", 4),
        ("{ [ // (", 3),
        ("{ [ // (\n]}", 0),
        ("/***", 1),
        ("/* * / */ '\\''", 0),
        ("'", 2),
        ("(]", None),
        ("''", None),
        ('"\n', None),
        ("/* */ */)", None),
        (")", None),
    ],
)
def test_brackets_strings_and_comments(text: str, rest: int | None) -> None:
    grammar = Grammar(CODE, ASCII)
    state = walk(grammar, text)
    assert (None if state is None else grammar.distance(state)) == rest


def test_environments_end_as_they_began() -> None:
    grammar = Grammar(ENVIRONMENTS, ASCII)
    assert accepts(grammar, r"x \begin{ab}y\begin{a}\end{a}\end{ab}")
    state = walk(grammar, r"\begin{a}\begin{ab}\end{a")
    assert state is not None
    assert list(grammar.moves(state)) == ["b"]
    assert grammar.distance(state) == len(r"b}\end{a}")


@pytest.mark.parametrize(
    ("notation", "bold"), [(LISTS, "["), (CODE, "([{"), (ENVIRONMENTS, "\\b"), ("root ::= .{3,9}", "")]
)
def test_distance_is_the_shortest_way_to_a_stop_and_downhill_leads_there(notation: str, bold: str) -> None:
    grammar = Grammar(notation, ASCII)
    for seed in range(20):
        state = wander(grammar, 2 + seed, seed, bold)
        distance = grammar.distance(state)
        if distance <= 4:
            assert breadth_first(grammar, state) == distance
        for left in reversed(range(distance)):
            state = min(grammar.moves(state).values(), key=grammar.distance)
            assert grammar.distance(state) == left
        assert grammar.distance(state) == 0


def breadth_first(grammar: Grammar, state: State) -> int:
    """The fewest moves to a state where the text may stop."""
    ring, seen = {state}, {state}
    for steps in itertools.count():
        if any(grammar.distance(one) == 0 for one in ring):
            return steps
        ring = {target for one in ring for target in grammar.moves(one).values()} - seen
        seen |= ring
    raise AssertionError


def test_equal_states_are_equal_however_they_were_reached() -> None:
    grammar = Grammar(CODE, ASCII)
    one, other = walk(grammar, '{ f(x, "]") ['), walk(grammar, "{[")
    assert one == other
    assert hash(one) == hash(other)
    assert one != walk(grammar, "[{")


def test_a_long_repetition_is_one_stack() -> None:
    grammar = Grammar('root ::= [ab]{0,1000} "c" | "d"', "abcd")
    state = grammar.start
    for _ in range(REPETITIONS):
        state = grammar.moves(state)["ab"]
        assert len(state) == 1
    assert list(grammar.moves(state)) == ["c"]


def test_repetitions_of_repetitions_do_not_multiply() -> None:
    grammar = Grammar('root ::= ((("ab" "c"?){1000} "d"){1000} "e"){2,1000}', "abcde")
    assert grammar.distance(grammar.start) == 2 * (1000 * (1000 * 2 + 1) + 1)
    for repetition in ("?", "+"):
        grammar = Grammar(f"root ::= {'(' * 900}[ab]{f'){repetition}' * 900}", "ab")
        assert accepts(grammar, "a")
    chain = "\n".join(f'r{i} ::= "a" r{i + 1} | "b" r{i + 1}' for i in range(1000))
    grammar = Grammar(f'root ::= r0\n{chain}\nr1000 ::= "a"', "ab")
    assert grammar.distance(grammar.start) == 1001


def test_a_long_list_of_words_is_not_ambiguous() -> None:
    words = ["".join(word) for word in itertools.product("abcd", repeat=6)][::3]
    assert len(words) > STACKS
    grammar = Grammar("root ::= " + " | ".join(f'"{word}"' for word in words), "abcd")
    assert all(accepts(grammar, word) for word in words[:20])
    assert not accepts(grammar, "aaaaab")


def test_too_ambiguous_a_grammar_says_so() -> None:
    grammar = Grammar('root ::= ("a" pair pair)?\npair ::= root root', "a")
    assert accepts(grammar, "aaa")
    assert STACKS == 1000
    with pytest.raises(UserError, match=r"too ambiguous; a text can be read in more than 1,000 ways"):
        walk(grammar, "a" * 20)


def test_depth_has_no_limit() -> None:
    grammar = Grammar('root ::= ("(" root ")")*', "()")
    depth, state, states = 50_000, grammar.start, []
    for _ in range(depth):
        state = grammar.moves(state)["("]
        states.append(state)
    assert grammar.distance(state) == depth
    assert len({*states}) == depth
    assert len(repr(state)) < 200
    assert state == frozenset(state) != states[-2]
    grammar.forget()
    for left in range(depth - 1, depth - 10, -1):
        state = grammar.moves(state)[")"]
        assert grammar.distance(state) == left
    del states, state
    gc.collect()


def test_forgetting_lets_go_of_all_but_what_is_kept() -> None:
    grammar = Grammar(CODE, ASCII)
    before = len(gc.get_objects())
    deep = walk(grammar, "{[(" * 500 + '"')
    assert deep is not None
    made = len(gc.get_objects()) - before
    grammar.forget()
    assert len(gc.get_objects()) - before < made / 10
    assert grammar.distance(deep) == 1501
    after = walk(grammar, '"' + ")]}" * 500, deep)
    assert after is not None
    assert grammar.distance(after) == 0
    assert accepts(grammar, "{}")


def test_a_walk_takes_time_in_proportion_to_its_length() -> None:
    grammar = Grammar(CODE, ASCII)
    text = 'if (a[i] == "}") { /* ( */ f(\'"\', x); // [\n'
    walk(grammar, text)
    seconds = {}
    for times in (50, 450):
        began = time.process_time()
        state = walk(grammar, text * times)
        seconds[times] = time.process_time() - began
        assert state is not None
        assert grammar.distance(state) == times
    assert seconds[450] < 30 * seconds[50]  # not 81 times
