"""The verbs `evaluate` and `bench`: a voice's loss beside the n-gram's, and its speed beside PyTorch's."""

import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bot.settings import Settings
from corpora import corpus
from corpora.corpus import Corpus
from corpora.errors import UserError
from generators.generator import Generator
from generators.sampling import Sampling
from training import checkpoint
from training.vocabulary import Vocabulary

ORDERS = range(1, 10)  # characters of context of the n-gram models a network has to beat


def evaluate(voice: Generator, settings: Settings, say: Callable[[str], None]) -> dict[str, Any]:
    """Return the scores of `voice` on the test part of its corpus, which it was never trained on."""
    plugin = voice.plugin
    text = corpus.build(plugin.manifest.corpus, plugin.folder, settings.places, plugin.hook("clean"))
    folder = plugin.trained_folder(settings.models)
    card = checkpoint.read_card(folder) if folder else None
    if card and card.corpus.get("digest") != text.digest:
        say(f"({plugin.name}: the model was trained on another text or another split; it may have seen this test text)")
    nats = voice.score(text.test)
    order, best = best_ngram(text, settings)
    return {
        "style": plugin.name,
        "model": voice.digest,
        "nats_per_character": nats,
        "bits_per_character": nats / math.log(2),
        "fp32_nats_per_character": card.scores.get("test") if card else None,
        "best_ngram_nats": best,
        "best_ngram_order": order,
        "parameters": card.parameters if card else 0,
        "test_characters": len(text.test),
    }


def best_ngram(text: Corpus, settings: Settings) -> tuple[int, float]:
    """Return (order, nats) of the best modified Kneser-Ney model; kept by the text's digest, since it never changes."""
    path = settings.cache / f"ngram-{text.digest[:24]}.json"
    if not path.exists():
        from training.evaluation.kneser_ney import character_nats

        vocabulary = Vocabulary(text.alphabet)
        train, test = vocabulary.encode(text.train), vocabulary.encode(text.test)
        losses = character_nats(train, test, len(vocabulary), ORDERS)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")  # a kill leaves no half of it behind
        part.write_text(json.dumps({order: float(nats.mean()) for order, nats in losses.items()}))
        part.replace(path)
    means = {int(order): nats for order, nats in json.loads(path.read_text()).items()}
    order = min(means, key=means.__getitem__)
    return order, means[order]


def bench(voice: Generator, settings: Settings, characters: int = 4000) -> dict[str, Any]:
    """Time one stream on one core, drawing included, beside the same weights stepped in PyTorch eager.

    Also times whole processes, from a cold start to a text printed (the network's graph is in the cache by then).
    """
    name = voice.plugin.name
    folder = voice.plugin.trained_folder(settings.models)
    if not folder:
        raise UserError(f"{name} has no trained model to time. `apocrypha train {name}` makes one.")
    engine = _rounds(lambda count: _engine_seconds(voice, count), characters)
    torch_eager = _rounds(_torch_stepper(folder), characters // 10)
    trainer, bare = _trainer_and_bare_loop(voice)
    runs = [_process([sys.executable, "-m", "bot", "sample", name, "--seed", "7"]) for _ in range(6)][1:]
    return {
        "style": name,
        "model": voice.digest,
        "one_stream": {"engine": engine, "torch_eager": torch_eager, "ratio": engine / torch_eager},
        "training": {"trainer": trainer, "bare_loop": bare, "overhead": bare / trainer - 1},
        "cold_start": {
            "seconds": float(np.median([seconds for seconds, _ in runs])),
            "peak_megabytes": max(megabytes for _, megabytes in runs),
        },
    }


def _trainer_and_bare_loop(voice: Generator, rounds: int = 5, steps: int = 5) -> tuple[float, float]:
    """Return characters per second of the trainer and of a bare loop (forward, backward, AdamW), the default sizes.

    They learn from text that the voice writes, in turn, `steps` at a time: the machine's drift meets both alike.
    """
    import torch

    from training.config import ModelConfig, TrainConfig
    from training.trainer import Run

    text = "".join(voice.stream(voice.request(Sampling(), seed=0, length=40_000, stop="")))
    config = TrainConfig()
    with tempfile.TemporaryDirectory() as folder:
        run = Run(ModelConfig(), config, Corpus("", "", text, text[:1000], text[:1000]), Path(folder))
    window = run.streams.window(0)
    inputs, targets = torch.from_numpy(window.inputs), torch.from_numpy(window.targets)
    carried = run.model.start(config.batch)

    def bare() -> None:
        with run.device.arithmetic():
            logits, _ = run.model(inputs, carried)
        loss = torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), targets.flatten())
        loss.backward()  # type: ignore[no-untyped-call]
        run.optimiser.step()
        run.optimiser.zero_grad()

    taken: dict[Callable[[], None], list[float]] = {run.step: [], bare: []}
    for _ in range(rounds):
        for step, seconds in taken.items():
            started = time.perf_counter()
            for _ in range(steps):
                step()
            seconds.append(time.perf_counter() - started)
    characters = config.batch * config.length * steps
    trained, bared = (characters / float(np.median(seconds[1:])) for seconds in taken.values())
    return trained, bared


# A process of its own measures the command: the peak memory of a child counts from its parent's on.
_WATCH = """
import os, subprocess, sys, time
started = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
print(time.perf_counter() - started, usage.ru_maxrss / 1024)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def _process(command: list[str]) -> tuple[float, float]:
    """Run `command`; return its wall seconds and its peak memory in megabytes."""
    watched = [sys.executable, "-I", "-S", "-c", _WATCH, *command]
    seconds, megabytes = subprocess.run(watched, stdout=subprocess.PIPE, check=True, text=True).stdout.split()
    return float(seconds), float(megabytes)


def _rounds(seconds: Callable[[int], float], characters: int) -> float:
    """Return characters per second: the median of five rounds, after one that is not counted."""
    seconds(characters // 4)
    return float(np.median([characters / seconds(characters) for _ in range(5)]))


def _engine_seconds(voice: Generator, count: int) -> float:
    request = voice.request(Sampling(), seed=0, length=count, stop="")
    started = time.perf_counter()
    written = sum(1 for _ in voice.stream(request))
    assert written == count
    return time.perf_counter() - started


def _torch_stepper(folder: Path) -> Callable[[int], float]:
    """Return a timer of the usual way: one forward pass of the module per character, and a draw."""
    import torch

    from training.model import CharacterModel

    torch.set_num_threads(1)
    model = checkpoint.load(folder)
    network = CharacterModel(model.card.model, len(model.card.vocabulary)).eval()
    network.load_arrays(model.arrays)

    def seconds(count: int) -> float:
        with torch.inference_mode():
            ids, state = torch.zeros(1, 1, dtype=torch.long), network.start(1)
            started = time.perf_counter()
            for _ in range(count):
                logits, state = network(ids, state)
                ids = torch.multinomial(logits[:, -1].softmax(-1), 1)
            return time.perf_counter() - started

    return seconds
