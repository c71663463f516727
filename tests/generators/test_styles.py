"""A walk through the bundled styles: each one is whole, and its own judge knows good from bad."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from corpora import corpus
from corpora.fetch import Places
from generators import plugin, registry
from generators.engine import Engine
from generators.generator import Generator
from generators.host import HOOKS
from generators.inference import Network
from generators.plugin import Plugin
from generators.voice import Voice
from training import checkpoint
from training.checkpoint import Model
from training.vocabulary import Vocabulary

CHECKOUT = Path(__file__).parents[2]
FOLDERS = sorted(place for place in registry.BUNDLED.iterdir() if place.is_dir() and place.name != "__pycache__")


@pytest.fixture(params=FOLDERS, ids=lambda place: place.name)
def style(request: pytest.FixtureRequest) -> Plugin:
    return plugin.read(request.param, "bundled")


@pytest.fixture
def trained(style: Plugin) -> Model:
    if not checkpoint.exists(style.folder / "model"):
        pytest.skip(f"{style.name} has no trained model yet")
    return checkpoint.load(style.folder / "model")


@pytest.fixture
def mirror(style: Plugin, tmp_path: Path) -> Places:
    """Where the style's real text is, on a machine that has it."""
    folder = Path(os.environ.get("APOCRYPHA_MIRROR") or CHECKOUT.parent / "shared" / "corpora")
    if not (folder / style.manifest.corpus.mirror).is_file():
        pytest.skip(f"the text of {style.name} is not here: set APOCRYPHA_MIRROR to a folder that has it")
    return Places(tmp_path / "texts", folder)


def test_all_bundled_are_found_and_none_is_broken() -> None:
    found = registry.find()
    assert {found.plugins[place.name].folder for place in FOLDERS} == set(FOLDERS)
    assert not found.broken
    assert "bible" in found.plugins


def test_it_says_what_it_is_and_what_it_learns_from(style: Plugin) -> None:
    manifest = style.manifest
    said = {
        "the folder has the style's name": style.folder.name == style.name,
        "a summary of one line": manifest.summary.strip() and "\n" not in manifest.summary,
        "examples of what to say to it": len(manifest.examples) > 0 and all(manifest.examples),
        "a title": manifest.corpus.title,
        "a licence": manifest.corpus.licence not in ("", "unknown"),
        "a text that is elsewhere": manifest.corpus.remote,
        "its place in a mirror": manifest.corpus.mirror,
        "its digest": len(manifest.corpus.sha256) == 64,
        "no text of its own in the repository": not (style.folder / manifest.corpus.file).exists(),
    }
    assert [what for what, is_so in said.items() if not is_so] == []


def test_it_has_a_model_card_for_people(style: Plugin) -> None:
    card = style.folder / "README.md"
    assert card.is_file(), f"{card}: a style needs a model card"
    text = card.read_text(encoding="utf-8").lower()
    wanted = ("corpus", "licence", "parameters", "nats", "should not be used")
    assert [word for word in wanted if word not in text] == []


def test_its_code_loads(style: Plugin) -> None:
    hooks = {name: style.hook(name) for name in HOOKS}
    finish, prompt = hooks["finish"], hooks["prompt"]
    if finish:
        assert finish(finish(" a text\n")) == finish(" a text\n")
    if prompt:
        for example in style.manifest.examples:
            assert isinstance(prompt(example), str)


def test_its_real_text_can_be_learned_from(style: Plugin, mirror: Places) -> None:
    text = corpus.build(style.manifest.corpus, style.folder, mirror, style.hook("clean"))
    assert len(text.train) > 10 * len(text.test) > 0
    assert not set("".join(style.manifest.examples)) - set(text.alphabet)
    assert set(style.manifest.text.start) <= set(text.alphabet)


def test_its_judge_accepts_the_real_text(style: Plugin, mirror: Places) -> None:
    check, stop = style.hook("check"), style.manifest.text.stop
    if check is None or not stop:
        pytest.skip(f"{style.name} judges nothing, or its texts do not end")
    text = corpus.build(style.manifest.corpus, style.folder, mirror, style.hook("clean"))
    texts = [one for part in (text.train, text.validation, text.test) for one in part.split(stop) if one]
    rejected = [one for one in texts if check(one)]
    assert len(rejected) <= len(texts) / 1000, rejected[:5]  # six verses of the King James end in mid-air
    assert max(map(len, texts)) <= style.manifest.text.length


def test_its_model_is_whole_and_small(style: Plugin, trained: Model) -> None:
    card, weights = trained.card, style.folder / "model" / checkpoint.WEIGHTS
    assert weights.stat().st_size <= 8_000_000
    assert hashlib.sha256(weights.read_bytes()).hexdigest() == card.weights_sha256
    assert card.parameters == sum(array.size for array in trained.arrays.values())
    assert card.corpus["licence"] == style.manifest.corpus.licence
    assert trained.vocabulary.known(style.manifest.text.start + "".join(style.manifest.examples))[1] == ""
    assert {"epochs", "hours", "hardware"} <= card.run.keys()


