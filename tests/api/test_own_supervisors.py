"""A therapist's own clients are theirs by whatever key: as a supervisor, or through the broken glass, too.

Such a key is asked for everything that a therapist's key is asked for, and answers the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from tests.api.glass import BREAKING, supervising
from tests.api.test_supervisors import supervisor, team
from tests.harness import ANSWERS, Clinic, form, problem, therapists_form

LOW: dict[str, Any] = dict.fromkeys(ANSWERS, 1)
READS = ("progress", "trajectory", "stage", "signals", "discrepancy")


@dataclass(frozen=True, kw_only=True)
class Courses:
    """What was posted of a therapist's clients: of one some is told, of another one nothing."""

    therapist: str
    forms: list[dict[str, Any]]
    refs: tuple[str, str]

    @property
    def paths(self) -> list[str]:
        """Every read about one client."""
        found = []
        for one in self.forms:
            base = f"/v1/clients/{one['client_id']}"
            found += [f"{base}/{name}" for name in READS]
            found += [f"{base}/{name}?episode_id={one['episode_id']}" for name in READS]
            found += [f"{base}/episodes/{one['episode_id']}/schedule"]
            found += [f"{base}/scores/{one['scores'][0]['id']}/explanation"]
            found += [f"{base}/signals/{signal['id']}/explanation" for signal in one["signals"]]
        return list(dict.fromkeys(found))


def courses(clinic: Clinic, therapist: str) -> Courses:
    """Forms told and untold of a client, an episode that an untold one opened, and a client of untold forms alone."""
    told, kept = f"told-{therapist}", f"kept-{therapist}"
    of: dict[str, Any] = {"therapist_ref": therapist, "client_ref": told}
    untold: dict[str, Any] = {"therapist_ref": therapist, "seen_by_therapist": False, "reported": {"rupture": True}}
    forms = [
        clinic.recorded(form(**of)),
        clinic.recorded(form(session_number=2, **of, reported={"wish_to_talk": True})),
        clinic.recorded(therapists_form(session_number=2, **of)),
        clinic.recorded(form(session_number=3, client_ref=told, answers=LOW, **untold)),
        clinic.recorded(therapists_form(session_number=3, **of)),
        clinic.recorded(form(client_ref=told, episode_ref=f"other-{therapist}", **untold)),
        clinic.recorded(form(client_ref=kept, **untold)),
    ]
    again = form(session_number=3, client_ref=told, answers=LOW | {"1": 2}, **untold)
    clinic.correct(forms[3]["id"], again)
    return Courses(therapist=therapist, forms=forms, refs=(told, kept))


def answers(caller: Clinic, paths: list[str], headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Read all of these; of a refusal its code."""
    found = {}
    for path in paths:
        response = caller.get(path, headers=dict(headers or {}))
        found[path] = response.json() if response.status_code == 200 else problem(response)["code"]
    return found


def lists(caller: Clinic, refs: tuple[str, ...]) -> dict[str, Any]:
    """Read what is about no single client: the caseload, the feed, and who is found by what they are called."""
    feed = caller.get("/v1/changes?after=0&limit=200").json()["items"]
    found = [caller.request("POST", "/v1/clients/lookup", json={"ref": ref}).status_code for ref in refs]
    return {
        "caseload": caller.get("/v1/caseload").json()["items"],
        "feed": [{name: value for name, value in one.items() if name != "sequence"} for one in feed],
        "found": found,
    }


def test_a_supervisor_reads_their_own_clients_as_their_therapist(clinic: Clinic) -> None:
    """Of a team in which they are a member: each answer is that of a therapist's key. Others' are a supervisor's."""
    own, others = courses(clinic, "th-7"), courses(clinic, "th-8")
    team(clinic, "North", members=("th-7", "th-8"), supervisors=("th-7", "sup"))
    both, sup = supervisor(clinic, "th-7"), supervisor(clinic, "sup")
    by_therapist = answers(clinic.bound("therapist", "th-7"), own.paths)
    assert answers(both, own.paths) == by_therapist
    assert answers(sup, own.paths) != by_therapist
    assert answers(both, others.paths) == answers(sup, others.paths)
    assert {"not_found"} < {str(one) for one in by_therapist.values()}
    assert "not_found" not in answers(sup, own.paths).values()

    refs = own.refs + others.refs
    mixed, whole = lists(both, refs), lists(sup, refs)
    therapist = lists(clinic.bound("therapist", "th-7"), refs)
    assert mixed["found"] == [200, 404, 200, 200]
    names = {one["client_id"] for one in others.forms}
    for name in ("caseload", "feed"):
        theirs = [one for one in whole[name] if one["client_id"] in names]
        assert [one for one in mixed[name] if one["client_id"] in names] == theirs
        assert [one for one in mixed[name] if one["client_id"] not in names] == therapist[name]
        assert len(mixed[name]) < len(whole[name])


def test_a_page_of_the_caseload_goes_on_behind_the_one_before(clinic: Clinic) -> None:
    """Of own and others' clients together, one on a page, and of one therapist."""
    own, _ = courses(clinic, "th-7"), courses(clinic, "th-8")
    team(clinic, "North", members=("th-7", "th-8"), supervisors=("th-7",))
    both = supervisor(clinic, "th-7")
    whole = both.get("/v1/caseload").json()["items"]
    pages, path = [], "/v1/caseload?limit=1"
    while path:
        page = both.get(path).json()
        pages += page["items"]
        path = page["next_cursor"] and f"/v1/caseload?limit=1&cursor={page['next_cursor']}"
    assert pages == whole
    therapist_id = next(one for one in whole if one["client_id"] == own.forms[0]["client_id"])["therapist_id"]
    (case,) = both.get(f"/v1/caseload?therapist_id={therapist_id}").json()["items"]
    assert (case["attention"], case["last_session"]) == ("none", 3)


@pytest.mark.parametrize("is_member", [False, True])
def test_the_broken_glass_does_not_open_what_a_client_kept_from_the_one_who_breaks_it(
    clinic: Clinic, *, is_member: bool
) -> None:
    """A supervisor who opens a client of their own reads as the therapist; another one's as a supervisor does."""
    own, others = courses(clinic, "th-20"), courses(clinic, "th-8")
    team(clinic, "North", members=("th-20", "th-8"), supervisors=("sup",))
    if is_member:
        team(clinic, "South", members=("th-20",), supervisors=("th-20",))
    key, sup = supervising(clinic, "th-20"), supervisor(clinic, "sup")
    assert answers(key, own.paths, BREAKING) == answers(clinic.bound("therapist", "th-20"), own.paths)
    assert answers(key, others.paths, BREAKING) == answers(sup, others.paths)
