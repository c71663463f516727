"""Download once, verify always, work offline."""

import contextlib
import gzip
import hashlib
import os
import zlib
from dataclasses import dataclass
from pathlib import Path

from corpora import clean
from corpora.errors import UserError
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
        text = _verified(_unpacked(mirrored) if mirrored.suffix == ".gz" else _read(mirrored), spec, mirrored)
    else:
        text = _verified(_download(spec, places.cache, progress).encode(), spec, Path(spec.base))
    _keep(cached, text.encode())
    return text


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: the text cannot be read ({error.strerror}).") from error


def _unpacked(path: Path) -> bytes:
    try:
        return gzip.decompress(_read(path))
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path}: this is not a whole gzip file ({error}). Fetch it again.") from error


def _decode(data: bytes, encoding: str, place: Path) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise UserError(
            f"{place}: byte {error.start:,} (0x{data[error.start]:02x}) is not {encoding}. "
            f'Save the text as UTF-8, or name its encoding in plugin.toml: [corpus] encoding = "latin-1".'
        ) from error
    except LookupError as error:
        raise UserError(f"{place}: Python knows no encoding named '{encoding}'.") from error


def _verified(data: bytes, spec: CorpusSpec, place: Path) -> str:
    found = hashlib.sha256(data).hexdigest()
    if found != spec.sha256:
        raise UserError(
            f"{place}: this is not the text of {spec.title or 'the corpus'}: its sha256 is {found}, expected "
            f"{spec.sha256}. Delete the file and fetch again, or correct `sha256` in plugin.toml."
        )
    return _decode(data, "utf-8", place)


def _download(spec: CorpusSpec, cache: Path, progress: bool) -> str:
    if not spec.files:
        raise UserError(f"{spec.title}: it has no public address; set APOCRYPHA_MIRROR to a folder with {spec.mirror}.")
    import pooch  # imported where used: it brings the HTTP stack

    pooch.get_logger().setLevel("ERROR")
    shelf = pooch.create(path=cache / spec.sha256[:16], base_url=spec.base, registry=spec.files, retry_if_failed=2)
    texts = []
    for name in spec.files:
        try:
            path = Path(shelf.fetch(name, progressbar=progress))
        except (OSError, ValueError) as error:  # requests' errors are OSErrors, a wrong digest is a ValueError
            brief = isinstance(error, ValueError) or len(str(error)) < 200  # a broken connection is told at length
            reason = str(error) if brief else type(error).__name__
            raise UserError(
                f"{spec.base}{name}: it could not be fetched ({reason}). Nothing was lost; try again, or set "
                "APOCRYPHA_MIRROR to a folder that holds the corpora."
            ) from error
        texts.append(clean.apply(spec.each, _decode(path.read_bytes(), spec.encoding, path)))
    return "".join(texts)


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
