import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import settings

from generators import plugin
from generators.engine import Engine
from generators.generator import Generator
from generators.inference import LanguageModel, Network
from generators.plugin import Plugin
from generators.sampling import REMEMBERED, Sampling, SamplingRows, draw, draw_noise, score
from generators.voice import Voice
from training import checkpoint
from training.checkpoint import Model, ModelCard, expected_shapes
from training.config import ModelConfig
from training.ngram import NGram
from training.vocabulary import Vocabulary

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

ANIMALS = "cat\nmeow\ndog\nwoof\n"


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def make_model(tmp_path: Path) -> Callable[..., Model]:
    """Save a network of drawn weights as a model folder, and load it again."""

    def make(
        folder: Path | None = None, characters: str = "\n abcdefg", seed: int = 0, scale: float = 0.5, **fields: Any
    ) -> Model:
        config = ModelConfig.model_validate({"layers": 2, "units": 7, "embedding": 5} | fields)
        chance = np.random.default_rng(seed)
        shapes = expected_shapes(config, len(characters))
        arrays = {name: (scale * chance.standard_normal(shape)).astype(np.float32) for name, shape in shapes.items()}
        card = ModelCard(model=config, vocabulary=characters, parameters=sum(a.size for a in arrays.values()))
        folder = folder or tmp_path / "model"
        checkpoint.save(folder, card, arrays)
        return checkpoint.load(folder)

    return make


@pytest.fixture
def make_plugin(tmp_path: Path) -> Callable[..., Plugin]:
    """Write a plugin's folder and read it as the registry does."""

    def make(toml: str = "", code: str = "", corpus: str = "", name: str = "haiku") -> Plugin:
        folder = tmp_path / "plugins" / name
        folder.mkdir(parents=True)
        (folder / "plugin.toml").write_text(toml)
        (folder / "corpus.txt").write_text(corpus)
        if code:
            (folder / "plugin.py").write_text(code)
        return plugin.read(folder, "folder")

    return make


@pytest.fixture
def make_voice(
    make_model: Callable[..., Model], make_plugin: Callable[..., Plugin], tmp_path: Path
) -> Callable[..., Voice]:
    """Make a plugin's voice of a network of drawn weights: it writes what it may, in no order to speak of."""

    def make(
        toml: str = "", code: str = "", name: str = "haiku", threads: int = 1, scale: float = 1.0, **fields: Any
    ) -> Voice:
        made = make_plugin(toml, code, name=name)
        model = make_model(made.folder / "model", **({"characters": "\nabc"} | fields), scale=scale)
        return Voice(made, Network(model, tmp_path / "cache", threads=threads), model.digest, trained=True)

    return make


@pytest.fixture
def speaking() -> Iterator[Callable[..., Engine]]:
    """Make engines of some voices; they are closed after the test, and none of their threads may be left."""
    others = set(threading.enumerate())
    with ExitStack() as engines:

        def make(*voices: Voice, **options: Any) -> Engine:
            by_name = {voice.plugin.name: voice for voice in voices}
            return engines.enter_context(Engine(by_name.__getitem__, **options))

        yield make
    for thread in set(threading.enumerate()) - others:
        if thread.name.startswith("voice "):
            thread.join(30)
            assert not thread.is_alive(), f"{thread.name} still runs after its engine was closed"


@pytest.fixture
def animals(make_plugin: Callable[..., Plugin], speaking: Callable[..., Engine]) -> Callable[..., Generator]:
    """A voice that has counted what each animal says: after "cat" comes "meow", after "dog" comes "woof"."""

    def make(toml: str = "", code: str = "", **options: Any) -> Generator:
        counts = NGram(ANIMALS * 200, Vocabulary(ANIMALS))
        voice = Voice(make_plugin(toml, code), counts, "counts", trained=False)
        return Generator(speaking(voice, **options), voice.plugin.name)

    return make


@pytest.fixture
def by_hand() -> Callable[..., str]:
    """The plain loop that the engine's texts have to equal: read, score, draw, one character after another; no stop."""

    def write(
        model: LanguageModel, prompt: str, seed: int, draft: int = 0, sampling: Sampling | None = None, length: int = 60
    ) -> str:
        rows, noise = SamplingRows([sampling or Sampling()]), np.random.default_rng([seed, draft])
        ids, state = list[int](), model.start(1)
        for character in model.vocabulary.encode(prompt):
            logits, state = model.step(np.array([character], dtype=np.int64), state)
        for _ in range(length):
            recent = np.array([ids[-REMEMBERED:]], dtype=np.int64)
            scores = score(logits, rows, recent)
            ids.append(int(draw(scores, draw_noise(noise, 1, len(model.vocabulary)))[0]))
            logits, state = model.step(np.array(ids[-1:], dtype=np.int64), state)
        return model.vocabulary.decode(ids)

    return write
