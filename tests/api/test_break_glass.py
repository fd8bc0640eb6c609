"""Break-glass: a read about another's client, opened for a reason, by who may, and marked before the answer leaves."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any
from uuid import UUID

import httpx
import pytest

from app.access.administer import create_application
from app.access.authenticate import authenticate
from app.access.caller import SCOPES_OF, Caller, Scope
from app.errors import Misconfigured
from app.web.break_glass import OPENED as OPENED_NAMES
from tests.api.glass import BREAKING, CLOSED, OPENED, REASON, SCOPE, allowed, on_call, supervising, utf8
from tests.api.operations import ABSENT, CHANGING, MAKING, SCOPE_OF, Ids, call
from tests.api.refusals import nothing_stored, refused
from tests.api.test_audit import accesses
from tests.api.test_supervisors import counted, team
from tests.api.tokens import Backend
from tests.contract.validator import Contract
from tests.faults.wall import criterion_removed
from tests.harness import Clinic, Service, form, problem, therapists_form

CONTRACT = Contract.committed()


_DIFFERS = re.compile(r'"(?:trace_id|as_of|next_after)": ?"[^"]+"')  # places in the feed are spelled anew each time


def told(answer: httpx.Response) -> tuple[int, str, list[str]]:
    """Sum up an answer by all that another one of the same kind would share."""
    return answer.status_code, _DIFFERS.sub("", answer.text), sorted({*answer.headers} - {"x-trace-id"})


@pytest.mark.parametrize("name", OPENED)
def test_another_therapists_client_is_opened_and_the_access_is_marked(clinic: Clinic, name: str) -> None:
    """Each read about one client: absent without, there with, in the log as such, and in nobody's cache."""
    ids, key = Ids.made(clinic), on_call(clinic)
    refused(call(key, name, ids), 404, "not_found")
    before = len(accesses(clinic))
    answer = call(key, name, ids, BREAKING)
    assert (answer.status_code, CONTRACT.faults(answer)) == (200, [])
    assert (answer.headers["break-glass"], answer.headers["cache-control"]) == ("marked", "no-store")
    (entry,) = accesses(clinic)[before:]
    assert (entry["kind"], entry["by"], entry["client_id"], entry["outcome"]) == (
        "access.break_glass", key.application, ids.client_id, "told",
    )  # fmt: skip
    assert {"acting", "access_reason"} <= entry.keys()
    # the next request without it is as it was
    refused(call(key, name, ids), 404, "not_found")


def test_every_read_about_one_client_was_decided() -> None:
    """A new one has to be put here, among what is opened or what is not."""
    about_one = {name for name in SCOPE_OF if name.startswith("GET") and ("{client_id}" in name or "{sub" in name)}
    assert about_one - set(OPENED) == {"GET /v1/clients/{client_id}/export", "GET /v1/clients/{client_id}/consents"}
    assert {CONTRACT.operations[name]["operationId"] for name in OPENED} == OPENED_NAMES


@pytest.mark.parametrize("name", CLOSED)
def test_nothing_else_is_opened(clinic: Clinic, name: str) -> None:
    """Writes, exports, statements, look-ups and lists: the same answer as without it, and nothing is marked."""
    theirs, key = Ids.made(clinic), on_call(clinic)
    if name == "PUT /v1/submissions/{submission_id}":
        theirs = Ids(client_ref=theirs.client_ref, therapist_ref=theirs.therapist_ref)
    without = call(key, name, theirs)
    with nothing_stored(clinic):
        broken = call(key, name, theirs, BREAKING)
    statuses = (without.status_code, broken.status_code)
    assert told(without) == told(broken)
    assert statuses in {(404, 404), (200, 200)}
    assert "break-glass" not in broken.headers
    assert theirs.client_id not in broken.text
    assert {one["kind"] for one in accesses(clinic)} <= {"access.denied", "access.read"}
    assert (statuses == (200, 200)) == ("/instruments" in name or "batch" in name or name in {
        "GET /v1/caseload", "GET /v1/changes",
    })  # fmt: skip


