import bz2
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from corpora.errors import UserError
from corpora.fetch import Places, read_text
from corpora.spec import CorpusSpec

BOOKS = {"Ruth.json": ("Ruth", "Now it came to pass ."), "1John.json": ("1 John", "That which was\u2019")}
JOINED = "Ruth 1:1\tNow it came to pass.\n1 John 1:1\tThat which was'\n"
Digest = Callable[[bytes], str]


@pytest.fixture
def spec(server: Any, digest: Digest) -> CorpusSpec:
    """Two books on a real server, each in JSON, joined in an order that is not the alphabet's."""
    served = dict[str, str]()
    for file, (name, text) in BOOKS.items():
        book = {"book": name, "chapters": [{"chapter": "1", "verses": [{"verse": "1", "text": text}]}]}
        (server.folder / file).write_text(json.dumps(book), encoding="utf-8")
        served[file] = digest((server.folder / file).read_bytes())
    return CorpusSpec(
        title="Two books",
        base=server.address,
        files=served,
        each=("bible_book_json",),
        sha256=digest(JOINED.encode()),
        mirror="bible/two.txt",
    )


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path / "cache")


def unfinished(places: Places) -> list[Path]:
    """Return what a failed download must not leave: a joined text, or a part of a file."""
    return [path for path in places.cache.rglob("*") if path.is_file() and path.suffix != ".json"]


def test_files_are_downloaded_cleaned_joined_verified_and_kept(spec: CorpusSpec, places: Places, server: Any) -> None:
    assert read_text(spec, Path("nowhere"), places) == JOINED
    assert server.asked == ["/Ruth.json", "/1John.json"]
    assert unfinished(places) == [places.cached(spec)]
    assert places.cached(spec).read_text(encoding="utf-8") == JOINED
    server.stop()
    assert read_text(spec, Path("nowhere"), places) == JOINED


def test_a_mirror_spares_the_download(spec: CorpusSpec, places: Places, server: Any, tmp_path: Path) -> None:
    (tmp_path / "bible").mkdir()
    (tmp_path / "bible" / "two.txt").write_text(JOINED, encoding="utf-8")
    assert read_text(spec, Path("nowhere"), Places(places.cache, tmp_path)) == JOINED
    assert server.asked == []


def test_a_mirror_that_lacks_the_text_does_not_stand_in_the_way(spec: CorpusSpec, places: Places) -> None:
    assert read_text(spec, Path("nowhere"), Places(places.cache, places.cache / "empty")) == JOINED


