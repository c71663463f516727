import gzip
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from corpora.errors import UserError
from corpora.fetch import Places, read_text
from corpora.spec import CorpusSpec

TEXT = "In principio erat Verbum, \u05d1\u05e8\u05d0\u05e9\u05d9\u05ea \U0001f54a\n" * 30
PACKED = gzip.compress(TEXT.encode())
CHECKOUT = Path(__file__).parents[2]
Digest = Callable[[bytes], str]


@pytest.fixture
def spec(digest: Digest) -> CorpusSpec:
    return CorpusSpec(title="Verbum", mirror="latin/verbum.txt", sha256=digest(TEXT.encode()))


@pytest.fixture
def places(tmp_path: Path) -> Places:
    mirror = tmp_path / "mirror"
    (mirror / "latin").mkdir(parents=True)
    (mirror / "latin" / "verbum.txt").write_text(TEXT, encoding="utf-8")
    return Places(tmp_path / "home" / "corpora", mirror)


def files_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_local_text_is_read_from_beside_the_plugin(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_bytes(b"a\r\nb\xc3\xa9")
    assert read_text(CorpusSpec(file="mine.txt"), tmp_path, Places(tmp_path / "cache")) == "a\r\nb\u00e9"
    assert files_below(tmp_path) == ["mine.txt"]


def test_a_missing_local_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"corpus\.txt: the text cannot be read \(No such file or directory\)"):
        read_text(CorpusSpec(), tmp_path, Places(tmp_path))


def test_a_byte_that_is_not_utf_8_is_named_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "corpus.txt").write_bytes("caf\u00e9 ".encode() * 200 + b"caf\xe9 noir")
    with pytest.raises(UserError, match=r"corpus\.txt: byte 1,203 \(0xe9\) is not utf-8\. .*encoding = \"latin-1\""):
        read_text(CorpusSpec(), tmp_path, Places(tmp_path))


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16"])
def test_a_text_may_declare_another_encoding(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "corpus.txt").write_bytes("na\u00efve caf\u00e9".encode(encoding))
    assert read_text(CorpusSpec(encoding=encoding), tmp_path, Places(tmp_path)) == "na\u00efve caf\u00e9"


def test_an_encoding_that_does_not_exist_is_named(tmp_path: Path) -> None:
    (tmp_path / "corpus.txt").write_bytes(b"text")
    with pytest.raises(UserError, match="knows no encoding named 'utf-7b'"):
        read_text(CorpusSpec(encoding="utf-7b"), tmp_path, Places(tmp_path))


@pytest.mark.parametrize("packed", [False, True])
def test_a_mirror_folder_stands_in_for_the_network(spec: CorpusSpec, places: Places, packed: bool) -> None:
    assert places.mirror
    if packed:
        plain = places.mirror / spec.mirror
        spec = spec.model_copy(update={"mirror": "verbum.txt.gz"})
        (places.mirror / spec.mirror).write_bytes(gzip.compress(plain.read_bytes()))
        plain.unlink()
    assert read_text(spec, Path("nowhere"), places) == TEXT
    assert files_below(places.cache) == [places.cached(spec).name]


def test_the_cache_answers_when_the_mirror_is_gone(spec: CorpusSpec, places: Places) -> None:
    read_text(spec, Path("nowhere"), places)
    assert places.cached(spec).name.startswith(spec.sha256[:16])
    assert read_text(spec, Path("nowhere"), Places(places.cache)) == TEXT
    assert read_text(spec, Path("nowhere"), Places(places.cache, Path("nowhere"))) == TEXT


def test_a_wrong_digest_is_told_with_both_digests(spec: CorpusSpec, places: Places, digest: Digest) -> None:
    assert places.mirror
    mirrored = places.mirror / spec.mirror
    mirrored.write_text("another text", encoding="utf-8")
    with pytest.raises(UserError, match="this is not the text of Verbum") as caught:
        read_text(spec, Path("nowhere"), places)
    for word in (str(mirrored), digest(b"another text"), spec.sha256):
        assert word in str(caught.value)
    assert files_below(places.cache) == []


def test_a_spoiled_cache_is_noticed(spec: CorpusSpec, places: Places) -> None:
    read_text(spec, Path("nowhere"), places)
    cached = places.cached(spec)
    cached.write_bytes(cached.read_bytes()[:-1])
    with pytest.raises(UserError, match=r"sha256 is .*Delete the file and fetch again") as caught:
        read_text(spec, Path("nowhere"), places)
    assert str(cached) in str(caught.value)


@pytest.mark.parametrize(
    "data", [PACKED[:-9], b"no gzip", PACKED[:20] + b"!" * 40], ids=["cut short", "no gzip", "overwritten"]
)
def test_a_spoiled_gz_in_the_mirror_is_named(spec: CorpusSpec, places: Places, data: bytes) -> None:
    assert places.mirror
    spec = spec.model_copy(update={"mirror": "verbum.txt.gz"})
    (places.mirror / spec.mirror).write_bytes(data)
    with pytest.raises(UserError, match=r"verbum\.txt\.gz: this is not a whole gzip file"):
        read_text(spec, Path("nowhere"), places)
    assert files_below(places.cache) == []


def test_a_text_without_an_address_asks_for_the_mirror(spec: CorpusSpec, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"set APOCRYPHA_MIRROR to a folder with latin/verbum\.txt"):
        read_text(spec, Path("nowhere"), Places(tmp_path))


def test_a_cache_in_the_way_of_which_a_file_stands_is_named(spec: CorpusSpec, places: Places) -> None:
    places.cache.parent.mkdir()
    places.cache.write_text("in the way")
    with pytest.raises(UserError, match=r"home/corpora/.*the fetched text cannot be kept there \(File exists\)"):
        read_text(spec, Path("nowhere"), places)


def test_a_cached_text_that_cannot_be_read_is_named(spec: CorpusSpec, places: Places) -> None:
    places.cached(spec).mkdir(parents=True)
    with pytest.raises(UserError, match=f"{places.cached(spec)}: the text cannot be read .Is a directory"):
        read_text(spec, Path("nowhere"), places)


def test_a_full_disk_leaves_nothing_half_written(spec: CorpusSpec, places: Places) -> None:
    program = """
import resource, sys
from pathlib import Path
from corpora.errors import UserError
from corpora.fetch import Places, read_text
from corpora.spec import CorpusSpec
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    read_text(CorpusSpec(mirror=sys.argv[3], sha256=sys.argv[4]), Path(), Places(Path(sys.argv[1]), Path(sys.argv[2])))
except UserError as error:
    print(error)
"""
    arguments = [str(places.cache), str(places.mirror), spec.mirror, spec.sha256]
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    assert "the fetched text cannot be kept there (File too large)" in done.stdout
    assert files_below(places.cache) == []
