import itertools
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from corpora.errors import UserError
from generators.graph import Arithmetic
from generators.inference import WORTH_A_THREAD, Network
from training.checkpoint import Model

CHECKOUT = Path(__file__).parents[2]
KINDS = pytest.mark.parametrize("kind", ["lstm", "gru", "rnn"])
ARITHMETICS = pytest.mark.parametrize("arithmetic", ["int8", "fp32"])


def drawn(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).integers(9, size=shape)


@KINDS
@ARITHMETICS
def test_reading_is_stepping_to_the_bit(
    tmp_path: Path, make_model: Callable[..., Model], kind: str, arithmetic: Arithmetic
) -> None:
    network, ids = Network(make_model(kind=kind), tmp_path, arithmetic), drawn(60, 3)
    at_once, end = network.read(ids, network.start(3))
    memory, logits = network.start(3), []
    for row in ids:
        out, memory = network.step(row, memory)
        logits.append(out)
    assert np.array_equal(np.stack(logits), at_once)
    assert np.array_equal(memory, end)


@KINDS
@pytest.mark.parametrize("units", [7, 32])
def test_a_stream_is_the_same_alone_and_among_others(
    tmp_path: Path, make_model: Callable[..., Model], kind: str, units: int
) -> None:
    network, ids = Network(make_model(kind=kind, units=units), tmp_path), drawn(80, 17)
    together, memories = network.read(ids, network.start(17))
    for stream in (0, 8, 16):
        alone, memory = network.read(ids[:, [stream]], network.start(1))
        assert np.array_equal(alone[:, 0], together[:, stream])
        assert np.array_equal(memory[0], memories[stream])
    assert not np.array_equal(together[:, 0], together[:, 8])


def test_a_stream_may_change_its_company(tmp_path: Path, make_model: Callable[..., Model]) -> None:
    network, ids = Network(make_model(), tmp_path), drawn(40, 5)
    expected, _ = network.read(ids[:, [2]], network.start(1))
    _, memories = network.read(ids[:20, 1:4], network.start(3))  # in the middle of three, then last of two
    together, _ = network.read(ids[20:, [0, 2]], np.concatenate([network.start(1), memories[[1]]]))
    assert np.array_equal(together[:, 1], expected[20:, 0])


@KINDS
@ARITHMETICS
@pytest.mark.parametrize("units", [7, 32])
def test_who_reads_nothing_keeps_its_memory_to_the_bit(
    tmp_path: Path, make_model: Callable[..., Model], kind: str, arithmetic: Arithmetic, units: int
) -> None:
    network = Network(make_model(kind=kind, units=units), tmp_path, arithmetic)
    _, begun = network.read(drawn(40, 5), network.start(5))
    _, same = network.read(np.full((3, 5), -1), begun)
    assert np.array_equal(same, begun)
    assert np.abs(begun).max() > 0.1
    ids = drawn(12, 5)
    ids[3:7, 1] = ids[:, 2] = ids[:5, 3] = ids[9:, 4] = -1
    _, after = network.read(ids, begun)
    assert np.array_equal(after[2], begun[2])
    for stream in (0, 1, 3, 4):
        own = ids[:, [stream]]
        _, alone = network.read(own[own[:, 0] >= 0], begun[[stream]])
        assert np.abs(after[stream] - alone[0]).max() < 1e-5
        assert arithmetic == "fp32" or np.array_equal(after[stream], alone[0])


@KINDS
@pytest.mark.parametrize("span", [8, 64])
def test_texts_of_unequal_length_are_read_together_as_alone(
    tmp_path: Path, make_model: Callable[..., Model], kind: str, span: int
) -> None:
    network = Network(make_model(kind=kind), tmp_path)  # a short text that is its first is read by steps
    lengths = [span, 1, span // 2, span - 1]
    ids = drawn(span, 4)
    for stream, length in enumerate(lengths):
        ids[length:, stream] = -1
    together, memories = network.read(ids, network.start(4))
    for stream, length in enumerate(lengths):
        alone, memory = Network(make_model(kind=kind), tmp_path).read(ids[:length, [stream]], network.start(1))
        assert np.array_equal(together[:length, stream], alone[:, 0])
        assert np.array_equal(memories[stream], memory[0])


@KINDS
@pytest.mark.parametrize("units", [7, 32])
@pytest.mark.parametrize("threads", [2, 3])
def test_shared_out_over_threads_is_what_one_computes(
    tmp_path: Path, make_model: Callable[..., Model], kind: str, units: int, threads: int
) -> None:
    model = make_model(kind=kind, units=units)
    alone, shared = Network(model, tmp_path), Network(model, tmp_path, threads=threads)
    for streams in (1, 2, WORTH_A_THREAD, *range(2 * WORTH_A_THREAD - 1, 71)):
        memory = alone.start(streams)
        _, memory = alone.read(drawn(40, streams), memory)
        ids = np.random.default_rng(streams).integers(9, size=streams)
        logits, after = shared.step(ids, memory)
        expected, expected_after = alone.step(ids, memory)
        assert np.array_equal(logits, expected)
        assert np.array_equal(after, expected_after)


def test_steps_may_be_asked_for_from_several_threads_at_once(tmp_path: Path, make_model: Callable[..., Model]) -> None:
    model = make_model(units=32)
    alone, shared = Network(model, tmp_path), Network(model, tmp_path, threads=3)

    def text(network: Network, seed: int) -> np.ndarray:
        ids, memory = np.random.default_rng(seed).integers(9, size=50), network.start(50)
        for _ in range(60):
            logits, memory = network.step(ids, memory)
            ids = logits.argmax(axis=1)
        return memory

    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda seed: text(shared, seed), range(8)))
    assert all(np.array_equal(memory, text(alone, seed)) for seed, memory in enumerate(together))


