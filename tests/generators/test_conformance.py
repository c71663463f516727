import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from generators import conformance
from generators.conformance import Card, Losses
from generators.engine import Engine
from generators.plugin import Limits, Plugin
from generators.quality import Gates, Index
from generators.voice import Voice
from training.ngram import NGram
from training.vocabulary import Vocabulary

SKY = "".join(
    f"on day {n} there was {['rain', 'sun', 'fog'][n % 3]} from the {['north', 'east'][n % 2]}.\n" for n in range(90)
)
OTHER = "nobody has ever said anything of this kind before, and nobody will.\n" * 20
LENIENT = Limits(copied=5000, loop=5000, known_words=0, shortest=1)
BETTER = Losses(1.0, 1.1, 5)
LICENSED = '[corpus]\nlicence = "CC0"\n'
Show = Callable[..., Card]


@pytest.fixture
def show(make_plugin: Callable[..., Plugin], speaking: Callable[..., Engine], tmp_path: Path) -> Show:
    """Make the card of a voice that has counted SKY, or `text`, and passes for trained."""

    numbers = itertools.count()

    def made(
        toml: str = LICENSED, code: str = "", text: str = SKY, limits: Limits = LENIENT, learned: str = OTHER,
        losses: Losses | None = BETTER, trained: bool = True,
    ) -> Card:  # fmt: skip
        plugin = make_plugin(toml, code, text, f"haiku-{next(numbers)}")
        voice = Voice(plugin, NGram(text, Vocabulary(text)), "counts", trained)
        gates = Gates(limits, Index.of(learned))
        return conformance.check(speaking(voice), voice, gates, losses, tmp_path / "models", drafts=8)

    return made


def failed(card: Card) -> dict[str, str]:
    return {line.name: line.said for line in card.failed}


def test_a_good_plugin_passes_in_every_line(show: Show) -> None:
    code = "def check(text): return '' if text.endswith('.') else 'has no end'\ndef finish(text): return text.strip()\n"
    card = show(code=code)
    assert not card.failed
    names = "loads, licence, hooks, held-out loss, form, copied runs, repetition, known words, unsafe words, all gates"
    assert [line.name for line in card.lines] == [*names.split(", "), "speed", "size"]
    said = {line.name: line.said for line in card.lines}
    assert said["licence"] == "CC0"
    assert said["hooks"].startswith("finish, check: pure, ")
    assert said["held-out loss"] == "1.000 nats per character, the best n-gram (order 5) 1.100"
    assert said["form"] == "8 of 8 drafts are well formed"
    assert str(card).count("\n") == 11


def test_each_fault_is_a_line_of_its_own(show: Show) -> None:
    card = show(toml="", losses=Losses(1.2, 1.1, 5))
    assert failed(card) == {
        "licence": 'say whose text it is: [corpus] licence = "..." in plugin.toml',
        "held-out loss": "1.200 nats per character, the best n-gram (order 5) 1.100",
    }


@pytest.mark.parametrize(
    ("losses", "trained", "said"),
    [(None, False, "it speaks from letter counts"), (None, True, "never measured"), (BETTER, False, "letter counts")],
)
def test_without_a_measured_network_it_does_not_pass(
    show: Show, losses: Losses | None, trained: bool, said: str
) -> None:
    assert said in failed(show(losses=losses, trained=trained))["held-out loss"]


@pytest.mark.parametrize(
    ("limits", "learned", "line", "said"),
    [
        ({"copied": 50}, SKY, "copied runs", "drafts copy at most 50 characters in a row (at least 25% must)"),
        ({"known_words": 0.5}, OTHER, "known words", "0 of 8 drafts have 50% of their words from the text"),
        ({"shortest": 500}, OTHER, "all gates", "0 of 8 drafts could be posted (at least 25% must)"),
    ],
)
def test_drafts_that_fall_at_a_gate_are_counted(
    show: Show, limits: dict[str, int], learned: str, line: str, said: str
) -> None:
    text = SKY if learned is OTHER else SKY[:60] * 30  # which the counts then know by heart
    card = show(
        '[text]\nlength = 300\nstop = ""\n' + LICENSED,
        text=text,
        limits=LENIENT.model_copy(update=limits),
        learned=learned,
    )
    assert said in failed(card)[line]
    assert "all gates" in failed(card)


