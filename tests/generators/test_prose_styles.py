"""The voices that write prose: their automata and their judges, which know nothing of each other, agree."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from corpora import corpus
from corpora.fetch import Places
from generators import registry
from generators.automaton import automaton
from generators.engine import Engine
from generators.generator import Generator
from generators.grammar import Table
from generators.plugin import Plugin
from generators.voice import Voice
from training.ngram import NGram
from training.vocabulary import Vocabulary

CHECKOUT = Path(__file__).parents[2]
ALPHABET = "\n !\"$%&'(),-./0123456789:;?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyzé"
APART = {"novel": "\n", "speeches": "\n\n", "essays": "\n\n"}  # what stands between paragraphs


@pytest.fixture(params=APART)
def style(request: pytest.FixtureRequest) -> Plugin:
    return registry.find().get(request.param)


@pytest.fixture
def table(style: Plugin) -> Table:
    return table_of(style, ALPHABET)


def table_of(style: Plugin, alphabet: str) -> Table:
    grammar = style.hook("grammar")
    assert grammar is not None
    return Table(automaton(grammar(alphabet), alphabet), Vocabulary(alphabet))


def judge(name: str) -> Callable[[str], str]:
    check = registry.find().get(name).hook("check")
    assert check is not None
    return check


def written(table: Table, length: int, chance: np.random.Generator) -> str:
    """Draw any character that may come, whatever it is, until the text is at an end."""
    text, state = "", table.start
    table.walk(np.zeros(0, dtype=np.uint16))
    while not table.complete(np.array([state]))[0]:
        allowed = np.flatnonzero(table.allowed(np.array([state]), np.array([length - len(text)]))[0])
        if not len(allowed):
            assert table.distance(state) == 0, f"nothing may follow {text!r}"
            break
        drawn = int(chance.choice(allowed))
        text += ALPHABET[drawn]
        state = int(table.advance(np.array([state]), np.array([drawn]))[0])
        if not table.ready(np.array([state]))[0]:
            table.expand(state)
    return text


def test_whatever_it_may_write_is_well_formed(style: Plugin, table: Table) -> None:
    chance, check = np.random.default_rng(1), judge(style.name)
    lengths = [int(chance.choice([4, 5, 12, 60, 200, 700])) for _ in range(150)]
    texts = [written(table, length, chance) for length in lengths]
    assert {text: check(text) for text in texts if check(text)} == {}
    assert [text for text, length in zip(texts, lengths, strict=True) if len(text) > length] == []
    assert any(text.endswith('"\n') or '"' in text for text in texts)


def test_from_every_place_there_is_a_way_to_the_end(style: Plugin) -> None:
    """A claim is an upper bound, from which the next character has to lead down."""
    grammar = style.hook("grammar")
    assert grammar is not None
    made = automaton(grammar(ALPHABET), ALPHABET)
    seen, waiting = {made.start}, [made.start]
    while waiting:
        state = waiting.pop()
        moves = made.moves(state)
        nearest = min((made.distance(after) for after in moves.values()), default=-1)
        assert made.distance(state) == 0 or nearest < made.distance(state), state
        fresh = set(moves.values()) - seen
        seen |= fresh
        waiting += fresh
    assert len(seen) < 3000


def test_a_text_ends_with_a_whole_sentence_at_any_length(
    style: Plugin, speaking: Callable[..., Engine], table: Table
) -> None:
    """The counts of a few sentences, said again and again: with no room for another sentence, the text is over."""
    said = 'The old prince said nothing at all. "We are late," he said, and went on. Nobody in the room knew why. '
    paragraph = said + "There is time for everything."
    counts = NGram((paragraph + APART[style.name]) * 60, Vocabulary(ALPHABET))
    voice, check = Voice(style, counts, "counts", trained=False), judge(style.name)
    generator = Generator(speaking(voice), style.name)
    sentences = {"all.", 'on."', "on.", "why.", "everything."}
    for length in (300, 500):
        requests = [voice.request(voice.sampling(temperature=0.3), seed, length=length) for seed in range(8)]
        texts = list(generator.texts(requests))
        assert [check(text) for text in texts] == [""] * 8
        assert [text for text in texts if text.split()[-1] not in sentences] == []


def test_its_judge_and_its_grammar_know_what_people_wrote(style: Plugin, tmp_path: Path) -> None:
    folder = Path(os.environ.get("APOCRYPHA_MIRROR") or CHECKOUT.parent / "shared" / "corpora")
    if not (folder / style.manifest.corpus.mirror).is_file():
        pytest.skip(f"the text of {style.name} is not here: set APOCRYPHA_MIRROR to a folder that has it")
    text = corpus.build(style.manifest.corpus, style.folder, Places(tmp_path, folder), style.hook("clean"))
    apart, check, vocabulary = APART[style.name], judge(style.name), Vocabulary(text.alphabet)
    table = table_of(style, vocabulary.characters)
    paragraphs = [p for part in (text.validation, text.test) for p in part.strip("\n").split(apart) if p.strip("\n")]
    states = [table.walk(vocabulary.encode(p.strip("\n") + "\n")) for p in paragraphs]
    assert states.count(None) < 0.03 * len(paragraphs)
    assert sum(1 for p in paragraphs if check(p.strip("\n"))) < 0.05 * len(paragraphs)  # a colon's answer is missing


def test_speeches_begin_and_end_as_speeches_do(tmp_path: Path) -> None:
    clean = registry.find().get("speeches").hook("clean")
    assert clean is not None
    speech = [
        *("Remarks on a Bridge\nBarack Obama, May 15, 2016", "THE PRESIDENT: Hello, U. S. Army!(Applause.)"),
        *(
            "(AUDIENCE MEMBER: We love you!)",
            "Q Mr. President, why?",
            "Mr. Speaker,",
            "members of Congress--my friends:",
        ),
        *("Heading of Sorts", "It is naïve [sic] to wait -- (Laughter.) -- until 9 a. m. tomorrow.", "(Applause.)"),
    ]
    speeches = ["\n\n".join(speech), "A Second\nJimmy Carter, July 4, 1978\n\nThank you.\n"]
    assert clean("\n\n\n".join(speeches)) == (
        "Hello, U.S. Army! (Applause.)\n\nMr. Speaker, members of Congress -- my friends:\n\n"
        "It is naive to wait -- (Laughter.) -- until 9 a.m. tomorrow. (Applause.)\n\n\nThank you.\n\n\n"
    )


def test_a_speech_that_has_lost_its_paragraphs_gets_some() -> None:
    clean = registry.find().get("speeches").hook("clean")
    assert clean is not None
    said = "We have come a long way together in these years. "
    paragraphs = clean(said * 60).strip("\n").split("\n\n")
    assert len(paragraphs) > 5
    assert " ".join(paragraphs) == (said * 60).strip()


def test_essays_keep_their_prose() -> None:
    clean = registry.find().get("essays").hook("clean")
    assert clean is not None
    prose = "A startup is a company designed to grow fast--and that is all. People call it ``luck'' ."
    kept = 'A startup is a company designed to grow fast -- and that is all. People call it "luck".'
    code = "Here is the accumulator in Lisp: (define (foo n) (lambda (i) (set! n (+ n i)) n)) and that is all there is."
    assert clean(
        "\n\n".join([prose, "Too short.", code, "Writers agree about what follows here, and about the rest:"])
    ) == (f"{kept}\n\n")


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("novel", 'Pierre looked at him. "What is it?"', ""),
        ("novel", '"Yes," said Boris.\n"No!" cried she.\nHe went out.\n', ""),
        ("novel", 'He said to her:\n"Come!"', ""),
        ("novel", "He went out.\nShe stayed.", "goes on after a paragraph that narrates"),
        ("novel", "he went out.", "does not begin as a paragraph does"),
        ("novel", "He went out,", "does not end where a sentence ends"),
        ("novel", "He said to her:", "does not end where a sentence ends"),
        ("novel", "He went to see Mr.", "does not end where a sentence ends"),
        ("novel", "He went  out.", "has a gap"),
        ("novel", ' He went out."', "does not begin as a paragraph does"),
        ("novel", '"He went out.', "leaves a quotation open"),
        ("novel", "He (it was Boris went out.", "leaves a parenthesis open"),
        ("novel", "", "does not begin as a paragraph does"),
        ("speeches", "Thank you. (Applause.)\n\nGod bless you. And God bless America. (Applause.)\n", ""),
        ("speeches", "My fellow Americans:\n\nWe meet -- (Laughter.) -- in Washington, in the U.S.A. we love.", ""),
        ("speeches", "God bless you.\n\nThank you.", "goes on after the blessing"),
        ("speeches", "Thank you. (AUDIENCE: No!)", "does not end where a sentence ends"),
        ("speeches", 'And he said, "Not yet. (Laughter.)"', ""),
        ("speeches", "Thank you (for coming).", "has something else in parentheses than applause"),
        ("speeches", "My fellow Americans:", "does not end where a sentence ends"),
        ("speeches", "Thank you, Mr. President.", ""),
        ("speeches", "Thank you, Mr.", "does not end where a sentence ends"),
        ("essays", "It is (mostly) a question of taste, i.e. of what you like.", ""),
        ("essays", "It is (mostly a question of taste.", "leaves a parenthesis open"),
        ("essays", "It is x = zero.", "has a formula or an address"),
        ("essays", "It is a question.\n\nIt is another.", "does not begin as a paragraph does"),
    ],
)
def test_a_judge_says_what_is_wrong(name: str, text: str, fault: str) -> None:
    assert judge(name)(text) == fault


@pytest.mark.parametrize(
    ("name", "message", "read"),
    [
        ("novel", "Prince Andrew  smiled", ".\nPrince Andrew smiled.\n"),
        ("novel", "What is\nwar?", '.\n"What is war?"\n'),
        ("novel", "He said:", ".\nHe said:\n"),
        ("speeches", "Tonight", "(Applause.)\n\nTonight.\n\n"),
        ("speeches", "What about health care? ", "(Applause.)\n\nWhat about health care?\n\n"),
        ("essays", "The best founders", ".\n\nThe best founders.\n\n"),
    ],
)
def test_a_message_is_the_paragraph_before(name: str, message: str, read: str) -> None:
    prompt = registry.find().get(name).hook("prompt")
    assert prompt is not None
    assert prompt(message) == read


def test_a_blessing_is_the_last_paragraph() -> None:
    speeches, vocabulary = registry.find().get("speeches"), Vocabulary(ALPHABET)
    table = table_of(speeches, ALPHABET)
    assert table.walk(vocabulary.encode("We are blessed.\n\nThank you.")) is not None
    assert table.walk(vocabulary.encode("God bless you.\n")) is not None
    assert table.walk(vocabulary.encode("God bless you.\n\n")) is None
    assert table.walk(vocabulary.encode("Thank you. (Applaud")) is None
    assert table.walk(vocabulary.encode("A.\n\nB.\n\nC.\n\nD")) is None


def test_a_dialogue_ends_when_somebody_narrates() -> None:
    novel, vocabulary = registry.find().get("novel"), Vocabulary(ALPHABET)
    table = table_of(novel, ALPHABET)
    assert table.walk(vocabulary.encode('"Yes."\n"No!"\nHe went.\n')) is not None
    assert table.walk(vocabulary.encode("He went.\nS")) is None
    assert table.walk(vocabulary.encode('He said:\n"No!"\nHe went.\n')) is not None
    assert table.walk(vocabulary.encode("He said:\nNo")) is None
    assert table.walk(vocabulary.encode('"No."\n' * 6)) is not None
    assert table.walk(vocabulary.encode('"No."\n' * 6 + '"')) is None
