"""Dataclasses of the pure rings as JSON documents, and back."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

_json = msgspec.json.Encoder()


def to_json(value: Any) -> str:
    """Write what a JSON column holds: plain values, dataclasses, and containers of them."""
    return _json.encode(value).decode()


def from_document(document: Any, kind: type[T]) -> T:
    """Build the dataclass, or the container of dataclasses, that a JSON column was written from."""
    return msgspec.convert(document, kind)
