"""What a backup says of itself, with a digest that only the service's secrets can make."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec

from app.backup.files import digest_of, write_private
from app.errors import Misconfigured
from app.storage.keyring import KeyRing

FORMAT: Final = 1
NAME: Final = "manifest.json"
DATA: Final = "data.db"
#: What a backup of the data leaves out: who has these rows can read, and knows who was erased.
LEFT_OUT: Final = ("client_keys", "erasures")

_encode = msgspec.json.Encoder(order="sorted").encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A file of a backup."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Where an organisation's log ended: its last entry's number and link."""

    organisation_id: UUID
    sequence: int
    chain: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What is in a backup of the data, and of when."""

    version: str
    migration: str
    created_at: datetime
    files: dict[str, Written]
    rows: dict[str, int]
    heads: tuple[Head, ...]
    left_out: tuple[str, ...] = LEFT_OUT
    format: int = FORMAT


@dataclass(frozen=True, slots=True, kw_only=True)
class _Signed:
    manifest: Manifest
    mac: str


def write_manifest(folder: Path, manifest: Manifest, *, keys: KeyRing) -> None:
    """Write a backup's manifest into its folder."""
    mac = keys.backup("manifest", _encode(manifest)).hex()
    with write_private(folder / NAME) as file:
        file.write(_spelled(_Signed(manifest=manifest, mac=mac)))


def read_manifest(folder: Path, *, keys: KeyRing) -> Manifest:
    """Read a backup's manifest; one that was changed, or made with other secrets, is refused."""
    try:
        written = (folder / NAME).read_bytes()
        signed = msgspec.json.decode(written, type=_Signed)
    except FileNotFoundError:
        raise Misconfigured(f"{folder} is no backup: it has no {NAME}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, OSError):
        raise Misconfigured(f"{folder / NAME} can't be read: it was changed, or is of another version") from None
    made = keys.backup("manifest", _encode(signed.manifest)).hex()
    if written != _spelled(signed) or signed.manifest.format != FORMAT or not hmac.compare_digest(made, signed.mac):
        raise Misconfigured(f"{folder / NAME} was changed, or made with other secrets than those in use")
    return signed.manifest


def _spelled(signed: _Signed) -> bytes:
    return msgspec.json.format(_encode(signed), indent=1) + b"\n"


def described(path: Path) -> Written:
    """Describe a file."""
    return Written(bytes=path.stat().st_size, sha256=digest_of(path))
