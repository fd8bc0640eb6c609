"""Every operation with its main answers and errors: each answer is as the document declares it."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import uuid4

import httpx
import pytest

from app.access.administer import enable_instrument
from tests.api.operations import ABSENT, SCOPE_OF, Ids, call
from tests.contract.validator import Contract
from tests.harness import ANSWERS, Clinic, form

CONTRACT = Contract.committed()
THERAPIST: dict[str, Any] = {"instrument": "trq-s-t", "rater": "therapist", "answers": {str(i): 4 for i in range(1, 9)}}
SOURCE = {"system": "https://ehr.example/forms", "id": "qr-889"}
Send = Callable[..., httpx.Response]


def raw(clinic: Clinic, path: str, body: bytes, **headers: str) -> httpx.Response:
    """Post a body as it is."""
    usual = {"Content-Type": "application/json", "Idempotency-Key": str(uuid4())}
    return clinic.request("POST", path, content=body, headers=usual | headers)


def every_kind_of_form(clinic: Clinic) -> list[httpx.Response]:
    """Post forms of every instrument, with everything and with next to nothing, and repeat them."""
    enable = partial(enable_instrument, clinic.service.runtime, organisation=clinic.organisation)
    clinic.service.portal.call(partial(enable, instrument="wai-s", checked_against="our own copy"))
    whole = form(
        episode_ref="a",
        planned_sessions=12,
        session_date="2026-11-01",
        locale="de",
        channel="video",
        modality="act",
        answers={**ANSWERS, "2": None, "7": "not_applicable"},
        reported={"rupture": True, "wish_to_talk": True, "ending": "dropout", "stage": "termination"},
        seen_by_therapist=True,
        source=SOURCE,
    )
    twelve = {str(i): 4 for i in range(1, 13)}
    forms = [
        whole,
        form(client_ref={"system": "s", "value": "v"}, answers={"f1": 1}),
        form(client_ref={"system": "s", "value": "v"}, session_number=2, answers={"1": 5, "f1": 5, "f2": 5, "f4": 1}),
        *(form(session_number=session, client_ref="mrn-3", planned_sessions=8) for session in range(1, 9)),
        form(session_number=2000, client_ref="mrn-4"),
        form(client_ref="mrn-3", **THERAPIST),
        form(client_ref="mrn-3", instrument="wai-sr", answers=twelve),
        form(client_ref="mrn-3", instrument="wai-s", answers={**twelve, "3": None, "5": None}),
        form(client_ref="mrn-3", instrument="wai-s", rater="therapist", answers=twelve),
    ]
    answers = [clinic.post(one, key=f"key-{index}") for index, one in enumerate(forms)]
    assert {answer.status_code for answer in answers} == {201}
    again = [clinic.post(one, key=f"key-{index}") for index, one in enumerate(forms)]
    assert {answer.headers["idempotent-replayed"] for answer in again} == {"true"}
    stored = [clinic.post(one) for one in forms]
    assert {answer.status_code for answer in stored} == {200}
    headers = {"Idempotency-Key": "minimal", "Prefer": "return=minimal"}
    minimal = clinic.request("POST", "/v1/submissions", json=form(client_ref="mrn-5"), headers=headers)
    return [*answers, *again, *stored, minimal]


def test_every_answer_to_a_form_is_as_declared(clinic: Clinic) -> None:
    """Whatever was sent, and whatever is read about it afterwards, has the shape that its schema says."""
    answers = every_kind_of_form(clinic)
    for made in [answer.json() for answer in answers if answer.status_code == 201 and answer.content]:
        client = f"/v1/clients/{made['client_id']}"
        reads = [f"{client}/progress", f"{client}/progress?fields=stage", f"{client}/stage"]
        reads += [f"{client}/stage?episode_id={made['episode_id']}", f"{client}/trajectory", f"{client}/discrepancy"]
        reads += [f"{client}/scores/{score['id']}/explanation" for score in made["scores"][::5]]
        answers += [clinic.get(path) for path in reads]
        answers.append(clinic.get(f"{client}/progress", headers={"If-None-Match": "*"}))
    assert {answer.status_code for answer in answers} == {200, 201, 304}
    assert [(CONTRACT.name(answer), fault) for answer in answers for fault in CONTRACT.faults(answer)] == []


def test_every_form_that_is_read_back_is_as_declared(clinic: Clinic) -> None:
    """The stored form, with everything and with next to nothing."""
    for sent in (
        form(session_number=1, answers={"1": 4, "2": None, "3": "not_applicable"}),
        form(session_number=2, session_date="2026-11-01", reported={"ending": "planned", "stage": "termination"}),
    ):
        answer = clinic.get(f"/v1/submissions/{clinic.recorded(sent)['id']}")
        assert (answer.status_code, CONTRACT.faults(answer)) == (200, [])


def changed(clinic: Clinic) -> dict[str, httpx.Response]:
    """Send every operation that changes a form, well and badly."""
    made = [clinic.recorded(form(session_number=n, answers={**ANSWERS, "1": n})) for n in (1, 2, 3)]
    ended = clinic.recorded(form(client_ref="mrn-2", reported={"ending": "planned"}))
    clinic.recorded(form(client_ref="mrn-2", session_number=2))
    path, own = f"/v1/submissions/{made[2]['id']}", str(uuid4())
    phone = clinic.bound("client", "mrn-1042")
    return {
        "corrected": clinic.correct(made[0]["id"], form(), key="correct"),
        "replayed": clinic.correct(made[0]["id"], form(), key="correct"),
        "not current": clinic.correct(made[0]["id"], form()),
        "differs": clinic.correct(made[1]["id"], form(client_ref="mrn-9")),
        "absent": clinic.correct(ABSENT, form()),
        "no key": clinic.request("POST", f"{path}/corrections", json=form()),
        "withdrawn": clinic.withdraw(made[1]["id"]),
        "again": clinic.withdraw(made[1]["id"]),
        "superseded": clinic.withdraw(made[0]["id"]),
        "no reason": clinic.withdraw(made[2]["id"], reason=""),
        "later open": clinic.withdraw(ended["id"]),
        "put": clinic.put(own, form(session_number=5)),
        "put again": clinic.put(own, form(session_number=5)),
        "put otherwise": clinic.put(own, form(session_number=6)),
        "put elsewhere": clinic.put(str(uuid4()), form(session_number=5)),
        "put without": clinic.request("PUT", f"/v1/submissions/{own}", json=form()),
        "rater": phone.post(form(**THERAPIST)),
        "of a client": phone.post(form(session_number=7)),
        "read by a client": phone.get(f"/v1/submissions/{own}"),
        "read superseded": clinic.get(f"/v1/submissions/{made[0]['id']}"),
        "read withdrawn": clinic.get(f"/v1/submissions/{made[1]['id']}"),
        "progress": phone.get(f"/v1/clients/{made[0]['client_id']}/progress"),
        "trajectory": phone.get(f"/v1/clients/{made[0]['client_id']}/trajectory"),
    }


def test_every_answer_to_a_change_is_as_declared(clinic: Clinic) -> None:
    """Corrections, withdrawals, ids of the sender's own and keys of a client, with what they are refused for."""
    answers = changed(clinic)
    assert {what: answer.status_code for what, answer in answers.items()} == {
        "corrected": 201, "replayed": 201, "not current": 409, "differs": 422, "absent": 404, "no key": 400,
        "withdrawn": 201, "again": 200, "superseded": 409, "no reason": 422, "later open": 409, "put": 201,
        "put again": 201, "put otherwise": 412, "put elsewhere": 200, "put without": 428, "rater": 403,
        "of a client": 201, "read by a client": 200, "read superseded": 200, "read withdrawn": 200, "progress": 200,
        "trajectory": 200,
    }  # fmt: skip
    assert {what: CONTRACT.faults(answer) for what, answer in answers.items()} == {what: [] for what in answers}


