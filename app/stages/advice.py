"""The advice catalogue: everything that may be recommended, read once and checked against its JSON Schema."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any, Literal, get_args

import yaml
from jsonschema import Draft202012Validator

from app.errors import CatalogueFault
from app.instruments.model import Component, Facet
from app.instruments.strict_yaml import load_strict
from app.stages.model import Ending, StageName

Practice = Literal[
    "get_to_know_the_client",
    "build_trust",
    "be_genuine",
    "offer_empathy",
    "respect_boundaries",
    "be_non_judgemental",
    "agree_goals_and_tasks",
    "support_and_celebrate_steps",
]
Target = Literal["stage", "ending", "practice"]
Evidence = Literal["design", "recall", "secondary", "verified"]

#: What an entry may apply to, and what must all have at least one entry.
TARGETS: Mapping[Target, tuple[str, ...]] = {
    "stage": get_args(StageName),
    "ending": get_args(Ending),
    "practice": get_args(Practice),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """One entry: what it applies to, and its texts by language code."""

    id: str
    target: Target
    applies_to: str
    practice: Practice
    title: Mapping[str, str]
    text: Mapping[str, str]
    evidence: Evidence
    source: str
    review_after_sessions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AdviceCatalogue:
    """All advice, and the way from a component to the practice that suits it."""

    version: str
    entries: tuple[Advice, ...]
    by_component: Mapping[str, Practice]
    by_facet: Mapping[str, Practice]

    def for_stage(self, stage: StageName) -> tuple[Advice, ...]:
        """Return the advice of a stage, the most useful first."""
        return self._applying("stage", stage)

    def for_ending(self, ending: Ending) -> tuple[Advice, ...]:
        """Return the advice for a kind of ending, the most useful first."""
        return self._applying("ending", ending)

    def for_component(self, component: Component) -> tuple[Advice, ...]:
        """Return the advice for a component: by its key, else by the first facet that has a practice, else none."""
        by_facet = (self.by_facet[facet] for facet in component.facets if facet in self.by_facet)
        practice = self.by_component.get(component.key) or next(by_facet, None)
        return () if practice is None else self._applying("practice", practice)

    def _applying(self, target: Target, name: str) -> tuple[Advice, ...]:
        return tuple(e for e in self.entries if e.target == target and e.applies_to == name)


def advice_schema() -> dict[str, Any]:
    """Return the JSON Schema that the catalogue follows."""
    schema: dict[str, Any] = json.loads(_packaged("advice.schema.json"))
    return schema


@lru_cache(maxsize=1)
def shipped_advice() -> AdviceCatalogue:
    """Read the catalogue that comes with the service."""
    return read_advice(_packaged("advice.yaml"))


def read_advice(text: str) -> AdviceCatalogue:
    """Build the catalogue from its text.

    Parameters
    ----------
    text
        YAML that follows `advice.schema.json`.

    Returns
    -------
    AdviceCatalogue
        With the entries in the order of the text.

    Raises
    ------
    CatalogueFault
        Naming every fault of the format, or, where the format is sound, every broken rule: an id that stands twice, a
        stage, ending, facet or practice that does not exist, one without advice, or advice that could never be shown.

    References
    ----------
    Design choice of this project, not validated.

    Examples
    --------
    >>> [advice.id for advice in read_advice(_packaged("advice.yaml")).for_ending("dropout")]
    ['ending.dropout.leave_the_door_open']
    """
    try:
        data = load_strict(text)
    except yaml.YAMLError as error:
        raise CatalogueFault(f"not readable: {error}") from error
    faults = [
        f"{'/'.join(str(part) for part in error.absolute_path) or '(top)'}: {error.message}"
        for error in Draft202012Validator(advice_schema()).iter_errors(data)
    ] or _rule_faults(data)
    if faults:
        raise CatalogueFault("; ".join(faults))
    return AdviceCatalogue(
        version=data["version"],
        entries=tuple(_advice(entry) for entry in data["entries"]),
        by_component=data["practice_of"]["component"],
        by_facet=data["practice_of"]["facet"],
    )


def _rule_faults(data: dict[str, Any]) -> list[str]:
    """List what the schema can't say."""
    return [*_entry_faults(data["entries"]), *_mapping_faults(data["practice_of"]), *_gaps(data["entries"])]


def _entry_faults(entries: list[dict[str, Any]]) -> list[str]:
    applied = [(e["id"], *_target(e), e["practice"]) for e in entries]
    ids = Counter(e["id"] for e in entries)
    # A practice is recommended once, so the second entry with the same one would never be seen.
    shown = Counter((target, name, practice) for _, target, name, practice in applied)
    return [
        *(f"entries: the id {i} stands twice" for i, times in ids.items() if times > 1),
        *(f"{i}: no such {target}: {name}" for i, target, name, _ in applied if name not in TARGETS[target]),
        *(f"{i}: no such practice: {p}" for i, _, _, p in applied if p not in TARGETS["practice"]),
        *(f"{i}: applies to another practice" for i, target, name, p in applied if target == "practice" and name != p),
        *(f"{target} {name}: two entries with the practice {p}" for (target, name, p), n in shown.items() if n > 1),
    ]


def _mapping_faults(practice_of: dict[str, dict[str, str]]) -> list[str]:
    return [
        *(f"practice_of/facet: no such facet: {f}" for f in practice_of["facet"] if f not in get_args(Facet)),
        *(
            f"practice_of/{by}/{name}: no such practice: {practice}"
            for by, mapping in practice_of.items()
            for name, practice in mapping.items()
            if practice not in TARGETS["practice"]
        ),
    ]


def _gaps(entries: list[dict[str, Any]]) -> list[str]:
    covered = {_target(e) for e in entries}
    return [
        f"{target} {name}: no advice"
        for target, names in TARGETS.items()
        for name in names
        if (target, name) not in covered
    ]


def _target(entry: dict[str, Any]) -> tuple[Target, str]:
    [(target, name)] = entry["applies_to"].items()
    return target, name


def _advice(entry: dict[str, Any]) -> Advice:
    target, name = _target(entry)
    return Advice(
        id=entry["id"],
        target=target,
        applies_to=name,
        practice=entry["practice"],
        title=entry["title"],
        text=entry["text"],
        evidence=entry["evidence"],
        source=entry["source"],
        review_after_sessions=entry["review_after_sessions"],
    )


def _packaged(name: str) -> str:
    return resources.files("app.stages").joinpath(name).read_text("utf-8")
