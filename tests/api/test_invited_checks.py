"""The safety check beside the form that one was invited to: who brings it, when, once, and past whom."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import Connection, delete, select, update

from app.access.authenticate import authenticate
from app.errors import AllianceError, InvitationNotOpen, InvitationOver
from app.invitations import bring_check as bring_check_module
from app.invitations.bring_check import AnsweredCheck, bring_check
from app.invitations.invitation import Invitation
from app.invitations.offer_check import offer_check, offers_check
from app.invitations.renew import renew
from app.invitations.revoke import revoke
from app.invitations.show import show
from app.safeguarding.form import SafetyAnswers
from app.safeguarding.receive import receive
from app.storage.documents import to_json
from app.storage.key_tables import client_keys
from app.storage.runtime import Runtime, open_runtime
from app.storage.tables import events
from app.storage.token_tables import invitations
from tests.api.refusals import CANARY, nothing_stored, refused, told
from tests.api.safety import TEXTS, listed, no_recipient, offering, opened, recipient, settle
from tests.api.test_audit import accesses
from tests.api.test_invitations import CONTRACT, bring, change, invited, now, spelled
from tests.api.tokens import calling
from tests.harness import Clinic

PATH = "/v1/invitations/mine/safety-check"
ANSWERS: dict[str, Any] = {
    "happened": "not_sure",
    "may_contact": "yes",
    "contact": "by letter",
    "words": "I felt pushed.",
}


def check(phone: Clinic, **changes: Any) -> httpx.Response:
    """Send a safety check; changes replace fields."""
    sent = {"form": "safety-1", "answers": ANSWERS, "completed_at": now(phone)} | changes
    return phone.request("POST", PATH, json=sent)


def refusal(answer: httpx.Response) -> tuple[int, str]:
    """Tell how a request was refused, as the contract declares it."""
    assert CONTRACT.faults(answer) == []
    return answer.status_code, told(answer)[1]


def test_a_check_is_offered_and_brought_beside_the_form(clinic: Clinic) -> None:
    """Told of with the form, in the client's language, brought before and after it, and found by who reads it."""
    reader = offering(clinic)
    made, phone = invited(clinic, client_ref={"system": "https://ehr.example", "value": "7"})
    assert phone.get("/v1/invitations/mine").json()["safety_check"] is True
    offered = phone.get(PATH, headers={"Accept-Language": "de"})
    assert (offered.status_code, offered.headers["content-language"], CONTRACT.faults(offered)) == (200, "de", [])
    assert (offered.json()["form"], offered.json()["before"]) == ("safety-1", TEXTS["texts"]["de"])
    before = check(phone)
    assert (before.status_code, CONTRACT.faults(before), before.headers["cache-control"]) == (201, [], "no-store")
    assert before.json() == {
        "received": True,
        "locale": "en",
        "who_reads": "Two people of our complaints office read this. Your therapist does not.",
        "in_a_crisis": "If you are in danger now, call 112.",
    }
    assert ("location" in before.headers, "idempotent-replayed" in before.headers) == (False, False)
    assert bring(phone).status_code == 201
    assert phone.get(PATH).status_code == 200
    assert check(phone, answers={"happened": "yes"}).status_code == 201
    found = [opened(reader, "officer-1", one["id"]).json() for one in reversed(listed(reader, "officer-1"))]
    assert [one["answers"]["happened"] for one in found] == ["not_sure", "yes"]
    assert found[0]["answers"] == ANSWERS
    assert [one["client_ref"] for one in found] == [{"system": "https://ehr.example", "value": "7"}] * 2
    assert (clinic.count("clients"), clinic.count("submissions")) == (1, 1)
    assert clinic.get(f"/v1/invitations/{made['id']}").json()["status"] == "used"


def test_what_was_said_once_is_kept_once(clinic: Clinic) -> None:
    """The same again is kept once; other words are another check.

    A refusal would tell the sender of the invitation, who has the token, too, that there is one; and a check that the
    sender made up would keep the client's out.
    """
    reader = offering(clinic)
    _, phone = invited(clinic)
    at = now(phone)
    assert check(phone, completed_at=at, answers={"happened": "no"}).status_code == 201  # by whoever has the token
    answers = [check(phone, completed_at=at) for _ in range(3)]
    assert [one.status_code for one in answers] == [201, 201, 201]
    assert len(listed(reader, "officer-1")) == 2
    assert check(invited(clinic)[1], completed_at=at).status_code == 201
    assert clinic.count("safety_checks") == 3


