"""The README is run: its commands as they stand, and its figures against the records they come from."""

import json
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
NEED_TEXT = ("fetch", "evaluate")
QUICK = " --units 16 --layers 1 --batch 4 --epochs 0.2"  # the last of two equal options counts


def commands(block: str) -> list[str]:
    return [line.split("  #")[0].strip() for line in block.splitlines() if line.strip()]


@pytest.fixture
def shell(environment: dict[str, str], home: Path, tmp_path: Path) -> dict[str, str]:
    """A shell as the README supposes it: the command on the path, a text in the folder one is in."""
    haiku = "an old silent pond\na frog jumps into the pond\nsplash silence again\n\n"
    (tmp_path / "haiku.txt").write_text(haiku * 120, encoding="utf-8")
    home.mkdir()
    return environment | {"PATH": f"{ROOT / '.venv' / 'bin'}{os.pathsep}{environment['PATH']}"}


@pytest.mark.parametrize("block", [block for block in BLOCKS if "apocrypha" in block], ids=lambda block: block[:24])
def test_its_commands_run(block: str, shell: dict[str, str], tmp_path: Path, request: pytest.FixtureRequest) -> None:
    lines = commands(block)
    if any(shlex.split(line)[1] in NEED_TEXT for line in lines):
        shell["APOCRYPHA_MIRROR"] = str(request.getfixturevalue("mirror"))
    for line in lines:
        quick = line.replace(" --minutes 10", QUICK) if " train " in line else line
        done = subprocess.run(
            quick, shell=True, input="", capture_output=True, text=True, env=shell, cwd=tmp_path, check=False
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"


def test_its_first_screen_names_both_commands() -> None:
    first = README[:1200]
    assert "make chat" in first
    assert "make test" in first
    assert "docs/chat.svg" in first


TRAINED = sorted(card.parents[1].name for card in ROOT.glob("generators/styles/*/model/model.json"))


@pytest.mark.parametrize("style", TRAINED)
def test_its_scores_are_those_of_the_model_folders(style: str) -> None:
    folder = ROOT / "generators" / "styles" / style / "model"
    card = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    size = (folder / "weights.safetensors").stat().st_size / 1e6
    row = next(line for line in README.splitlines() if line.startswith(f"| [{style}]"))
    nats = card["scores"]["test_int8"]
    assert f"{card['parameters']:,}" in row
    assert f"{size:.1f} MB" in row
    assert f"{nats:.3f} ({nats / 0.693147:.3f})" in row
    assert f"{card['scores']['best_ngram']:.3f}" in row


def test_its_performance_is_that_of_the_stored_record() -> None:
    record = json.loads((ROOT / "docs" / "bench.json").read_text(encoding="utf-8"))
    one, many, clients, cold = (record[part] for part in ("one_stream", "streams_64", "clients_64", "cold_start"))
    for name in ("engine", "onnxruntime_fp32", "torch_eager", "bound"):
        assert f"| {one[name]:,.0f} | {many[name]:,.0f} |" in README
    assert f"| {one['ratio']:.1f} times | {many['ratio']:.1f} times |" in README
    assert f"| {one['engine'] / one['bound']:.0%} | {many['engine'] / many['bound']:.0%} |" in README
    first = f"{clients['first_character_ms_p50']:.0f} ms (median; {clients['first_character_ms_p99']:.0f} ms"
    assert first in README
    assert (
        f"{clients['characters_per_second']:,.0f} characters per second together; {clients['refused']} were" in README
    )
    assert f"A grammar costs {record['grammar']['slower']:.0%}" in README
    assert f"in {cold['seconds']:.2f} s with {cold['peak_megabytes']:.0f} MB" in README


def test_what_one_machine_carries_is_that_of_the_stored_records() -> None:
    page = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
    bench, load = (
        json.loads((ROOT / "docs" / name).read_text(encoding="utf-8")) for name in ("bench.json", "load.json")
    )
    clients = bench["clients_64"]
    for figure in (
        f"{load['engine_characters_per_second']:,.0f} |",
        f"{load['characters_per_second']:,.0f} ({load['ratio']:.0%} of the engine's",
        f"{load['first_character_ms_p50']:.0f} ms (median), {load['first_character_ms_p99']:.0f} ms (slowest",
        f"{clients['first_character_ms_p50']:.0f} ms (median), {clients['first_character_ms_p99']:.0f} ms (slowest",
        f"{load['megabytes'][-1]:.0f} MB",
    ):
        assert figure in page


def test_its_gain_by_adapting_is_that_of_the_stored_record() -> None:
    record = json.loads((ROOT / "docs" / "adapt.json").read_text(encoding="utf-8"))
    assert f"{record['nats_per_character']:.3f} to {record['adapted_nats']:.3f} nats" in README


def test_its_rate_of_true_replies_is_that_of_the_stored_record() -> None:
    record = json.loads((ROOT / "docs" / "study" / "replies.json").read_text(encoding="utf-8"))
    *others, cached = [row["rate"] for row in record["scores"]]
    assert f"that score in {cached:.0%} of {record['questions']} cases" in README
    assert f"the network's own probabilities come to {max(others):.0%}\n" in README


def test_it_names_every_verb_and_setting() -> None:
    from bot.cli import app
    from bot.settings import Settings

    verbs = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    assert not {verb for verb in verbs if not re.search(rf"apocrypha {verb}\b|make {verb}\b", README)}
    assert not {name for name in Settings.model_fields if f"APOCRYPHA_{name.upper()}" not in README}
