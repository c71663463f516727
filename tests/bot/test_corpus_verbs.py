import json
import subprocess
from collections.abc import Callable
from pathlib import Path

from PIL import Image

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_a_style_is_told_of_and_drawn(weather: Path, apocrypha: Run, tmp_path: Path) -> None:
    picture = tmp_path / "lengths.png"
    done = apocrypha("corpus", "stats", "weather", "--picture", str(picture))
    told = {line[:12].strip(): line[12:] for line in done.stdout.splitlines() if line[0] != " "}
    assert told["size"].startswith(f"{(weather / 'corpus.txt').stat().st_size:,} characters (")
    assert told["language"] == "English"
    assert told["texts"].startswith("400 lines, of ")
    assert told["doubles"] == "0 texts stand there more than once"
    assert told["held out"].startswith("40 of 41 texts nearly stand in the training part too")
    assert "so losses on held-out text flatter" in done.stdout
    with Image.open(picture) as drawn:
        assert len(drawn.convert("RGB").getcolors(1 << 20) or ()) > 10


def test_a_file_of_any_encoding_is_told_of(apocrypha: Run, tmp_path: Path) -> None:
    text = "".join(f"ein Käfer über Blatt Nummer {n} und noch {n * n} andere\n" for n in range(60))
    (tmp_path / "käfer.txt").write_text(text, encoding="utf-16")
    found = json.loads(apocrypha("corpus", "stats", str(tmp_path / "käfer.txt"), "--json").stdout)
    assert sum(found["parts"].values()) == found["seen"]["characters"] == len(text)
    assert found["seen"]["unit"]["count"] == 60


def test_what_cannot_be_looked_at_is_told(weather: Path, apocrypha: Run, tmp_path: Path) -> None:
    assert "no style named 'wether'" in apocrypha("corpus", "stats", "wether", ok=False).stderr
    drawn = apocrypha("corpus", "stats", "weather", "--picture", str(tmp_path / "x.xyz"), ok=False)
    assert "x.xyz: the picture could not be written (Format 'xyz' is not supported" in drawn.stderr
    (tmp_path / "short.txt").write_text("too short")
    assert "at least 1,000" in apocrypha("corpus", "stats", str(tmp_path / "short.txt"), ok=False).stderr
