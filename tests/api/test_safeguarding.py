"""Safety checks from outside: what a client is offered, who reads it, and who is never told that there is one."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, select

from app.safeguarding import check as check_module
from app.storage.safeguarding_tables import safety_checks, safety_steps
from app.storage.tables import events
from tests.api.operations import ABSENT, SAFETY_SCOPE_OF, Ids, call
from tests.api.safety import (
    TEXTS,
    desk,
    escalated,
    listed,
    no_recipient,
    offering,
    opened,
    post_check,
    recipient,
    safety_check,
    settle,
    taken,
)
from tests.api.test_supervisors import supervisor, team
from tests.harness import Clinic, form, problem


def refused(answer: Any, status: int, code: str) -> None:
    """Check that a request was refused, and with what."""
    assert (answer.status_code, problem(answer)["code"]) == (status, code)


def test_the_form_comes_with_what_is_to_be_said_before_it(clinic: Clinic) -> None:
    """The organisation's sentences, and four questions of which the first needs an answer."""
    offering(clinic)
    answer = clinic.get("/v1/safeguarding/form")
    told = answer.json()
    assert answer.headers["content-language"] == "en"
    assert (told["form"], told["locale"], told["status"]) == ("safety-1", "en", "original")
    assert told["before"] == TEXTS["texts"]["en"]
    assert list(told).index("before") < list(told).index("questions")
    assert [(one["id"], one["required"], one["max_length"]) for one in told["questions"]] == [
        ("happened", True, None), ("may_contact", False, None), ("contact", False, 500), ("words", False, 4000),
    ]  # fmt: skip
    assert [option["value"] for option in told["questions"][0]["options"]] == ["no", "not_sure", "yes"]
    assert [option["value"] for option in told["questions"][1]["options"]] == ["no", "yes"]


@pytest.mark.parametrize(("asked", "told"), [("de-CH, en;q=0.5", "de"), ("es", "en"), ("fr", "en"), (None, "en")])
def test_the_form_is_in_the_language_that_was_asked_for(clinic: Clinic, asked: str | None, told: str) -> None:
    """Of those in which the organisation says who reads it; its own for want of any."""
    offering(clinic)
    headers = {"Accept-Language": asked} if asked else {}
    answer = clinic.get("/v1/safeguarding/form", headers=headers)
    assert (answer.json()["locale"], answer.headers["content-language"]) == (told, told)
    assert answer.json()["before"] == TEXTS["texts"][told]


def test_without_readers_or_words_nothing_is_offered(clinic: Clinic) -> None:
    """Neither alone is enough, and the last reader who leaves takes the offer with them."""

    def is_refused() -> None:
        refused(clinic.get("/v1/safeguarding/form"), 409, "safeguarding_not_configured")
        refused(post_check(clinic), 409, "safeguarding_not_configured")
        assert clinic.count("safety_checks") == 0

    is_refused()
    recipient(clinic, "officer-1")
    is_refused()
    settle(clinic)
    assert clinic.get("/v1/safeguarding/form").status_code == 200
    no_recipient(clinic, "officer-1")
    is_refused()
    settle(clinic.service.clinic())
    is_refused()


def test_a_check_is_received_and_told_back_in_no_word(clinic: Clinic) -> None:
    """The receipt has no id and nothing of what was said."""
    offering(clinic)
    answer = post_check(clinic)
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    assert answer.json() == {
        "received": True,
        "locale": "en",
        "who_reads": "Two people of our complaints office read this. Your therapist does not.",
        "in_a_crisis": "If you are in danger now, call 112.",
    }
    assert "location" not in answer.headers


