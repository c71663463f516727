"""The chat as a person has it: a real terminal, real keys."""

import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pytest

Start = Callable[..., "pexpect.spawn[str]"]


@pytest.fixture
def start(environment: dict[str, str], weather: Path) -> Iterator[Start]:
    spawned: list[pexpect.spawn[str]] = []

    def run(*options: str) -> "pexpect.spawn[str]":
        arguments = ["-m", "bot", "chat", "weather", "--seed", "1", *options]
        root = str(Path(__file__).parent.parent.parent)
        chat = pexpect.spawn(
            sys.executable,
            arguments,
            env=environment | {"TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"},
            cwd=root,
            encoding="utf-8",
            timeout=120,
            preexec_fn=lambda: signal.signal(
                signal.SIGINT, signal.default_int_handler
            ),  # else ignored in the background
        )
        chat.setwinsize(50, 160)
        spawned.append(chat)
        chat.expect("/help shows what you can do")
        chat.expect(">")
        return chat

    yield run
    for chat in spawned:
        chat.close(force=True)


def test_a_conversation(start: Start) -> None:
    chat = start()
    chat.send("What about snow?\r")
    chat.expect(r"(day|was|wind)")
    chat.send("/again\r")
    chat.expect(r"(day|was|wind)")
    chat.send("/more\r")
    chat.expect(r"(day|was|wind)")
    chat.send("/receipt\r")
    chat.expect("apocrypha1")
    chat.send("/he\t")
    chat.expect(r"/he\S*lp")  # the rest may be drawn apart from what was typed
    chat.send("\x15/persona pro\t")
    chat.expect(r"pro\S*phet")
    chat.send("\r")
    chat.expect("persona: prophet; you are talking to bible")
    chat.send("/style weather\r")
    chat.expect("You are talking to weather")
    chat.send("/blend endless 0.3\r")
    chat.expect("blend: endless, 0.3 of every guess")
    chat.send("/blend endless much\r")
    chat.expect("blend takes a number, not 'much'")
    chat.send("/blend endless 3\r")
    chat.expect("blend takes a part from 0 to 1, not 3")
    chat.send("/blend off\r")
    chat.expect("blend: off")
    chat.send("/candidates 2\r")
    chat.expect("candidates: 2")
    chat.send("/reset\r")
    chat.expect("Forgotten")
    chat.send("/more\r")
    chat.expect("Nothing was said yet")
    chat.send("/style wether\r")
    chat.expect("Did you mean 'weather'")
    chat.send("/temperature hot\r")
    chat.expect("takes a number, not 'hot'")
    chat.send("/temperature 0.3\r")
    chat.expect("temperature: 0.3")
    chat.send("/adapt 0.2\r")
    chat.expect("adapt: 0.2")
    chat.send("/seed 4\r")
    chat.expect("seed: 4")
    chat.send("/seed off\r")
    chat.expect("a new one for each answer")
    chat.send("/halp\r")
    chat.expect("Did you mean '/help'")
    chat.send("/help\r")
    chat.expect("Ctrl-C stops a reply")
    chat.send("/quit\r")
    chat.expect(pexpect.EOF)
    chat.close()
    assert chat.exitstatus == 0


def test_arrow_up_recalls_the_last_line_also_in_the_next_chat(start: Start) -> None:
    chat = start()
    chat.send("/temperature 0.25\r")
    chat.expect("temperature: 0.25")
    chat.expect(">")
    chat.sendeof()
    chat.expect(pexpect.EOF)
    again = start()
    again.send("\x1b[A\r")
    again.expect("temperature: 0.25")


def test_ctrl_c_stops_the_reply_and_not_the_chat(start: Start) -> None:
    chat = start("--length", "100000")
    chat.send("/length 100000\r")
    chat.expect("length: 100000")
    chat.send("/style endless\r")  # without a stop it speaks until its length
    chat.expect("You are talking to endless")
    chat.send("go on\r")
    chat.expect("wind")
    chat.sendintr()
    chat.expect(r"\.\.\.")
    chat.send("/more\r")
    chat.expect("wind")
    chat.sendintr()
    chat.expect(r"\.\.\.")
    chat.send("/temperature 0.5\r")
    chat.expect("temperature: 0.5")
    chat.expect(">")
    chat.sendeof()
    chat.expect(pexpect.EOF)


@pytest.fixture(autouse=True)
def endless(weather: Path) -> None:
    folder = weather.parent / "endless"
    folder.mkdir()
    (folder / "plugin.toml").write_text("[text]\nstop = ''\n", encoding="utf-8")
    (folder / "corpus.txt").write_bytes((weather / "corpus.txt").read_bytes())
