import os
from pathlib import Path

import pytest

from corpora import encoding
from corpora.errors import UserError

GERMAN = "Der alte Teich. Ein Frosch springt hinein: Größe, Öl und Übermut.\n" * 40
JAPANESE = "古池や蛙飛びこむ水の音。\n" * 60


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "text.txt"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("plain\nold text\n" * 30, "ascii"),
        (GERMAN, "utf-8"),
        (GERMAN, "utf-8-sig"),
        (GERMAN, "utf-16"),
        (GERMAN, "utf-16-le"),
        (GERMAN, "utf-16-be"),
        (GERMAN, "utf-32"),
        (GERMAN, "latin-1"),
        ("“Quoted” café, naïve résumé, déjà vu and so on — and on.\n" * 40, "cp1252"),
        ("Les élèves étaient très contents de la fête.\n" * 30, "latin-1"),
        ("Příliš žluťoučký kůň úpěl ďábelské ódy.\n" * 40, "cp1250"),
        ("Старый пруд. Прыгнула лягушка. Всплеск воды.\n" * 40, "koi8_r"),
        ("Старый пруд. Прыгнула лягушка. Всплеск воды.\n" * 40, "cp1251"),
        (JAPANESE, "shift_jis"),
        ("春天來了，花都開了。\n" * 60, "gb18030"),
    ],
)
def test_a_text_is_read_in_whatever_encoding(file: Path, text: str, name: str) -> None:
    file.write_bytes(text.encode(name))
    found = encoding.read(file)
    assert (found.text, found.whole) == (text, True)


def test_five_thousand_different_characters_are_a_text(file: Path) -> None:
    text = "".join(map(chr, range(0x4E00, 0x4E00 + 5000))) + "\n"
    for name in ("utf-8", "utf-16"):
        file.write_bytes((text * 3).encode(name))
        assert encoding.read(file).text == text * 3


def test_mixed_line_ends_become_plain(file: Path) -> None:
    file.write_bytes(b"one\r\ntwo\rthree\nfour\r\n")
    assert encoding.read(file).text == "one\ntwo\nthree\nfour\n"


def test_what_is_no_text_is_refused_by_its_kind(file: Path) -> None:
    for data, kind in {
        b"%PDF-1.7\nabc": "a PDF",
        b"PK\x03\x04rest": "a zip archive",
        b"\x1f\x8b\x08rest": r"compressed \(gzip\)",
        b"\x89PNG\r\n\x1a\n": "a picture",
        b"\x7fELF\x02\x01\x01\0\0": "a program",
    }.items():
        file.write_bytes(data)
        with pytest.raises(UserError, match=f"text.txt is {kind}.* not plain text"):
            encoding.read(file)


@pytest.mark.parametrize(
    "data", [bytes(range(256)) * 40, os.urandom(20_000), b"\0" * 5000, b"text with \x00\x01\x02\x03\x04\x05" * 90]
)
def test_data_are_no_text(file: Path, data: bytes) -> None:
    file.write_bytes(data)
    with pytest.raises(UserError, match="is no text"):
        encoding.read(file)


def test_of_a_huge_file_the_beginning_is_read(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "LARGEST", 1001)  # in the middle of a character
    file.write_text("é" * 5000, encoding="utf-8")
    found = encoding.read(file)
    assert not found.whole
    assert 500 <= len(found.text) <= 502
    assert set(found.text) == {"é"}


def test_an_encoding_may_be_named(file: Path) -> None:
    file.write_bytes("naïve".encode("cp437"))
    assert encoding.read(file, "cp437").text == "naïve"
    with pytest.raises(UserError, match="byte 2 is not ascii"):
        encoding.read(file, "ascii")
    with pytest.raises(UserError, match="Python knows no encoding named 'klingon'"):
        encoding.read(file, "klingon")
    with pytest.raises(UserError, match="cannot be read"):
        encoding.read(file.parent)
