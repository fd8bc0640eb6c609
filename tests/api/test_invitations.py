"""Invitations: one token, one form, once; and nothing else."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import Connection, delete, select

from app.access.authenticate import authenticate
from app.errors import InvitationOver, StorageUnavailable
from app.invitations import submit as submit_module
from app.invitations.fetch import fetch
from app.invitations.renew import renew
from app.invitations.revoke import revoke
from app.invitations.submit import FilledIn, submit
from app.storage.key_tables import client_keys
from app.storage.token_tables import invitations
from app.submissions.record import record
from tests.api.operations import (
    ABSENT,
    BY_INVITATION,
    INVITATION_SCOPE_OF,
    SAFETY_SCOPE_OF,
    SCOPE_OF,
    Ids,
    call,
)
from tests.api.refusals import CANARY, nothing_stored, refused, told
from tests.api.test_access import problem_without_trace
from tests.api.test_audit import entries
from tests.api.tokens import Backend, calling
from tests.contract.validator import Contract
from tests.harness import ANSWERS, Clinic, form

CONTRACT = Contract.committed()
DUE: dict[str, Any] = {
    "client_ref": "mrn-1042", "therapist_ref": "th-7", "session_number": 3, "instrument": "trq-s", "rater": "client",
}  # fmt: skip


def spelled(moment: datetime) -> str:
    """Write a time as it is sent."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def now(clinic: Clinic, **later: float) -> str:
    """Write the present time, or one some hours or days away."""
    return spelled(clinic.service.runtime.now() + timedelta(**later))


def later(start: datetime, days: float) -> datetime:
    """Move a clock."""
    return start + timedelta(days=days)


def invite(clinic: Clinic, *, key: str | None = None, **changes: Any) -> httpx.Response:
    """Ask for an invitation; changes replace fields."""
    headers = {"Idempotency-Key": key or f"key-{uuid4()}"}
    return clinic.request("POST", "/v1/invitations", json=DUE | changes, headers=headers)


def invited(clinic: Clinic, **changes: Any) -> tuple[dict[str, Any], Clinic]:
    """Make an invitation, and call with its token."""
    answer = invite(clinic, **changes)
    assert answer.status_code == 201, answer.text
    assert CONTRACT.faults(answer) == []
    made: dict[str, Any] = answer.json()
    return made, calling(clinic, made["token"])


def bring(phone: Clinic, **changes: Any) -> httpx.Response:
    """Bring the form; changes replace fields."""
    sent = {"instrument": "trq-s", "answers": dict(ANSWERS), "completed_at": now(phone)} | changes
    return phone.request("POST", "/v1/invitations/mine/submission", json=sent)


def change(clinic: Clinic, made: dict[str, Any], what: str, **sent: Any) -> httpx.Response:
    """Renew or revoke an invitation."""
    return clinic.request("POST", f"/v1/invitations/{made['id']}/{what}", json=sent)


def test_an_invitation_leads_from_a_token_to_a_stored_form(clinic: Clinic) -> None:
    """The whole way: made, fetched in the client's language, brought, and seen by its sender as used."""
    made, phone = invited(clinic, locale="es")
    assert made["token"].startswith("invite_")
    assert (made["status"], made["renewals"], made["submission_id"]) == ("open", 0, None)
    due = phone.get("/v1/invitations/mine")
    assert (due.status_code, CONTRACT.faults(due), due.headers["content-language"]) == (200, [], "es")
    assert due.json()["instrument"]["items"][0]["text"] == "Mi terapeuta me acogió con calidez."
    assert {item["stage"] for item in due.json()["instrument"]["items"]} == {None}
    assert due.json()["who_sees"].startswith("Tu terapeuta ve tus respuestas")
    assert phone.get("/v1/invitations/mine", headers={"Accept-Language": "de"}).json()["instrument"]["locale"] == "de"
    brought = bring(phone)
    assert (brought.status_code, CONTRACT.faults(brought)) == (201, [])
    stored = clinic.read_back(brought.json()["id"])
    assert (stored["session_number"], stored["rater"], stored["client_id"]) == (3, "client", made["client_id"])
    assert stored["form"]["seen_by_therapist"] is True
    shown = clinic.get(f"/v1/invitations/{made['id']}")
    assert CONTRACT.faults(shown) == []
    assert (shown.json()["status"], shown.json()["submission_id"]) == ("used", stored["id"])
    assert phone.get("/v1/invitations/mine").json()["status"] == "used"


def test_the_client_of_an_invitation_is_the_one_of_the_forms(clinic: Clinic) -> None:
    """References with a system and without it are the same as in a form."""
    by_form = clinic.recorded(form(client_ref={"system": "s", "value": "v"}, episode_ref="e"))
    made, phone = invited(clinic, client_ref={"system": "s", "value": "v"}, episode_ref="e")
    assert made["client_id"] == by_form["client_id"]
    assert bring(phone).json()["episode_id"] == by_form["episode_id"]


