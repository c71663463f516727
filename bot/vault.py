"""Secrets that services hand us, encrypted in the store with a key that lies beside it and not in it."""

import asyncio
import contextlib
import os
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from bot.store import Secret, Store
from corpora.errors import UserError


class StoreVault:
    """A Vault (bot/publish/publisher.py) in the store."""

    def __init__(self, store: Store, key: Path) -> None:
        """Encrypt with the key in the file `key`, made where there is none; only its owner may read it."""
        self._store, self._path = store, key
        self._cipher = Fernet(_key(key))

    async def read(self, name: str) -> str | None:
        """Return the secret of this name, None where there is none; raise UserError where the key is another one."""
        return await asyncio.to_thread(self._read, name)

    async def write(self, name: str, secret: str) -> None:
        """Keep it in the place of the one before."""
        await asyncio.to_thread(self._write, name, secret)

    def _read(self, name: str) -> str | None:
        with self._store.reading() as session:
            row = session.get(Secret, name)
        if row is None:
            return None
        try:
            return self._cipher.decrypt(row.value).decode()
        except InvalidToken as error:
            raise UserError(
                f"{self._path}: this key does not open what the store keeps for {name}. Bring the right key back, or "
                "delete the file and log in anew."
            ) from error

    def _write(self, name: str, secret: str) -> None:
        with self._store.writing() as session:
            session.merge(Secret(name=name, value=self._cipher.encrypt(secret.encode())))


def _key(path: Path) -> bytes:
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f"{path.name}.{os.getpid()}")
            part.touch(mode=0o600, exist_ok=True)
            part.write_bytes(Fernet.generate_key())
            with contextlib.suppress(FileExistsError):
                os.link(part, path)  # of two processes that make one, the first has it
            part.unlink()
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: the key of the store's secrets cannot be used ({error.strerror}).") from error
