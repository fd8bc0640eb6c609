"""The texts of an instrument in one language, which say the items and never change a score."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from app.instruments.definition import digest, read_schema
from app.instruments.located import Broken, Reading, read_document
from app.instruments.model import Instrument, Item
from app.instruments.rules import label_faults

TextStatus = Literal["draft", "checked"]
#: Finds a definition by key and version.
Find = Callable[[str, str], Instrument | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """An instrument's texts in one language, with a digest of their own."""

    instrument: str
    version: str
    locale: str
    status: TextStatus
    license: str
    digest: str
    title: str
    instructions: dict[str, str]
    labels: dict[int, str]
    items: dict[str, str]
    notes: tuple[str, ...]


def check_texts(text: str, find: Find) -> Reading[Texts]:
    """Read a text file and hold it against the definition it is for, or name every fault with its line.

    Parameters
    ----------
    text
        A YAML file of format 1, see `texts.schema.json`.
    find
        Finds a definition by key and version; None for an unknown one.

    Returns
    -------
    Reading
        The texts, or the faults: of the YAML, else of the schema, else an unknown instrument, an item without text, a
        text without item, labels that don't fit.

    References
    ----------
    Design choice of this project.

    Examples
    --------
    >>> [fault.sentence for fault in check_texts("just words", lambda key, version: None).faults]
    ["line 1, column 1: (top): 'just words' is not a mapping; write {name: value}, or one name: value a line"]
    """
    read = read_document(text, read_schema("texts.schema.json"), lambda data: _broken(data, find))
    return Reading(value=None if read.value is None else _build(read.value.data), faults=read.faults)


def in_words(instrument: Instrument, texts: Texts) -> Instrument:
    """Put texts into a definition; the version, the digest and every rule of scoring stay as they are.

    Parameters
    ----------
    instrument
        The definition, with or without texts of its own.
    texts
        Texts of the same instrument and version.

    Returns
    -------
    Instrument
        The same instrument whose title, instructions, labels and items are in the language of the texts.

    References
    ----------
    Design choice of this project.
    """

    def said(item: Item) -> Item:
        options = tuple(replace(o, label=texts.labels.get(o.value)) for o in item.options)
        return replace(item, text=texts.items[item.id], options=options)

    return replace(
        instrument,
        language=texts.locale,
        title=texts.title,
        instructions=texts.instructions,
        items=tuple(said(item) for item in instrument.items),
        notes=(*instrument.notes, *texts.notes),
    )


def _build(data: dict[str, Any]) -> Texts:
    return Texts(
        instrument=data["instrument"],
        version=data["version"],
        locale=data["locale"],
        status=data["status"],
        license=data["license"],
        digest=digest(data),
        title=data["title"],
        instructions=data.get("instructions", {}),
        labels={int(value): label for value, label in data.get("labels", {}).items()},
        items=data["items"],
        notes=tuple(data.get("notes", [])),
    )


def _broken(data: dict[str, Any], find: Find) -> Iterator[Broken]:
    instrument = find(data["instrument"], data["version"])
    if instrument is None:
        says = f"no definition of {data['instrument']} {data['version']}"
        yield Broken(path=("version",), says=says, do="mend the key or the version, or write the definition first")
        return
    if data["locale"] == instrument.language:
        says = f"the definition itself is in {data['locale']}"
        yield Broken(
            path=("locale",), says=says, do="a text file is for another language; for other words make a version"
        )
    yield from _items_broken(data, instrument)
    yield from _instructions_broken(data, instrument)
    labelled = any(option.label for option in instrument.items[0].options)
    if "labels" in data:
        yield from label_faults(data["labels"], instrument.minimum, instrument.maximum, at=("labels",))
    elif labelled:
        says = "no labels, though the definition has some"
        yield Broken(path=(), says=says, do="add labels: with one for every value")


def _items_broken(data: dict[str, Any], instrument: Instrument) -> Iterator[Broken]:
    for item in data["items"]:
        if instrument.item(item) is None:
            do = "mend its id, or take it out"
            yield Broken(path=("items", item), says=f"the definition has no item {item}", do=do, key=True)
    for one in instrument.items:
        if one.id not in data["items"]:
            yield Broken(path=("items",), says=f"no text for the item {one.id}", do=f'add "{one.id}": with its text')


def _instructions_broken(data: dict[str, Any], instrument: Instrument) -> Iterator[Broken]:
    """Say the instructions that the definition says; where it says none, those of the blocks it has."""
    said = data.get("instructions", {})
    roles = {item.role for item in instrument.items}
    known = set(instrument.instructions) or ({"scored", "focus"} & roles)
    for name in said:
        if name not in known:
            do = f"known here: {', '.join(sorted(known))}"
            yield Broken(path=("instructions", name), says=f"no instruction {name} in the definition", do=do, key=True)
    for name in sorted(set(instrument.instructions) - set(said)):
        yield Broken(path=("instructions",), says=f"no text for {name}", do=f"add {name}: as the definition has it")
