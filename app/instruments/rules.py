"""The rules of a definition that a JSON Schema can't say: each names the place, what is wrong and what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from app.instruments.located import Broken

STAGES = ("establishing_rapport", "exploring_the_problem", "working_on_solutions", "termination")
#: An answer has at most this many steps, 0 to 1000 in a visual scale's finest unit.
MOST_STEPS = 1000

Data = dict[str, Any]


def broken_rules(data: Data) -> Iterator[Broken]:
    """Hold a definition that passes the schema against every rule, in their order."""
    for rule in RULES:
        yield from rule(data)


def _ids(data: Data) -> Iterator[tuple[tuple[str, int, str], str]]:
    for block in ("items", "focus", "beside"):
        for at, item in enumerate(data.get(block, [])):
            yield (block, at, "id"), item["id"]


def _parts(data: Data) -> Iterator[tuple[tuple[str, int, str], str]]:
    for block in ("components", "rollups"):
        for at, part in enumerate(data.get(block, [])):
            yield (block, at, "key"), part["key"]


def _scored(data: Data) -> set[str]:
    return {item["id"] for item in data["items"]}


def _keys(data: Data) -> set[str]:
    return {key for _, key in _parts(data)} | {"total"}


def each_id_once(data: Data) -> Iterator[Broken]:
    """Give each item, scored, focus or beside, an id of its own."""
    seen: set[str] = set()
    for path, item in _ids(data):
        if item in seen:
            yield Broken(path=path, says=f"the id {item} stands twice", do="give each item an id of its own")
        seen.add(item)


def each_key_once(data: Data) -> Iterator[Broken]:
    """Give each component and rollup a key of its own; `total` is the total's."""
    seen = {"total"}
    for path, key in _parts(data):
        if key in seen:
            why = "total is the key of the total" if key == "total" else f"the key {key} stands twice"
            yield Broken(path=path, says=why, do="give each component and rollup a key of its own")
        seen.add(key)


def components_share_out_the_items(data: Data) -> Iterator[Broken]:
    """Put each scored item into exactly one component, where there are any."""
    scored, home = _scored(data), dict[str, str]()
    for at, component in enumerate(data["components"]):
        for number, item in enumerate(component["items"]):
            path = ("components", at, "items", number)
            if item not in scored:
                yield Broken(path=path, says=f"no scored item {item}", do="declare it under items, or take it out here")
            elif item in home:
                says = f"the item {item} is in {home[item]} already"
                yield Broken(path=path, says=says, do="leave it in one component")
            home.setdefault(item, component["key"])
    for at, one in enumerate(data["items"]):
        if data["components"] and one["id"] not in home:
            says = f"no component has the item {one['id']}"
            yield Broken(path=("items", at, "id"), says=says, do="put it into a component, or take it out")


def reversed_items_are_declared(data: Data) -> Iterator[Broken]:
    """Reverse scored items only."""
    for at, item in enumerate(data.get("reversed", [])):
        if item not in _scored(data):
            says = f"no scored item {item}"
            yield Broken(path=("reversed", at), says=says, do="declare it under items, or take it out here")


def rollups_are_of_components(data: Data) -> Iterator[Broken]:
    """Make rollups of components."""
    components = [component["key"] for component in data["components"]]
    for at, rollup in enumerate(data.get("rollups", [])):
        for number, key in enumerate(rollup["of"]):
            if key not in components:
                do = f"name one of: {', '.join(components) or 'none is declared'}"
                yield Broken(path=("rollups", at, "of", number), says=f"no component {key}", do=do)


def minimum_can_be_reached(data: Data) -> Iterator[Broken]:
    """Name what is scored in the missing rule, and ask for no more answers than there are items."""
    minimum = data["missing_rule"]["minimum"]
    sizes = _sizes(data)
    for key, needed in minimum.items() if isinstance(minimum, dict) else ():
        path = ("missing_rule", "minimum", key)
        if key not in sizes:
            do = f"name one of: {', '.join(sizes)}"
            yield Broken(path=path, says=f"no component {key}", do=do, key=True)
        elif needed > sizes[key]:
            says = f"{needed} answers are more than the {sizes[key]} items of {key}"
            yield Broken(path=path, says=says, do=f"write 1 to {sizes[key]}")