def test_circles_and_slurs_are_counted(show: Show) -> None:
    card = show(text=("you bitch " * 12 + "\n") * 30, limits=LENIENT.model_copy(update={"loop": 30}))
    assert {"repetition", "unsafe words", "all gates"} <= failed(card).keys()


def test_form_is_the_part_that_is_well_formed(show: Show) -> None:
    card = show(code="def check(text): return 'too dry' if 'rain' not in text else ''\n")
    said = next(line.said for line in card.lines if line.name == "form")
    assert said.endswith(" drafts are well formed; the others: too dry")
    assert "form" not in failed(card)
    assert "0 of 8 drafts are well formed" in failed(show(code="def check(text): return 'no'\n"))["form"]


@pytest.mark.parametrize("told", ["time.time_ns()", "random.random()", "os.getpid()", "next(count)"])
def test_a_hook_that_is_not_a_function_of_its_text_is_named(show: Show, told: str) -> None:
    card = show(
        code=f"import itertools, os, random, time\ncount = itertools.count()\ndef check(text): return str({told})\n"
    )
    assert failed(card)["hooks"] == "check does not always give the same answer to the same text"


def test_a_slow_hook_is_named(
    make_plugin: Callable[..., Plugin], speaking: Callable[..., Engine], tmp_path: Path
) -> None:
    plugin = make_plugin(LICENSED, "def finish(text): return text\n", SKY)
    voice = Voice(plugin, NGram(SKY, Vocabulary(SKY)), "counts", trained=True)
    seconds = iter(range(10_000))
    gates = Gates(LENIENT, Index.of(OTHER))
    card = conformance.check(speaking(voice), voice, gates, BETTER, tmp_path, 2, clock=lambda: float(next(seconds)))
    assert failed(card)["hooks"] == "one call took 1 s; at most 0.25 s"
    assert failed(card)["speed"].endswith("characters a second, alone; at least 50")


GRAMMAR = 'def grammar(alphabet): return \'root ::= "on day " [0-9]+ " " [a-z .0-9]* "\\\\n"\'\n'


def test_a_grammar_is_tried_too(show: Show) -> None:
    card = show(code=GRAMMAR)
    assert "grammar: pure" in next(line.said for line in card.lines if line.name == "hooks")
    fickle = GRAMMAR.replace("[0-9]+", "[0-9' + ''.join(c for c in 'abcdefghijklmnopqrstuvw' if getrandbits(1)) + ']+")
    assert failed(show(code="from random import getrandbits\n" + fickle)).keys() == {"hooks"}


def test_what_does_not_load_is_the_one_line(show: Show) -> None:
    card = show(code="def finish(text): raise ValueError('no')\n")
    assert [line.name for line in card.lines] == ["loads"]
    assert "finish failed (ValueError: no)" in failed(card)["loads"]


def test_the_digest_changes_with_the_plugin_and_the_model(make_plugin: Callable[..., Plugin]) -> None:
    plugin = make_plugin(LICENSED, "def finish(text): return text\n", SKY)
    counts = NGram(SKY, Vocabulary(SKY))
    first = conformance.digest(Voice(plugin, counts, "counts", trained=False))
    assert first == conformance.digest(Voice(plugin, counts, "counts", trained=False))
    others = [conformance.digest(Voice(plugin, counts, "others", trained=False))]
    (plugin.folder / "plugin.py").write_text("def finish(text): return text.strip()\n")
    others.append(conformance.digest(Voice(plugin, counts, "counts", trained=False)))
    (plugin.folder / "plugin.py").unlink()
    others.append(conformance.digest(Voice(plugin, counts, "counts", trained=False)))
    (plugin.folder / "words.py").write_text("SKY = 'rain'\n")  # which its code may import
    others.append(conformance.digest(Voice(plugin, counts, "counts", trained=False)))
    assert len({first, *others}) == 5


def test_a_card_is_json_and_back(show: Show) -> None:
    card = show()
    assert Card.model_validate_json(card.model_dump_json()) == card


def test_losses_are_those_that_training_told() -> None:
    scores = {"test_int8": 1.0, "best_ngram": 1.1, "best_ngram_order": 5.0}
    assert Losses.told(scores) == BETTER
    assert Losses.told({"test_int8": 1.0}) is None


def test_errors_of_the_engine_are_lines_too(show: Show) -> None:
    card = show(code="def grammar(alphabet): return 'root ::= \"Z\"'\n")
    assert "no text fits it: the alphabet has no 'Z'" in failed(card)["loads"]