def test_every_answer_to_a_batch_is_as_declared(clinic: Clinic) -> None:
    """Stored, replayed, there already and refused items, whole and minimal; and a batch that is none."""
    clinic.post(form(), key="k-1")
    items = [("k-1", form()), ("k-2", form(session_number=2)), ("k-2", form()), ("k-3", {}), ("k-4", form(answers={}))]
    items += [("k-5", form()), ("k-6", form(answers={"1": 1}))]
    answers = [clinic.post_batch(items), clinic.post_batch(items, Prefer="return=minimal"), clinic.post_batch([])]
    assert [answer.status_code for answer in answers] == [200, 200, 422]
    statuses = [one["status"] for one in answers[0].json()["items"]]
    assert statuses == [201, 201, 422, 422, 422, 200, 409]
    assert [CONTRACT.faults(answer) for answer in answers] == [[], [], []]


def test_every_answer_about_instruments_is_as_declared(clinic: Clinic) -> None:
    """All instruments, all versions, and scoring with each, those without a key among them."""
    listed = clinic.get("/v1/instruments")
    answers = [listed, clinic.get("/v1/instruments", headers={"If-None-Match": listed.headers["etag"]})]
    for one in listed.json()["items"]:
        path = f"/v1/instruments/{one['key']}"
        answers += [clinic.get(path), clinic.get(f"{path}/versions/{one['version'] or '1.0.0'}")]
        answers += [clinic.request("POST", f"{path}/score", json={"answers": answers_}) for answers_ in ({"1": 4}, {})]
        answers += [clinic.get(path, headers={"If-None-Match": "*"})]
        answers.append(clinic.request("POST", f"{path}/score", json={"answers": {str(i): 4 for i in range(1, 9)}}))
    assert {answer.status_code for answer in answers} == {200, 304, 404, 409, 422}  # 404: versions of a known key
    assert [(CONTRACT.name(answer), fault) for answer in answers for fault in CONTRACT.faults(answer)] == []


