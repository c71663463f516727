"""The folder of a new plugin: a commented plugin.toml that says why each value, the text, and where wanted a package.

What is proposed was looked up in the text (corpora/survey.py), or fitted to it and to this machine
(training/fitting.py).
"""

import json
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from corpora.errors import UserError
from corpora.spec import Split
from corpora.split import split
from corpora.survey import Survey
from generators.plugin import NAME, Limits
from generators.quality import words_of
from training.fitting import Fit

HEADROOM = 1.25  # of a text's usual length, so that few are broken off
SLACK = 0.05  # under the share of known words that held-out people reach
MODULE = "apocrypha_"  # what a package's name begins with


@dataclass(frozen=True)
class Proposal:
    """What is known of a new plugin. `fit` is None where nothing could be measured: without PyTorch."""

    name: str
    source: str  # the file's name
    encoding: str
    text: str
    survey: Survey
    licence: str = ""
    fit: Fit | None = None
    begin: str = ""  # the voice that it learns from

    @property
    def toml(self) -> str:
        """Return plugin.toml."""
        parts = [self._head(), self._corpus(), self._shape(), *self._limits(), self._training()]
        return "\n".join("\n".join(part) + "\n" for part in map(list, parts) if part)

    def _head(self) -> Iterator[str]:
        yield from _remark(
            f"{self.name}: proposed by `apocrypha new` for {self.source}. Every line may go or be changed; all keys, "
            "and what they mean, are in docs/plugins.md."
        )
        yield f"name = {_quoted(self.name)}"
        yield f"summary = {_quoted(f'In the manner of {self.source}')}"
        yield f"examples = {_quoted(list(_openings(self.text)))}  # what a person may say to it"

    def _corpus(self) -> Iterator[str]:
        seen = self.survey
        yield from _remark(
            f"corpus.txt has {seen.characters:,} characters, {len(seen.alphabet):,} different ones. It was "
            f"{self.encoding} and is kept as UTF-8 with plain line ends."
        )
        if seen.rare:
            yield from _remark(f"Too rare to be learned: {_quoted(seen.rare[:40])}")
        yield "[corpus]"
        yield f"title = {_quoted(self.source)}"
        unsaid = "  # say whose text it is, and on what terms; it does not post before that"
        yield f"licence = {_quoted(self.licence or 'unknown')}{'' if self.licence else unsaid}"
        if self._can_be_cut_between_texts():
            yield ""
            yield "[corpus.split]"
            yield f"boundary = {_quoted(seen.unit.stop)}  # the last tenth is held out, cut where a text ends"

    def _shape(self) -> Iterator[str]:
        unit = self.survey.unit
        if unit.stop:
            more = f" of {unit.lines:.1f} lines" if unit.lines > 1 else ""
            yield from _remark(f"One text is one of {unit.count:,} {unit.name}{more}.")
        else:
            yield from _remark("Nothing parts this text, so only its length ends one.")
        yield "[text]"
        yield f"start = {_quoted(unit.start)}"
        yield f"stop = {_quoted(unit.stop)}"
        why = f"19 of 20 have {unit.longest} at most" if unit.stop else "a paragraph's"
        yield f"length = {self.length}  # characters; {why}"

    def _limits(self) -> Iterator[Iterator[str]]:
        """Propose limits where the usual ones do not fit; they are for posts."""
        lines = []
        usual, known = Limits(), _held_out_words(self.text)
        if known - SLACK < usual.known_words:
            least = max(round(known - SLACK, 2), 0.0)
            lines.append(f"known_words = {least}  # of the words at its end, {known:.0%} stand in the text before it")
        if self.survey.unit.shortest < usual.shortest:
            lines.append(f"shortest = {max(self.survey.unit.shortest, 1)}  # so short are its shortest texts")
        if lines:
            yield iter(["[limits]", *lines])

    def _training(self) -> Iterator[str]:
        fit = self.fit
        if fit is None:
            yield from _remark("How long it takes to learn could not be measured without PyTorch (`make train`).")
            return
        yield from _remark(
            f"On this machine a network of {fit.model.layers} layers of {fit.model.units} units reads {fit.speed:,.0f} "
            f"characters a second: in {fit.minutes:.2g} minutes it reads this text about {fit.passes:.0f} times. For "
            "other minutes, here or by --minutes, another is fitted; [model] units = 512 would have just that one."
        )
        if self.begin:
            yield from _remark(
                "So little text is best learned by a voice that can write already: it begins with the weights of "
                f"{self.begin} (--from-style none would not)."
            )
        yield "[train]"
        yield f"minutes = {fit.minutes:.2g}"

    def _can_be_cut_between_texts(self) -> bool:
        """Return whether the held-out parts can begin where a text does: not where one is longer than they are."""
        try:
            split(self.text, Split(boundary=self.survey.unit.stop))
        except UserError:
            return False
        return bool(self.survey.unit.stop)

    @property
    def length(self) -> int:
        """Return the most characters that a text is given."""
        return max(-(-int(self.survey.unit.longest * HEADROOM) // 10) * 10, 20)


def create(folder: Path, proposal: Proposal) -> None:
    """Write the plugin's folder; raise UserError where that is impossible. It is either whole or absent."""
    part = folder.with_name(f".{folder.name}.part")
    try:
        part.mkdir(parents=True)
        (part / "corpus.txt").write_text(proposal.text, encoding="utf-8", newline="\n")
        (part / "plugin.toml").write_text(proposal.toml, encoding="utf-8")
        part.rename(folder)
    except OSError as error:
        raise UserError(f"{folder}: the plugin could not be written ({error.strerror}).") from error


def name_of(path: Path) -> str:
    """Return the name that a plugin of this file would have; raise UserError where it can have none."""
    letters = "".join(c if c.isascii() and c.isalnum() else "-" for c in path.stem.lower())
    name = "-".join(filter(None, letters.split("-")))[:40]
    return checked_name(name if NAME.fullmatch(name) else path.name)


def checked_name(name: str) -> str:
    """Return `name` where a plugin may have it."""
    if not NAME.fullmatch(name):
        raise UserError(
            f"'{name}' is no name for a plugin, which has small letters, digits and hyphens, a letter first, 40 at "
            "most. Give it one: `apocrypha new NAME --from FILE`."
        )
    return name


def _remark(text: str) -> list[str]:
    return textwrap.wrap(text, 100, initial_indent="# ", subsequent_indent="# ", break_long_words=False)


def _quoted(value: object) -> str:
    """Return a value in TOML: for strings and lists of them, that is JSON."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _openings(text: str) -> Iterator[str]:
    """Yield the first words of a few lines from all over the text."""
    lines = [line for line in text.split("\n") if line.strip()]
    for place in (0.1, 0.4, 0.7):
        yield " ".join(lines[int(place * len(lines))].split()[:5])[:30]


def _held_out_words(text: str) -> float:
    """Return how many of the words in the last twentieth of a text stand in what comes before it."""
    cut = len(text) - len(text) // 20
    known, words = set(words_of(text[:cut])), list(words_of(text[cut:]))
    return sum(word in known for word in words) / len(words) if words else 1.0
