"""The advice catalogues: everything that may be recommended, read once and checked against their JSON Schema.

A released catalogue is never edited, only superseded: what is stored of a recommendation is the catalogue's version and
the id of the entry, and its words are looked up here, in the language of whoever reads it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, Literal, get_args

import yaml
from jsonschema import Draft202012Validator

from app.errors import CatalogueFault
from app.instruments.model import Component, Facet
from app.instruments.strict_yaml import load_strict
from app.stages.model import Ending, StageName

ComponentPractice = Literal[
    "get_to_know_the_client",
    "build_trust",
    "be_genuine",
    "offer_empathy",
    "respect_boundaries",
    "be_non_judgemental",
    "agree_goals_and_tasks",
    "support_and_celebrate_steps",
]
SignalPractice = Literal["repair_the_relationship", "make_room_to_talk", "check_in_on_the_relationship"]
Practice = Literal[ComponentPractice, SignalPractice]
#: What an open signal is about: its kind, but a report of a rupture and RUP-1's alert are one, and RUP-1's watch a dip.
Concern = Literal["rupture", "wish_to_talk", "low", "decline", "cut_off", "dip"]
Target = Literal["stage", "ending", "practice", "signal"]
Evidence = Literal["design", "recall", "secondary", "verified"]
TextStatus = Literal["checked", "draft"]

#: The language in which everything was first written, and which stands in for one that is not there.
FALLBACK_LANGUAGE = "en"

#: Where the catalogues stand, one file for each version.
FOLDER = "advice_catalogues"

#: The format of catalogues from which signals have advice; those before know no signals.
SIGNALS_FROM = 2

#: What an entry may apply to, and what must all have at least one entry (signals in a catalogue that knows them).
TARGETS: Mapping[Target, tuple[str, ...]] = {
    "stage": get_args(StageName),
    "ending": get_args(Ending),
    "practice": get_args(ComponentPractice),
    "signal": get_args(Concern),
}
_SIGNALS: frozenset[tuple[Target, str]] = frozenset(("signal", name) for name in TARGETS["signal"])


@dataclass(frozen=True, slots=True, kw_only=True)
class AdviceText:
    """The words of one entry in one language. A `draft` was not yet checked by a second speaker of the language."""

    title: str
    text: str
    source: str
    language: str
    status: TextStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """One entry: what it applies to, and its words by language code."""

    id: str
    target: Target
    applies_to: str
    practice: Practice
    evidence: Evidence
    review_after_sessions: int
    words: Mapping[str, AdviceText]


@dataclass(frozen=True, slots=True, kw_only=True)
class AdviceCatalogue:
    """All advice, and the way from a component to the practice that suits it."""

    version: str
    entries: tuple[Advice, ...]
    by_component: Mapping[str, Practice]
    by_facet: Mapping[str, Practice]

    def entry(self, advice_id: str) -> Advice:
        """Return the entry of an id, or raise CatalogueFault: a stored id must be found again."""
        for advice in self.entries:
            if advice.id == advice_id:
                return advice
        raise CatalogueFault(f"advice catalogue {self.version} has no entry {advice_id}")

    def for_practice(self, practice: Practice) -> tuple[Advice, ...]:
        """Return the advice on a practice."""
        return self._applying("practice", practice)

    def for_stage(self, stage: StageName) -> tuple[Advice, ...]:
        """Return the advice of a stage, the most useful first."""
        return self._applying("stage", stage)

    def for_ending(self, ending: Ending) -> tuple[Advice, ...]:
        """Return the advice for a kind of ending, the most useful first."""
        return self._applying("ending", ending)

    def for_signal(self, concern: Concern) -> tuple[Advice, ...]:
        """Return the advice for what an open signal is about."""
        return self._applying("signal", concern)

    def for_component(self, component: Component) -> tuple[Advice, ...]:
        """Return the advice for a component: by its key, else by the first facet that has a practice, else none."""
        by_facet = (self.by_facet[facet] for facet in component.facets if facet in self.by_facet)
        practice = self.by_component.get(component.key) or next(by_facet, None)
        return () if practice is None else self.for_practice(practice)

    def _applying(self, target: Target, name: str) -> tuple[Advice, ...]:
        return tuple(e for e in self.entries if e.target == target and e.applies_to == name)


def advice_schema() -> dict[str, Any]:
    """Return the JSON Schema that the catalogue follows."""
    schema: dict[str, Any] = json.loads(_packaged("advice.schema.json"))
    return schema


@lru_cache(maxsize=1)
def released_advice() -> Mapping[str, AdviceCatalogue]:
    """Read every catalogue that comes with the service: version -> catalogue, the oldest first."""
    return read_catalogues(resources.files("app.stages").joinpath(FOLDER))


def read_catalogues(folder: Traversable) -> Mapping[str, AdviceCatalogue]:
    """Read a folder of catalogues: version -> catalogue, the oldest first.

    Raises
    ------
    CatalogueFault
        For a catalogue with a fault, or one whose version is not the name of its file.
    """
    files = [file for file in folder.iterdir() if file.name.endswith(".yaml")]
    read = {file.name.removesuffix(".yaml"): read_advice(file.read_text("utf-8")) for file in files}
    for name, catalogue in read.items():
        if name != catalogue.version:
            raise CatalogueFault(f"advice catalogue {catalogue.version} stands in the file of {name}")
    return dict(sorted(read.items(), key=lambda pair: tuple(int(part) for part in pair[0].split("."))))


def shipped_advice() -> AdviceCatalogue:
    """Return the newest catalogue: what is recommended comes from it."""
    return list(released_advice().values())[-1]


def stored_advice(catalogue: str, advice_id: str) -> Advice:
    """Find an entry again that something stored names, in the version it was recommended from.

    Raises
    ------
    CatalogueFault
        For a version or an id that was never released.
    """
    found = released_advice().get(catalogue)
    if found is None:
        raise CatalogueFault(f"no advice catalogue {catalogue}")
    return found.entry(advice_id)


def advice_text(catalogue: str, advice_id: str, language: str) -> AdviceText:
    """Look up the words of an entry.

    Parameters
    ----------
    catalogue, advice_id
        The version and the id that a stored recommendation names.
    language
        A language code, with or without a region (`de`, `de-AT`). One that is not there is answered in English.

    Returns
    -------
    AdviceText
        With the language that it is really in, and whether that translation was checked.

    Raises
    ------
    CatalogueFault
        For a version or an id that was never released.

    Examples
    --------
    >>> advice_text("1.0.0", "practice.be_genuine", "de-AT").title
    'Echt und präsent sein'
    >>> advice_text("1.0.0", "practice.be_genuine", "fr").title
    'Be genuine and present'
    """
    words = stored_advice(catalogue, advice_id).words
    return words.get(language.partition("-")[0].lower(), words[FALLBACK_LANGUAGE])


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
        stage, ending, signal, facet or practice that does not exist, one without advice, a text that is missing in one
        of the languages or stands in another one, advice that could never be shown, or advice for signals in format 1.

    References
    ----------
    Design choice of this project, not validated.

    Examples
    --------
    >>> [advice.id for advice in read_advice(_packaged(FOLDER, "1.0.0.yaml")).for_ending("dropout")]
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
        entries=tuple(_advice(entry, data["languages"]) for entry in data["entries"]),
        by_component=data["practice_of"]["component"],
        by_facet=data["practice_of"]["facet"],
    )


def _rule_faults(data: dict[str, Any]) -> list[str]:
    """List what the schema can't say."""
    return [
        *_entry_faults(data["entries"]),
        *_language_faults(data["entries"], set(data["languages"])),
        *_mapping_faults(data["practice_of"]),
        *_gaps(data["entries"], data["format"]),
    ]