def test_writes_and_changes_were_among_them() -> None:
    """So that the test above can't have passed them over."""
    assert set(CHANGING) | set(MAKING) < set(CLOSED)
    assert len(OPENED) + len(CLOSED) == len(SCOPE_OF)


@pytest.mark.parametrize("name", OPENED)
def test_another_organisations_clients_stay_absent(clinic: Clinic, service: Service, name: str) -> None:
    """The same 404 as for what nobody has, after the same statements, and no mark: there is nothing to tell."""
    foreign, key = Ids.made(service.clinic()), on_call(clinic)
    answers, looked = [], []
    for ids in (foreign, Ids()):
        call(key, name, ids, BREAKING)
        with counted(clinic) as seen:
            answers.append(call(key, name, ids, BREAKING))
        looked.append(len(seen))
    refused(answers[0], 404, "not_found")
    assert told(answers[0]) == told(answers[1])
    assert looked[0] == looked[1]
    assert {one["kind"] for one in accesses(clinic)} == {"access.denied"}


def test_the_second_wall_holds_behind_broken_glass(clinic: Clinic, service: Service) -> None:
    """On PostgreSQL, with the organisation cut out of every statement, still nothing of others is opened."""
    if service.runtime.database.name == "sqlite":
        return  # has no second wall
    foreign, own, key = Ids.made(service.clinic()), Ids.made(clinic), on_call(clinic)
    with criterion_removed(service) as cut:
        assert {call(key, name, foreign, BREAKING).status_code for name in OPENED} == {404}
        assert {call(key, name, own, BREAKING).status_code for name in OPENED} == {200}
    assert len(cut) > len(OPENED)


def test_without_the_scope_it_is_refused(clinic: Clinic) -> None:
    """Also about one's own client, and before anything else is said about the request."""
    ids = Ids.made(clinic)
    for key in (clinic, clinic.bound("therapist", "th-7"), clinic.bound("therapist", "th-8")):
        for headers in (BREAKING, {"Break-Glass": "1"}, BREAKING | {"Break-Glass": "yes"}):
            before = len(accesses(clinic))
            answer = key.get(f"/v1/clients/{ids.client_id}/progress", headers=headers)
            assert (answer.status_code, problem(answer)["code"], problem(answer)["scope"]) == (
                403, "missing_scope", SCOPE,
            )  # fmt: skip
            (entry,) = accesses(clinic)[before:]
            assert (entry["kind"], entry["outcome"], "access_reason" in entry) == (
                "access.denied", "missing_scope", False,
            )  # fmt: skip


def test_a_clients_own_key_never_has_it(clinic: Clinic) -> None:
    """Whatever its application may: neither about others nor about themselves."""
    other, own = Ids.made(clinic, "mrn-2"), Ids.made(clinic)
    phone = allowed(clinic).bound("client", "mrn-1042")
    nobody = {name: value for name, value in BREAKING.items() if name != "Acting-User"}
    for name in OPENED:
        for ids in (other, own):
            refused(call(phone, name, ids, nobody), 403, "missing_scope")
            refused(call(phone, name, ids, BREAKING), 400, "invalid_parameter")  # may not say to be a member of staff
    token = Backend.of(phone).bearer(client_ref="mrn-1042", act={"sub": "person-4711"})
    refused(call(token, OPENED[1], other, BREAKING), 403, "missing_scope")
    assert phone.get(f"/v1/clients/{own.client_id}/progress").status_code == 200
    known = clinic.service.portal.call(authenticate, clinic.service.runtime, phone.api_key)
    theirs = {"client_id": UUID(other.client_id), "therapist_id": UUID(ABSENT)}
    assert not replace(known, opened=True).may_see(**theirs)
    assert replace(known, client_id=None, opened=True).may_see(**theirs)


