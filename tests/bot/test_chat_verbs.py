"""Receipts as a person has them, shown by one run and made again by another; and how a chat begins."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bot import chat_verbs
from corpora.errors import UserError
from generators.receipt import MARK, Receipt

Run = Callable[..., subprocess.CompletedProcess[str]]
Told = pytest.CaptureFixture[str]
SAME = "the same text, byte for byte"


@pytest.fixture(autouse=True)
def _at_home(monkeypatch: pytest.MonkeyPatch, home: Path, weather: Path) -> None:
    for name in [name for name in os.environ if name.startswith("APOCRYPHA_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("APOCRYPHA_HOME", str(home))
    monkeypatch.setenv("APOCRYPHA_THREADS", "1")


def receipts(told: str) -> list[str]:
    return [line.strip("()") for line in told.splitlines() if MARK in line]


def chat(monkeypatch: pytest.MonkeyPatch, *lines: str, **options: object) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join(lines)))
    chat_verbs.chat(**options)  # type: ignore[arg-type]  # by name


def test_processes_make_a_text_again(apocrypha: Run) -> None:
    shown = apocrypha("sample", "weather", "--seed", "3", "--message", "Snow?", "--receipts")
    (receipt,) = receipts(shown.stderr)
    again = apocrypha("verify", receipt)
    assert again.stdout == shown.stdout
    assert f"({SAME}; weather, model ngram-" in again.stderr
    assert "seed 3, temperature 0.8)" in again.stderr


def test_samples_are_made_again_by_their_receipts(capsys: Told) -> None:
    chat_verbs.sample("weather", count=2, seed=3, receipts=True, as_json=True)
    told = capsys.readouterr()
    rows = json.loads(told.out)["texts"]
    assert [row["receipt"] for row in rows] == receipts(told.err)
    for row in rows:
        chat_verbs.verify(row["receipt"])
        again = capsys.readouterr()
        assert again.out == row["text"] + "\n"
        assert SAME in again.err


def test_a_blend_is_made_again_too(capsys: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    chat_verbs.sample("weather", seed=3, length=20, blend="bible=0.25", receipts=True)
    told = capsys.readouterr()
    monkeypatch.setattr(sys, "stdin", io.StringIO(receipts(told.err)[0] + "\n"))
    chat_verbs.verify("-")
    again = capsys.readouterr()
    assert again.out == told.out
    assert f"({SAME}; weather + 0.25 bible, " in again.err


def test_a_whole_conversation_is_made_again(capsys: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["Will it snow?", "/receipt", "/more", "/more", "/receipt", "/temperature 1.2", "/again", "/receipt"]
    chat(monkeypatch, *lines, style="weather", seed=5)
    said = capsys.readouterr().out.splitlines()
    first, grown, anew = receipts("\n".join(said))
    texts = [line for line in said if line.startswith("On day ")]
    for receipt, expected in ((first, texts[:1]), (grown, texts[:3]), (anew, texts[3:])):
        chat_verbs.verify(receipt)
        again = capsys.readouterr()
        assert again.out.splitlines() == expected
        assert SAME in again.err


def test_a_receipt_that_was_tampered_with_makes_another_text(capsys: Told) -> None:
    chat_verbs.sample("weather", seed=3, as_json=True)
    row = json.loads(capsys.readouterr().out)["texts"][0]
    receipt = Receipt.read(row["receipt"])
    other = receipt.model_copy(update={"request": receipt.request.model_copy(update={"seed": 4})})
    with pytest.raises(UserError, match="This is another text than the one of the receipt"):
        chat_verbs.verify(str(other))
    assert capsys.readouterr().out not in ("", row["text"] + "\n")
    chat_verbs.verify(row["receipt"], as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert (told["text"], told["same"]) == (row["text"], True)
    assert Receipt.model_validate(told["receipt"]) == receipt
    chat_verbs.verify(receipt.model_copy(update={"digest": ""}).model_dump_json())
    assert "compare it yourself" in capsys.readouterr().err


def test_why_a_text_cannot_be_made_again_is_said(capsys: Told, weather: Path) -> None:
    chat_verbs.sample("weather", seed=3, as_json=True)
    receipt = json.loads(capsys.readouterr().out)["texts"][0]["receipt"]
    (weather / "corpus.txt").write_text("On day 1 there was nothing at all.\n" * 50, encoding="utf-8")
    with pytest.raises(UserError, match=r"weather: another model wrote this \(ngram-.*the same corpus"):
        chat_verbs.verify(receipt)
    weather.rename(weather.parent.parent / "gone")
    with pytest.raises(UserError, match="There is no style named 'weather'"):
        chat_verbs.verify(receipt)
    with pytest.raises(UserError, match="This is no receipt"):
        chat_verbs.verify("hello")


def test_a_post_is_made_again(apocrypha: Run, capsys: Told, monkeypatch: pytest.MonkeyPatch, weather: Path) -> None:
    (weather / "plugin.toml").write_text("[limits]\ncopied = 5000\nloop = 500\nalike = 1\n", encoding="utf-8")
    apocrypha("post", "weather", "--to", "folder", "--approval")
    shown = apocrypha("posts", "show", "1", "--json").stdout
    monkeypatch.setattr(sys, "stdin", io.StringIO(shown))
    chat_verbs.verify("-")
    again = capsys.readouterr()
    assert again.out.strip() == json.loads(shown)["written"]
    assert SAME in again.err


def test_a_chat_begins_as_a_persona_or_with_options(capsys: Told, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    persona = '[personas.herald]\nstyle = "weather"\nprefix = "On day 7 "\nsummary = "Tells of the seventh day"\n'
    (home / "apocrypha.toml").write_text(persona, encoding="utf-8")
    chat(monkeypatch, "rain", "/persona", style="weather", persona="herald", candidates=1, blend="bible=0.1")
    said = capsys.readouterr().out
    assert said.startswith("On day 7 ")
    assert "  herald      Tells of the seventh day\n" in said
    assert "  prophet     " in said
    with pytest.raises(UserError, match=r"There is no persona named 'herold'. Did you mean 'herald'\?"):
        chat(monkeypatch, style="weather", persona="herold")


def test_bytes_that_are_no_text_are_no_reason_to_stop(environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "bot", "chat", "weather"]
    done = subprocess.run(command, input=b"\xff\xfe rain\nsnow\n", capture_output=True, env=environment, check=True)
    assert len(done.stdout.splitlines()) == 2
    assert b"Traceback" not in done.stderr