def test_a_repeat_is_answered_as_the_first(clinic: Clinic) -> None:
    """Also after the texts have changed and after nobody reads any more; other content under the key is refused."""
    offering(clinic)
    first = post_check(clinic, key="k")
    settle(clinic, texts={"default": "en", "texts": {"en": TEXTS["texts"]["de"]}})
    no_recipient(clinic, "officer-1")
    again = post_check(clinic, key="k")
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotent-replayed"] == "true"
    refused(post_check(clinic, safety_check(answers={"happened": "no"}), key="k"), 422, "idempotency_key_reused")
    assert clinic.count("safety_checks") == 1


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ({"answers": {}}, "/answers/happened", "required"),
        ({"answers": {"happened": "perhaps"}}, "/answers/happened", "not_allowed"),
        ({"answers": {"happened": "yes", "words": "a\u0000b"}}, "/answers/words", "invalid_text"),
        ({"answers": {"happened": "yes", "words": "a" * 4001}}, "/answers/words", "too_long"),
        ({"answers": {"happened": "yes", "contact": "a" * 501}}, "/answers/contact", "too_long"),
        ({"answers": {"happened": "yes", "score": 1}}, "/answers/score", "unknown_field"),
        ({"form": "trq-s"}, "/form", "not_allowed"),
        ({"client_ref": ...}, "/client_ref", "required"),
        ({"completed_at": "2100-01-01T00:00:00Z"}, "/completed_at", "in_the_future"),
        ({"session_number": 1}, "/session_number", "unknown_field"),
    ],
)
def test_a_check_with_faults_is_refused(clinic: Clinic, changes: dict[str, Any], pointer: str, code: str) -> None:
    """With the place and without the value, and nothing is kept."""
    offering(clinic)
    answer = post_check(clinic, safety_check(**changes))
    assert (answer.status_code, problem(answer)["errors"]) == (422, [{"pointer": pointer, "code": code}])
    assert clinic.count("safety_checks") == 0


def test_a_check_is_read_by_a_named_recipient_only(clinic: Clinic) -> None:
    """The list has no word of it, the opening has all; others get 403, whatever they ask for."""
    reader = offering(clinic)
    post_check(clinic, safety_check(client_ref={"system": "https://ehr.example", "value": "7"}))
    [one] = listed(reader, "officer-1")
    assert set(one) == {"id", "state", "readable", "received_at", "escalation"}
    assert (one["state"], one["escalation"]["turn"]) == ("open", "yours")
    told = opened(reader, "officer-1", one["id"]).json()
    assert told["client_ref"] == {"system": "https://ehr.example", "value": "7"}
    assert told["answers"] == safety_check()["answers"]
    assert (told["completed_at"], told["form"], told["locale"]) == ("2026-11-01T10:00:00Z", "safety-1", "en")
    for person, code in (("officer-2", "not_a_recipient"), (None, "acting_user_required")):
        headers = {"Acting-User": person} if person else {}
        for name, scope in SAFETY_SCOPE_OF.items():
            if scope == "safeguarding:read":
                refused(call(reader, name, Ids(check_id=one["id"]), headers), 403, code)


def test_each_opening_is_kept_with_its_person(clinic: Clinic) -> None:
    """As a step that the next reader sees, and as an event with ids only."""
    reader = offering(clinic, "officer-1", "officer-2")
    post_check(clinic)
    check_id = listed(reader, "officer-1")[0]["id"]
    opened(reader, "officer-1", check_id)
    told = opened(reader, "officer-2", check_id).json()
    assert [(step["kind"], step["acting"], step["reason"]) for step in told["steps"]] == [
        ("opened", "officer-1", None), ("opened", "officer-2", None),
    ]  # fmt: skip
    query = select(events).where(events.c.organisation_id == clinic.organisation).order_by(events.c.event_id)
    logged = clinic.service.read(lambda c: c.execute(query).all())
    kept = [row for row in logged if row.kind.startswith("safety_check")]
    assert [row.kind for row in kept] == ["safety_check.received", "safety_check.opened", "safety_check.opened"]
    assert kept[0].subject == {"check_id": check_id}
    assert {*kept[1].subject} == {"check_id", "recipient_id"}
    assert (kept[0].application_id, kept[1].application_id) == (clinic.application, reader.application)


