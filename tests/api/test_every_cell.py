"""Every cell of the table of who sees what decides something: with any of it turned, some answer is another one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Final, Literal, get_args
from uuid import UUID

import pytest
from sqlalchemy import insert

from app.access import visibility
from app.access.administer import enable_instrument
from app.access.visibility import NOBODYS, TABLE, Eyes, Field, OfAll, OfForm
from app.change.norms import ComponentNorm, Norm
from app.instruments.model import Rater
from app.storage.documents import to_json
from app.storage.statistics_tables import norms
from tests.api.glass import supervising
from tests.api.test_supervisors import team
from tests.harness import Clinic, form, scores_by_component
from tests.usecases.erasing import allow_comments

#: Who fills in what, with how many items of which range.
INSTRUMENTS: Final[Mapping[Rater, tuple[str, int, int, int]]] = {
    "client": ("trq-s", 8, 1, 5),
    "therapist": ("trq-s-t", 8, 1, 5),
    "parent": ("tasc-r", 12, 1, 4),
    "observer": ("wai-36", 36, 1, 7),
}
#: Which answers have a place for a field.
PLACES: Final[Mapping[str, tuple[str, ...]]] = {
    "answers": ("changes", "form"),
    "scores": ("explanation", "trajectory", "progress"),
    "ending": ("progress",),
    "signals": ("signals", "progress", "form"),
    "chart": ("trajectory",),
    "discrepancy": ("discrepancy",),
    "stage": ("stage",),
    "caseload": ("caseload",),
}
#: What a form is told with, for whom its answers are.
BESIDE_ANSWERS: Final = frozenset({"comment", "reported", "change", "norm", "recount", "notes", "recommendations"})
_ANSWERS: Final[OfForm] = "answers"
#: On what else it depends whether a field is told: nothing stands beside answers that are not read.
NEEDS: Final[Mapping[str, OfForm]] = {**dict.fromkeys(BESIDE_ANSWERS, _ANSWERS), "chart": "scores"}
#: No safety check is told by this table, and its eyes see nothing else.
WALKED: Final[tuple[Eyes, ...]] = ("system", "supervisor", "therapist", "client", "parent")


def test_every_pair_of_eyes_and_every_field_is_walked() -> None:
    """A new one has to be looked at here; the fields of a form are those that its table names."""
    assert TABLE.keys() - set(WALKED) == {"safeguarding"}
    assert TABLE["safeguarding"] == {}
    assert PLACES.keys() | BESIDE_ANSWERS == {*get_args(OfForm), *get_args(OfAll)}
    assert TABLE["system"].keys() == TABLE["client"].keys() == PLACES.keys() | BESIDE_ANSWERS


def activate(clinic: Clinic, rater: Rater) -> None:
    """Put a norm in of a rater's instrument."""
    key, items, lowest, highest = INSTRUMENTS[rater]
    part = ComponentNorm(
        mean=3.0, sd=0.5, reliability=0.8, reliability_kind="internal_consistency", items=items, within_sd=0.3,
        between_sd=0.4,
    )  # fmt: skip
    norm = Norm(
        norm_id=f"019aa000-0000-7000-8000-00000000000{list(INSTRUMENTS).index(rater)}", version=1, instrument=key,
        instrument_version="1.0.0", rater=rater, population="ours", clients=200, forms=1000,
        estimated_at=datetime(2026, 11, 1, tzinfo=UTC), source="estimated from own data", convention="mean",
        lowest=float(lowest), highest=float(highest), components={"total": part},
    )  # fmt: skip
    row = {
        "organisation_id": clinic.organisation, "norm_id": UUID(norm.norm_id), "instrument": key,
        "instrument_version": "1.0.0", "rater": rater, "number": 1, "estimated_at": norm.estimated_at, "active": True,
        "norm": json.loads(to_json(norm)),
    }  # fmt: skip
    clinic.service.write(lambda c: c.execute(insert(norms), row))


@dataclass(frozen=True, kw_only=True)
class Walk:
    """An episode of each rater's forms, and where they are read."""

    callers: dict[Eyes, Clinic]
    paths: dict[Rater, dict[str, list[str]]]

    def read(self, eyes: Eyes, places: tuple[str, ...], rater: Rater) -> Iterator[str]:
        """Read what has a place for a field; what differs in each answer is left out."""
        for place in places:
            for path in self.paths[rater][place]:
                answer = self.callers[eyes].get(path)
                assert answer.status_code in {200, 403, 404}, answer.text
                body = answer.json()
                yield json.dumps([answer.status_code, {**body, "as_of": None, "trace_id": None}])