def _entry_faults(entries: list[dict[str, Any]]) -> list[str]:
    applied = [(e["id"], *_target(e), e["practice"]) for e in entries]
    ids = Counter(e["id"] for e in entries)
    # A practice is recommended once, so the second entry with the same one would never be seen.
    shown = Counter((target, name, practice) for _, target, name, practice in applied)
    return [
        *(f"entries: the id {i} stands twice" for i, times in ids.items() if times > 1),
        *(f"{i}: no such {target}: {name}" for i, target, name, _ in applied if name not in TARGETS[target]),
        *(f"{i}: no such practice: {p}" for i, _, _, p in applied if p not in get_args(Practice)),
        *(f"{i}: applies to another practice" for i, target, name, p in applied if target == "practice" and name != p),
        *(f"{target} {name}: two entries with the practice {p}" for (target, name, p), n in shown.items() if n > 1),
    ]


def _language_faults(entries: list[dict[str, Any]], languages: set[str]) -> list[str]:
    """List every text that is missing in a language of the head, and every language that the head does not know."""
    return [
        f"{e['id']}: {part} {'missing in' if language in languages else 'in an undeclared language:'} {language}"
        for e in entries
        for part in ("title", "text", "source")
        for language in sorted(languages ^ set(e[part]))
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


def _gaps(entries: list[dict[str, Any]], catalogue_format: int) -> list[str]:
    """List what is without advice, and signals with advice in a format that knows none."""
    covered = {_target(e) for e in entries}
    expected = [(target, name) for target, names in TARGETS.items() for name in names]
    if catalogue_format >= SIGNALS_FROM:
        return [f"{target} {name}: no advice" for target, name in expected if (target, name) not in covered]
    return [
        *(f"{target} {name}: no advice" for target, name in expected if (target, name) not in covered | _SIGNALS),
        *(f"{target} {name}: format {catalogue_format} has no signals" for target, name in sorted(covered & _SIGNALS)),
    ]


def _target(entry: dict[str, Any]) -> tuple[Target, str]:
    [(target, name)] = entry["applies_to"].items()
    return target, name


def _advice(entry: dict[str, Any], languages: dict[str, Any]) -> Advice:
    target, name = _target(entry)
    return Advice(
        id=entry["id"],
        target=target,
        applies_to=name,
        practice=entry["practice"],
        evidence=entry["evidence"],
        review_after_sessions=entry["review_after_sessions"],
        words={
            language: AdviceText(
                title=entry["title"][language],
                text=entry["text"][language],
                source=entry["source"][language],
                language=language,
                status=head["status"],
            )
            for language, head in languages.items()
        },
    )


def _packaged(*names: str) -> str:
    return resources.files("app.stages").joinpath(*names).read_text("utf-8")
