"""Draw docs/chat.svg: a real chat, typed into the running program in a real terminal."""

import io
import os
import re
import sys
from pathlib import Path

import pexpect
from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parent.parent
LINES = [
    "In the beginning was the keyboard.",
    "Who made the sea?",
    "/temperature 0.5",
    "Shall I rest on the seventh day?",
]


def transcript() -> list[tuple[str, str]]:
    """Type the lines and return what was said: pairs of (line typed, what came back)."""
    command = f"{sys.executable} -m bot chat bible --seed 11"
    environment = {**os.environ, "TERM": "dumb", "PROMPT_TOOLKIT_NO_CPR": "1"}
    chat = pexpect.spawn(command, cwd=str(ROOT), encoding="utf-8", timeout=60, env=environment)
    chat.setwinsize(60, 400)
    chat.expect("> ")
    said = []
    for line in LINES:
        chat.sendline(line)
        chat.expect(r"\n> ")
        shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", chat.before).replace("\r", "")
        said.append((line, shown.split("\n", 1)[1].strip()))
    chat.sendline("/quit")
    chat.expect(pexpect.EOF)
    return said


def main() -> None:
    """Write docs/chat.svg."""
    console = Console(record=True, width=92, file=io.StringIO(), force_terminal=True)
    console.print(Text("$ make chat", style="bold"))
    for line, answer in transcript():
        console.print(Text("> ", style="bold cyan") + Text(line, style="bold"))
        console.print(Text(answer))
    console.save_svg(str(ROOT / "docs" / "chat.svg"), title="apocrypha chat bible")


if __name__ == "__main__":
    main()
