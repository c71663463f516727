"""A text file of unknown make, read: which encoding it is in, or why it is no text."""

import codecs
from dataclasses import dataclass
from pathlib import Path

from charset_normalizer import from_bytes

from corpora.clean import unix_newlines
from corpora.errors import UserError

LARGEST = 100_000_000  # bytes that are read; no network here has use for more
SAMPLE = 1 << 18  # bytes that the encoding is guessed from
STRAY = 0.001  # the part of control characters above which a file is no text
NEAR = 0.15  # how much more disorder the usual encoding may show than the tidiest
MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark it begins with
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
ADVICE = "Save it as UTF-8 first (`apocrypha new` can be told the encoding: --encoding)."
OTHERS = {
    b"%PDF": "a PDF",
    b"PK\x03\x04": "a zip archive (.docx, .odt and .epub are such)",
    b"\x1f\x8b": "compressed (gzip)",
    b"BZh": "compressed (bzip2)",
    b"\xfd7zXZ": "compressed (xz)",
    b"{\\rtf": "an RTF document",
    b"\xd0\xcf\x11\xe0": "a document of an old office suite",
    b"SQLite format 3": "a database",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"\x7fELF": "a program",
}


@dataclass(frozen=True)
class Found:
    """What a file holds, with plain line ends. `whole` is False where it is longer than what was read."""

    text: str
    encoding: str
    whole: bool


def read(path: Path, encoding: str = "") -> Found:
    """Read a file in any encoding; raise UserError where it cannot be read or is no text."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 4)  # at the cut a character may be incomplete
    except OSError as error:
        raise UserError(f"{path}: the text cannot be read ({error.strerror}).") from error
    whole = len(data) <= LARGEST
    encoding = encoding or _detect(path, data)
    try:
        decoder = codecs.getincrementaldecoder(encoding)()
        text = unix_newlines(decoder.decode(data, final=whole))
    except LookupError as error:
        raise UserError(f"{path}: Python knows no encoding named '{encoding}'.") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: byte {error.start:,} is not {encoding}. {ADVICE}") from error
    _refuse_data(path, text)
    return Found(text, encoding, whole)


def _detect(path: Path, data: bytes) -> str:
    """Return the encoding of a file; raise UserError for what begins like something other than a text."""
    for mark, encoding in MARKS.items():
        if data.startswith(mark):
            return encoding
    for beginning, kind in OTHERS.items():
        if data.startswith(beginning):
            raise UserError(f"{path} is {kind}, not plain text. Save or export it as text first.")
    try:
        data.decode() if len(data) <= LARGEST else codecs.getincrementaldecoder("utf-8")().decode(data)
        if b"\0" not in data:
            return "utf-8"
    except UnicodeDecodeError:
        pass
    return _guessed(path, data[: SAMPLE & ~3])


def _guessed(path: Path, sample: bytes) -> str:
    """Return the encoding of bytes that are neither marked nor UTF-8."""
    even, odd = (sample[side::2].count(0) / max(len(sample), 1) for side in (0, 1))
    if max(even, odd) > 0.02 and min(even, odd) < 0.02 * max(even, odd):
        return "utf-16-le" if odd > even else "utf-16-be"
    matches = list(from_bytes(sample))
    if not matches or (b"\0" in sample and "16" not in matches[0].encoding and "32" not in matches[0].encoding):
        raise UserError(f"{path} is no text in any encoding known here. {ADVICE}")
    best = matches[0]
    for match in matches:  # of those that are as good, the one that most files of one byte a character are in
        if match.encoding == "cp1252" and match.coherence >= best.coherence and match.chaos <= best.chaos + NEAR:
            return match.encoding
    return best.encoding


def _refuse_data(path: Path, text: str) -> None:
    """Raise UserError for what decodes without being a text."""
    controls = sum(text.count(chr(code)) for code in {*range(32), 0x7F} - {*b"\t\n\x0b\x0c\x1b"})
    if controls > STRAY * len(text) + 1 or "\0" in text:
        raise UserError(f"{path} is no text: it is full of control characters. Save or export it as plain text first.")
