"""Which model speaks for a plugin."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from corpora import corpus
from corpora.errors import UserError
from corpora.fetch import Places
from generators import registry
from generators.engine import Engine
from generators.inference import Network
from generators.plugin import Plugin
from generators.sampling import Sampling
from generators.voice import Voice, open_voice
from training.checkpoint import Model
from training.ngram import NGram
from training.vocabulary import Vocabulary

COLD = Sampling(temperature=0)
POND = "the old pond\na frog leaps in\nthe sound of water\n" * 30


@pytest.fixture
def opened(tmp_path: Path) -> Callable[[Plugin], Voice]:
    return lambda plugin: open_voice(plugin, tmp_path / "models", tmp_path / "cache", Places(tmp_path / "texts"))


def test_the_users_model_comes_before_the_plugins_and_that_before_counts(
    make_plugin: Callable[..., Plugin],
    make_model: Callable[..., Model],
    opened: Callable[[Plugin], Voice],
    tmp_path: Path,
) -> None:
    plugin = make_plugin(corpus=POND)
    counts = opened(plugin)
    assert not counts.trained
    assert isinstance(counts.model, NGram)

    came_with_it = make_model(plugin.folder / "model", seed=1)
    bundled = opened(plugin)
    assert bundled.trained
    assert isinstance(bundled.model, Network)
    assert bundled.digest == came_with_it.digest

    own = make_model(tmp_path / "models" / "haiku", seed=2)
    make_model(tmp_path / "models" / "limerick", seed=3)  # another plugin's
    assert opened(plugin).digest == own.digest
    assert len({counts.digest, came_with_it.digest, own.digest}) == 3
    assert (tmp_path / "cache").exists()


def test_a_voice_speaks_as_its_model(
    make_plugin: Callable[..., Plugin],
    make_model: Callable[..., Model],
    opened: Callable[[Plugin], Voice],
    tmp_path: Path,
) -> None:
    plugin = make_plugin()
    model = make_model(plugin.folder / "model")
    voice, network = opened(plugin), Network(model, tmp_path / "elsewhere")
    ids = np.arange(9, dtype=np.int64)
    assert voice.model.vocabulary.characters == model.card.vocabulary
    assert np.array_equal(
        voice.model.step(ids, voice.model.start(9))[0], network.step(ids, network.start(9))[0]
    )  # in 8 bits


def test_counts_are_those_of_the_training_part(
    make_plugin: Callable[..., Plugin],
    opened: Callable[[Plugin], Voice],
    speaking: Callable[..., Engine],
    tmp_path: Path,
) -> None:
    held_out = "Zen\n"  # at the end of the test part only
    plugin = make_plugin(corpus=POND + held_out)
    voice, text = opened(plugin), corpus.build(plugin.manifest.corpus, plugin.folder, Places(tmp_path))
    assert "Z" not in text.train
    assert voice.left_out(POND + held_out) == ""  # and yet it can be scored
    assert voice.digest == f"ngram-{text.digest}"
    expected = NGram(text.train, Vocabulary(text.alphabet))
    ids = voice.model.vocabulary.encode("old pond\n").astype(np.int64)[:, None]
    logits, _ = voice.model.read(ids, voice.model.start(1))
    assert np.array_equal(logits, expected.read(ids, expected.start(1))[0])
    assert "".join(speaking(voice).submit(voice.request(COLD, 0, prefix="the ol"))) == "the old pond"


def test_the_text_is_cleaned_by_the_plugin(
    make_plugin: Callable[..., Plugin], opened: Callable[[Plugin], Voice], speaking: Callable[..., Engine]
) -> None:
    voice = opened(make_plugin(corpus=POND, code="def clean(text): return text.upper()\n"))
    assert voice.left_out("the POND") == "the"
    assert "".join(speaking(voice).submit(voice.request(COLD, 0, prefix="THE S"))) == "THE SOUND OF WATER"


def test_without_a_model_too_little_text_is_refused(
    make_plugin: Callable[..., Plugin], opened: Callable[[Plugin], Voice]
) -> None:
    with pytest.raises(UserError, match=r"The text has 13 characters.*at least 1,000"):
        opened(make_plugin(corpus="the old pond\n"))
    with pytest.raises(UserError, match="empty"):
        opened(make_plugin(corpus="", name="nothing"))
    plugin = make_plugin(name="absent")
    (plugin.folder / "corpus.txt").unlink()
    with pytest.raises(UserError, match=r"corpus\.txt: the text cannot be read"):
        opened(plugin)


def test_a_broken_model_of_ones_own_is_told_and_not_passed_over(
    make_plugin: Callable[..., Plugin],
    make_model: Callable[..., Model],
    opened: Callable[[Plugin], Voice],
    tmp_path: Path,
) -> None:
    plugin = make_plugin(corpus=POND)
    make_model(plugin.folder / "model")
    make_model(tmp_path / "models" / "haiku", seed=2)
    weights = tmp_path / "models" / "haiku" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(UserError, match=r"not the weights that model\.json describes") as caught:
        opened(plugin)
    assert str(weights) in str(caught.value)


def test_a_voice_knows_whether_it_is_still_the_one(
    make_plugin: Callable[..., Plugin],
    make_model: Callable[..., Model],
    opened: Callable[[Plugin], Voice],
    tmp_path: Path,
) -> None:
    plugin, own = make_plugin(corpus=POND), tmp_path / "models" / "haiku"
    counts = opened(plugin)
    assert counts.is_current()
    make_model(plugin.folder / "model", seed=1)
    bundled = opened(plugin)
    assert (counts.is_current(), bundled.is_current()) == (False, True)
    make_model(own, seed=2)
    first = opened(plugin)
    assert (bundled.is_current(), first.is_current()) == (False, True)
    make_model(own, seed=3)
    second = opened(plugin)
    assert (first.is_current(), second.is_current()) == (False, True)
    shutil.rmtree(own)
    assert (bundled.is_current(), second.is_current()) == (True, False)
    shutil.rmtree(plugin.folder / "model")  # nothing to change to that would be better
    assert bundled.is_current()
    assert second.is_current()


def test_a_blended_voice_is_as_good_as_both(
    make_plugin: Callable[..., Plugin], make_model: Callable[..., Model], opened: Callable[[Plugin], Voice]
) -> None:
    plain, other = make_plugin(corpus=POND), make_plugin(corpus=POND, name="other")
    make_model(other.folder / "model", characters="\nabc")
    first, second = opened(plain), opened(other)
    blended = first.blended(second, 0.25)
    assert blended.plugin is plain
    assert not blended.trained
    assert second.blended(second, 0.5).trained
    assert blended.digest == f"{first.digest}+0.25*{second.digest}"
    assert len({blended.digest, first.blended(second, 0.5).digest, second.blended(first, 0.25).digest}) == 3
    assert blended.is_current()
    make_model(other.folder / "model", seed=1, characters="\nabc")
    assert not blended.is_current()
    assert first.is_current()


def test_a_running_engine_speaks_as_the_plugin_is_now(
    make_plugin: Callable[..., Plugin],
    make_model: Callable[..., Model],
    opened: Callable[[Plugin], Voice],
    tmp_path: Path,
) -> None:
    folder = make_plugin('summary = "first"', "def check(text): return ''", POND).folder
    found = registry.find(tmp_path / "plugins")
    with Engine(lambda style: opened(found.get(style))) as engine:
        counts = engine.voice("haiku")
        assert (counts.trained, counts.plugin.manifest.summary) == (False, "first")
        assert engine.voice("haiku") is counts
        (folder / "plugin.toml").write_text('summary = "the second"')
        assert engine.voice("haiku").plugin.manifest.summary == "the second"
        (folder / "corpus.txt").write_text(POND.upper())
        assert "N" in engine.voice("haiku").model.vocabulary.characters
        make_model(tmp_path / "models" / "haiku")  # training is done
        assert engine.voice("haiku").trained
        (folder / "plugin.py").write_text("def grammar(alphabet): return 1 / 0")
        with pytest.raises(UserError, match=r"plugin\.py: grammar failed \(ZeroDivisionError"):
            engine.voice("haiku")
        assert engine.voice("bible").trained
        shutil.rmtree(folder)
        with pytest.raises(UserError, match="There is no style named 'haiku'"):
            engine.voice("haiku")
        assert engine.voice("bible").trained