def test_it_comes_with_no_audience_by_itself(clinic: Clinic) -> None:
    """An operator names it, for those who treat or supervise; an application of safeguarding can't have it."""
    assert {audience for audience, scopes in SCOPES_OF.items() if SCOPE in scopes} == set()

    async def made() -> None:
        await create_application(
            clinic.service.runtime,
            organisation=clinic.organisation,
            name="desk",
            scopes=["safeguarding:read", SCOPE],
            audience="safeguarding",
        )

    with pytest.raises(Misconfigured, match="not for the audience safeguarding: clients:break_glass"):
        clinic.service.portal.call(made)
    scopes: frozenset[Scope] = frozenset({"safeguarding:read", "clients:break_glass"})
    both = Caller(organisation=clinic.organisation, application=clinic.application, scopes=scopes)
    assert (both.eyes, both.may_break_glass) == ("safeguarding", False)


def test_a_reason_and_a_person_are_needed(clinic: Clinic) -> None:
    """Each has a code of its own; what was refused is in the log, and nothing was told."""
    ids, key = Ids.made(clinic), on_call(clinic)
    path = f"/v1/clients/{ids.client_id}/progress"
    for left_out, code in (("Access-Reason", "access_reason_required"), ("Acting-User", "acting_user_required")):
        before = len(accesses(clinic))
        answer = key.get(path, headers={name: value for name, value in BREAKING.items() if name != left_out})
        refused(answer, 403, code)
        assert "break-glass" not in answer.headers
        (entry,) = accesses(clinic)[before:]
        assert (entry["kind"], entry["operation"], entry["outcome"]) == ("access.denied", "get_progress", code)


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("Break-Glass", "0"),
        ("Break-Glass", "?1"),
        ("Break-Glass", "true"),
        ("Break-Glass", ""),
        ("Access-Reason", ""),
        ("Access-Reason", "   "),
        ("Access-Reason", "CANARY-7361 " * 50),
        ("Access-Reason", "CANARY-7361 \x07"),
        ("Access-Reason", "CANARY-7361 \x85"),
        ("Access-Reason", "CANARY-7361 \N{ZERO WIDTH SPACE}"),
        ("Access-Reason", "\N{NO-BREAK SPACE}"),
        ("Acting-User", "CANARY-7361 \N{LATIN SMALL LETTER U WITH DIAERESIS}"),
    ],
)
def test_a_header_that_says_something_else_is_a_fault(clinic: Clinic, header: str, value: str) -> None:
    """400 with the name of the header, and no word of what it said."""
    ids, key = Ids.made(clinic), on_call(clinic)
    answer = key.get(f"/v1/clients/{ids.client_id}/progress", headers=utf8(BREAKING | {header: value}))
    refused(answer, 400, "invalid_parameter")
    assert problem(answer)["parameter"] == header
    assert "break-glass" not in answer.headers


def test_a_header_is_sent_once_and_as_utf_8(clinic: Clinic) -> None:
    """Of two a proxy may have looked at the other one; Latin-1 is guessed by nobody."""
    ids, key = Ids.made(clinic), on_call(clinic)
    path = f"/v1/clients/{ids.client_id}/progress"
    for name, value in (
        ("Break-Glass", b"1"),
        ("Access-Reason", b"another"),
        ("Access-Reason", "für".encode("latin-1")),
    ):
        first = [(one, text.encode()) for one, text in BREAKING.items() if value.isascii() or one != name]
        headers = [*first, (name.encode(), value), (b"Authorization", f"Bearer {key.api_key}".encode())]
        answer = clinic.service.request("GET", path, headers=headers)
        refused(answer, 400, "invalid_parameter")
        assert problem(answer)["parameter"] == name