def test_the_clients_therapist_does_not_find_it(clinic: Clinic) -> None:
    """A recipient who treats the client: no item, no gap in any page, 404 as for an id that nobody has."""
    clinic.recorded(form(client_ref="mine", therapist_ref="th-7"))
    clinic.recorded(form(client_ref="others", therapist_ref={"system": "https://ehr.example", "value": "th-8"}))
    reader = offering(clinic, "th-7", "th-8", "officer-1")
    for ref in ("mine", "others", "mine", "mine"):
        assert post_check(clinic, safety_check(client_ref=ref)).status_code == 201
    assert [len(listed(reader, person)) for person in ("officer-1", "th-7", "th-8")] == [4, 1, 3]
    page = reader.get("/v1/safeguarding?limit=1", headers={"Acting-User": "th-7"}).json()
    assert (len(page["items"]), page["next_cursor"]) == (1, None)
    hidden = ({one["id"] for one in listed(reader, "officer-1")} - {one["id"] for one in listed(reader, "th-7")}).pop()
    for name in (
        "GET /v1/safeguarding/{check_id}",
        *(n for n in SAFETY_SCOPE_OF if n.startswith("POST /v1/safeg") and "{" in n),
    ):
        answers = [call(reader, name, Ids(check_id=one), {"Acting-User": "th-7"}) for one in (hidden, ABSENT)]
        assert [answer.status_code for answer in answers] == [404, 404]
        told = [{key: value for key, value in answer.json().items() if key != "trace_id"} for answer in answers]
        assert told[0] == told[1]
    assert opened(reader, "officer-1", hidden).json()["steps"][0]["acting"] == "officer-1"


def test_the_turn_is_not_the_therapists(clinic: Clinic) -> None:
    """A check begins with the first recipient who may read it; where there is none, it is not taken."""
    clinic.recorded(form(therapist_ref="th-7"))
    reader = offering(clinic, "th-7")
    refused(post_check(clinic), 409, "safeguarding_not_configured")
    phone = clinic.bound("client", "mrn-1042")
    refused(phone.get("/v1/safeguarding/form"), 409, "safeguarding_not_configured")
    refused(post_check(phone, safety_check(client_ref=...)), 409, "safeguarding_not_configured")
    recipient(clinic, "officer-1")
    assert post_check(clinic).status_code == 201
    assert listed(reader, "officer-1")[0]["escalation"]["turn"] == "yours"


def test_a_client_whom_no_form_has_named_is_not_made_known(clinic: Clinic) -> None:
    """Their check is taken, the therapist whom it names does not read it, nor does the one of a later form."""
    reader = offering(clinic, "th-7", "th-9", "officer-1")
    assert post_check(clinic, safety_check(client_ref="new", therapist_ref="th-9")).status_code == 201
    assert (clinic.count("clients"), clinic.count("episodes")) == (0, 0)
    assert [len(listed(reader, person)) for person in ("th-7", "th-9", "officer-1")] == [1, 0, 1]
    clinic.recorded(form(client_ref="new", therapist_ref="th-7"))
    assert [len(listed(reader, person)) for person in ("th-7", "th-9", "officer-1")] == [0, 0, 1]


def test_a_phone_sends_its_own_clients_check(clinic: Clinic) -> None:
    """Without naming the client, or by the right name; another's is refused as absent. The reader finds the person."""
    clinic.recorded(form())
    reader, phone = offering(clinic), clinic.bound("client", "mrn-1042")
    assert phone.get("/v1/safeguarding/form").status_code == 200
    assert post_check(phone, safety_check(client_ref=...)).status_code == 201
    assert post_check(phone, safety_check()).status_code == 201
    refused(post_check(phone, safety_check(client_ref="mrn-2")), 404, "not_found")
    found = [opened(reader, "officer-1", one["id"]).json() for one in listed(reader, "officer-1")]
    assert [one["client_ref"] for one in found] == [{"system": None, "value": "mrn-1042"}] * 2


