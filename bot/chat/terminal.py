"""The terminal chat: type a line, watch the answer come. Ctrl-C stops a reply, Ctrl-D leaves."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from bot.conversation import Conversation
from corpora.errors import UserError, unknown

Ask = Callable[[], str]  # one line from the person; EOFError where they leave, KeyboardInterrupt on Ctrl-C


@dataclass(frozen=True)
class Command:
    """A line beginning with a slash: what it does, and its line in /help."""

    run: Callable[[Conversation, str], str]
    usage: str
    help: str


def _style(conversation: Conversation, name: str) -> str:
    if name:
        conversation.speak_as(name)
    return f"You are talking to {conversation.style}."


def _option(name: str, kind: type[int] | type[float], default: str) -> Callable[[Conversation, str], str]:
    def run(conversation: Conversation, text: str) -> str:
        if text:
            conversation.set(**{name: None if text in ("off", "default") else _number(text, kind, name)})
        value = getattr(conversation.options, name)
        return f"{name}: {default if value is None else value}"

    return run


def _number(text: str, kind: type[int] | type[float], name: str) -> float | int:
    """Read a number a person typed; raise UserError naming what it was for."""
    try:
        return kind(text)
    except ValueError as error:
        wanted = "a whole number" if kind is int else "a number"
        raise UserError(f"{name} takes {wanted}, not '{text}'.") from error


def _reset(conversation: Conversation, _: str) -> str:
    conversation.reset()
    return "Forgotten."


def _help(_: Conversation, __: str) -> str:
    width = max(len(command.usage) for command in COMMANDS.values()) + 2
    lines = [f"  {command.usage:<{width}}{command.help}" for command in COMMANDS.values()]
    keys = "Up and down recall earlier lines, Ctrl-C stops a reply, Ctrl-D leaves."
    return "\n".join(["Say anything; the voice reads it before it answers. Commands:", *lines, keys])


COMMANDS = {
    "/style": Command(_style, "/style [NAME]", "talk to another voice"),
    "/temperature": Command(
        _option("temperature", float, "the style's own"),
        "/temperature [T|off]",
        "0 is the likeliest text, 1 the model's own chances, above is wild",
    ),
    "/seed": Command(
        _option("seed", int, "a new one for each answer"),
        "/seed [N|off]",
        "the same seed and line: the same answer",
    ),
    "/length": Command(
        _option("length", int, "the style's own"), "/length [N|off]", "the most characters of an answer"
    ),
    "/adapt": Command(
        _option("adapt", float, "off"), "/adapt [PART|off]", "repeat what was said: the part it has, as 0.1"
    ),
    "/reset": Command(_reset, "/reset", "forget what was said"),
    "/help": Command(_help, "/help", "show this"),
    "/quit": Command(lambda _, __: "", "/quit", "leave (so does Ctrl-D)"),
}


def chat(conversation: Conversation, ask: Ask, out: TextIO) -> None:
    """Talk until the person leaves. Answers go to `out`; what a person can mend is said and the chat goes on."""
    while True:
        try:
            line = ask().strip()
        except EOFError:
            return
        except KeyboardInterrupt:
            continue
        if line == "/quit":
            return
        try:
            _answer(conversation, line, out)
        except UserError as error:
            out.write(f"{error}\n")
        out.flush()


def _answer(conversation: Conversation, line: str, out: TextIO) -> None:
    if line.startswith("/"):
        name, _, rest = line.partition(" ")
        if name not in COMMANDS:
            raise unknown("command", name, COMMANDS)
        out.write(COMMANDS[name].run(conversation, rest.strip()) + "\n")
        return
    reply = conversation.reply(line)
    try:
        for piece in reply:
            out.write(piece)
            out.flush()
    except KeyboardInterrupt:
        out.write(" ...")
    finally:
        reply.close()  # type: ignore[attr-defined]  # a generator: what was said so far is remembered now
    out.write("\n")


def prompt_lines(history: Path, styles: list[str]) -> Ask:
    """Return a reader of lines: from a terminal with history and completion, from a pipe a plain one."""
    if not sys.stdin.isatty():
        return _piped
    from prompt_toolkit import PromptSession
    from prompt_toolkit.completion import NestedCompleter
    from prompt_toolkit.history import FileHistory

    history.parent.mkdir(parents=True, exist_ok=True)
    names: dict[str, dict[str, None] | None] = dict.fromkeys(COMMANDS)
    names["/style"] = dict.fromkeys(styles)
    completer = NestedCompleter.from_nested_dict(names)
    session: PromptSession[str] = PromptSession(
        "> ", history=FileHistory(str(history)), completer=completer, complete_while_typing=False
    )
    return session.prompt


def _piped() -> str:
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line