def test_a_form_is_brought_once_and_safely_again(clinic: Clinic) -> None:
    """The same content is answered as the first time, other content gets 409; one form is stored."""
    _, phone = invited(clinic)
    at = now(phone)
    first, again = bring(phone, completed_at=at), bring(phone, completed_at=at)
    assert (again.status_code, again.json(), again.headers["idempotent-replayed"]) == (201, first.json(), "true")
    refused(bring(phone, completed_at=at, answers={"1": 1}), 409, "invitation_used")
    assert clinic.count("submissions") == 1


def test_of_one_token_at_once_one_form_is_stored(clinic: Clinic) -> None:
    """Eight sends of the same form."""
    _, phone = invited(clinic)
    at = now(phone)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: bring(phone, completed_at=at), range(8)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert clinic.count("submissions") == 1


def test_who_was_erased_is_told_to_no_key_of_another_client(clinic: Clinic) -> None:
    """Nor to a therapist's key about another therapist: somebody erased, somebody known and nobody look alike."""
    gone = clinic.recorded(form(client_ref="gone"))
    assert clinic.request("DELETE", f"/v1/clients/{gone['client_id']}").status_code == 200
    clinic.recorded(form(client_ref="known"))
    phone, therapist = clinic.bound("client", "mine"), clinic.bound("therapist", "th-9")
    for ref in ("gone", "known", "nobody"):
        refused(invite(phone, client_ref=ref), 404, "not_found")
        refused(invite(therapist, client_ref=ref), 404, "not_found")
    refused(invite(clinic, client_ref="gone"), 410, "client_erased")


def test_who_invites_is_sealed_in_the_event(clinic: Clinic) -> None:
    """Making, renewing and revoking name the person behind them, as all that changes something."""
    named = replace(clinic, headers={"Acting-User": "nurse-4711"})
    made = invite(named).json()
    assert [change(named, made, what).status_code for what in ("renewal", "revocation")] == [200, 200]
    found = entries(clinic, "invitation.made", "invitation.renewed", "invitation.revoked")
    assert ["acting" in one for one in found] == [True, True, True]
    assert "nurse-4711" not in str(found)