def focus_follows_the_stages(data: Data) -> Iterator[Broken]:
    """Keep focus items in the order of the stages: the stage model reads them so."""
    for at, (item, stage) in enumerate(zip(data.get("focus", []), STAGES, strict=False)):
        if item["stage"] != stage:
            says = f"{item['stage']} where {stage} belongs"
            yield Broken(path=("focus", at, "stage"), says=says, do=f"keep the order {', '.join(STAGES)}")


def scale_runs_upwards(data: Data) -> Iterator[Broken]:
    """Keep the range of whole numbers, from lowest to highest, and not endless."""
    scale = data["scale"]
    for end in ("min", "max"):
        if type(scale[end]) is not int:
            yield Broken(path=("scale", end), says=f"{scale[end]} has a point", do="write a whole number, such as 1")
    if scale["min"] >= scale["max"]:
        yield Broken(path=("scale", "min"), says="min is not below max", do="write the lowest answer as min")
    elif scale["max"] - scale["min"] > MOST_STEPS:
        yield Broken(path=("scale", "max"), says="too many steps", do=f"keep max - min at {MOST_STEPS} or less")


def labels_cover_the_scale(data: Data) -> Iterator[Broken]:
    """Give one label for every value, in order, or none at all."""
    scale = data["scale"]
    if "labels" not in scale or any(type(scale[end]) is not int for end in ("min", "max")):
        return
    yield from label_faults(scale["labels"], scale["min"], scale["max"], at=("scale", "labels"))


def label_faults(labels: dict[str, str], low: int, high: int, *, at: tuple[str, ...]) -> Iterator[Broken]:
    """Hold labels against the range they are for."""
    wanted = [str(value) for value in range(low, min(high, low + MOST_STEPS) + 1)]
    for name in labels:
        if name not in wanted:
            do = f"the answers go from {low} to {high}"
            yield Broken(path=(*at, name), says=f"a label for {name}, which is no answer", do=do, key=True)
    lacking = [value for value in wanted if value not in labels]
    if lacking:
        says = f"no label for {', '.join(lacking[:10])}"
        yield Broken(path=at, says=says, do="give one for every value, or leave all of them out")
    elif [name for name in labels if name in wanted] != wanted:
        yield Broken(path=at, says="the labels are out of order", do="list them from the lowest value to the highest")


def cut_offs_are_values_of_a_component(data: Data) -> Iterator[Broken]:
    """Let a cut-off name something scored, and lie within its range."""
    sizes, scale = _sizes(data), data["scale"]
    for at, cut in enumerate(data.get("cut_offs", [])):
        key = cut["component"]
        if key not in sizes:
            do = f"name one of: {', '.join(sizes)}"
            yield Broken(path=("cut_offs", at, "component"), says=f"no component {key}", do=do)
            continue
        if data["convention"] not in {"mean", "sum"}:
            continue  # a fault of its own, and nobody knows the range before it is mended
        times = (sizes[key] if data["convention"] == "sum" else 1) / scale.get("divisor", 1)
        low, high = scale["min"] * times, scale["max"] * times
        if not low <= cut["value"] <= high:
            says = f"{cut['value']} is no value of {key}"
            yield Broken(path=("cut_offs", at, "value"), says=says, do=f"write {low:g} to {high:g}")


def texts_have_a_language(data: Data) -> Iterator[Broken]:
    """Give texts for all items or for none, and say their language."""
    blocks = [(block, at) for block in ("items", "focus", "beside") for at in range(len(data.get(block, [])))]
    without = [place for place in blocks if "text" not in data[place[0]][place[1]]]
    if len(without) == len(blocks):
        return
    for block, at in without:
        do = "give every item a text, or take all of them out and write a text file"
        yield Broken(path=(block, at), says="no text, though other items have one", do=do)
    if "language" not in data:
        yield Broken(path=(), says="texts without a language", do="add language: with two letters, such as en")


def _sizes(data: Data) -> dict[str, int]:
    """Count the items of each component, rollup and the total."""
    sizes = {c["key"]: len(c["items"]) for c in data["components"]}
    rollups = {r["key"]: sum(sizes.get(key, 0) for key in r["of"]) for r in data.get("rollups", [])}
    return sizes | rollups | {"total": len(data["items"])}


RULES: tuple[Callable[[Data], Iterator[Broken]], ...] = (
    each_id_once,
    each_key_once,
    components_share_out_the_items,
    reversed_items_are_declared,
    rollups_are_of_components,
    minimum_can_be_reached,
    focus_follows_the_stages,
    scale_runs_upwards,
    labels_cover_the_scale,
    cut_offs_are_values_of_a_component,
    texts_have_a_language,
)