def test_a_reason_alone_opens_nothing(clinic: Clinic) -> None:
    """Without being asked for, nothing is opened and nothing marked; but it must be well said."""
    ids, key = Ids.made(clinic), on_call(clinic)
    path = f"/v1/clients/{ids.client_id}/progress"
    alone = {name: value for name, value in BREAKING.items() if name != "Break-Glass"}
    refused(key.get(path, headers=alone), 404, "not_found")
    refused(key.get(path, headers=alone | {"Access-Reason": " "}), 400, "invalid_parameter")
    seen = clinic.get(path, headers=alone)
    assert (seen.status_code, "break-glass" in seen.headers) == (200, False)
    assert accesses(clinic)[-1]["kind"] == "access.read"


def test_a_token_may_name_the_person(clinic: Clinic) -> None:
    """A token of a therapist opens as a key does, and its own person counts as named."""
    ids, backend = Ids.made(clinic), Backend.of(allowed(clinic))
    path = f"/v1/clients/{ids.client_id}/trajectory"
    without_person = {name: value for name, value in BREAKING.items() if name != "Acting-User"}
    nobody = backend.bearer(therapist_ref="th-8")
    refused(nobody.get(path, headers=without_person), 403, "acting_user_required")
    somebody = backend.bearer(therapist_ref="th-8", act={"sub": "person-4711"})
    assert somebody.get(path).status_code == 404
    assert somebody.get(path, headers=without_person).status_code == 200
    refused(somebody.get(path, headers=BREAKING | {"Acting-User": "another"}), 400, "invalid_parameter")
    narrowed = taken_without(backend)
    refused(narrowed.get(path, headers=BREAKING), 403, "missing_scope")


def taken_without(backend: Backend) -> Clinic:
    """Take a token that was asked for without the scope."""
    token = backend.ask(backend.assertion(therapist_ref="th-8"), scope="scores:read").json()["access_token"]
    return Clinic(
        service=backend.clinic.service,
        organisation=backend.clinic.organisation,
        application=backend.clinic.application,
        api_key=token,
    )


def test_a_supervisor_opens_who_is_in_no_team_of_theirs(clinic: Clinic) -> None:
    """With the scope, and their eyes stay a supervisor's: they read scores, and no form."""
    ids = Ids.made(clinic, therapist_ref="th-1")
    team(clinic, "A", members=("th-2",), supervisors=("sup",))
    key = supervising(clinic, "sup")
    path = f"/v1/clients/{ids.client_id}/signals"
    assert key.get(path).status_code == 404
    assert key.get(path, headers=BREAKING).status_code == 200
    assert key.get("/v1/caseload", headers=BREAKING).json()["items"] == []
    refused(call(key, "GET /v1/submissions/{submission_id}", ids, BREAKING), 403, "missing_scope")


def test_what_is_opened_is_seen_with_the_same_eyes(clinic: Clinic) -> None:
    """The other therapist's forms are there; one of which the client was told that therapists don't is not."""
    seen = clinic.recorded(form(session_number=1))
    hidden = clinic.recorded(form(session_number=2, seen_by_therapist=False))
    theirs = clinic.recorded(therapists_form(session_number=1))
    key, base = on_call(clinic), f"/v1/clients/{seen['client_id']}"
    statuses = [key.get(f"/v1/submissions/{one['id']}", headers=BREAKING).status_code for one in (seen, theirs, hidden)]
    assert statuses == [200, 200, 404]
    series = key.get(f"{base}/trajectory", headers=BREAKING).json()["series"]
    assert {line["rater"]: [point["session_number"] for point in line["points"]] for line in series} == {
        "client": [1], "therapist": [1],
    }  # fmt: skip
    score = f"{base}/scores/{hidden['scores'][0]['id']}/explanation"
    refused(key.get(score, headers=BREAKING), 404, "not_found")