def test_a_repeat_is_answered_as_if_it_were_the_first(clinic: Clinic) -> None:
    """By what the organisation offers now, in the language that is asked for now, to the byte; also once renewed.

    Whoever made the invitation may try what the client may have said, and when.
    """
    offering(clinic)
    made, phone = invited(clinic)
    at, german = now(phone), {"Accept-Language": "de"}

    def sent(by: Clinic, answers: dict[str, str], **headers: str) -> tuple[int, bytes, dict[str, str]]:
        body = {"form": "safety-1", "answers": answers, "completed_at": at}
        answer = by.request("POST", PATH, json=body, headers=headers)
        names = (name for name in answer.headers if name not in {"date", "x-trace-id"})
        return answer.status_code, answer.content.replace(answer.headers["x-trace-id"].encode(), b""), {
            name: answer.headers[name] for name in names
        }  # fmt: skip

    def same(by: Clinic, words: str, **headers: str) -> tuple[int, bytes, dict[str, str]]:
        repeat = sent(by, {"happened": "yes"}, **headers)
        assert repeat == sent(by, {"happened": "yes", "words": words}, **headers)
        return repeat

    first = sent(phone, {"happened": "yes"})
    assert (first[0], "idempotent-replayed" in first[2], first[2]["content-language"]) == (201, False, "en")
    assert sent(phone, {"happened": "yes"}) == first
    assert (same(phone, "a", **german)[2]["content-language"], clinic.count("safety_checks")) == ("de", 2)
    sender = calling(clinic, change(clinic, made, "renewal").json()["token"])
    assert same(sender, "b") == first
    settle(clinic, texts={"default": "en", "texts": {"en": TEXTS["texts"]["de"]}})
    assert json.loads(same(sender, "c")[1])["in_a_crisis"] == "In Not: 112 anrufen."
    no_recipient(clinic, "officer-1")
    assert same(sender, "d")[0] == 409
    assert clinic.count("safety_checks") == 4


def test_of_one_check_at_once_one_is_kept(clinic: Clinic) -> None:
    """Eight sends of the same to one service."""
    offering(clinic)
    _, phone = invited(clinic)
    at = now(phone)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: check(phone, completed_at=at), range(8)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert not any("idempotent-replayed" in answer.headers for answer in answers)
    assert clinic.count("safety_checks") == 1


def test_of_one_check_at_two_workers_one_is_kept(clinic: Clinic) -> None:
    """Workers share nothing but the database: one of sixteen is the first, in each of five rounds."""
    offering(clinic)
    _, phone = invited(clinic)
    at = clinic.service.runtime.now()

    async def send() -> list[int]:
        first = clinic.service.runtime
        secrets = first.vault.masters._path.parent
        second = open_runtime(database_url=clinic.service.database_url, secrets_dir=secrets, make_secrets=False)
        try:
            return [await new_ones([first, second] * 8, seconds) for seconds in range(5)]
        finally:
            await second.database.close()

    async def new_ones(runtimes: list[Runtime], seconds: int) -> int:
        caller = await authenticate(runtimes[0], phone.api_key)
        sent = said(at - timedelta(seconds=seconds))
        found = await asyncio.gather(*(bring_check(one, caller, sent, choose=nothing) for one in runtimes))
        return sum(not one.replayed for one in found)

    assert clinic.service.portal.call(send) == [1] * 5
    assert clinic.count("safety_checks") == 5


def said(at: datetime) -> AnsweredCheck:
    """Fill in a check at a time."""
    return AnsweredCheck(answers=SafetyAnswers(happened="yes"), completed_at=at)


def nothing(_: object) -> None:
    """Ask for no language."""


def test_the_therapist_of_the_invitation_does_not_find_it(clinic: Clinic) -> None:
    """Before any form names them, under whatever system; with nobody else to read it, it is not offered."""
    reader = offering(clinic, "th-7")
    _, phone = invited(clinic, therapist_ref={"system": "https://ehr.example", "value": "th-7"})
    assert refusal(phone.get(PATH)) == (409, "safeguarding_not_configured")
    assert refusal(check(phone)) == (409, "safeguarding_not_configured")
    assert phone.get("/v1/invitations/mine").json()["safety_check"] is True  # what the organisation offers, no more
    recipient(clinic, "officer-1")
    assert phone.get(PATH).status_code == 200
    assert check(phone).status_code == 201
    assert [len(listed(reader, person)) for person in ("th-7", "officer-1")] == [0, 1]
    assert listed(reader, "officer-1")[0]["escalation"]["turn"] == "yours"


@pytest.mark.parametrize(
    ("changes", "places"),
    [
        ({"client_ref": CANARY}, [("/client_ref", "unknown_field")]),
        ({"therapist_ref": CANARY}, [("/therapist_ref", "unknown_field")]),
        ({"form": "trq-s"}, [("/form", "not_allowed")]),
        ({"answers": {}}, [("/answers/happened", "required")]),
        ({"answers": {"happened": "yes", "words": "a" * 4001}}, [("/answers/words", "too_long")]),
    ],
)
def test_only_what_was_said_is_sent(clinic: Clinic, changes: dict[str, Any], places: list[tuple[str, str]]) -> None:
    """Whom it is about stands in the invitation."""
    offering(clinic)
    _, phone = invited(clinic)
    with nothing_stored(clinic):
        assert told(check(phone, **changes)) == (422, "validation_failed", places)


