"""The terminal chat: type a line, watch the answer come. Ctrl-C stops a reply, Ctrl-D leaves."""

import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from bot.conversation import Conversation, Reply
from corpora.errors import UserError, unknown

Ask = Callable[[], str]  # one line from the person; EOFError where they leave, KeyboardInterrupt on Ctrl-C
OFF = ("off", "default")


@dataclass(frozen=True)
class Command:
    """A line beginning with a slash: what it does, or the reply that it asks for, and its line in /help."""

    run: Callable[[Conversation, str], str | Reply]
    usage: str
    help: str


def _style(conversation: Conversation, name: str) -> str:
    if name:
        conversation.speak_as(name)
    return f"You are talking to {conversation.style}."


def _option(name: str, kind: type[int] | type[float], default: str) -> Callable[[Conversation, str], str]:
    def run(conversation: Conversation, text: str) -> str:
        if text:
            conversation.set(**{name: None if text in OFF else _number(text, kind, name)})
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


def _blend(conversation: Conversation, text: str) -> str:
    if text:
        style, _, rest = text.replace("=", " ").partition(" ")
        part = _number(rest.strip() or "0.5", float, "blend")
        if not 0 <= part <= 1:
            raise UserError(f"blend takes a part from 0 to 1, not {part:g}.")
        conversation.set(blend=None if text in OFF else (style, part))
    blend = conversation.options.blend
    return f"blend: {blend[0]}, {blend[1]:g} of every guess" if blend else "blend: off"


def _persona(conversation: Conversation, name: str) -> str:
    if name:
        conversation.set(persona=None if name in OFF else name)
        return f"persona: {conversation.options.persona or 'off'}; you are talking to {conversation.style}."
    known = conversation.personas
    width = max(map(len, known), default=0) + 2
    return "\n".join(f"  {name:<{width}}{persona.summary}" for name, persona in sorted(known.items()))


def _receipt(conversation: Conversation, _: str) -> str:
    if not conversation.turns:
        raise UserError("Nothing was said yet.")
    return str(conversation.turns[-1].receipt)


def _reset(conversation: Conversation, _: str) -> str:
    conversation.reset()
    return "Forgotten."


def _help(_: Conversation, __: str) -> str:
    width = max(len(command.usage) for command in COMMANDS.values()) + 2
    lines = [f"  {command.usage:<{width}}{command.help}" for command in COMMANDS.values()]
    keys = "Up and down recall earlier lines, Ctrl-C stops a reply, Ctrl-D leaves."
    return "\n".join(["Say anything; the voice reads it before it answers. Commands:", *lines, keys])


COMMANDS = {
    "/again": Command(lambda talk, _: talk.again(), "/again", "another answer to what you said last"),
    "/more": Command(lambda talk, _: talk.more(), "/more", "let the last answer go on, also one that you stopped"),
    "/style": Command(_style, "/style [NAME]", "talk to another voice"),
    "/persona": Command(_persona, "/persona [NAME|off]", "talk to a voice with a manner; alone it shows them"),
    "/blend": Command(_blend, "/blend [STYLE PART|off]", "mix another voice in, as /blend code 0.3"),
    "/temperature": Command(
        _option("temperature", float, "the style's own"),
        "/temperature [T|off]",
        "0 is the likeliest text, 1 the model's own chances, above is wild",
    ),
    "/length": Command(
        _option("length", int, "the style's own"), "/length [N|off]", "the most characters of an answer"
    ),
    "/candidates": Command(
        _option("candidates", int, "the style's own"),
        "/candidates [N|off]",
        "choose each answer among so many; 1 is shown as it is written",
    ),
    "/adapt": Command(
        _option("adapt", float, "off"), "/adapt [PART|off]", "repeat what was said: the part it has, as 0.1"
    ),
    "/seed": Command(
        _option("seed", int, "a new one for each answer"),
        "/seed [N|off]",
        "the same seed and lines: the same answers",
    ),
    "/receipt": Command(_receipt, "/receipt", "what makes the last answer again: apocrypha verify RECEIPT"),
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
        except KeyboardInterrupt:  # while a voice is opened, say
            out.write(" ...\n")
        out.flush()


def _answer(conversation: Conversation, line: str, out: TextIO) -> None:
    answer = _run(conversation, line) if line.startswith("/") else conversation.reply(line)
    if isinstance(answer, str):
        out.write(f"{answer}\n")
        return
    with answer:  # what was said so far is remembered, whatever ends it
        try:
            last = "\n"
            for last in answer:
                out.write(last)
                out.flush()
        except KeyboardInterrupt:
            last = " ..."
            out.write(last)
    if not last.endswith("\n"):
        out.write("\n")


def _run(conversation: Conversation, line: str) -> str | Reply:
    name, _, rest = line.partition(" ")
    if name not in COMMANDS:
        raise unknown("command", name, COMMANDS)
    return COMMANDS[name].run(conversation, rest.strip())


def prompt_lines(history: Path, styles: list[str], personas: list[str]) -> Ask:
    """Return a reader of lines: from a terminal with history and completion, from a pipe a plain one."""
    if not sys.stdin.isatty():
        if isinstance(sys.stdin, io.TextIOWrapper):
            sys.stdin.reconfigure(errors="replace")
        return _piped
    from prompt_toolkit import PromptSession
    from prompt_toolkit.completion import WordCompleter
    from prompt_toolkit.history import FileHistory

    history.parent.mkdir(parents=True, exist_ok=True)
    lines = [*COMMANDS, *(f"{name} {style}" for name in ("/style", "/blend") for style in styles)]
    lines += [f"/persona {name}" for name in personas]
    session: PromptSession[str] = PromptSession(
        "> ",
        history=FileHistory(str(history)),
        completer=WordCompleter(lines, sentence=True),
        complete_while_typing=False,
    )
    return session.prompt


def _piped() -> str:
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line