def course(clinic: Clinic, rater: Rater) -> dict[str, list[str]]:
    """Three forms of a rater in an episode, the second came last: high, low, high, with all that is beside answers."""
    key, _, lowest, highest = INSTRUMENTS[rater]
    items = [one for one in clinic.service.runtime.catalog.get(key, "1.0.0").items if one.role == "scored"]
    made = []
    for session, value in ((1, highest), (3, lowest), (2, highest)):
        # the total is the highest there is, whichever items are reversed
        answers = {one.id: lowest + highest - value if one.reversed else value for one in items}
        reported = {"rupture": session != 1, "ending": "planned" if session == 3 else None}
        sent = form(
            instrument=key, rater=rater, episode_ref=rater, session_number=session, comment="words",
            answers=answers, reported=reported,
        )  # fmt: skip
        made.append(clinic.recorded(sent))
    if rater == "client":
        beside, count = INSTRUMENTS["therapist"][:2]
        middle = {str(item): 3 for item in range(1, count + 1)}
        clinic.recorded(form(instrument=beside, rater="therapist", episode_ref=rater, answers=middle))
    client = f"/v1/clients/{made[0]['client_id']}"
    episode = f"?episode_id={made[0]['episode_id']}"
    names = ("progress", "trajectory", "stage", "signals", "discrepancy")
    return {name: [f"{client}/{name}{episode}"] for name in names} | {
        "form": [f"/v1/submissions/{one['id']}" for one in made],
        "explanation": [f"{client}/scores/{made[0]['scores'][0]['id']}/explanation"],
        "caseload": ["/v1/caseload"],
        "changes": ["/v1/changes?after=0&limit=200"],
    }


@pytest.fixture
def walk(clinic: Clinic) -> Walk:
    """The forms, and a caller of each audience."""
    allow_comments(clinic)
    enable = partial(enable_instrument, clinic.service.runtime, organisation=clinic.organisation)
    clinic.service.portal.call(partial(enable, instrument="wai-36", checked_against="the manual"))
    for rater in INSTRUMENTS:
        activate(clinic, rater)
    paths = {rater: course(clinic, rater) for rater in INSTRUMENTS}
    clinic.recorded(form(client_ref="still-here"))
    team(clinic, "North", members=("th-7",), supervisors=("sup",))
    callers: dict[Eyes, Clinic] = {
        "system": clinic,
        "supervisor": supervising(clinic, "sup"),
        "therapist": clinic.bound("therapist", "th-7"),
        "client": clinic.bound("client", "mrn-1042"),
        "parent": clinic.bound("client", "mrn-1042", acts_as="parent"),
    }
    return Walk(callers={eyes: replace(one) for eyes, one in callers.items()}, paths=paths)


def turned(eyes: Eyes) -> Iterator[tuple[Field, Rater, frozenset[str]]]:
    """Turn each cell of some eyes, rater by rater, wherever what it depends on is told."""
    for field, raters in TABLE[eyes].items():
        if field in get_args(OfAll):
            yield field, "client", NOBODYS if raters else visibility.SEEN
            continue
        for rater in ("client", "therapist") if field == "discrepancy" else INSTRUMENTS:
            if field not in NEEDS or rater in TABLE[eyes][NEEDS[field]]:
                yield field, rater, raters ^ {rater}


@pytest.mark.parametrize("eyes", WALKED)
def test_each_cell_decides(walk: Walk, monkeypatch: pytest.MonkeyPatch, eyes: Eyes) -> None:
    """With any rater put in or taken out of any cell, an answer that has a place for the field is another one."""
    silent = []
    for field, rater, raters in turned(eyes):
        places = PLACES.get(field, ("form",))
        of: Rater = "client" if field == "discrepancy" else rater
        before = list(walk.read(eyes, places, of))
        with monkeypatch.context() as patched:
            table = {**TABLE, eyes: {**TABLE[eyes], field: raters}}
            patched.setattr(visibility, "TABLE", table)
            if before == list(walk.read(eyes, places, of)):
                silent.append((field, rater))
    assert not silent, silent


def test_a_client_reads_nothing_that_a_norm_says(walk: Walk) -> None:
    """Numbers of their own and how they changed, and no interval, no standing, nothing that is or isn't reliable."""
    raters: tuple[Literal["client", "parent"], ...] = ("client", "parent")
    for rater in raters:
        for path in walk.paths[rater]["form"]:
            own, whole = (walk.callers[eyes].get(path).json() for eyes in (rater, "system"))
            change, (total, known) = (
                own["change"]["total"],
                [scores_by_component(one)["total"] for one in (own, whole)],
            )
            assert (total["interval"], total["interval_reason"], total["standing"]) == (None, None, None)
            assert known["standing"] is not None
            assert total["value"] == known["value"]
            for name, said in change.items():
                assert (said["reliable"], said["judged"]) == (None, None)
                assert said["value"] == whole["change"]["total"][name]["value"]
                assert said["reason"] in {None, "first_session"}
    assert whole["change"]["total"]["since_first"]["reliable"] is not None
    assert own["change"]["total"]["since_first"]["value"] == 0.0