def test_the_progress_bar_is_for_those_who_ask(
    spec: CorpusSpec, places: Places, capfd: pytest.CaptureFixture[str]
) -> None:
    read_text(spec, Path("nowhere"), places)
    assert capfd.readouterr() == ("", "")
    read_text(spec, Path("nowhere"), Places(places.cache / "another"), progress=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert "100%" in err


def test_a_changed_file_on_the_server_is_refused(spec: CorpusSpec, places: Places, server: Any) -> None:
    (server.folder / "1John.json").write_text("{}")
    with pytest.raises(UserError, match=r"1John\.json: it could not be fetched .*APOCRYPHA_MIRROR") as caught:
        read_text(spec, Path("nowhere"), places)
    assert spec.files["1John.json"] in str(caught.value)
    assert unfinished(places) == []


def test_files_that_do_not_join_to_the_promised_text_are_refused(
    spec: CorpusSpec, places: Places, digest: Digest
) -> None:
    other = spec.model_copy(update={"files": dict(reversed(spec.files.items()))})
    with pytest.raises(UserError, match="this is not the text of Two books") as caught:
        read_text(other, Path("nowhere"), places)
    turned = "".join(reversed(JOINED.splitlines(keepends=True)))
    assert digest(turned.encode()) in str(caught.value)
    assert unfinished(places) == []


def test_a_server_that_is_down_is_named_and_the_download_goes_on_later(
    spec: CorpusSpec, places: Places, server: Any
) -> None:
    (server.folder / "1John.json").rename(server.folder / "away")
    with pytest.raises(UserError, match=r"127\.0\.0\.1:\d+/1John\.json: it could not be fetched \(404 .*try again"):
        read_text(spec, Path("nowhere"), places)
    assert unfinished(places) == []
    (server.folder / "away").rename(server.folder / "1John.json")
    server.asked.clear()
    assert read_text(spec, Path("nowhere"), places) == JOINED
    assert server.asked == ["/1John.json"]  # Ruth was kept


def test_no_server_at_all_is_one_plain_message(spec: CorpusSpec, places: Places, server: Any) -> None:
    server.stop()
    with pytest.raises(UserError, match=r"Ruth\.json: it could not be fetched .*Nothing was lost; try again"):
        read_text(spec, Path("nowhere"), places)
    assert unfinished(places) == []


def test_one_file_has_a_progress_bar_of_its_bytes(
    server: Any, places: Places, digest: Digest, capfd: pytest.CaptureFixture[str]
) -> None:
    read_text(one_file(server, digest, b"In principio" * 1000), Path("nowhere"), places, progress=True)
    assert "12.0k/12.0k" in capfd.readouterr().err


def one_file(server: Any, digest: Digest, data: bytes, name: str = "text", **fields: Any) -> CorpusSpec:
    """Serve `data` under `name`; unless `fields` say another thing, the joined text is these bytes."""
    (server.folder / name).parent.mkdir(parents=True, exist_ok=True)
    (server.folder / name).write_bytes(data)
    known = {"title": "Verbum", "base": server.address, "files": {name: digest(data)}, "sha256": digest(data)}
    return CorpusSpec.model_validate(known | fields)


@pytest.mark.parametrize("name", ["kernel/sched/core.c", "a b#c?d.txt", "r\u00e9sum\u00e9/50%.txt", "{0}.txt"])
def test_a_name_may_have_folders_and_any_characters(server: Any, places: Places, digest: Digest, name: str) -> None:
    assert read_text(one_file(server, digest, b"In principio", name), Path("nowhere"), places) == "In principio"


@pytest.mark.parametrize("name", ["../out.txt", "a/../../out.txt", "/tmp/out.txt"])
def test_a_name_that_leads_out_of_the_cache_is_refused(server: Any, places: Places, digest: Digest, name: str) -> None:
    spec = one_file(server, digest, b"text").model_copy(update={"files": {name: digest(b"text")}})
    with pytest.raises(UserError, match=r"out\.txt' would be kept outside the cache; name files below `base`"):
        read_text(spec, Path("nowhere"), places)
    assert server.asked == []


@pytest.mark.parametrize(("how", "pack"), [("gz", gzip.compress), ("bz2", bz2.compress)])
def test_a_packed_file_is_kept_as_it_came_and_unpacked(
    server: Any, places: Places, digest: Digest, how: str, pack: Callable[[bytes], bytes]
) -> None:
    spec = one_file(server, digest, pack(b"In principio"), sha256=digest(b"In principio"), unpack=how)
    assert read_text(spec, Path("nowhere"), places) == "In principio"
    assert (places.cache / spec.sha256[:16] / "text").read_bytes() == pack(b"In principio")
    assert places.cached(spec).read_bytes() == b"In principio"


@pytest.mark.parametrize(("how", "kind"), [("gz", "gzip"), ("bz2", "bzip2")])
@pytest.mark.parametrize("whole", [False, True])
def test_a_file_that_does_not_unpack_is_named(
    server: Any, places: Places, digest: Digest, how: str, kind: str, whole: bool
) -> None:
    pack = gzip.compress if how == "gz" else bz2.compress
    spec = one_file(server, digest, b"In principio" if whole else pack(b"In principio")[:20], unpack=how)
    with pytest.raises(UserError, match=rf"/text: this is not a whole {kind} file .*, or correct `unpack` in plugin"):
        read_text(spec, Path("nowhere"), places)


def test_a_packed_file_is_verified_before_it_is_unpacked(server: Any, places: Places, digest: Digest) -> None:
    spec = one_file(server, digest, gzip.compress(b"In principio"), sha256=digest(b"In principio"), unpack="gz")
    (server.folder / "text").write_bytes(gzip.compress(b"Another text"))
    with pytest.raises(UserError, match=r"text: it could not be fetched .*hash"):
        read_text(spec, Path("nowhere"), places)


def test_one_file_may_be_in_another_encoding(server: Any, places: Places, digest: Digest) -> None:
    text = "Copyright \u00a9 2009\n"
    old, new = text.encode("latin-1"), text.encode()
    (server.folder / "old.c").write_bytes(old)
    (server.folder / "new.c").write_bytes(new)
    files = {"old.c": digest(old), "new.c": digest(new)}
    spec = CorpusSpec(base=server.address, files=files, sha256=digest(new + new), encodings={"old.c": "latin-1"})
    assert read_text(spec, Path("nowhere"), places) == text + text
    with pytest.raises(UserError, match=r"old\.c: byte 10 \(0xa9\) is not utf-8"):
        read_text(spec.model_copy(update={"encodings": {}}), Path("nowhere"), Places(places.cache / "another"))
    with pytest.raises(UserError, match=r"no file named 'odl\.c'\. Did you mean 'old\.c'\? Known: new\.c, old\.c\."):
        read_text(
            spec.model_copy(update={"encodings": {"odl.c": "latin-1"}}), Path("nowhere"), Places(places.cache / "third")
        )


def test_a_cleaner_may_read_the_files_names(server: Any, places: Places, digest: Digest) -> None:
    speech = b'<title="Address">\n<date="May 1, 2011">\nGood evening.\n'
    files = {}
    for name in ("obama/1.txt", "ford/1.txt"):
        (server.folder / name).parent.mkdir()
        (server.folder / name).write_bytes(speech)
        files[name] = digest(speech)
    joined = (
        "Address\nBarack Obama, May 1, 2011\n\nGood evening.\n"
        "\n\nAddress\nGerald R. Ford, May 1, 2011\n\nGood evening.\n"
    )
    spec = CorpusSpec(
        base=server.address,
        files=files,
        named=True,
        each=("president_speech",),
        between="\n\n",
        sha256=digest(joined.encode()),
    )
    assert read_text(spec, Path("nowhere"), places) == joined


@pytest.fixture
def listed(spec: CorpusSpec, tmp_path: Path) -> CorpusSpec:
    """The two books again, with their names and digests in a list beside the plugin."""
    lines = [f"{digest}  {name}\n" for name, digest in spec.files.items()]
    (tmp_path / "files.sha256").write_text("".join(lines), encoding="utf-8")
    return spec.model_copy(update={"files": {}, "list": "files.sha256"})


def test_a_list_beside_the_plugin_says_what_to_download(
    listed: CorpusSpec, places: Places, server: Any, tmp_path: Path
) -> None:
    assert read_text(listed, tmp_path, places) == JOINED
    assert server.asked == ["/Ruth.json", "/1John.json"]
    (tmp_path / "files.sha256").unlink()
    assert read_text(listed, tmp_path, places) == JOINED  # from the cache


def test_a_list_of_sha256sum_itself_is_read(listed: CorpusSpec, places: Places, tmp_path: Path) -> None:
    file = tmp_path / "files.sha256"
    file.write_text(file.read_text().replace("  ", " *", 1), encoding="utf-8")  # read in binary mode
    assert read_text(listed, tmp_path, places) == JOINED


def test_a_missing_list_is_named(listed: CorpusSpec, places: Places, tmp_path: Path) -> None:
    (tmp_path / "files.sha256").unlink()
    with pytest.raises(UserError, match=r"files\.sha256: the text cannot be read \(No such file or directory\)"):
        read_text(listed, tmp_path, places)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("", r"files\.sha256: the list is empty\. sha256sum writes such a list"),
        ("{0}  Ruth.json\n{0} 1John.json\n", "line 2 is not `sha256  name`: '0{64} 1John.json'"),
        ("{0}  Ruth.json\n\n{0}  1John.json\n", "files.sha256: line 2 is not `sha256  name`: ''"),
        ("{0}  Ruth.json\n{0}  Ruth.json\n", "files.sha256: line 2 names 'Ruth.json' again"),
        ("0AF  a\n{0}  b\n{0}  b\n{0}\n", "line 1 is not .* 'b' again; line 4 is not `sha256  name`: '0{64}'"),
        ("Ruth\n" * 8, "line 5 is not `sha256  name`: 'Ruth'; and 3 more. sha256sum"),
        ("{0}  ../Ruth.json\n", "'../Ruth.json' would be kept outside the cache"),
    ],
)
def test_the_faults_of_a_list_are_told_together_with_their_lines(
    listed: CorpusSpec, places: Places, server: Any, tmp_path: Path, lines: str, message: str
) -> None:
    (tmp_path / "files.sha256").write_text(lines.format("0" * 64), encoding="utf-8")
    with pytest.raises(UserError, match=message):
        read_text(listed, tmp_path, places)
    assert server.asked == []
