"""Instruments that are known, and whose scoring key is not shipped until a site supplies it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources

from app.errors import DefinitionFault
from app.instruments.definition import read_schema, source_of
from app.instruments.located import read_document
from app.instruments.model import Rater, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Unavailable:
    """What is known of an instrument without its key, and why the key is not there."""

    key: str
    title: str
    raters: tuple[Rater, ...]
    reason: str
    license: str
    sources: tuple[Source, ...]


def read_unavailable() -> tuple[Unavailable, ...]:
    """Read the list that comes with the service, or raise DefinitionFault."""
    text = resources.files("app.instruments").joinpath("unavailable.yaml").read_text("utf-8")
    read = read_document(text, read_schema("unavailable.schema.json"), lambda _: ())
    if read.value is None:
        raise DefinitionFault("\n".join(f"unavailable.yaml: {fault.sentence}" for fault in read.faults))
    return tuple(
        Unavailable(
            key=one["key"],
            title=one["title"],
            raters=tuple(one["raters"]),
            reason=one["reason"],
            license=one["license"],
            sources=tuple(source_of(source) for source in one["sources"]),
        )
        for one in read.value.data["instruments"]
    )
