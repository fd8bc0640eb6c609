"""The caseload over HTTP: pages and links, languages, who reads whose, and what is never in it."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from app.web.caseload import CaseloadOut
from tests.api.refusals import refused
from tests.api.test_schedule import path_of, put
from tests.api.test_supervisors import leave, supervisor, team
from tests.harness import Clinic, form


def read(clinic: Clinic, query: str = "", **headers: str) -> dict[str, Any]:
    """Read a page that must be there."""
    answer = clinic.get(f"/v1/caseload{query}", headers=headers)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def waiting(clinic: Clinic, ref: str, **changes: Any) -> dict[str, Any]:
    """Post a form of a client who says that there was a rupture."""
    return clinic.recorded(form(client_ref=ref, reported={"rupture": True}, **changes))


def ago(**since: float) -> str:
    """Write a time in the past."""
    return (datetime.now(UTC) - timedelta(**since)).isoformat()


def test_from_forms_to_the_caseload(clinic: Clinic) -> None:
    """A signal, a missing form, a signal that was looked at, and a client who is fine: in this order, with the why."""
    fine = clinic.recorded(form(client_ref="fine", completed_at=ago(days=20)))
    seen, new = waiting(clinic, "seen", session_number=2), waiting(clinic, "new", session_number=6)
    late = clinic.recorded(form(client_ref="late", session_number=3, completed_at=ago(days=12)))
    put(clinic, path_of(late), 10, 7)
    put(clinic, path_of(fine), 10, 14)
    signal = seen["signals"][0]["id"]
    looked = clinic.request(
        "POST",
        f"/v1/clients/{seen['client_id']}/signals/{signal}/acknowledgements",
        json={"acting": "th-7", "reason": "other"},
        headers={"Idempotency-Key": "k"},
    )
    assert looked.status_code == 201
    found = read(clinic)
    assert [(row["client_id"], row["attention"], row["why"]["code"]) for row in found["items"]] == [
        (new["client_id"], "alert", "report_alert"),
        (late["client_id"], "missing_form", "missing_form"),
        (seen["client_id"], "acknowledged", "report_acknowledged"),
        (fine["client_id"], "none", "no_attention"),
    ]
    first, second = found["items"][:2]
    assert first["why"]["text"] == "A form of session 6 asks for a conversation, not yet looked at."
    assert (first["signal_id"], first["last_session"]) == (new["signals"][0]["id"], 6)
    assert (second["signal_id"], second["last_session"]) == (None, 3)
    assert second["next_expected_at"] is not None
    clinic.recorded(form(client_ref="late", session_number=4, completed_at=ago(days=1)))
    clinic.recorded(form(client_ref="new", session_number=7, reported={"ending": "planned"}))
    after = {row["client_id"]: row["attention"] for row in read(clinic)["items"]}
    assert after == {seen["client_id"]: "acknowledged", fine["client_id"]: "none", late["client_id"]: "none"}


def test_pages_are_linked(clinic: Clinic) -> None:
    """Following the links meets each once; the last page has neither a link nor a cursor."""
    made = {waiting(clinic, f"mrn-{n}")["client_id"] for n in range(7)}
    path, met = "/v1/caseload?limit=3&state=needs_attention", []
    while path:
        answer = clinic.get(path)
        met += [row["client_id"] for row in answer.json()["items"]]
        link = re.fullmatch(r'<(\?[^>]+)>; rel="next"', answer.headers.get("link", ""))
        assert (link is None) == (answer.json()["next_cursor"] is None)
        path = f"/v1/caseload{link.group(1)}" if link else ""
    assert (len(met), set(met)) == (7, made)


@pytest.mark.parametrize(
    ("languages", "language", "text"),
    [
        ("", "en", "A form of session 6 asks for a conversation, not yet looked at."),
        ("es-MX, en;q=0.5", "es", "Un formulario de la sesión 6 pide una conversación, aún sin revisar."),
        ("de-CH", "de", "Ein Bogen zu Sitzung 6 bittet um ein Gespräch, noch nicht angesehen."),
        ("fr", "en", "A form of session 6 asks for a conversation, not yet looked at."),
    ],
)
def test_the_line_is_told_in_the_callers_language(clinic: Clinic, languages: str, language: str, text: str) -> None:
    """The code is the same in all of them."""
    waiting(clinic, "mrn-1", session_number=6)
    answer = clinic.get("/v1/caseload", headers={"Accept-Language": languages})
    assert (answer.headers["content-language"], answer.headers["vary"]) == (language, "Accept-Language")
    assert answer.json()["items"][0]["why"] == {"code": "report_alert", "text": text}
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("query", "code", "parameter"),
    [
        ("?page=2", "unknown_parameter", "page"),
        ("?sort=therapist_id", "unknown_parameter", "sort"),
        ("?limit=0", "invalid_parameter", "limit"),
        ("?limit=201", "invalid_parameter", "limit"),
        ("?limit=1.0", "invalid_parameter", "limit"),
        ("?limit=%2010", "invalid_parameter", "limit"),
        ("?limit=1_0", "invalid_parameter", "limit"),
        ("?limit=", "invalid_parameter", "limit"),
        ("?state=urgent", "invalid_parameter", "state"),
        ("?therapist_id=th-7", "invalid_parameter", "therapist_id"),
        ("?cursor=", "invalid_parameter", "cursor"),
        ("?cursor=abc", "invalid_parameter", "cursor"),
        ("?cursor=" + "A" * 401, "invalid_parameter", "cursor"),
    ],
)
def test_what_can_not_be_asked_is_refused_by_name(clinic: Clinic, query: str, code: str, parameter: str) -> None:
    """400 with the parameter, and nothing of what was sent."""
    assert refused(clinic.get(f"/v1/caseload{query}"), 400, code)["parameter"] == parameter


def test_who_reads_whose_caseload(clinic: Clinic) -> None:
    """A therapist their own, a supervisor their teams', a client none, another clinic nothing."""
    made = {who: waiting(clinic, f"of {who}", therapist_ref=who)["client_id"] for who in ("th-1", "th-2", "th-3")}
    team(clinic, "A", members=("th-1", "th-2"), supervisors=("sup",))
    key = supervisor(clinic, "sup")

    def seen(by: Clinic) -> set[str]:
        return {row["client_id"] for row in read(by)["items"]}

    assert seen(clinic) == set(made.values())
    assert seen(clinic.bound("therapist", "th-1")) == {made["th-1"]}
    assert seen(key) == {made["th-1"], made["th-2"]}
    leave(clinic, "A", "th-2")
    assert seen(key) == {made["th-1"]}
    assert seen(clinic.service.clinic()) == set()
    refused(clinic.bound("client", "of th-1").get("/v1/caseload"), 404, "not_found")
    other = clinic.service.application(clinic.organisation, scopes=("scores:read",))
    assert refused(other.get("/v1/caseload"), 403, "missing_scope")["scope"] == "caseload:read"
    assert read(key, f"?therapist_id={uuid4()}")["items"] == []


def test_a_walk_that_loses_its_team_sees_nothing_more(clinic: Clinic) -> None:
    """A cursor opens nothing: whoever brings it reads what their key opens now."""
    for n in range(4):
        waiting(clinic, f"mrn-{n}", therapist_ref="th-1")
    team(clinic, "A", members=("th-1",), supervisors=("sup",))
    key = supervisor(clinic, "sup")
    cursor = read(key, "?limit=2")["next_cursor"]
    assert len(read(key, f"?limit=2&cursor={cursor}")["items"]) == 2
    leave(clinic, "A", "sup")
    assert read(key, f"?limit=2&cursor={cursor}")["items"] == []


def test_there_is_no_figure_about_therapists_anywhere() -> None:
    """An answer has one list of episodes and no number but sessions; nothing sorts by or counts per therapist."""
    schema = CaseloadOut.model_json_schema()
    assert set(schema["properties"]) == {"as_of", "items", "next_cursor"}
    row = schema["$defs"]["CaseOut"]["properties"]
    assert [name for name, kind in row.items() if "integer" in json.dumps(kind)] == ["last_session"]
    assert [name for name, kind in row.items() if "number" in json.dumps(kind)] == []
