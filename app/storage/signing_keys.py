"""The keys that sign access tokens: one private JWK a file, in a folder that every worker watches."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from app.errors import Misconfigured
from app.storage.made_here import mark_made
from app.storage.secret_files import write_secret

ALGORITHM: Final = "ES256"
#: So long a token lives at most.
LIFETIME: Final = timedelta(minutes=5)
#: So long a new key is published before it signs: whoever keeps our key set for minutes has it by then.
OVERLAP: Final = timedelta(minutes=10)
#: So long a key stays published after the last token that it may have signed has expired.
_SLACK = timedelta(minutes=5)
_TICK = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SigningKey:
    """One key and when it was made."""

    key_id: str
    made_at: datetime
    private: ECKey

    def public(self) -> dict[str, Any]:
        """Spell the public half as it is published."""
        return {**self.private.as_dict(private=False), "kid": self.key_id, "use": "sig", "alg": ALGORITHM}


class SigningKeys:
    """The keys of a folder; looked at again when the folder has changed, without a restart."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen = -1
        self._keys: tuple[SigningKey, ...] = ()

    def all(self) -> tuple[SigningKey, ...]:
        """Return every key, the oldest first: what they signed is taken, and their public halves are published."""
        changed = self._folder.stat().st_mtime_ns
        if changed != self._seen:
            self._keys = read_signing_keys(self._folder)
            # Two changes within a tick of the file system's clock bear one time: it is trusted once it has passed.
            self._seen = changed if time.time_ns() - changed > _TICK else -1
        return self._keys

    def public(self, key_id: str) -> ECKey | None:
        """Return the key with an id."""
        return next((key.private for key in self.all() if key.key_id == key_id), None)

    def signer(self, *, now: datetime) -> SigningKey:
        """Return the newest key that has been published long enough; when none has, the oldest."""
        return signer_of(self.all(), now=now)


def open_signing_keys(folder: Path, *, make: bool, now: Callable[[], datetime]) -> SigningKeys:
    """Open the folder; in development the first key is made at first use."""
    if make and not (folder.is_dir() and any(folder.glob("*.json"))):
        made = folder / f"{add_signing_key(folder, now=now())}.json"
        mark_made(folder.parent, made.read_text("utf-8"))
    read_signing_keys(folder)
    return SigningKeys(folder)


def read_signing_keys(folder: Path) -> tuple[SigningKey, ...]:
    """Read every key of a folder, the oldest first, or say what is wrong."""
    paths = folder.glob("*.json") if folder.is_dir() else ()
    found = [key for path in paths if (key := _read(path)) is not None]
    if not found:
        raise Misconfigured("there is no key in signing/ of the secrets directory: run `alliance keys rotate-signing`")
    return tuple(sorted(found, key=lambda key: (key.made_at, key.key_id)))


def signer_of(keys: tuple[SigningKey, ...], *, now: datetime) -> SigningKey:
    """Choose the key that signs."""
    return next((key for key in reversed(keys) if key.made_at + OVERLAP <= now), keys[0])


def add_signing_key(folder: Path, *, now: datetime) -> str:
    """Write a new key, whole or not at all, and return its id."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = ECKey.generate_key("P-256", auto_kid=True)
    key_id = str(key.kid)
    document = {**key.as_dict(private=True), "kid": key_id, "alg": ALGORITHM, "made_at": now.timestamp()}
    write_secret(folder / f"{key_id}.json", json.dumps(document))
    return key_id


def rotate_signing_keys(folder: Path, *, now: datetime) -> tuple[str, list[str]]:
    """Add a key, remove those whose last token has expired, and return the ids of both."""
    gone = _drop(folder, now=now) if folder.is_dir() and any(folder.glob("*.json")) else []
    return add_signing_key(folder, now=now), gone


def _drop(folder: Path, *, now: datetime) -> list[str]:
    keys = read_signing_keys(folder)
    since = signer_of(keys, now=now).made_at
    gone = [key.key_id for key in keys if key.made_at < since and since + OVERLAP + LIFETIME + _SLACK <= now]
    for key_id in gone:
        (folder / f"{key_id}.json").unlink()
    return gone


def _read(path: Path) -> SigningKey | None:
    """Read a key; None when it was removed just now."""
    try:
        document = json.loads(path.read_text("utf-8"))
        made_at = datetime.fromtimestamp(document.pop("made_at"), UTC)
        private = ECKey.import_key(document)
        is_ours = private.is_private and document["crv"] == "P-256" and document["kid"] == path.stem
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, JoseError):
        raise Misconfigured(f"the signing key {path.name} can't be read") from None
    if not is_ours:
        raise Misconfigured(f"the signing key {path.name} can't be used")
    return SigningKey(key_id=path.stem, made_at=made_at, private=private)
