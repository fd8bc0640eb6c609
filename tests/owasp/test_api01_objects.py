"""API1:2023, broken object level authorization: no id opens what its bearer may not see.

That another organisation's and another person's ids are absent in every place stands in `tests/api/test_access.py` and
`tests/api/test_bound_keys.py`. Here: ids of the wrong kind, and ids that come by another way than the path.
"""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.api.operations import ABSENT, PERSONAL, Ids, call
from tests.api.refusals import nothing_stored
from tests.harness import Clinic, form

KINDS = ("submission_id", "client_id", "episode_id", "score_id", "signal_id")


def told(response: object) -> dict[str, object]:
    """Read a problem, but for what differs between any two requests."""
    body: dict[str, object] = response.json()  # type: ignore[attr-defined] # httpx.Response
    return {name: value for name, value in body.items() if name != "trace_id"}


@pytest.mark.parametrize("name", PERSONAL)
def test_an_id_of_one_kind_is_none_of_another(clinic: Clinic, name: str) -> None:
    """One's own form is no client, one's own client no episode: each is as absent as an id that nobody has."""
    ids = Ids.made(clinic)
    absent = told(call(clinic, name, Ids()))
    for place in (kind for kind in KINDS if f"{{{kind}}}" in name):
        for other in (kind for kind in KINDS if kind != place):
            swapped = Ids(**(vars(ids) | {place: vars(ids)[other]}))
            with nothing_stored(clinic):
                assert told(call(clinic, name, swapped)) == absent, (place, other)


def test_an_id_in_a_query_opens_nothing_of_others(clinic: Clinic) -> None:
    """A therapist of another clinic, as a caseload's filter, is one that nobody has."""
    there, here = clinic.service.clinic(), clinic.recorded(form())
    there.recorded(form())
    [theirs] = there.get("/v1/caseload").json()["items"]
    [ours] = clinic.get("/v1/caseload").json()["items"]
    assert ours["client_id"] == here["client_id"]
    foreign, absent = (clinic.get(f"/v1/caseload?therapist_id={one}") for one in (theirs["therapist_id"], ABSENT))
    assert (foreign.status_code, foreign.json()["items"]) == (absent.status_code, absent.json()["items"]) == (200, [])
    known = clinic.get(f"/v1/caseload?therapist_id={ours['therapist_id']}")
    assert [one["client_id"] for one in known.json()["items"]] == [here["client_id"]]


def test_keys_sources_and_chosen_ids_of_others_are_free(clinic: Clinic) -> None:
    """What another clinic has taken is taken there only: a sender learns nothing by trying it here."""
    there, sent = clinic.service.clinic(), form(source={"system": "https://ehr.example/forms", "id": "qr-1"})
    chosen, key = str(uuid4()), str(uuid4())
    theirs = {there.post(sent, key=key).json()["id"], there.put(chosen, form(session_number=2)).json()["id"]}
    posted, put = clinic.post(sent, key=key), clinic.put(chosen, form(session_number=2))
    assert (posted.status_code, put.status_code) == (201, 201)
    assert "Idempotent-Replayed" not in posted.headers
    assert posted.json()["id"] not in theirs
    assert put.json()["client_id"] == posted.json()["client_id"]


def test_a_feed_from_another_clinics_number_tells_ones_own(clinic: Clinic) -> None:
    """A number of the feed is a place in one's own: all events of one's own are behind 0, and no others."""
    there = clinic.service.clinic()
    there.recorded(form())
    mine = clinic.recorded(form())
    told_here = clinic.get("/v1/changes?after=0").text
    assert mine["id"] in told_here
    assert [one["id"] for one in (there.recorded(form(session_number=2)),) if one["id"] in told_here] == []