def test_those_who_treat_and_supervise_have_no_safety_check(clinic: Clinic) -> None:
    """A therapist's key finds neither the form nor a place to post to; a supervisor's lacks the scope."""
    clinic.recorded(form())
    offering(clinic)
    therapist = clinic.bound("therapist", "th-7")
    refused(therapist.get("/v1/safeguarding/form"), 404, "not_found")
    refused(post_check(therapist), 404, "not_found")
    team(clinic, "A", members=("th-7",), supervisors=("sup",))
    above = supervisor(clinic, "sup")
    refused(above.get("/v1/safeguarding/form"), 403, "missing_scope")
    refused(post_check(above), 403, "missing_scope")
    assert clinic.count("safety_checks") == 0


def test_each_side_has_its_own_operations(clinic: Clinic) -> None:
    """A system can't read, the desk can't send nor do anything else; no credentials, no answer."""
    reader = offering(clinic)
    post_check(clinic)
    ids = Ids(check_id=listed(reader, "officer-1")[0]["id"])
    named = {"Acting-User": "officer-1"}
    for name, scope in SAFETY_SCOPE_OF.items():
        refused(call(clinic, name, ids, {"Authorization": "Bearer x"}), 401, "unauthenticated")
        other = clinic if scope == "safeguarding:read" else reader
        assert call(other, name, ids, named).json()["scope"] == scope


def test_another_organisations_checks_are_absent(clinic: Clinic) -> None:
    """Its recipient of the same name finds neither item nor id."""
    reader, there = offering(clinic), offering(clinic.service.clinic())
    post_check(clinic)
    check_id = listed(reader, "officer-1")[0]["id"]
    assert listed(there, "officer-1") == []
    refused(opened(there, "officer-1", check_id), 404, "not_found")
    refused(taken(there, "officer-1", check_id, "acknowledgement"), 404, "not_found")
    refused(taken(there, "officer-1", check_id, "closing", reason="x"), 404, "not_found")


def test_a_check_is_acknowledged_and_closed(clinic: Clinic) -> None:
    """Once each: a repeat changes nothing, a closing with other words is refused, and the reason is told to readers."""
    reader = offering(clinic, "officer-1", "officer-2")
    post_check(clinic)
    check_id = listed(reader, "officer-1")[0]["id"]
    first = taken(reader, "officer-1", check_id, "acknowledgement")
    assert (first.status_code, first.json()["state"]) == (201, "acknowledged")
    assert first.json()["escalation"] == {"turn": None, "next_at": None}
    assert taken(reader, "officer-2", check_id, "acknowledgement").status_code == 200
    done = [taken(reader, "officer-1", check_id, "closing", reason="Talked to her.") for _ in range(2)]
    assert [answer.status_code for answer in done] == [201, 200]
    refused(taken(reader, "officer-1", check_id, "closing", reason="Another."), 409, "safety_check_closed")
    refused(taken(reader, "officer-2", check_id, "closing", reason="Talked to her."), 409, "safety_check_closed")
    steps = opened(reader, "officer-2", check_id).json()["steps"]
    assert [(step["kind"], step["acting"], step["reason"]) for step in steps] == [
        ("acknowledged", "officer-1", None), ("closed", "officer-1", "Talked to her."), ("opened", "officer-2", None),
    ]  # fmt: skip
    assert [len(listed(reader, "officer-1", f"?state={state}")) for state in ("open", "acknowledged", "closed")] == [
        0, 0, 1,
    ]  # fmt: skip


def test_what_changes_nothing_is_written_down_too(clinic: Clinic) -> None:
    """Who acknowledges or closes again is told how far the check is: an access, with an entry of its own."""
    reader = offering(clinic)
    post_check(clinic)
    check_id = listed(reader, "officer-1")[0]["id"]

    def entries() -> list[str]:
        query = select(events.c.kind).where(events.c.organisation_id == clinic.organisation)
        return list(clinic.service.read(lambda c: c.execute(query.order_by(events.c.event_id)).scalars()))

    for step, body in (("acknowledgement", {}), ("closing", {"reason": "done"})):
        before = len(entries())
        assert taken(reader, "officer-1", check_id, step, **body).status_code == 201
        assert entries()[before:] == [f"safety_check.{'closed' if body else 'acknowledged'}"]
        assert taken(reader, "officer-1", check_id, step, **body).status_code == 200
        assert entries()[before + 1 :] == ["access.read"]


