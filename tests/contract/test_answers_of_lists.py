"""Caseload, changes and schedule with their main answers and errors: each answer is as the document declares it."""

from __future__ import annotations

from tests.api.test_schedule import path_of, put
from tests.contract.test_answers import CONTRACT
from tests.harness import Clinic, form


def test_every_answer_of_a_schedule_is_as_declared(clinic: Clinic) -> None:
    """Read, set, set again, not new, stale, without a tag, with a wrong one, with faults, absent."""
    path = path_of(clinic.recorded(form()))
    first = clinic.get(path)
    answers = [
        first,
        put(clinic, path, 12, 7),
        put(clinic, path, 12, 7),
        clinic.get(path, headers={"If-None-Match": "*"}),
    ]
    answers += [put(clinic, path, 1, 1, tag=tag) for tag in (first.headers["etag"], None, "x")]
    answers += [put(clinic, path, 0, 1), put(clinic, path.replace("7", "8"), 1, 1)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 304, 412, 428, 400, 422, 404]
    assert [fault for answer in answers for fault in CONTRACT.faults(answer)] == []


def test_every_answer_of_a_caseload_is_as_declared(clinic: Clinic) -> None:
    """Every state of attention, whole, in pages and in every language; an empty one, one of a client, faults."""
    for ref, reported in (("a", {"rupture": True}), ("b", {"wish_to_talk": True}), ("c", {})):
        made = clinic.recorded(form(client_ref=ref, reported=reported))
        put(clinic, path_of(made), 12, 7)
    answers = [clinic.get("/v1/caseload", headers={"Accept-Language": one}) for one in ("en", "es", "de")]
    answers += [clinic.get(f"/v1/caseload?limit=1&state={one}") for one in ("needs_attention", "none")]
    cursor = answers[3].json()["next_cursor"]
    answers += [clinic.get(f"/v1/caseload?limit=1&state=needs_attention&cursor={cursor}")]
    answers += [clinic.service.clinic().get("/v1/caseload")]
    assert {answer.status_code for answer in answers} == {200}
    answers += [clinic.bound("client", "a").get("/v1/caseload"), clinic.get("/v1/caseload?cursor=x")]
    assert [answer.status_code for answer in answers[-2:]] == [404, 400]
    assert [fault for answer in answers for fault in CONTRACT.faults(answer)] == []


def test_every_answer_of_the_feed_is_as_declared(clinic: Clinic) -> None:
    """Where it begins, all kinds that forms bring, a part, the end, and a place that is none."""
    made = clinic.recorded(form(reported={"rupture": True, "ending": "planned"}))
    clinic.correct(made["id"], form())
    clinic.withdraw(clinic.recorded(form(session_number=2))["id"])
    here = clinic.get("/v1/changes?after=0&limit=2").json()["next_after"]
    queries = ("", "?after=0", f"?after={here}&limit=1", f"?after={here}", "?after=2")
    answers = [clinic.get(f"/v1/changes{query}") for query in queries]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 400]
    assert len(answers[1].json()["items"]) >= 8
    assert [fault for answer in answers for fault in CONTRACT.faults(answer)] == []
