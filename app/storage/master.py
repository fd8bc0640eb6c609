"""The master key, which wraps the organisations' keys: a file, and nowhere else.

The file holds a key a line. The first one wraps; the others still open, until everything is wrapped by the first.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from uuid import UUID

from app.errors import Misconfigured, SealBroken
from app.storage.sealed import KEY_BYTES, DataKey, Place
from app.storage.secret_files import alone_with, write_secret

NAME = "master-key"


class MasterKeys:
    """The keys of the file; it is read anew when a key is asked for that was not in it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read: list[bytes] = []

    @property
    def _keys(self) -> list[bytes]:
        if not self._read:
            self.refresh()
        return self._read

    @property
    def current_id(self) -> str:
        """The id of the key that wraps."""
        return master_id(self._keys[0])

    def wrap(self, key: DataKey, place: Place, *, organisation: UUID) -> bytes:
        """Wrap an organisation's key with the first master key."""
        return _as_key(self._keys[0]).wrap(key, place, organisation=organisation)

    def unwrap(self, key_id: UUID, wrapped: bytes, place: Place, *, master: str, organisation: UUID) -> DataKey:
        """Unwrap an organisation's key with the master key of an id."""
        return _as_key(self._find(master)).unwrap(key_id, wrapped, place, organisation=organisation)

    def add(self, key: bytes) -> None:
        """Write the file with a key before the others, and use it from now on."""
        with alone_with(self._path):
            self.refresh()
            write_masters(self._path, [key, *self._keys])
            self.refresh()

    def refresh(self) -> None:
        """Read the file anew."""
        self._read = read_masters(self._path)

    def look_again(self) -> None:
        """Read the file anew if it can be read: what wraps next must not be a key that is about to be taken out."""
        with suppress(Misconfigured):
            self.refresh()

    def is_in(self, path: Path) -> bool:
        """Say whether the key that wraps is still in a file; others may have been added, or taken out."""
        return self._keys[0] in read_masters(path)

    def _find(self, master: str) -> bytes:
        for again in (False, True):
            if again:
                self.refresh()
            for key in self._keys:
                if master_id(key) == master:
                    return key
        raise SealBroken


def add_master(masters: MasterKeys) -> None:
    """Put a new master key first in the file; those of before still open."""
    masters.add(secrets.token_bytes(KEY_BYTES))


def master_id(key: bytes) -> str:
    """Name a master key by a digest of it."""
    return sha256(b"master-key|" + key).hexdigest()[:16]


def read_masters(path: Path) -> list[bytes]:
    """Read the keys of the file, the one that wraps first."""
    try:
        keys = [bytes.fromhex(line) for line in path.read_text("ascii").split()]
    except FileNotFoundError:
        raise Misconfigured(f"the secret {path.name} is missing from the secrets directory") from None
    except ValueError:
        raise Misconfigured(f"the secret {path.name} is not hexadecimal") from None
    except OSError as error:
        raise Misconfigured(f"the secret {path.name} can't be read ({error.strerror})") from None
    if not keys or any(len(key) != KEY_BYTES for key in keys):
        raise Misconfigured(f"the secret {path.name} does not hold {KEY_BYTES} bytes a line")
    return keys


def write_masters(path: Path, keys: Sequence[bytes]) -> None:
    """Write the keys of the file, the one that wraps first; a reader sees the old file or the new one."""
    write_secret(path, "".join(f"{key.hex()}\n" for key in keys))


def _as_key(key: bytes) -> DataKey:
    return DataKey(key_id=UUID(bytes=sha256(b"master-key|" + key).digest()[:16]), secret=key)
