"""The catalogue: every definition the service knows, read once and checked against its JSON Schema."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from importlib import resources
from typing import Any

import yaml
from jsonschema import Draft202012Validator

from app.errors import DefinitionFault, NotFound
from app.instruments.missing import standard_minimum
from app.instruments.model import (
    Component,
    Instrument,
    InstrumentKey,
    Item,
    ItemId,
    MissingRule,
    Option,
    Source,
)
from app.instruments.strict_yaml import load_strict

_STAGES = ("establishing_rapport", "exploring_the_problem", "working_on_solutions", "termination")


@dataclass(frozen=True, slots=True)
class Catalog:
    """All instruments by key and version."""

    instruments: tuple[Instrument, ...]

    def latest(self, key: str) -> Instrument:
        """Return the newest version of an instrument, or raise NotFound."""
        versions = self.versions(key)
        if not versions:
            raise NotFound(key)
        return versions[-1]

    def versions(self, key: str) -> list[Instrument]:
        """Return every version of an instrument, oldest first."""
        found = [i for i in self.instruments if i.key == key]
        return sorted(found, key=lambda i: tuple(int(part) for part in i.version.split(".")))

    def get(self, key: str, version: str | None) -> Instrument:
        """Return one version (the newest for None), or raise NotFound."""
        if version is None:
            return self.latest(key)
        for instrument in self.versions(key):
            if instrument.version == version:
                return instrument
        raise NotFound(key)

    def listed(self) -> list[Instrument]:
        """Return the newest version of every instrument, by key."""
        return [self.latest(key) for key in sorted({i.key for i in self.instruments})]


def definition_schema() -> dict[str, Any]:
    """Return the JSON Schema that every definition follows."""
    text = resources.files("app.instruments").joinpath("definition.schema.json").read_text("utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


@lru_cache(maxsize=1)
def shipped() -> Catalog:
    """Read the definitions that come with the service."""
    folder = resources.files("app.instruments").joinpath("definitions")
    files = sorted(
        (f for key in folder.iterdir() if key.is_dir() for f in key.iterdir() if f.name.endswith(".yaml")),
        key=str,
    )
    return Catalog(tuple(read_definition(f.read_text("utf-8")) for f in files))


def read_definition(text: str) -> Instrument:
    """Build an instrument from the text of its definition, or raise DefinitionFault with every fault found."""
    try:
        data = load_strict(text)
    except yaml.YAMLError as error:
        raise DefinitionFault(f"not readable: {error}") from error
    faults = [
        f"{'/'.join(str(part) for part in error.absolute_path) or '(top)'}: {error.message}"
        for error in Draft202012Validator(definition_schema()).iter_errors(data)
    ] or _rule_faults(data)
    if faults:
        raise DefinitionFault("; ".join(faults))
    return _build(data)


def digest(data: dict[str, Any]) -> str:
    """Digest a definition's content: the same for the same facts, whatever the layout of the file."""
    canonical = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f"sha256:{sha256(canonical.encode()).hexdigest()}"


def _rule_faults(data: dict[str, Any]) -> list[str]:
    """List what the schema can't say: ids that repeat or that nothing declares."""
    scored = [item["id"] for item in data["items"]]
    ids = scored + [item["id"] for item in data.get("focus", [])]
    component_keys = [c["key"] for c in data["components"]]
    keys = component_keys + [r["key"] for r in data.get("rollups", [])]
    used = [i for c in data["components"] for i in c["items"]]
    minimum = data["missing_rule"]["minimum"]
    named = [] if minimum == "standard" else list(minimum)
    labels = data["scale"].get("labels", {})
    span = [str(v) for v in range(int(data["scale"]["min"]), int(data["scale"]["max"]) + 1)]
    stages = [item["stage"] for item in data.get("focus", [])]
    sizes = _sizes(data)
    rules = [
        (len(ids) != len(set(ids)), "items: an id stands twice"),
        (len(keys) != len(set(keys)) or "total" in keys, "components: a key stands twice"),
        (bool(set(used) - set(scored)), "components: an item that is not declared"),
        (bool(used) and set(used) != set(scored), "components: a scored item that no component has"),
        (len(used) != len(set(used)), "components: an item in two components"),
        (bool(set(data.get("reversed", [])) - set(scored)), "reversed: an item that is not declared"),
        (any(set(r["of"]) - set(component_keys) for r in data.get("rollups", [])), "rollups: no such component"),
        (bool(set(named) - {*keys, "total"}), "missing_rule: no such component"),
        (any(minimum[key] > sizes.get(key, 0) for key in named), "missing_rule: more answers needed than items"),
        (stages not in ([], list(_STAGES)), "focus: one item for each stage, in their order"),
        (not all(type(data["scale"][end]) is int for end in ("min", "max")), "scale: min and max are integers"),
        (data["scale"]["min"] >= data["scale"]["max"], "scale: min must be below max"),
        (bool(labels) and list(labels) != span, "scale: one label for every value, in order"),
    ]
    return [says for broken, says in rules if broken]


def _sizes(data: dict[str, Any]) -> dict[str, int]:
    """Count the items of each component, rollup and the total."""
    sizes = {c["key"]: len(c["items"]) for c in data["components"]}
    rollups = {r["key"]: sum(sizes.get(key, 0) for key in r["of"]) for r in data.get("rollups", [])}
    return sizes | rollups | {"total": len(data["items"])}


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
        sources=tuple(Source(says=s["says"], doi=s.get("doi")) for s in data["sources"]),
        instructions=data.get("instructions", {}),
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
    return (*scored, *focus)


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
