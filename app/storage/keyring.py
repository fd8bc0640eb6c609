"""The service's own secrets, and the keyed digests made with them."""

from __future__ import annotations

import hmac
import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Literal
from uuid import UUID

from app.errors import Misconfigured
from app.storage.made_here import mark_made
from app.storage.master import NAME as MASTER
from app.storage.master import MasterKeys

_BYTES = 32
_encode = json.JSONEncoder().encode
_NAMES = ("api-key-pepper", "reference-key", "content-key", "audit-key")


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyed:
    """A keyed digest and the id of the key that made it."""

    key_id: str
    digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class KeyRing:
    """Four secrets of 32 bytes: for API keys, for references, for comparing content, and for the chain of the log."""

    pepper: bytes
    reference_key: bytes
    content_key: bytes
    audit_key: bytes

    def reference(
        self, kind: Literal["client", "therapist", "episode", "source"], *parts: str, organisation: UUID
    ) -> Keyed:
        """Digest what a caller calls a person, an episode or a form."""
        return Keyed(
            key_id=_key_id(self.reference_key),
            digest=_digest(self.reference_key, kind, *parts, organisation=organisation),
        )

    def content(
        self, kind: Literal["form", "request", "key", "cursor", "assertion"], text: str, *, organisation: UUID
    ) -> bytes:
        """Digest content for comparison; keyed, since twelve answers of five are guessed in seconds."""
        return _digest(self.content_key, kind, text, organisation=organisation)

    def feed(self, *, organisation: UUID) -> bytes:
        """Derive the key that the organisation's places in its feed are sealed with, of 64 bytes."""
        return hmac.digest(_own(self.content_key, organisation=organisation), b"feed", "sha512")

    def chain(self, kind: Literal["link", "head"], before: bytes, text: bytes, *, organisation: UUID) -> bytes:
        """Digest a part of the organisation's log together with what came before it, always 32 bytes."""
        return hmac.digest(_own(self.audit_key, organisation=organisation), kind.encode() + before + text, "sha256")

    def invitation(self, secret: bytes, *, organisation: UUID, invitation_id: UUID) -> bytes:
        """Digest the secret part of an invitation's token."""
        return _digest(self.pepper, "invitation", invitation_id.hex, secret.hex(), organisation=organisation)

    def api_key(self, secret: bytes, *, organisation: UUID, key_id: UUID) -> bytes:
        """Digest the secret part of an API key."""
        return _digest(self.pepper, "api_key", key_id.hex, secret.hex(), organisation=organisation)

    def backup(self, kind: Literal["manifest", "bundle"], content: bytes) -> bytes:
        """Digest what a backup says of itself, over all organisations; whoever restores it needs every secret."""
        together = self.pepper + self.reference_key + self.content_key + self.audit_key
        return hmac.digest(hmac.digest(together, f"backup {kind}".encode(), "sha256"), content, "sha256")


def open_masters(folder: Path, *, make: bool) -> MasterKeys:
    """Open the file of the master key; in development it is made if it is not there yet."""
    if make:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _make_once(folder / MASTER)
    masters = MasterKeys(folder / MASTER)
    masters.refresh()
    return masters


def open_keyring(folder: Path, *, make: bool) -> KeyRing:
    """Read the secrets from their files; in development make those that are not there yet."""
    if make:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name in _NAMES:
            _make_once(folder / name)
    pepper, reference_key, content_key, audit_key = (_read(folder / name) for name in _NAMES)
    return KeyRing(pepper=pepper, reference_key=reference_key, content_key=content_key, audit_key=audit_key)


def _digest(key: bytes, *parts: str, organisation: UUID) -> bytes:
    return hmac.digest(_own(key, organisation=organisation), _spell(parts).encode(), "sha256")


def _spell(parts: Sequence[str]) -> str:
    """Write the parts as JSON does; plain ones, which nearly all are, without asking it."""
    whole = "".join(parts)
    if whole.isascii() and whole.isprintable() and '"' not in whole and "\\" not in whole:
        return '["' + '", "'.join(parts) + '"]'
    return _encode(parts)


@lru_cache(maxsize=16)
def _key_id(key: bytes) -> str:
    return sha256(key).hexdigest()[:8]


@lru_cache(maxsize=4096)
def _own(key: bytes, *, organisation: UUID) -> bytes:
    """Derive an organisation's own key."""
    return hmac.digest(key, organisation.bytes, "sha256")


def _make_once(path: Path) -> None:
    """Write a new secret unless one is there; two workers that start together end with the same one."""
    if path.exists():
        return
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    secret = secrets.token_hex(_BYTES)
    mark_made(path.parent, secret)
    descriptor = os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secret)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _read(path: Path) -> bytes:
    try:
        secret = bytes.fromhex(path.read_text("ascii").strip())
    except FileNotFoundError:
        raise Misconfigured(f"the secret {path.name} is missing from the secrets directory") from None
    except ValueError:
        raise Misconfigured(f"the secret {path.name} is not hexadecimal") from None
    except OSError as error:
        raise Misconfigured(f"the secret {path.name} can't be read ({error.strerror})") from None
    if len(secret) != _BYTES:
        raise Misconfigured(f"the secret {path.name} does not hold {_BYTES} bytes")
    return secret
