import itertools
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from corpora.errors import UserError
from generators.inference import Network
from training.checkpoint import Model

CHECKOUT = Path(__file__).parents[2]
KINDS = pytest.mark.parametrize("kind", ["lstm", "gru", "rnn"])


def drawn(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).integers(9, size=shape)


@KINDS
@pytest.mark.parametrize("arithmetic", ["int8", "fp32"])
def test_reading_is_stepping_to_the_bit(
    tmp_path: Path, make_model: Callable[..., Model], kind: str, arithmetic: str
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
    for model, arithmetic in itertools.product(models, ["int8", "fp32"]):
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