def test_without_readers_or_words_there_is_none(clinic: Clinic) -> None:
    """The form says so, and neither the check is served nor one taken; the form itself is."""
    _, phone = invited(clinic)
    for step in (partial(recipient, clinic, "officer-1"), partial(settle, clinic)):
        assert phone.get("/v1/invitations/mine").json()["safety_check"] is False
        assert refusal(phone.get(PATH)) == (409, "safeguarding_not_configured")
        assert refusal(check(phone)) == (409, "safeguarding_not_configured")
        step()
    assert phone.get("/v1/invitations/mine").json()["safety_check"] is True
    assert check(phone).status_code == 201
    assert clinic.count("safety_checks") == 1


def test_a_check_is_taken_as_long_as_the_form(clinic: Clinic) -> None:
    """Fetched ahead, not filled in ahead; shown until the end, taken for 30 days more, whether the form came or not."""
    offering(clinic)
    opens = clinic.service.runtime.now() + timedelta(hours=1)
    made, phone = invited(clinic, opens_at=spelled(opens), expires_at=spelled(opens + timedelta(days=2)))
    assert phone.get(PATH).status_code == 200
    assert refusal(check(phone)) == (409, "invitation_not_open")
    assert check(phone, completed_at=spelled(opens - timedelta(minutes=4))).status_code == 201
    runtime, call = clinic.service.runtime, clinic.service.portal.call
    caller = call(authenticate, runtime, phone.api_key)

    def after(days: float) -> Runtime:
        return replace(runtime, now=lambda: opens + timedelta(days=days))

    def raised(work: Any) -> type[AllianceError] | None:
        try:
            call(work)
        except AllianceError as error:
            return type(error)
        return None

    for is_used in (False, True):
        if is_used:
            assert bring(phone, completed_at=spelled(opens)).status_code == 201
        brought = [
            raised(partial(bring_check, after(days), caller, said(opens + timedelta(days=filled_in)), choose=nothing))
            for days, filled_in in ((1, 1), (3, 2.5), (31, 1.5), (33, 1), (1, -1))
        ]
        assert brought == [None, InvitationOver, None, InvitationOver, InvitationNotOpen]
        shown = [raised(partial(offer_check, after(days), caller, choose=nothing)) for days in (-1, 1, 2.5)]
        assert shown == [None, None, InvitationOver]
    assert clinic.get(f"/v1/invitations/{made['id']}").json()["status"] == "used"
    assert clinic.count("safety_checks") == 3


def test_a_token_that_was_renewed_or_revoked_brings_none(clinic: Clinic) -> None:
    """401 for the old one; the new one brings it, until it is revoked."""
    offering(clinic)
    made, old = invited(clinic)
    phone = calling(clinic, change(clinic, made, "renewal").json()["token"])
    assert check(phone).status_code == 201
    assert refusal(check(old)) == (401, "unauthenticated")
    assert change(clinic, made, "revocation").status_code == 200
    for answer in (check(phone), phone.get(PATH)):
        assert refusal(answer) == (401, "unauthenticated")
    assert clinic.count("safety_checks") == 1