def test_every_problem_of_intake_is_as_declared(clinic: Clinic) -> None:
    """Each code that a post may get, with the members that belong to it."""
    path = "/v1/submissions"
    clinic.post(form(session_number=4, source=SOURCE), key="k")
    clinic.post(form(client_ref="mrn-2", episode_ref="e"))
    valid = json.dumps(form()).encode()
    answers = {
        "invalid_json": raw(clinic, path, b"{"),
        "not_utf8": raw(clinic, path, b"\xff"),
        "duplicate_key": raw(clinic, path, b'{"rater": 1, "rater": 2}'),
        "nesting_too_deep": raw(clinic, path, b"[" * 100_000),
        "unknown_parameter": raw(clinic, f"{path}?x=1", valid),
        "idempotency_key_missing": raw(clinic, path, valid, **{"Idempotency-Key": ""}),
        "idempotency_key_invalid": raw(clinic, path, valid, **{"Idempotency-Key": "a b"}),
        "unauthenticated": raw(clinic, path, valid, Authorization=""),
        "missing_scope": clinic.service.application(clinic.organisation, scopes=("scores:read",)).post(form()),
        "session_already_rated": clinic.post(form(session_number=4, answers={"1": 1})),
        "source_conflict": clinic.post(form(session_number=5, source=SOURCE)),
        "episode_therapist_mismatch": clinic.post(form(client_ref="mrn-2", episode_ref="e", therapist_ref="th-9")),
        "instrument_not_enabled": clinic.post(form(instrument="wai-s", answers={"1": 7})),
        "too_large": raw(clinic, path, b" " * 1_048_577),
        "unsupported_media_type": raw(clinic, path, valid, **{"Content-Type": "text/plain"}),
        "idempotency_key_reused": clinic.post(form(session_number=5), key="k"),
        "too_many_names": clinic.post({f"x{i}": 1 for i in range(2_000)}),
        "validation_failed": clinic.post({f"x{i}": 1 for i in range(200)}),
        "no_answers": clinic.post(form(answers={})),
    }
    assert {code: answer.json()["code"] for code, answer in answers.items()} == {code: code for code in answers}
    assert {code: CONTRACT.faults(answer) for code, answer in answers.items()} == {code: [] for code in answers}