def test_all_episodes_of_a_shared_client_are_opened(clinic: Clinic) -> None:
    """Whoever treats the client too finds their own episode without, and the latest of all with it."""
    own = clinic.recorded(form(therapist_ref="th-8", episode_ref="own"))
    other = clinic.recorded(form(therapist_ref="th-7", episode_ref="other", session_number=2))
    key, path = on_call(clinic), f"/v1/clients/{own['client_id']}/progress"
    named = f"{path}?episode_id={other['episode_id']}"
    assert key.get(path).json()["episode"]["id"] == own["episode_id"]
    assert [key.get(named).status_code, key.get(named, headers=BREAKING).status_code] == [404, 200]
    assert key.get(path, headers=BREAKING).json()["episode"]["id"] == other["episode_id"]


def test_an_access_that_needed_no_breaking_is_marked_all_the_same(clinic: Clinic) -> None:
    """One's own client, and a key that sees everybody: who says it is an emergency is believed, and written down."""
    ids, system = Ids.made(clinic), allowed(clinic)
    for key in (system.bound("therapist", "th-7"), system):
        answer = key.get(f"/v1/clients/{ids.client_id}/progress", headers=BREAKING)
        assert (answer.status_code, answer.headers["break-glass"]) == (200, "marked")
        assert accesses(clinic)[-1]["kind"] == "access.break_glass"


@pytest.mark.parametrize("part", ["progress", "trajectory", "stage", "signals", "discrepancy", "schedule"])
def test_what_is_not_modified_is_marked_too_and_so_is_every_repeat(clinic: Clinic, part: str) -> None:
    """An answer without a body told that nothing is new; each time again."""
    ids, key = Ids.made(clinic), on_call(clinic)
    path = f"/v1/clients/{ids.client_id}/{part}"
    if part == "schedule":
        path = f"/v1/clients/{ids.client_id}/episodes/{ids.episode_id}/schedule"
    tag = key.get(path, headers=BREAKING).headers["etag"]
    for _ in range(2):
        answer = key.get(path, headers=BREAKING | {"If-None-Match": tag})
        assert (answer.status_code, answer.content) == (304, b"")
        assert (answer.headers["break-glass"], answer.headers["cache-control"]) == ("marked", "no-store")
    refused(key.get(path, headers={"If-None-Match": tag}), 404, "not_found")
    assert [(one["kind"], one["outcome"]) for one in accesses(clinic)] == [
        ("access.break_glass", "told"),
        ("access.break_glass", "not_modified"),
        ("access.break_glass", "not_modified"),
        ("access.denied", "not_found"),
    ]


def test_where_a_person_is_wanted_it_is_no_way_around(clinic: Clinic) -> None:
    """An absent client, a malformed id and an unknown parameter are answered as ever, and the log says who asked."""
    key = on_call(clinic)
    refused(key.get(f"/v1/clients/{ABSENT}/progress", headers=BREAKING), 404, "not_found")
    refused(key.get("/v1/clients/Erika-Mustermann/progress", headers=BREAKING), 404, "not_found")
    assert [(one["kind"], "acting" in one, "Erika" in str(one)) for one in accesses(clinic)] == [
        ("access.denied", True, False),
        ("access.denied", True, False),
    ]
    assert REASON not in str(accesses(clinic))


def test_what_the_document_says_of_it() -> None:
    """The two headers at what they open and nowhere else, the person at every read about somebody."""
    declared: dict[str, set[str]] = {}
    for name, operation in CONTRACT.operations.items():
        for parameter in operation.get("parameters", []):
            declared.setdefault(parameter["name"], set()).add(name)
            if parameter["name"] in BREAKING:
                assert CONTRACT.mismatches(parameter["schema"], parameter["example"]) == []
    assert declared["Break-Glass"] == declared["Access-Reason"] == set(OPENED)
    reads: set[Any] = {name for name in SCOPE_OF if name.startswith("GET") and "instruments" not in name}
    reads -= {"GET /v1/organisations/me/psychometrics"}
    assert reads | {"POST /v1/clients/lookup"} <= declared["Acting-User"]
