"""Dataclasses of the pure rings as JSON documents, and back."""

from __future__ import annotations

from typing import Any, TypeVar
from uuid import UUID

from cattrs.preconf.json import make_converter

T = TypeVar("T")

_converter = make_converter()
_converter.register_unstructure_hook(UUID, str)
_converter.register_structure_hook(UUID, lambda text, _: UUID(text))


def to_document(thing: object) -> Any:
    """Turn dataclasses, and tuples and dictionaries of them, into what a JSON column holds."""
    return _converter.unstructure(thing)


def from_document(document: Any, kind: type[T]) -> T:
    """Build the dataclass, or the container of dataclasses, that a JSON column was written from."""
    return _converter.structure(document, kind)