@pytest.mark.parametrize("what", ["revocation", "renewal"])
def test_a_token_that_dies_while_a_check_is_brought_brings_none(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """Whoever revokes or renews is answered first, and the check is refused."""
    offering(clinic)
    made, phone = invited(clinic)

    async def receive_later(runtime: Any, caller: Any, *sent: Any, **named: Any) -> Any:
        work = revoke if what == "revocation" else partial(renew, expires_at=None)
        await work(runtime, await authenticate(runtime, clinic.api_key), UUID(made["id"]))
        return await receive(runtime, caller, *sent, **named)

    monkeypatch.setattr(bring_check_module, "receive", receive_later)
    assert refusal(check(phone)) == (401, "unauthenticated")
    assert clinic.count("safety_checks") == 0


def test_there_is_one_beside_a_clients_or_a_parents_form_only(clinic: Clinic) -> None:
    """For a therapist or an observer nothing is there, whatever the organisation offers."""
    offering(clinic)
    made, phone = invited(clinic)
    runtime, call = clinic.service.runtime, clinic.service.portal.call
    caller = call(authenticate, runtime, phone.api_key)
    sender = call(authenticate, runtime, clinic.api_key)

    def offers() -> bool:
        found: Invitation = call(show, runtime, sender, UUID(made["id"]))
        return bool(call(offers_check, runtime, caller, found))

    for rater, is_there in (("client", True), ("parent", True), ("therapist", False), ("observer", False)):
        of_it = invitations.c.organisation_id == clinic.organisation
        changed = update(invitations).where(of_it).values(rater=rater)
        clinic.service.write(partial(Connection.execute, statement=changed))
        assert (rater, offers()) == (rater, is_there)
        answers = (phone.get(PATH), check(phone))
        assert {answer.status_code for answer in answers} == ({200, 201} if is_there else {404})
        if not is_there:
            assert {refusal(answer) for answer in answers} == {(404, "not_found")}
    assert clinic.count("safety_checks") == 2


def test_nobody_is_told_that_one_was_sent(clinic: Clinic) -> None:
    """The invitation, the form and the feed are as before; the log has one event, with the id of the check alone."""
    offering(clinic)
    made, phone = invited(clinic)

    def seen() -> list[Any]:
        whole = clinic.get("/v1/changes?after=0").json()
        feed = [(one["kind"], one["client_id"]) for one in whole["items"]]
        at = clinic.get(f"/v1/invitations/{made['id']}").json()
        return [at, phone.get("/v1/invitations/mine").json(), feed, whole["next_after"]]

    def logged() -> list[Any]:
        query = select(events).where(events.c.organisation_id == clinic.organisation).order_by(events.c.event_id)
        return list(clinic.service.read(lambda c: c.execute(query).all()))

    before, then = seen(), len(logged())
    phone.get(PATH)
    assert check(phone).status_code == 201
    [event] = logged()[then:]
    assert (event.kind, set(event.subject), event.application_id) == (
        "safety_check.received", {"check_id"}, clinic.application,
    )  # fmt: skip
    assert seen() == before
    assert change(clinic, made, "revocation").json()["status"] == "revoked"


def test_the_log_names_nobody_who_was_refused(clinic: Clinic) -> None:
    """That somebody tried is written down, without the client and without the invitation."""
    offering(clinic)
    _, phone = invited(clinic, expires_at=now(clinic, days=1))
    assert refusal(check(phone, completed_at=now(clinic, days=2))) == (410, "invitation_expired")
    assert accesses(clinic) == [
        {
            "kind": "access.denied",
            "by": clinic.application,
            "operation": "post_invited_safety_check",
            "outcome": "invitation_expired",
        }
    ]


def test_a_check_of_somebody_who_was_erased_is_taken(clinic: Clinic) -> None:
    """As long as the token lives: of the person only the id is known then, and the therapist is kept from it."""
    reader = offering(clinic, "th-7", "officer-1")
    _, phone = invited(clinic)

    def destroy(connection: Connection) -> None:
        connection.execute(delete(client_keys).where(client_keys.c.organisation_id == clinic.organisation))

    clinic.service.in_service(destroy, organisation=clinic.organisation)
    assert refusal(phone.get("/v1/invitations/mine")) == (410, "client_erased")
    assert phone.get(PATH).status_code == 200
    assert check(phone).status_code == 201
    assert [len(listed(reader, person)) for person in ("th-7", "officer-1")] == [0, 1]
    found = opened(reader, "officer-1", listed(reader, "officer-1")[0]["id"]).json()
    assert (found["client_ref"], found["answers"]) == (None, ANSWERS)


def test_an_erasure_ends_the_token_and_keeps_the_check(clinic: Clinic) -> None:
    """The invitation goes with the client; what was said stays for who reads it, with the person's reference."""
    reader = offering(clinic, "th-7", "officer-1")
    made, phone = invited(clinic)
    assert check(phone).status_code == 201
    assert clinic.request("DELETE", f"/v1/clients/{made['client_id']}").status_code == 200
    for answer in (check(phone), phone.get(PATH)):
        refused(answer, 401, "unauthenticated")
    assert [len(listed(reader, person)) for person in ("th-7", "officer-1")] == [0, 1]
    found = opened(reader, "officer-1", listed(reader, "officer-1")[0]["id"]).json()
    assert found["client_ref"] == {"system": None, "value": "mrn-1042"}


def test_a_key_of_the_other_way_is_none_of_an_invitations(clinic: Clinic) -> None:
    """The same words by a key that is bound to the client are another check, whatever idempotency key it sends."""
    offering(clinic)
    made, phone = invited(clinic)
    at = clinic.service.runtime.now()
    assert check(phone, completed_at=spelled(at), answers={"happened": "yes"}).status_code == 201
    content = to_json([made["id"], said(at)])
    known = clinic.service.runtime.keys.content("request", content, organisation=clinic.organisation).hex()
    sent = {"form": "safety-1", "answers": {"happened": "yes"}, "completed_at": spelled(at)}
    headers = {"Idempotency-Key": known}
    answer = clinic.bound("client", "mrn-1042").request("POST", "/v1/safeguarding", json=sent, headers=headers)
    assert (answer.status_code, "idempotent-replayed" in answer.headers) == (201, False)
    assert clinic.count("safety_checks") == 2