def test_a_session_holds_its_constants_twice(tmp_path: Path, make_model: Callable[..., Model]) -> None:
    network = Network(make_model(), tmp_path)
    (step,) = tmp_path.glob("*-step-*.onnx")
    assert network.megabytes == pytest.approx(2e-6 * step.stat().st_size)
    network.read(drawn(40, 1), network.start(1))
    (sequence,) = tmp_path.glob("*-sequence-*.onnx")
    both = pytest.approx(2e-6 * (step.stat().st_size + sequence.stat().st_size))
    assert network.megabytes == both
    network.read(drawn(40, 1), network.start(1))
    assert network.megabytes == both


def test_graphs_are_built_once_and_kept(tmp_path: Path, make_model: Callable[..., Model]) -> None:
    model, ids = make_model(), drawn(40, 1)
    network = Network(model, tmp_path / "cache")
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".onnx"]  # sequences have not been read yet
    logits, _ = network.read(ids, network.start(1))
    kept = sorted((tmp_path / "cache").iterdir())
    assert len(kept) == 2
    assert all(model.digest[:24] in path.name for path in kept)
    for path in kept:
        os.utime(path, (1, 1))  # a file written again would be younger
    again, _ = (network := Network(model, tmp_path / "cache")).read(ids, network.start(1))
    assert np.array_equal(again, logits)
    assert sorted((tmp_path / "cache").iterdir()) == kept
    assert [path.stat().st_mtime for path in kept] == [1, 1]


def test_other_models_and_arithmetics_have_other_files(tmp_path: Path, make_model: Callable[..., Model]) -> None:
    models = [make_model(tmp_path / "m" / str(seed), seed=seed) for seed in range(2)]
    logits = []
    arithmetics: list[Arithmetic] = ["int8", "fp32"]
    for model, arithmetic in itertools.product(models, arithmetics):
        network = Network(model, tmp_path / "cache", arithmetic)
        logits.append(network.step(np.array([3]), network.start(1))[0])
    assert len(list((tmp_path / "cache").iterdir())) == 4
    assert all(not np.array_equal(a, b) for a, b in itertools.combinations(logits, 2))


@pytest.mark.parametrize("form", ["step", "sequence"])
def test_a_broken_cache_file_is_removed_and_named(tmp_path: Path, make_model: Callable[..., Model], form: str) -> None:
    model, ids, cache = make_model(), drawn(40, 1), tmp_path / "cache"
    expected, _ = (network := Network(model, cache)).read(ids, network.start(1))
    (kept,) = cache.glob(f"*-{form}-*.onnx")
    kept.write_bytes(kept.read_bytes()[:-100])
    with pytest.raises(UserError, match="cached network was broken and is removed; try again") as caught:
        (network := Network(model, cache)).read(ids, network.start(1))
    assert str(kept) in str(caught.value)
    assert not kept.exists()
    again, _ = (network := Network(model, cache)).read(ids, network.start(1))
    assert np.array_equal(again, expected)


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path, make_model: Callable[..., Model]) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(UserError, match=r"cache.*cannot be written.*APOCRYPHA_HOME"):
        Network(make_model(), tmp_path / "cache")


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path, make_model: Callable[..., Model]) -> None:
    model = make_model()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))  # bytes in any file from here on
    try:
        with pytest.raises(UserError, match=r"cannot be written.*Make room"):
            Network(model, tmp_path / "cache")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list((tmp_path / "cache").iterdir()) == []
    Network(model, tmp_path / "cache")


def loaded_after(code: str, *arguments: Path) -> set[str]:
    """Run `code` in a fresh interpreter; return the packages it has then loaded."""
    script = f"import sys\n{code}\nprint(*sorted(n for n in sys.modules if '.' not in n))"
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_onnx_is_loaded_only_to_build_and_torch_never(tmp_path: Path, make_model: Callable[..., Model]) -> None:
    make_model(tmp_path / "model")
    code = """
from pathlib import Path
import numpy as np
from generators.inference import Network
from training import checkpoint
network = Network(checkpoint.load(Path(sys.argv[1])), Path(sys.argv[2]))
network.read(np.zeros((40, 1), dtype=np.int64), network.start(1))
"""
    cold = loaded_after(code, tmp_path / "model", tmp_path / "cache")
    warm = loaded_after(code, tmp_path / "model", tmp_path / "cache")
    assert {"onnx", "onnxruntime"} <= cold
    assert "onnxruntime" in warm
    assert "onnx" not in warm
    assert "torch" not in cold | warm


def test_the_whole_package_imports_no_torch() -> None:
    modules = sorted(path.stem for path in (CHECKOUT / "generators").glob("*.py"))
    loaded = loaded_after("\n".join(f"import generators.{module}" for module in modules if module != "__init__"))
    assert "generators" in loaded
    assert "torch" not in loaded
