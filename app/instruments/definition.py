"""From the text of a definition to an instrument."""

from __future__ import annotations

import json
from functools import cache
from hashlib import sha256
from importlib import resources
from typing import Any

from app.errors import DefinitionFault
from app.instruments.located import Reading, read_document
from app.instruments.missing import standard_minimum
from app.instruments.model import (
    Component,
    CutOff,
    Instrument,
    InstrumentKey,
    Item,
    ItemId,
    MissingRule,
    Option,
    Source,
)
from app.instruments.rules import broken_rules


@cache
def read_schema(name: str) -> dict[str, Any]:
    """Read one of the JSON Schemas that lie beside this module."""
    text = resources.files("app.instruments").joinpath(name).read_text("utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def definition_schema() -> dict[str, Any]:
    """Return the JSON Schema that every definition follows."""
    return read_schema("definition.schema.json")


def check_definition(text: str) -> Reading[Instrument]:
    r"""Build an instrument from the text of its definition, or name every fault with its line.

    Parameters
    ----------
    text
        A YAML file of format 1, see `definition.schema.json`.

    Returns
    -------
    Reading
        The instrument, or the faults: of the YAML, else of the schema, else of the rules in `rules`.

    References
    ----------
    Design choice of this project.

    Examples
    --------
    >>> [fault.sentence for fault in check_definition("format: 1\nkey: [").faults]  # doctest: +ELLIPSIS
    ["line 2, column 7: (top): not readable as YAML: expected the node content...
    """
    read = read_document(text, definition_schema(), broken_rules)
    return Reading(value=None if read.value is None else _build(read.value.data), faults=read.faults)


def read_definition(text: str) -> Instrument:
    """Build an instrument from the text of its definition, or raise DefinitionFault with every fault found."""
    read = check_definition(text)
    if read.value is None:
        raise DefinitionFault("\n".join(fault.sentence for fault in read.faults))
    return read.value


def digest(data: dict[str, Any]) -> str:
    """Digest a file's content: the same for the same facts, whatever the layout of the file."""
    canonical = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f"sha256:{sha256(canonical.encode()).hexdigest()}"


def source_of(data: dict[str, Any]) -> Source:
    """Read one source."""
    return Source(says=data["says"], doi=data.get("doi"))


def _build(data: dict[str, Any]) -> Instrument:
    scale = data["scale"]
    labels = scale.get("labels", {})
    options = tuple(Option(value=v, label=labels.get(str(v))) for v in range(scale["min"], scale["max"] + 1))
    components = _components(data)
    return Instrument(
        key=InstrumentKey(data["key"]),
        version=data["version"],
        digest=digest(data),
        title=data["title"],
        language=data.get("language"),
        raters=tuple(data["raters"]),
        minimum=scale["min"],
        maximum=scale["max"],
        divisor=scale.get("divisor", 1),
        convention=data["convention"],
        items=_items(data, options),
        components=components,
        missing_rule=_missing_rule(data, components),
        key_status=data["key_status"],
        validated=data["validated"],
        license=data["license"],
        notes=tuple(data.get("notes", [])),
        sources=tuple(source_of(one) for one in data["sources"]),
        instructions=data.get("instructions", {}),
        cut_offs=tuple(
            CutOff(**{**cut, "value": float(cut["value"]), "source": source_of(cut["source"])})
            for cut in data.get("cut_offs", [])
        ),
    )


def _items(data: dict[str, Any], options: tuple[Option, ...]) -> tuple[Item, ...]:
    turned = set(data.get("reversed", []))
    scored = [
        Item(id=i["id"], role="scored", text=i.get("text"), reversed=i["id"] in turned, stage=None, options=options)
        for i in data["items"]
    ]
    focus = [
        Item(id=i["id"], role="focus", text=i["text"], reversed=False, stage=i["stage"], options=options)
        for i in data.get("focus", [])
    ]
    beside = [
        Item(
            id=i["id"],
            role="beside",
            text=i.get("text"),
            reversed=False,
            stage=None,
            options=options,
            topic=i["topic"],
        )
        for i in data.get("beside", [])
    ]
    return (*scored, *focus, *beside)


def _components(data: dict[str, Any]) -> tuple[Component, ...]:
    parts = [
        Component(key=c["key"], kind="component", facets=tuple(c["facet"]), items=tuple(map(ItemId, c["items"])))
        for c in data["components"]
    ]
    by_key = {part.key: part for part in parts}
    rollups = [
        Component(key=r["key"], kind="rollup", facets=(), items=tuple(i for key in r["of"] for i in by_key[key].items))
        for r in data.get("rollups", [])
    ]
    everything = tuple(ItemId(item["id"]) for item in data["items"])
    return (*parts, *rollups, Component(key="total", kind="total", facets=(), items=everything))


def _missing_rule(data: dict[str, Any], components: tuple[Component, ...]) -> MissingRule:
    rule = data["missing_rule"]
    stated = {} if rule["minimum"] == "standard" else rule["minimum"]
    return MissingRule(
        minimum={c.key: stated.get(c.key, standard_minimum(len(c.items))) for c in components},
        total_needs_components=rule["total_needs_components"],
        source=rule["source"],
    )
