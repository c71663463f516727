"""The verb `bench`: how fast a voice is, each figure beside what it is compared with, measured in turn in one run."""

import asyncio
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bot.settings import Settings
from corpora.corpus import Corpus
from corpora.errors import UserError
from generators.engine import Engine
from generators.inference import LanguageModel, Network
from generators.voice import Request, Voice
from generators.worker import BusyError
from training import checkpoint

ROUNDS = 5
STREAMS = 64
Timer = Callable[[], float]  # runs once, and returns characters per second


def bench(engine: Engine, style: str, settings: Settings, say: Callable[[str], None], seconds: float) -> dict[str, Any]:
    """Return all figures; speeds are characters per second. `seconds` is how long the 64 clients come and go.

    `one_stream.bound` is what one core's memory could give: the bytes of the weights that a character needs, at the
    speed at which as many bytes are copied. `streams_64.bound` is the bare session with no Python around it.
    """
    voice = engine.voice(style)
    folder = voice.plugin.trained_folder(settings.models)
    if not folder:
        raise UserError(f"{style} has no trained model to time. `apocrypha train {style}` makes one.")
    model = checkpoint.load(folder)
    fp32 = Network(model, settings.cache, "fp32", settings.cores)
    say("one stream")
    one = _side_by_side(
        engine=_engine_timer(engine, _endless(voice, 1, 4000)),
        torch_eager=_torch_timer(model, 1, 300, threads=1),
        onnxruntime_fp32=_session_timer(fp32, 1, 1000),
        bound=_copy_timer(_bytes_per_character(model)),
    )
    say(f"{STREAMS} streams")
    eager = {n: _torch_timer(model, STREAMS, 20, n) for n in sorted({1, settings.cores})}
    threads = max(eager, key=lambda n: eager[n]())
    many = _side_by_side(
        engine=_engine_timer(engine, _endless(voice, STREAMS, 1000)),
        torch_eager=eager[threads],
        onnxruntime_fp32=_session_timer(fp32, STREAMS, 100),
        bound=_session_timer(voice.model, STREAMS, 300),
    )
    say("grammar")
    texts = [voice.request(voice.sampling(), seed) for seed in range(4 * STREAMS)]
    grammar = _side_by_side(
        on=_engine_timer(engine, texts),
        off=_engine_timer(engine, [request.model_copy(update={"grammar": False}) for request in texts]),
    )
    say(f"{STREAMS} clients")
    clients = asyncio.run(_clients(engine, voice, seconds))
    say("training, and starting")
    trainer, bare = _trainer_and_bare_loop(engine, voice)
    runs = [_process([sys.executable, "-m", "bot", "sample", style, "--seed", "7"]) for _ in range(6)][1:]
    return {
        "style": style,
        "model": voice.digest,
        "cores": settings.cores,
        "one_stream": one | {"ratio": one["engine"] / one["torch_eager"]},
        "streams_64": many | {"torch_threads": threads, "ratio": many["engine"] / many["torch_eager"]},
        "clients_64": clients,
        "grammar": grammar | {"slower": grammar["off"] / grammar["on"] - 1},
        "training": {"trainer": trainer, "bare_loop": bare, "overhead": bare / trainer - 1},
        "cold_start": {
            "seconds": float(np.median([seconds for seconds, _ in runs])),
            "peak_megabytes": max(megabytes for _, megabytes in runs),
        },
    }


def _side_by_side(**timers: Timer) -> dict[str, float]:
    """Return each timer's median over rounds in which all take their turn, so that the machine's drift meets all."""
    rounds = [{name: timer() for name, timer in timers.items()} for _ in range(ROUNDS + 1)][1:]
    return {name: float(np.median([round_[name] for round_ in rounds])) for name in timers}


def _engine_timer(engine: Engine, requests: list[Request]) -> Timer:
    """Time texts that are asked for all at once: drawn, delivered and read."""

    def timer() -> float:
        started = time.perf_counter()
        written = sum(len(piece) for stream in [engine.submit(request) for request in requests] for piece in stream)
        return written / (time.perf_counter() - started)

    return timer


def _endless(voice: Voice, streams: int, length: int) -> list[Request]:
    """Return requests for texts that nothing ends but their length."""
    fields = {"length": length, "stop": "", "grammar": False}
    return [voice.request(voice.sampling(), seed, **fields) for seed in range(streams)]


