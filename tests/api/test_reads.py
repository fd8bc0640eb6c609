"""Reads: progress, stage, explanation, instruments; and who may."""

from __future__ import annotations

from functools import partial

from app.access.administer import add_key, enable_instrument, revoke_key
from tests.harness import ANSWERS, Clinic, form, problem, scores_by_component


def test_progress_is_small_and_cacheable(clinic: Clinic) -> None:
    """Twenty sessions of two raters fit into 4 KB; 304 while nothing is new, a new ETag when something is."""
    for session in range(1, 21):
        made = clinic.recorded(form(session_number=session))
        clinic.recorded(
            form(
                session_number=session,
                instrument="trq-s-t",
                rater="therapist",
                answers={k: v for k, v in ANSWERS.items() if not k.startswith("f")},
            )
        )
    path = f"/v1/clients/{made['client_id']}/progress"
    first = clinic.get(path, headers={"Accept-Encoding": "identity"})
    assert len(first.content) < 4096
    assert first.headers["cache-control"] == "private, no-cache"
    assert {line["rater"]: line["sessions"] for line in first.json()["series"]} == {
        "client": list(range(1, 21)),
        "therapist": list(range(1, 21)),
    }
    again = clinic.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    clinic.recorded(form(session_number=21, answers={**ANSWERS, "1": 1}))
    assert clinic.get(path, headers={"If-None-Match": first.headers["etag"]}).status_code == 200
    assert clinic.get(f"{path}?fields=stage").json()["series"] is None
    assert problem(clinic.get(f"{path}?fields=names"))["code"] == "invalid_parameter"


def test_the_stage_follows_the_focus_items(clinic: Clinic) -> None:
    """The fixtures of the model come back over HTTP, with what each item contributed."""
    for session, focus in enumerate(((5, 3, 1, 1), (4, 4, 2, 1), (2, 5, 3, 1)), start=1):
        answers = {**ANSWERS, **dict(zip(("f1", "f2", "f3", "f4"), focus, strict=True))}
        made = clinic.recorded(form(session_number=session, answers=answers))
    stage = clinic.get(f"/v1/clients/{made['client_id']}/stage").json()
    assert list(stage["probabilities"].values()) == [0.1121, 0.8269, 0.061, 0.0]
    assert stage["current"] == "exploring_the_problem"
    assert [one["centred"] for one in stage["contributions"]["items"]] == [-0.75, 2.25, 0.25, -1.75]


def test_a_score_is_explained_step_by_step(clinic: Clinic) -> None:
    """From the answers to the number, with what was missing."""
    made = clinic.recorded(form(answers={**ANSWERS, "7": None}))
    total = scores_by_component(made)["total"]["id"]
    told = clinic.get(f"/v1/clients/{made['client_id']}/scores/{total}/explanation").json()
    assert [step["says"] for step in told["steps"]] == [
        "7 of 8 answered, at least 7 needed",
        "mean = (4 + 3 + 5 + 4 + 4 + 5 + 4) / 7 = 4.1429",
        "sum = 8 x 4.1429 = 33.1429",
        "POMP = 100 x (4.1429 - 1) / (5 - 1) = 78.5714",
    ]


def test_an_instrument_from_recall_waits_for_the_organisation(clinic: Clinic) -> None:
    """wai-s gets 409, to post and to score, until it is enabled; then it is summed."""
    sent = form(instrument="wai-s", answers={str(i): 5 for i in range(1, 13)})
    assert problem(clinic.post(sent, key="k"))["code"] == "instrument_not_enabled"
    path, body = "/v1/instruments/wai-s/score", {"answers": sent["answers"]}
    assert problem(clinic.request("POST", path, json=body))["code"] == "instrument_not_enabled"
    enable = partial(
        enable_instrument,
        clinic.service.runtime,
        organisation=clinic.organisation,
        instrument="wai-s",
        checked_against="our own copy",
    )
    clinic.service.portal.call(enable)
    answer = clinic.post(sent, key="k")
    assert answer.status_code == 201
    # items 4 and 10 are reversed: 5 becomes 3, so goal is 3 + 5 + 3 + 5
    assert scores_by_component(answer.json())["goal"]["value"] == 16.0
    assert all(item["text"] is None for item in clinic.get("/v1/instruments/wai-s").json()["items"])


def test_another_organisation_sees_what_nobody_sees(clinic: Clinic) -> None:
    """Foreign ids answer exactly as absent ones do."""
    made = clinic.recorded(form())
    other = clinic.service.clinic()
    score = made["scores"][0]["id"]
    for path in (
        f"/v1/submissions/{made['id']}",
        f"/v1/clients/{made['client_id']}/progress",
        f"/v1/clients/{made['client_id']}/stage",
        f"/v1/clients/{made['client_id']}/scores/{score}/explanation",
    ):
        foreign, absent = other.get(path), other.get(path.replace(made["client_id"], made["id"]))
        assert {**problem(foreign), "trace_id": ""} == {**problem(absent), "trace_id": ""}
        assert foreign.status_code == 404
    assert other.request("POST", "/v1/clients/lookup", json={"ref": "mrn-1042"}).status_code == 404


def test_keys_open_what_their_scopes_say_and_nothing_once_revoked(clinic: Clinic) -> None:
    """A missing scope is named; of two living keys the revoked one is refused by the next request."""
    reader = clinic.service.application(clinic.organisation, scopes=("scores:read",))
    told = problem(reader.post(form()))
    assert (told["status"], told["code"], told["scope"]) == (403, "missing_scope", "submissions:write")
    call, runtime = clinic.service.portal.call, clinic.service.runtime
    second = call(partial(add_key, runtime, organisation=clinic.organisation, application=clinic.application))
    bearer = {"Authorization": f"Bearer {second.api_key}"}
    assert clinic.service.request("GET", "/v1/instruments", headers=bearer).status_code == 200
    call(partial(revoke_key, runtime, organisation=clinic.organisation, key_id=second.key_id))
    assert clinic.service.request("GET", "/v1/instruments", headers=bearer).status_code == 401
    assert clinic.get("/v1/instruments").status_code == 200


def test_every_error_code_has_a_page(clinic: Clinic) -> None:
    """The index links to each page, and each page says what to do; the docs load nothing from elsewhere."""
    index = clinic.service.request("GET", "/problems").text
    for code in ("out_of_order", "out_of_range", "storage_busy", "validation_failed"):
        assert f'href="/problems/{code}"' in index
        assert clinic.service.request("GET", f"/problems/{code}").status_code == 200
    docs = clinic.service.request("GET", "/docs")
    assert "//" not in docs.text.replace("<!doctype", "")
    assert "unsafe-inline" not in docs.headers["content-security-policy"]
    assert clinic.service.request("GET", "/assets/swagger/swagger-ui-bundle.js").status_code == 200