def test_every_problem_of_a_read_is_as_declared(clinic: Clinic) -> None:
    """401, 403, 404 and a parameter too many, for each operation."""
    one = clinic.service.application(clinic.organisation, scopes=("submissions:write",))
    other = clinic.service.application(clinic.organisation, scopes=("scores:read",))
    malformed = Ids(submission_id="x", client_id="x", score_id="x", key="X", version="x")
    found = []
    for name, scope in SCOPE_OF.items():
        answers = [call(clinic, name, Ids(), {"Authorization": "Bearer x"})]
        answers += [call(other if scope == "submissions:write" else one, name, Ids())]
        assert [answer.status_code for answer in answers] == [401, 403]
        if "{" in name:
            answers.append(call(clinic, name, malformed))
            assert answers[-1].status_code == 404
        if name.startswith("GET"):
            answers.append(clinic.get(name.split(" ")[1].format(**vars(Ids())) + "?x=1"))
            assert answers[-1].status_code == 400
        found += [(name, fault) for answer in answers for fault in CONTRACT.faults(answer)]
    assert found == []


def test_every_problem_of_the_other_bodies_is_as_declared(clinic: Clinic) -> None:
    """Look-up and scoring, with bodies that cannot be read or taken."""
    cases: list[tuple[bytes, dict[str, str], int]] = [
        (b"{", {}, 400),
        (b"{}", {"Content-Type": "text/plain"}, 415),
        (b" " * 1_048_577, {}, 413),
        (b"{}", {}, 422),
        (b"null", {}, 422),
        (b'{"ref": "nobody", "answers": {"1": 1}}', {}, 422),
    ]
    for path in ("/v1/clients/lookup", "/v1/instruments/trq-s/score"):
        for body, headers, status in cases:
            answer = raw(clinic, path, body, **headers)
            assert (answer.status_code, CONTRACT.faults(answer)) == (status, [])
    unknown = raw(clinic, "/v1/clients/lookup", b'{"ref": "nobody"}')
    assert (unknown.status_code, CONTRACT.faults(unknown)) == (404, [])


def test_health_and_what_belongs_to_no_operation_are_as_declared(clinic: Clinic) -> None:
    """The health checks with their errors; paths and methods that the document lacks answer problems."""
    answers = [clinic.get(path) for path in ("/livez", "/readyz", "/livez?x=1", "/readyz?x=1")]
    answers += [clinic.get("/v1/nothing"), clinic.request("DELETE", "/v1/submissions"), clinic.get("/problems/none")]
    answers += [clinic.request("PATCH", f"/v1/submissions/{ABSENT}"), clinic.service.request("GET", "/nothing")]
    assert [answer.status_code for answer in answers] == [200, 200, 400, 400, 404, 405, 404, 405, 401]
    assert [fault for answer in answers for fault in CONTRACT.faults(answer)] == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda body: body.pop("scores"), "$: 'scores' is a required property"),
        (lambda body: body.update(extra=1), "$: Additional properties are not allowed ('extra' was unexpected)"),
        (lambda body: body.update(id="x"), "$.id: 'x' is not a 'uuid'"),
        (lambda body: body.update(received_at="2026-11-20T13:05:01+01:00"), "$.received_at: "),
        (lambda body: body.update(session_number=0), "$.session_number: 0 is less than the minimum of 1"),
        (lambda body: body["scores"][0].update(value=None), "$.scores[0]: "),
    ],
)
def test_the_judge_finds_what_is_not_as_declared(
    clinic: Clinic, change: Callable[[dict[str, Any]], object], fault: str
) -> None:
    """A planted fault in a good answer is found: a judge that finds nothing is worth nothing."""
    answer = clinic.post(form())
    body = answer.json()
    change(body)
    planted = httpx.Response(201, json=body, request=answer.request)
    assert [one[: len(fault)] for one in CONTRACT.faults(planted)] == [fault]
    assert CONTRACT.faults(httpx.Response(418, json={}, request=answer.request)) == ["418 is not declared"]
    assert CONTRACT.faults(httpx.Response(400, json={}, request=answer.request)) == [
        "application/json is not declared for 400"
    ]