def test_a_check_that_was_opened_very_often_still_opens(clinic: Clinic) -> None:
    """A program that looks each minute opens it ten thousand times in a week; what else was done is all told."""
    reader = offering(clinic)
    post_check(clinic)
    check_id = listed(reader, "officer-1")[0]["id"]
    taken(reader, "officer-1", check_id, "acknowledgement")
    row = {"organisation_id": clinic.organisation, "check_id": UUID(check_id), "kind": "opened"}
    rows = [row | {"step_id": uuid4(), "taken_at": clinic.service.runtime.now()} for _ in range(10_001)]
    clinic.service.in_service(lambda c: c.execute(insert(safety_steps), rows).close(), organisation=clinic.organisation)
    told = opened(reader, "officer-1", check_id)
    assert told.status_code == 200, told.text
    kinds = [step["kind"] for step in told.json()["steps"]]
    assert (kinds[0], kinds[1:]) == ("acknowledged", ["opened"] * 1000)
    assert told.json()["steps"][-1]["acting"] == "officer-1"


def test_a_plain_no_waits_for_nobody(clinic: Clinic) -> None:
    """Nothing happened and nothing was said: it is closed when it comes. A word or a wish for a call keeps it open."""
    reader = offering(clinic)
    for answers in ({"happened": "no"}, {"happened": "no", "words": "but"}, {"happened": "no", "may_contact": "yes"}):
        post_check(clinic, safety_check(answers=answers))
    assert [one["state"] for one in listed(reader, "officer-1")] == ["open", "open", "closed"]


def later(clinic: Clinic, **by: float) -> Clinic:
    """Let time pass for the use cases below HTTP."""
    runtime, delta = clinic.service.runtime, timedelta(**by)
    moved = replace(runtime, now=lambda: runtime.now() + delta)
    return replace(clinic, service=replace(clinic.service, runtime=moved))


def test_what_nobody_acknowledges_goes_to_the_next_one(clinic: Clinic) -> None:
    """To each recipient in turn, past the client's therapist, and in the end to everybody, with an event each time."""
    clinic.recorded(form(therapist_ref="th-7"))
    reader = offering(clinic, "officer-1", "th-7", "officer-2")
    post_check(clinic)

    def turns() -> list[str]:
        return [listed(reader, person)[0]["escalation"]["turn"] for person in ("officer-1", "officer-2")]

    assert (turns(), escalated(later(clinic, minutes=59))) == (["yours", "anothers"], 0)
    assert (escalated(later(clinic, minutes=61)), turns()) == (1, ["anothers", "yours"])
    assert (escalated(later(clinic, minutes=61)), turns()) == (0, ["anothers", "yours"])
    assert (escalated(later(clinic, minutes=122)), turns()) == (1, ["everybodys", "everybodys"])
    assert listed(reader, "officer-1")[0]["escalation"]["next_at"] is None
    assert escalated(later(clinic, days=30)) == 0
    steps = opened(reader, "officer-2", listed(reader, "officer-2")[0]["id"]).json()["steps"]
    assert [(step["kind"], step["acting"]) for step in steps] == [
        ("opened", "officer-2"), ("escalated", None), ("escalated", None),
    ]  # fmt: skip


def test_what_was_acknowledged_does_not_move_on(clinic: Clinic) -> None:
    """Nor what is closed."""
    reader = offering(clinic, "officer-1", "officer-2")
    for step, body in (("acknowledgement", {}), ("closing", {"reason": "done"})):
        post_check(clinic)
        taken(reader, "officer-1", listed(reader, "officer-1")[0]["id"], step, **body)
    assert escalated(later(clinic, days=1)) == 0


def test_what_waits_for_somebody_who_leaves_moves_on(clinic: Clinic) -> None:
    """At the next look, not after the rest of the time; and who left reads nothing from then on."""
    reader = offering(clinic, "officer-1", "officer-2")
    post_check(clinic)
    no_recipient(clinic, "officer-1")
    assert escalated(clinic) == 1
    assert listed(reader, "officer-2")[0]["escalation"]["turn"] == "yours"
    refused(reader.get("/v1/safeguarding", headers={"Acting-User": "officer-1"}), 403, "not_a_recipient")


