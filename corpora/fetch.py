"""Download once, verify always, work offline."""

import bz2
import contextlib
import gzip
import hashlib
import os
import re
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from corpora import clean
from corpora.errors import UserError, unknown
from corpora.spec import CorpusSpec


@dataclass(frozen=True)
class Places:
    """Where texts are looked for: `cache` keeps what was fetched, `mirror` is a folder that has them all already."""

    cache: Path
    mirror: Path | None = None

    def cached(self, spec: CorpusSpec) -> Path:
        """Return where the joined text of a remote spec is kept, named by its digest."""
        return self.cache / f"{spec.sha256[:16]}.txt"


def read_text(spec: CorpusSpec, folder: Path, places: Places, progress: bool = False) -> str:
    """Return the joined text of `spec`, before `clean`: from beside the plugin, the cache, the mirror or the network.

    Raises UserError where the text cannot be had, is not of the promised digest, or is not in the promised encoding.
    """
    if not spec.remote:
        return _decode(_read(folder / spec.file), spec.encoding, folder / spec.file)
    cached = places.cached(spec)
    if cached.exists():
        return _verified(_read(cached), spec, cached)
    mirrored = places.mirror / spec.mirror if places.mirror and spec.mirror else None
    if mirrored and mirrored.exists():
        text = _verified(_unpacked(mirrored, "gz" if mirrored.suffix == ".gz" else ""), spec, mirrored)
    else:
        text = _verified(_download(spec, folder, places.cache, progress).encode(), spec, spec.base)
    _keep(cached, text.encode())
    return text


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: the text cannot be read ({error.strerror}).") from error


def _unpacked(path: Path, how: str) -> bytes:
    if not how:
        return _read(path)
    kind, unpack = {"gz": ("gzip", gzip.decompress), "bz2": ("bzip2", bz2.decompress)}[how]
    try:
        return unpack(_read(path))
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise UserError(
            f"{path}: this is not a whole {kind} file ({error}). Fetch it again, or correct `unpack` in plugin.toml."
        ) from error


def _decode(data: bytes, encoding: str, place: Path | str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise UserError(
            f"{place}: byte {error.start:,} (0x{data[error.start]:02x}) is not {encoding}. "
            f'Save the text as UTF-8, or name its encoding in plugin.toml: [corpus] encoding = "latin-1".'
        ) from error
    except LookupError as error:
        raise UserError(f"{place}: Python knows no encoding named '{encoding}'.") from error


def _verified(data: bytes, spec: CorpusSpec, place: Path | str) -> str:
    found = hashlib.sha256(data).hexdigest()
    if found != spec.sha256:
        raise UserError(
            f"{place}: this is not the text of {spec.title or 'the corpus'}: its sha256 is {found}, expected "
            f"{spec.sha256}. Delete the file and fetch again, or correct `sha256` in plugin.toml."
        )
    return _decode(data, "utf-8", place)


def _listed(path: Path) -> dict[str, str]:
    """Read lines `sha256  name`; raise UserError with all lines that are none, that stray or that come again."""
    files, faults = dict[str, str](), list[str]()
    for number, line in enumerate(_decode(_read(path), "utf-8", path).splitlines(), 1):
        match = re.fullmatch(r"([0-9a-f]{64}) [ *](.+)", line)
        if not match:
            faults.append(f"line {number} is not `sha256  name`: {line[:80]!r}")
        elif match[2] in files:
            faults.append(f"line {number} names {match[2]!r} again")
        else:
            files[match[2]] = match[1]
    if faults or not files:
        told = "; ".join([*faults[:5], *([f"and {len(faults) - 5} more"] if len(faults) > 5 else [])])
        raise UserError(f"{path}: {told or 'the list is empty'}. sha256sum writes such a list.")
    return files


def _files(spec: CorpusSpec, folder: Path) -> dict[str, str]:
    files = _listed(folder / spec.list) if spec.list else spec.files
    if not files:
        raise UserError(f"{spec.title}: it has no public address; set APOCRYPHA_MIRROR to a folder with {spec.mirror}.")
    for name in files:
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise UserError(
                f"{spec.title}: the file {name!r} would be kept outside the cache; name files below `base`."
            )
    for name in spec.encodings:
        if name not in files:
            raise unknown("file", name, files)
    return files


def _download(spec: CorpusSpec, folder: Path, cache: Path, progress: bool) -> str:
    files = _files(spec, folder)
    texts = []
    for name, path in _fetched(spec, files, cache / spec.sha256[:16], progress):
        text = _decode(_unpacked(path, spec.unpack), spec.encodings.get(name, spec.encoding), path)
        texts.append(clean.apply(spec.each, f"{name}\n{text}" if spec.named else text))
    return spec.between.join(texts)


def _fetched(spec: CorpusSpec, files: dict[str, str], shelf: Path, progress: bool) -> Iterator[tuple[str, Path]]:
    """Yield every file's name and where it is kept, verified; one progress bar for one file, another one for many."""
    import pooch  # imported where used: it brings the HTTP stack
    from tqdm import tqdm  # type: ignore[import-untyped]

    pooch.get_logger().setLevel("ERROR")
    urls = {name: spec.base + quote(name) for name in files}
    registry = pooch.create(path=shelf, base_url=spec.base, registry=files, urls=urls, retry_if_failed=2)
    for name in tqdm(files, unit=" files", disable=not progress or len(files) == 1, file=sys.stderr):
        try:
            path = Path(registry.fetch(name, progressbar=progress and len(files) == 1))
        except (OSError, ValueError) as error:  # requests' errors are OSErrors, a wrong digest is a ValueError
            brief = isinstance(error, ValueError) or len(str(error)) < 200  # a broken connection is told at length
            reason = str(error) if brief else type(error).__name__
            raise UserError(
                f"{urls[name]}: it could not be fetched ({reason}). Nothing was lost; try again, or set "
                "APOCRYPHA_MIRROR to a folder that holds the corpora."
            ) from error
        yield name, path


def _keep(path: Path, data: bytes) -> None:
    """Write `data` so that `path` is either absent or whole."""
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()
        raise UserError(f"{path}: the fetched text cannot be kept there ({error.strerror}).") from error