def test_its_scores_are_stated_to_machines_and_people(style: Plugin, trained: Model) -> None:
    card, said = trained.card, (style.folder / "README.md").read_text(encoding="utf-8")
    assert {"validation", "test", "test_int8"} <= card.scores.keys()
    assert abs(card.scores["test"] - card.scores["test_int8"]) < 0.01
    assert f"{card.parameters:,}" in said
    assert any(f"{card.scores['test_int8']:.{digits}f}" in said for digits in (2, 3, 4))


def test_its_model_learned_from_this_text(style: Plugin, trained: Model, mirror: Places) -> None:
    text = corpus.build(style.manifest.corpus, style.folder, mirror, style.hook("clean"))
    assert trained.card.corpus["digest"] == text.digest
    before = style.text_before(mirror)  # its characters are known too
    assert trained.card.vocabulary == Vocabulary(text.alphabet + (before.alphabet if before else "")).characters


def test_twenty_texts_are_well_formed(
    style: Plugin, trained: Model, tmp_path: Path, speaking: Callable[..., Engine]
) -> None:
    voice = Voice(style, Network(trained, tmp_path), trained.digest, trained=True)
    requests = [voice.request(voice.sampling(), seed) for seed in range(20)]
    texts = list(Generator(speaking(voice), style.name).texts(requests))
    check = style.hook("check") or (lambda _: "")
    assert [check(text) for text in texts if check(text)] == []
    assert len(set(texts)) > 15


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("Genesis 1:1 In the beginning God created the heaven and the earth.", ""),
        ("1 Samuel 17:4 And there went out a champion,", ""),
        ("Song of Solomon 2:1 I am the rose of Sharon!", ""),
        ("3 John 1:14 Peace be to thee (and to thy friends)", ""),
        ("Revelation 119:176 Wherefore?", ""),
        ("Psalms 150:6 O", "does not end where a verse ends"),
        ("Genesis 1:1 In the beginning God created the heaven and the ear", "does not end where a verse ends"),
        ("Genesis 1:1 In the beginning. ", "does not end where a verse ends"),
        ("In the beginning God created the heaven and the earth.", "no book, chapter and verse at its head"),
        ("Hezekiah 1:1 And it came to pass.", "no book, chapter and verse at its head"),
        ("4 John 1:1 And it came to pass.", "no book, chapter and verse at its head"),
        ("Genesis 0:1 And it came to pass.", "no book, chapter and verse at its head"),
        ("Genesis 1:0 And it came to pass.", "no book, chapter and verse at its head"),
        ("Genesis 01:1 And it came to pass.", "no book, chapter and verse at its head"),
        ("Genesis 1000:1 And it came to pass.", "no book, chapter and verse at its head"),
        ("Genesis 1 And it came to pass.", "no book, chapter and verse at its head"),
        ("Genesis 1:1And it came to pass.", "no book, chapter and verse at its head"),
        ("Genesis 1:1  And it came to pass.", "no book, chapter and verse at its head"),
        ("Genesis 1:1 And it came\nto pass.", "no book, chapter and verse at its head"),
        (" Genesis 1:1 And it came to pass.", "no book, chapter and verse at its head"),
        ("And Genesis 1:1 And it came to pass.", "no book, chapter and verse at its head"),
        ("Genesis 1:1 ", "no book, chapter and verse at its head"),
        ("", "no book, chapter and verse at its head"),
    ],
)
def test_the_bible_knows_a_verse(text: str, fault: str) -> None:
    check = registry.find().get("bible").hook("check")
    assert check is not None
    assert check(text) == fault


def test_the_bible_hears_a_message_as_a_verse_before_the_answer() -> None:
    bible = registry.find().get("bible")
    prompt = bible.hook("prompt")
    assert prompt is not None
    assert prompt("  Who shall\n\nenter\tthe city? ") == "Amen.\nWho shall enter the city?\n"
    assert prompt("hello") == "Amen.\nhello.\n"


def test_the_bibles_grammar_is_what_its_judge_accepts(tmp_path: Path, speaking: Callable[..., Engine]) -> None:
    """With it a first draft is a verse whatever the temperature and the length, by construction."""
    bible = registry.find().get("bible")
    model = checkpoint.load(bible.folder / "model")
    voice, check = Voice(bible, Network(model, tmp_path), model.digest, trained=True), bible.hook("check")
    assert check is not None
    engine = speaking(voice)
    for length in (20, 40, 150):
        requests = [voice.request(voice.sampling(temperature=t), 7, length=length) for t in (0, 0.8, 1.5, 5)]
        streams = [engine.submit(request) for request in requests]
        texts = ["".join(stream) for stream in streams]
        assert [check(text) for text in texts] == [""] * 4, texts
        assert max(map(len, texts)) <= length
        assert {stream.reason for stream in streams} == {"stop"}