def _session_timer(model: LanguageModel, streams: int, steps: int) -> Timer:
    """Time the network alone: nothing is drawn, the same characters are read again and again."""
    ids = np.arange(streams, dtype=np.int64) % len(model.vocabulary)

    def timer() -> float:
        state = model.start(streams)
        started = time.perf_counter()
        for _ in range(steps):
            _, state = model.step(ids, state)
        return steps * streams / (time.perf_counter() - started)

    return timer


def _torch_timer(model: checkpoint.Model, streams: int, steps: int, threads: int) -> Timer:
    """Time the usual way: one forward pass of the module per character, and a draw."""
    import torch

    from training.model import CharacterModel

    network = CharacterModel(model.card.model, len(model.card.vocabulary)).eval()
    network.load_arrays(model.arrays)

    def timer() -> float:
        torch.set_num_threads(threads)
        with torch.inference_mode():
            ids, state = torch.zeros(streams, 1, dtype=torch.long), network.start(streams)
            started = time.perf_counter()
            for _ in range(steps):
                logits, state = network(ids, state)
                ids = torch.multinomial(logits[:, -1].softmax(-1), 1)
            return steps * streams / (time.perf_counter() - started)

    return timer


def _bytes_per_character(model: checkpoint.Model) -> int:
    """Return the bytes of 8-bit weights that one character needs: all matrices but the table of the first layer."""
    read = [array.size for name, array in model.arrays.items() if name.endswith("weight")]
    return sum(read) - model.arrays["embedding.weight"].size - model.arrays["layers.0.input_weight"].size


def _copy_timer(size: int) -> Timer:
    """Time copies of `size` bytes, which lie in the cache level where the weights would."""
    source = np.random.default_rng(0).integers(0, 255, size, dtype=np.uint8)
    target = np.zeros_like(source)

    def timer() -> float:
        started = time.perf_counter()
        for _ in range(1000):
            np.copyto(target, source)
        return 1000 / (time.perf_counter() - started)

    return timer


async def _clients(engine: Engine, voice: Voice, seconds: float) -> dict[str, float]:
    """Let clients come at random, say something and read 200 characters, for `seconds`; the first ones only warm up."""
    chance = np.random.default_rng(0)
    said = "".join(engine.submit(_endless(voice, 1, 20_000)[0]))
    await _come_and_go(engine, voice, said, seconds / 4, chance)
    before, started = _resident_megabytes(), time.perf_counter()
    waits, characters, refused = await _come_and_go(engine, voice, said, seconds, chance)
    return {
        "requests": len(waits),
        "refused": refused,
        "characters_per_second": characters / (time.perf_counter() - started),
        "first_character_ms_p50": 1000 * float(np.quantile(waits, 0.5)),
        "first_character_ms_p99": 1000 * float(np.quantile(waits, 0.99)),
        "megabytes_before": before,
        "megabytes_after": _resident_megabytes(),
    }


async def _come_and_go(
    engine: Engine, voice: Voice, said: str, seconds: float, chance: np.random.Generator
) -> tuple[list[float], int, int]:
    """Return the seconds to each first character, the characters read, and how many requests were refused."""
    end = time.perf_counter() + seconds
    waits: list[float] = []
    characters = refused = 0

    async def client() -> None:
        nonlocal characters, refused
        while time.perf_counter() < end:
            await asyncio.sleep(chance.random())
            at, size = int(chance.integers(len(said) - 100)), int(chance.integers(20, 100))
            fields = {"message": said[at : at + size], "length": 200, "stop": "", "grammar": False}
            asked = time.perf_counter()
            try:
                stream = engine.submit(voice.request(voice.sampling(), int(chance.integers(2**31)), **fields))
            except BusyError:
                refused += 1
                continue
            first = await anext(stream)
            waits.append(time.perf_counter() - asked)
            read = len(first) + sum([len(piece) async for piece in stream])
            characters += read

    await asyncio.gather(*(client() for _ in range(STREAMS)))
    return waits, characters, refused


def _resident_megabytes() -> float:
    """Return the memory that this process has in RAM."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


def _trainer_and_bare_loop(engine: Engine, voice: Voice, rounds: int = 5, steps: int = 5) -> tuple[float, float]:
    """Return characters per second of the trainer and of a bare loop (forward, backward, AdamW), the default sizes.

    They learn from text that the voice writes, in turn, `steps` at a time: the machine's drift meets both alike.
    """
    import torch

    from training.config import ModelConfig, TrainConfig
    from training.trainer import Run

    text = "".join(engine.submit(_endless(voice, 1, 40_000)[0]))
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
        for optimiser in run.optimisers:
            optimiser.step()
            optimiser.zero_grad()

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
