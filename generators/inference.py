"""A model folder as a running network: ONNX Runtime, no torch."""

import contextlib
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from corpora.errors import UserError
from training.checkpoint import Model
from training.vocabulary import Vocabulary

os.putenv("ORT_DISABLE_TELEMETRY", "1")  # else it tells Microsoft that it runs; it looks once, when it is loaded
import onnxruntime

if TYPE_CHECKING:
    from generators.graph import Arithmetic

Logits = NDArray[np.float32]
State = NDArray[Any]  # (streams, size): a row is all that a stream remembers
WORTH_A_SESSION = 32  # characters of a text that make up for opening the sequence graph
WORTH_A_THREAD = 16  # streams that make up for handing a step to another thread
EXACT_SUMS = ("session.x64quantprecision", "1")  # else a processor with no VNNI adds 8-bit products up in 16 bits
GRAPH_VERSION = 3  # of generators/graph.py; a change there makes old cached graphs useless


class LanguageModel(Protocol):
    """Anything that predicts the next character: a network, or the counts that stand in before one is trained."""

    vocabulary: Vocabulary

    @property
    def megabytes(self) -> float:
        """Return about how much memory the model takes."""

    def start(self, streams: int) -> State:
        """Return the memory of `streams` streams that have read nothing."""

    def step(self, ids: NDArray[np.int64], state: State) -> tuple[Logits, State]:
        """Read one character per stream, ids (streams,); return logits (streams, V) and the new state."""

    def read(self, ids: NDArray[np.int64], state: State) -> tuple[Logits, State]:
        """Read a text per stream in one call, ids (T, streams); return logits (T, streams, V) and the new state.

        Where an id is -1 the stream reads nothing and its logits mean nothing.
        """


class Network:
    """The recurrent network of a model folder, many streams in one step.

    The graphs are built once per model and kept in `cache`, named by the model's digest. A step of many streams is
    shared out over up to `threads` threads, each with its own streams. Steps may be asked for from several threads at
    once.
    """

    def __init__(self, model: Model, cache: Path, arithmetic: "Arithmetic" = "int8", threads: int = 1) -> None:
        """Open the step graph; the sequence graph is opened when first used."""
        self.vocabulary = model.vocabulary
        self._model, self._cache, self._arithmetic = model, cache, arithmetic
        self._threads = threads
        self._others = ThreadPoolExecutor(threads - 1, "network") if threads > 1 else None
        config = model.card.model
        self._state_size = config.layers * config.units * config.memories
        self._megabytes = 0.0
        self._step = self._open("step")
        self._sequence: onnxruntime.InferenceSession | None = None

    def start(self, streams: int) -> State:
        """Return empty memories (streams, S)."""
        return np.zeros((streams, self._state_size), dtype=np.float32)

    def step(self, ids: NDArray[np.int64], state: State) -> tuple[Logits, State]:
        """Read one character per stream (see LanguageModel)."""
        slices = min(self._threads, len(ids) // WORTH_A_THREAD)
        if slices < 2 or self._others is None:
            return self._step_one(ids, state)
        cuts = [len(ids) * i // slices for i in range(1, slices)]
        parts = list(zip(np.split(ids, cuts), np.split(state, cuts), strict=True))
        waiting = [self._others.submit(self._step_one, *part) for part in parts[1:]]
        done = [self._step_one(*parts[0]), *(future.result() for future in waiting)]
        return np.concatenate([logits for logits, _ in done]), np.concatenate([state for _, state in done])

    def read(self, ids: NDArray[np.int64], state: State) -> tuple[Logits, State]:
        """Read a text per stream (see LanguageModel); a short first one by steps, to the same bits."""
        if self._sequence is None:
            if len(ids) < WORTH_A_SESSION and ids.min() >= 0:
                return self._read_by_steps(ids, state)
            self._sequence = self._open("sequence")
        state, logits = self._sequence.run(None, {"first": state, "text": ids})
        return logits, state

    @property
    def megabytes(self) -> float:
        """Return about how much memory it takes now: a session holds its constants twice, the second time packed."""
        return self._megabytes

    def _read_by_steps(self, ids: NDArray[np.int64], state: State) -> tuple[Logits, State]:
        logits = []
        for row in ids:
            out, state = self._step_one(row, state)
            logits.append(out)
        return np.stack(logits), state

    def _step_one(self, ids: NDArray[np.int64], state: State) -> tuple[Logits, State]:
        state, logits = self._step.run(None, {"state": state, "ids": ids})
        return logits, state

    def _open(self, form: str) -> onnxruntime.InferenceSession:
        path = self._cache / f"{self._model.digest[:24]}-{self._arithmetic}-{form}-{GRAPH_VERSION}.onnx"
        if not path.exists():
            self._build(path, form)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.add_session_config_entry(*EXACT_SUMS)
        self._megabytes += 2 * path.stat().st_size / 1e6
        try:
            return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's own exceptions have no public base
            path.unlink(missing_ok=True)
            raise UserError(f"{path}: the cached network was broken and is removed; try again. ({error})") from error

    def _build(self, path: Path, form: str) -> None:
        from generators import graph  # imported where used: with a warm cache onnx is never loaded

        data = graph.build(self._model, self._arithmetic, form == "sequence")
        part = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(data)
            part.replace(path)
        except OSError as error:
            with contextlib.suppress(OSError):
                part.unlink()
            raise UserError(
                f"{path}: cannot be written ({error.strerror}). Make room, or set APOCRYPHA_HOME."
            ) from error
