"""API6:2023, unrestricted access to sensitive business flows: what a program may repeat, it may not multiply.

The flow that matters here is a form about a session: a course, its signals and the organisation's figures follow from
it. Rates for each application stand in `tests/api/test_limits.py`.
"""

from __future__ import annotations

from typing import Any

from tests.harness import Clinic, form


def figures(clinic: Clinic) -> Any:
    """Read the organisation's own figures."""
    answer = clinic.get("/v1/organisations/me/psychometrics")
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_form_sent_many_times_is_one(clinic: Clinic) -> None:
    """Under the same key, under others, in a batch and under ids of one's own: one form, and figures of one form."""
    sent = form()
    first = clinic.recorded(sent)
    alone, events = figures(clinic), clinic.count("events")
    keys = [f"key-{number}" for number in range(20)]
    ids = {clinic.post(sent, key=key).json()["id"] for key in keys + keys}
    batch = clinic.post_batch([(f"batch-{key}", sent) for key in keys]).json()["items"]
    assert (ids, len(batch), {one["id"] for one in batch}) == ({first["id"]}, 20, {first["id"]})
    assert clinic.count("submissions") == 1
    assert (figures(clinic), clinic.count("events")) == (alone, events)


def test_a_course_is_not_filled_by_correcting(clinic: Clinic) -> None:
    """A form corrected again and again is one form that counts, with a history."""
    made = clinic.recorded(form())
    alone = figures(clinic)
    current = made["id"]
    for session in (2, 3, 4, 1):
        answer = clinic.correct(current, form(session_number=session))
        assert answer.status_code == 201, answer.text
        current = answer.json()["id"]
    assert figures(clinic) == alone
    series = clinic.get(f"/v1/clients/{made['client_id']}/trajectory").json()["series"]
    assert [[point["session_number"] for point in one["points"]] for one in series] == [[1]]
    for _ in range(3):
        clinic.withdraw(current)
    assert clinic.get(f"/v1/clients/{made['client_id']}/trajectory").json()["series"] == []


def test_scoring_without_storing_stores_nothing(clinic: Clinic) -> None:
    """However often: no form, no event, no figure."""
    clinic.recorded(form())
    before = clinic.counts()
    for number in (1, 2, 3, 4, 5) * 5:
        body = {"answers": {"1": number, "2": 6 - number}}
        assert clinic.request("POST", "/v1/instruments/trq-s/score", json=body).status_code == 200
    assert clinic.counts() == before
