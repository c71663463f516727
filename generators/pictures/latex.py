"""LaTeX as an image: typeset by pdflatex in a folder of its own, within limits, and drawn by PDFium."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pypdfium2
from PIL import Image, ImageOps

from corpora.errors import UserError
from generators.pictures.picture import Picture, picture

PREAMBLE = Path(__file__).with_suffix(".tex")
SCALE = 2.5  # pixels per point
MARGIN = 64  # pixels
HIGHEST = 8000  # pixels of a page
BATCH = 100  # texts in one run of TeX, where it is only asked whether it takes them
INSTALL = "Install TeX Live (on Debian: apt install texlive-latex-base texlive-pictures), or show the source as text."

# The shell sets limits and becomes TeX: seconds of its time, kilobytes of memory, blocks of 512 bytes in a file. A
# function between fork and exec would do the same, but not safely in a process that has threads.
LIMITED = 'ulimit -c 0; ulimit -t "$1"; ulimit -v "$2"; ulimit -f "$3"; shift 3; exec "$@"'
PDFIUM = threading.Lock()  # it is not made for threads


@dataclass(frozen=True)
class Limits:
    """What one run of TeX may use; a page takes it half a second and 100 MB."""

    seconds: int = 20
    megabytes: int = 500
    file_megabytes: int = 10


LIMITS = Limits()


def draw(text: str, limits: Limits = LIMITS) -> Picture:
    """Return `text` typeset in the Stacks Project's manner; its source is the text for those who cannot see it.

    The numbers of what is referred to are made up, the same for the same label. Raise UserError where there is no TeX
    on this machine, or where it refuses the text.
    """
    with tempfile.TemporaryDirectory() as folder:
        fault = _typeset(text + "\n\\end{sheet}\\ship", Path(folder), limits)
        if fault:
            raise UserError(f"picture: TeX refuses this text: {fault}. Show its source as text, or draw another one.")
        return picture(_rendered(Path(folder) / "texput.pdf"), text.strip())


def compiles(texts: Sequence[str], limits: Limits = LIMITS) -> list[str]:
    """Return what TeX has against each text, "" where nothing; raise UserError where there is no TeX.

    Many are typeset in one run. What stops it is typeset again, alone, and a new run begins behind it.
    """
    faults: list[str] = []
    while len(faults) < len(texts):
        batch = texts[len(faults) : len(faults) + BATCH]
        taken = _taken(batch, limits)
        faults += [""] * taken
        if taken < len(batch):
            faults.append(_fault(batch[taken], limits))
    return faults


def _taken(texts: Sequence[str], limits: Limits) -> int:
    """Return how many of the texts, from the first on, are typeset before one stops TeX."""
    sheets = [f"{text}\n\\end{{sheet}}\\message{{<sheet {number}>}}" for number, text in enumerate(texts)]
    with tempfile.TemporaryDirectory() as folder:
        _typeset("\n\\begin{sheet}\n".join(sheets), Path(folder), limits)
        found = set(re.findall(r"<sheet (\d+)>", _log(Path(folder))))
    return next((number for number in range(len(texts)) if str(number) not in found), len(texts))


def _fault(text: str, limits: Limits) -> str:
    with tempfile.TemporaryDirectory() as folder:
        return _typeset(text + "\n\\end{sheet}", Path(folder), limits)


def _typeset(sheets: str, folder: Path, limits: Limits) -> str:
    """Run TeX on sheets, the first of them begun; return what stopped it, "" where nothing did."""
    preamble = PREAMBLE.read_text(encoding="utf-8")
    source = f"{preamble}\\begin{{document}}\n\\begin{{sheet}}\n{sheets}\\message{{<end>}}\n\\csname @@end\\endcsname\n"
    (folder / "texput.tex").write_text(source, encoding="utf-8")
    code = _run(folder, limits)
    if code is None:
        return f"it takes longer than {limits.seconds} s"
    if code < 0:
        return f"it takes more than {limits.seconds} s or {limits.file_megabytes} MB ({signal.Signals(-code).name})"
    log = _log(folder)
    fault = re.search(r"^! ?(?:LaTeX Error: |pdfTeX error: )?(.*?)\.?$", log, re.MULTILINE)
    if fault and re.fullmatch(r"File `(amsart\.cls|amssymb\.sty|xy\.sty)' not found", fault[1]):
        raise UserError(f"picture: TeX lacks a package ({fault[1]}). {INSTALL}")
    if code or "<end>" not in log:
        return fault[1] if fault else "it stops without a word"
    return ""


def _run(folder: Path, limits: Limits) -> int | None:
    """Run pdflatex on texput.tex; return its exit code, negative where a signal ended it, None where time did.

    It reads and writes no file outside of the folder but its own, starts no program, and is told nothing of ours.
    """
    program = shutil.which("pdflatex")
    if program is None:
        raise UserError(f"picture: there is no pdflatex on this machine. {INSTALL}")
    files = {"openin_any": "p", "openout_any": "p", "TEXMFOUTPUT": str(folder), "HOME": str(folder)}
    fonts = {"MKTEXTFM": "0", "MKTEXPK": "0", "MKTEXMF": "0", "max_print_line": "1000"}
    numbers = (str(limits.seconds), str(limits.megabytes * 1024), str(limits.file_megabytes * 2048))
    options = ("-no-shell-escape", "-halt-on-error", "-interaction=batchmode")
    process = subprocess.Popen(
        ["sh", "-c", LIMITED, "sh", *numbers, program, *options, "texput.tex"],
        cwd=folder,
        env={"PATH": str(Path(program).parent), "SOURCE_DATE_EPOCH": "0", **files, **fonts},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        return process.wait(timeout=limits.seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return None


def _log(folder: Path) -> str:
    log = folder / "texput.log"
    return log.read_text(encoding="latin-1") if log.exists() else ""


def _rendered(path: Path) -> Image.Image:
    """Return the page as it is inked, with a margin; raise UserError where it is blank, too high or too wide."""
    with PDFIUM, pypdfium2.PdfDocument(path) as document:
        page = document[0]
        height = round(page.get_height() * SCALE)
        if height > HIGHEST:
            raise UserError(f"picture: this text is {height} pixels high, and a picture at most {HIGHEST}. Shorten it.")
        image = page.render(scale=SCALE, grayscale=True).to_pil().convert("L")
    ink = ImageOps.invert(image).getbbox()
    if ink is None:
        raise UserError("picture: there is nothing to see of this text.")
    if ink[2] == image.width:
        raise UserError("picture: a line of this text goes beyond the page. Show its source as text, or break it.")
    return ImageOps.expand(image.crop(ink), MARGIN, 255)