def test_the_pages_of_the_list_hold_each_check_once(clinic: Clinic) -> None:
    """The newest first; a cursor of one question is none of another, nor of another organisation."""
    reader = offering(clinic)
    for _ in range(5):
        post_check(clinic)
    whole = [one["id"] for one in listed(reader, "officer-1")]
    found, query = [], "?limit=2"
    while query:
        page = reader.get(f"/v1/safeguarding{query}", headers={"Acting-User": "officer-1"}).json()
        found += [one["id"] for one in page["items"]]
        last, query = query, f"?limit=2&cursor={page['next_cursor']}" if page["next_cursor"] else ""
    assert found == whole == sorted(whole, reverse=True)
    cursor = last.partition("cursor=")[2]
    there = offering(clinic.service.clinic())
    for other, query in ((reader, f"?state=open&cursor={cursor}"), (there, f"?limit=2&cursor={cursor}")):
        refused(other.get(f"/v1/safeguarding{query}", headers={"Acting-User": "officer-1"}), 400, "invalid_parameter")


def test_the_desk_of_another_application_reads_the_same(clinic: Clinic) -> None:
    """The person counts, not the application."""
    offering(clinic)
    post_check(clinic)
    assert len(listed(desk(clinic), "officer-1")) == 1


def lengths(clinic: Clinic) -> list[int]:
    """Tell how long what is sealed is, in the order in which it came."""
    query = select(safety_checks.c.sealed).where(safety_checks.c.organisation_id == clinic.organisation)
    return [len(one) for one in clinic.service.read(lambda c: c.execute(query.order_by("check_id")).scalars().all())]


def test_what_is_sealed_is_as_long_for_a_word_as_for_none(clinic: Clinic) -> None:
    """Whether somebody wrote something is not to be seen from the size of the row, however much the limits allow."""
    reader, face = offering(clinic), "\U0001f600"
    longest = dict.fromkeys(("who_reads", "not_watched", "in_a_crisis"), face * 1000)
    written = {"happened": "not_sure", "may_contact": "yes", "contact": face * 500, "words": face * 4000}
    for answers in ({"happened": "no"}, {"happened": "yes", "words": "a" * 3990}, written):
        assert post_check(clinic, safety_check(answers=answers)).status_code == 201
    settle(clinic, texts={"default": "en", "texts": {"en": longest}})
    ref = {"system": face * 200, "value": face * 200}
    assert post_check(clinic, safety_check(client_ref=ref, answers=written)).status_code == 201
    assert lengths(clinic) == [32_768 + 45] * 4  # and version, key's id, nonce and tag
    assert opened(reader, "officer-1", listed(reader, "officer-1")[0]["id"]).json()["answers"]["words"] == face * 4000


def test_a_check_of_before_opens_as_it_is(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was sealed shorter stays so, and is read like any other."""
    reader = offering(clinic)
    with monkeypatch.context() as before:
        before.setattr(check_module, "PADDED", 4096)
        post_check(clinic)
    post_check(clinic)
    assert lengths(clinic) == [4096 + 45, 32_768 + 45]
    found = [opened(reader, "officer-1", one["id"]).json()["answers"] for one in listed(reader, "officer-1")]
    assert found[0] == found[1]


@pytest.mark.parametrize("person", [b"m\xc3\xbcller", b"x" * 101, b" ", b"a\tb", b"\xd7\xf8"])
def test_a_person_who_can_not_be_named_is_refused(clinic: Clinic, person: bytes) -> None:
    """400 with the header's name, for every operation; whoever is named so is nobody's recipient."""
    reader = offering(clinic)
    sent = [(b"Authorization", f"Bearer {reader.api_key}".encode()), (b"Acting-User", person)]
    answer = clinic.service.request("GET", "/v1/safeguarding", headers=sent)
    refused(answer, 400, "invalid_parameter")
    assert problem(answer)["parameter"] == "Acting-User"
