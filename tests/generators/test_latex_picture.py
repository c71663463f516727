"""LaTeX as a picture: how it looks, what it is refused for, and what it cannot do."""

import shutil
import subprocess
import time
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from corpora.errors import UserError
from generators.pictures import latex
from generators.pictures.latex import Limits, compiles, draw

LEMMA = r"""\begin{lemma}[Zorn]
\label{lemma-a}
Let $X$ be as in Lemma \ref{lemma-a}, see \cite[p. 1]{EGA}.
%s
\end{lemma}"""
STRICT = Limits(seconds=3, megabytes=300, file_megabytes=1)

# What would read, write or run something, and the most seconds its refusal may take.
EVIL = {
    "read a file": r"\input{/etc/hostname}",
    "read a file by a stream": r"\openin5=/etc/hostname \ifeof5 \undefined\fi",
    "read a file above": r"\input{../secret}",
    "read a file as an image": r"\pdfximage{/etc/hostname}\pdfrefximage\pdflastximage",
    "read a file as an object": r"\immediate\pdfobj stream file {/etc/hostname}",
    "read a file as a font": r"\font\x=/etc/hostname \x",
    "read a file as a map": r"\pdfmapfile{/etc/hostname}a",
    "run a program": r"\input{|id}",
    "write above": r"\immediate\openout5=../evil.txt \immediate\write5{x}",
    "write anywhere": r"\immediate\openout5=PLACE/evil.txt \immediate\write5{x}",
    "ask": r"\read16 to\x",
    "go on for ever": r"\loop\iftrue\repeat",
    "expand for ever": r"\def\a{\a}\a",
    "fill the memory": r"\def\a#1{\a{#1#1}}\a{xxxxxxxx}",
    "fill the stack": r"\def\a{\a\a}\a",
    "fill the disk": r"\loop\message{\the\hsize\the\hsize\the\hsize\the\hsize}\iftrue\repeat",
    "end the document": r"\end{lemma}\end{sheet}\end{document}",
}


@pytest.fixture(autouse=True)
def _tex(request: pytest.FixtureRequest) -> None:
    if shutil.which("pdflatex") is None:
        pytest.skip("no pdflatex: apt install texlive-latex-base texlive-pictures")


def pixels(png: bytes) -> NDArray[np.uint8]:
    """Return (height, width), 0 for black."""
    image = Image.open(BytesIO(png))
    assert (image.format, image.mode) == ("PNG", "L")
    return np.asarray(image)


def test_it_stands_inside_its_margins() -> None:
    drawn = draw(LEMMA % "$$\nx\n$$")
    ink = pixels(drawn.png) < 255
    assert ink.shape == (drawn.height, drawn.width)
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    edges = (columns[0], rows[0], drawn.width - 1 - columns[-1], drawn.height - 1 - rows[-1])
    assert edges == (latex.MARGIN,) * 4
    assert 0.01 < ink.mean() < 0.2
    assert 1000 < drawn.width < 1200


def test_what_it_says_is_its_source() -> None:
    text = LEMMA % "Then all is well."
    assert draw(f"{text}\n\n\n").alt == text
    assert len(draw(text.replace("well", "well and " * 300)).alt) <= 1000


def test_same_text_gives_same_bytes_and_another_label_other_numbers() -> None:
    text = LEMMA % "Yes."
    assert draw(text) == draw(text)
    assert draw(text).png != draw(text.replace("lemma-a", "lemma-b")).png
    own = draw(text.replace("Lemma \\ref{lemma-a}", "Lemma \\ref{lemma-b}"))
    assert own.png != draw(text).png


def test_long_formulas_are_shown_whole_or_not_at_all() -> None:
    wide, wider = (" + ".join(f"a_{{{number}}}" for number in range(count)) for count in (20, 40))
    assert draw(LEMMA % f"$$\n{wide}\n$$").width > draw(LEMMA % "$$\na\n$$").width + 100
    with pytest.raises(UserError, match="goes beyond the page"):
        draw(LEMMA % f"$$\n{wider}\n$$")


def test_refused_text_is_named_by_its_fault() -> None:
    with pytest.raises(UserError, match="TeX refuses this text: Undefined control sequence"):
        draw(LEMMA % "\\unheardof")
    with pytest.raises(UserError, match="nothing to see"):
        draw("\\mbox{}")
    with pytest.raises(UserError, match="pixels high, and a picture at most"):
        draw("a\\vskip 4000pt b")


def test_each_text_answers_for_itself() -> None:
    good, bad, open_group = LEMMA % "Yes.", LEMMA % "\\unheardof", LEMMA % "{"
    texts = [good, bad, good, open_group, good, LEMMA % "$x", *[good] * latex.BATCH]
    found = compiles(texts)
    assert [number for number, fault in enumerate(found) if fault] == [1, 3, 5]
    assert found[1] == "Undefined control sequence"
    assert compiles([]) == []


@pytest.mark.parametrize("what", EVIL)
def test_nothing_evil_is_done(what: str, tmp_path: Path) -> None:
    text = LEMMA % EVIL[what].replace("PLACE", str(tmp_path))
    begun = time.monotonic()
    assert compiles([text, LEMMA % "Yes."], STRICT)[0] != ""
    assert time.monotonic() - begun < 30
    with pytest.raises(UserError):
        draw(text, STRICT)
    assert list(tmp_path.iterdir()) == []


def test_shell_is_not_reached(tmp_path: Path) -> None:
    compiles([LEMMA % f"\\immediate\\write18{{touch {tmp_path}/evil}}"])
    assert list(tmp_path.iterdir()) == []


def test_memory_is_limited() -> None:
    assert compiles([LEMMA % "Yes."], Limits(megabytes=20))[0] != ""


def test_the_limits_hold_also_when_nobody_waits_for_it_any_more() -> None:
    shown = ["sh", "-c", "ulimit -t; ulimit -v; ulimit -f; ulimit -c"]
    done = subprocess.run(
        ["sh", "-c", latex.LIMITED, "sh", "20", "500000", "64", *shown], capture_output=True, check=True
    )
    assert done.stdout.split() == [b"20", b"500000", b"64", b"0"]
    assert not done.stderr


def test_without_tex_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UserError, match=r"there is no pdflatex on this machine\. Install TeX Live"):
        draw(LEMMA % "Yes.")