@pytest.mark.parametrize("what", ["revocation", "renewal"])
def test_a_token_that_dies_while_a_form_is_brought_brings_none(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """Whoever revokes or renews is answered first: the form is refused, nothing of it is there."""
    made, phone = invited(clinic)

    async def record_later(runtime: Any, caller: Any, entries: Any) -> Any:
        work = revoke if what == "revocation" else partial(renew, expires_at=None)
        sender = await authenticate(runtime, clinic.api_key)
        await work(runtime, sender, UUID(made["id"]))
        return await record(runtime, caller, entries)

    monkeypatch.setattr(submit_module, "record", record_later)
    refused(bring(phone), 401, "unauthenticated")
    assert clinic.count("submissions") == 0
    shown = clinic.get(f"/v1/invitations/{made['id']}").json()
    assert (shown["status"], shown["submission_id"]) == ("revoked" if what == "revocation" else "open", None)


def test_a_form_and_the_note_that_it_was_brought_are_one(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut off between the two, neither is there, and the same form may be brought again."""
    made, phone = invited(clinic)
    at = now(phone)

    def fail(*_: object, **__: object) -> None:
        raise StorageUnavailable

    with monkeypatch.context() as patched:
        patched.setattr(submit_module, "change_invitation", fail)
        refused(bring(phone, completed_at=at), 503, "storage_unavailable")
    assert clinic.count("submissions") == 0
    assert bring(phone, completed_at=at).status_code == 201
    assert clinic.get(f"/v1/invitations/{made['id']}").json()["status"] == "used"


def test_the_token_is_shown_once(clinic: Clinic) -> None:
    """A repeat finds the invitation without it; another request under the key is refused."""
    first, again = invite(clinic, key="k"), invite(clinic, key="k")
    assert (again.status_code, again.headers["idempotent-replayed"]) == (201, "true")
    assert again.json() == {**first.json(), "token": None}
    refused(invite(clinic, key="k", session_number=4), 422, "idempotency_key_reused")
    assert clinic.count("invitations") == 1
    row = clinic.service.read(
        lambda c: c.execute(select(invitations).where(invitations.c.organisation_id == clinic.organisation)).one(),
    )
    assert first.json()["token"].encode() not in bytes(row.sealed_form)
    assert b"mrn-1042" not in bytes(row.sealed_form)
    assert "mrn-1042" not in str(row)


def test_a_renewal_kills_the_token_before(clinic: Clinic) -> None:
    """The new one opens the same form; what was used or revoked can't be renewed."""
    made, old = invited(clinic)
    renewed = change(clinic, made, "renewal", expires_at=now(clinic, days=3))
    assert (renewed.status_code, renewed.json()["renewals"], CONTRACT.faults(renewed)) == (200, 1, [])
    refused(old.get("/v1/invitations/mine"), 401, "unauthenticated")
    phone = calling(clinic, renewed.json()["token"])
    assert bring(phone).status_code == 201
    for what in ("renewal", "revocation"):
        refused(change(clinic, made, what), 409, "invitation_used")


def test_a_revoked_invitation_opens_nothing(clinic: Clinic) -> None:
    """Once more changes nothing."""
    made, phone = invited(clinic)
    for _ in range(2):
        answer = change(clinic, made, "revocation")
        assert (answer.status_code, answer.json()["status"], CONTRACT.faults(answer)) == (200, "revoked", [])
    refused(phone.get("/v1/invitations/mine"), 401, "unauthenticated")
    refused(bring(phone), 401, "unauthenticated")
    refused(change(clinic, made, "renewal"), 409, "invitation_used")


def test_what_was_filled_in_in_time_may_arrive_late(clinic: Clinic) -> None:
    """After the end the form is not shown; one that was filled in before is taken for 30 days, and then no more."""
    made, phone = invited(clinic, expires_at=now(clinic, days=2))
    runtime, call_ = clinic.service.runtime, clinic.service.portal.call
    caller = call_(authenticate, runtime, phone.api_key)
    start = runtime.now()
    after = {days: replace(runtime, now=partial(later, start, days)) for days in (3, 31, 33)}
    sent = FilledIn(instrument="trq-s", answers={"1": 4}, completed_at=start, locale=None)
    with pytest.raises(InvitationOver):
        call_(fetch, after[3], caller)
    with pytest.raises(InvitationOver):
        call_(submit, after[3], caller, replace(sent, completed_at=start + timedelta(days=2.5)))
    with pytest.raises(InvitationOver):
        call_(submit, after[33], caller, sent)
    assert clinic.count("submissions") == 0
    call_(submit, after[31], caller, sent)
    assert clinic.get(f"/v1/invitations/{made['id']}").json()["status"] == "used"


def test_a_form_may_be_fetched_ahead_and_not_filled_in_ahead(clinic: Clinic) -> None:
    """For a phone that will have no network; a clock that is a little slow does no harm."""
    opens = clinic.service.runtime.now() + timedelta(hours=1)
    _, phone = invited(clinic, opens_at=spelled(opens))
    assert phone.get("/v1/invitations/mine").status_code == 200
    refused(bring(phone), 409, "invitation_not_open")
    assert bring(phone, completed_at=spelled(opens - timedelta(minutes=4))).status_code == 201


@pytest.mark.parametrize(
    ("changes", "status", "code", "places"),
    [
        ({"instrument": "none"}, 422, "validation_failed", [("/instrument", "unknown_instrument")]),
        ({"instrument_version": "9.9.9"}, 422, "validation_failed", [("/instrument_version", "unknown_version")]),
        ({"instrument": "trq-s-t"}, 422, "validation_failed", [("/rater", "wrong_rater")]),
        ({"rater": "therapist"}, 422, "validation_failed", [("/rater", "not_allowed")]),
        ({"instrument": "wai-s"}, 409, "instrument_not_enabled", []),
        ({"session_number": 0}, 422, "validation_failed", [("/session_number", "out_of_range")]),
        ({"expires_at": "2026-01-01T00:00:00Z"}, 422, "validation_failed", [("/expires_at", "out_of_range")]),
        ({"expires_at": "2099-01-01T00:00:00Z"}, 422, "validation_failed", [("/expires_at", "out_of_range")]),
        ({"opens_at": "2099-01-01T00:00:00Z"}, 422, "validation_failed", [("/opens_at", "out_of_range")]),
        ({"opens_at": "9999-12-31T23:59:59Z"}, 422, "validation_failed", [("/opens_at", "out_of_range")]),
        ({"comment": CANARY}, 422, "validation_failed", [("/comment", "unknown_field")]),
    ],
)
def test_what_could_not_be_taken_is_not_asked_for(
    clinic: Clinic, changes: dict[str, Any], status: int, code: str, places: list[tuple[str, str]]
) -> None:
    """Each with its place, and nothing is stored."""
    with nothing_stored(clinic):
        assert told(invite(clinic, **changes)) == (status, code, places)


@pytest.mark.parametrize(
    ("changes", "places"),
    [
        ({"instrument": "trq"}, [("/instrument", "not_allowed")]),
        ({"answers": {"1": 9}}, [("/answers/1", "out_of_range")]),
        ({"client_ref": CANARY}, [("/client_ref", "unknown_field")]),
        ({"session_number": 4}, [("/session_number", "unknown_field")]),
    ],
)
def test_a_client_sends_answers_and_nothing_else(
    clinic: Clinic, changes: dict[str, Any], places: list[tuple[str, str]]
) -> None:
    """Whom and what the form is about stands in the invitation; after a refusal it is still open."""
    _, phone = invited(clinic)
    assert told(bring(phone, **changes)) == (422, "validation_failed", places)
    assert bring(phone).status_code == 201


def test_an_invitation_opens_its_operations_and_no_other(clinic: Clinic) -> None:
    """Every other operation answers 403, also for the client's own form."""
    made, phone = invited(clinic)
    ids = replace(Ids.made(clinic), invitation_id=made["id"])
    with nothing_stored(clinic):
        for name in SCOPE_OF | SAFETY_SCOPE_OF | INVITATION_SCOPE_OF:
            assert (name, call(phone, name, ids).status_code) == (name, 403)
    assert call(phone, BY_INVITATION[0], ids).status_code == 200


def test_nothing_else_opens_what_an_invitation_opens(clinic: Clinic) -> None:
    """Neither a key, nor a client's own key, nor a token."""
    invited(clinic)
    for caller in (clinic, clinic.bound("client", "mrn-1042"), Backend.of(clinic).bearer(client_ref="mrn-1042")):
        for name in BY_INVITATION:
            refused(call(caller, name, Ids()), 403, "invitation_needed")


def test_a_token_that_is_made_up_is_refused(clinic: Clinic) -> None:
    """Bits flipped, cut off, of another organisation or invitation, under another prefix: 401, each alike."""
    made, _ = invited(clinic)
    other, _ = invited(clinic.service.clinic())
    second, _ = invited(clinic, session_number=4)
    token = made["token"]
    bad = [
        token[:-1], token + "A", token.upper(), token.replace("invite_", "alliance_"), f"{token}==",
        token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB"), "invite_", "invite_" + "A" * 86,
        token[:28] + other["token"][28:], other["token"][:28] + token[28:],
        token[:50] + second["token"][50:], second["token"][:50] + token[50:],
        clinic.api_key.replace("alliance_", "invite_"),
    ]  # fmt: skip
    answers = [call(calling(clinic, one), name, Ids()) for one in bad for name in BY_INVITATION]
    assert {answer.status_code for answer in answers} == {401}
    assert len({str(problem_without_trace(answer)) for answer in answers}) == 1


def test_the_invitations_of_others_are_absent(clinic: Clinic) -> None:
    """Of another organisation, or of another therapist to a key that is bound to one."""
    made, _ = invited(clinic)
    theirs = clinic.bound("therapist", "th-8")
    for caller in (clinic.service.clinic(), theirs):
        for name in ("GET /v1/invitations/{invitation_id}", *list(INVITATION_SCOPE_OF)[2:]):
            answers = [call(caller, name, Ids(invitation_id=one)) for one in (made["id"], ABSENT, "x")]
            assert len({str(problem_without_trace(answer)) for answer in answers}) == 1
            refused(answers[0], 404, "not_found")
    with nothing_stored(clinic):
        refused(invite(theirs), 404, "not_found")
    assert invite(theirs, therapist_ref="th-8", client_ref="mrn-2").status_code == 201


def test_a_scope_opens_exactly_the_senders_operations(clinic: Clinic) -> None:
    """`invitations:write` and no other."""
    made, _ = invited(clinic)
    ids = Ids(invitation_id=made["id"])
    one = clinic.service.application(clinic.organisation, scopes=("invitations:write",))
    rest = clinic.service.application(clinic.organisation, scopes=("submissions:write", "admin"))
    for name in INVITATION_SCOPE_OF:
        assert refused(call(rest, name, ids), 403, "missing_scope")["scope"] == "invitations:write"
        assert call(one, name, ids).status_code in {200, 201}


def test_an_invitation_of_somebody_who_was_erased_opens_nothing(clinic: Clinic) -> None:
    """Their key is destroyed: 410, and no fault of the service."""
    _, phone = invited(clinic)

    def destroy(connection: Connection) -> None:
        connection.execute(delete(client_keys).where(client_keys.c.organisation_id == clinic.organisation))

    database = clinic.service.runtime.database
    clinic.service.portal.call(partial(database.write, destroy, organisation=clinic.organisation))
    for name in BY_INVITATION[:2]:  # a safety check is taken all the same: see test_invited_checks.py
        refused(call(phone, name, Ids()), 410, "client_erased")
