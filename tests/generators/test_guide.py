"""The authors' guide is tried: its commands run as they stand, its code is a plugin, its tables leave nothing out."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from pydantic import BaseModel

from corpora.spec import CorpusSpec, Split
from generators import conformance
from generators.host import HOOKS, load
from generators.plugin import Limits, Manifest, TextShape
from training.config import ModelConfig, TrainConfig
from training.recipe import Pretraining

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
QUICK = "--units 16 --layers 1 --batch 4 --epochs 0.2"
TEXT = "".join(f"old pond number {n}\na frog jumps into it\nthe sound of water\n\n" for n in range(60))


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)


@pytest.mark.e2e
def test_its_commands_run(environment: dict[str, str], home: Path, tmp_path: Path) -> None:
    (tmp_path / "haiku.txt").write_text(TEXT, encoding="utf-16")
    path = f"{ROOT / '.venv' / 'bin'}{os.pathsep}{environment['PATH']}"
    script = "set -ex\n" + "\n".join(blocks("sh")).replace("--minutes 10", QUICK)
    done = subprocess.run(
        ["bash", "-c", script], input="", capture_output=True, text=True, cwd=tmp_path,
        env=environment | {"PATH": path}, timeout=1800, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "speaks from letter counts" in done.stderr
    assert "FAIL  licence" in done.stdout
    assert '"licence", "passed": true' in re.sub(r"\s+", " ", done.stdout).replace('"name": ', "")
    assert (tmp_path / "dist" / "apocrypha_haiku-0.1.0-py3-none-any.whl").exists()
    assert (home / "removed" / "haiku" / "model" / "model.json").exists()


def test_its_code_is_a_plugin(tmp_path: Path) -> None:
    *hooks, tests = blocks("python")
    (tmp_path / "plugin.py").write_text("".join(hooks), encoding="utf-8")
    made = load("haiku", tmp_path / "plugin.py")
    assert made.keys() == HOOKS.keys()
    assert made["check"]("old pond\na frog\nsplash") == ""
    assert made["features"]("a\nb") == {"line": [0, 0, 1]}
    compile(tests, "tests", "exec")


@pytest.mark.parametrize(
    "table", [Manifest, CorpusSpec, Split, TextShape, Limits, ModelConfig, TrainConfig, Pretraining]
)
def test_it_names_every_key(table: type[BaseModel]) -> None:
    assert not {name for name in table.model_fields if not re.search(rf"`{name}`|`\[{name}\]`|\.{name}\]`", GUIDE)}


def test_it_names_every_hook_and_every_line_of_the_card() -> None:
    assert not {name for name in HOOKS if f"{name}(" not in GUIDE}
    lines = re.findall(r'name="([a-z -]+)"|_rate\("([a-z ]+)"', Path(conformance.__file__).read_text(encoding="utf-8"))
    assert len(lines) > 10
    assert not {name for name in map("".join, lines) if name not in GUIDE}


def test_its_limits_are_those_of_the_code() -> None:
    assert f"under {conformance.SLOW} s" in GUIDE
    assert f"{conformance.DRAFTS} drafts" in GUIDE
    assert f"{conformance.SLUGGISH:.0f} characters a second" in GUIDE
    assert f"{conformance.LARGE:.0f} MB" in GUIDE
    assert (conformance.LEAST, conformance.UNSAFE) == (0.25, 0.05)
