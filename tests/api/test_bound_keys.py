"""Keys that open one client or one therapist: everything of others is absent, and a client reads their own series."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal
from uuid import uuid4

import httpx
import pytest

from app.access.administer import list_keys, revoke_key
from tests.api.operations import (
    ABSENT,
    MAKING,
    NOT_FOR_CLIENTS,
    NOT_FOR_THERAPISTS,
    OF_THE_WHOLE,
    PERSONAL,
    SCOPE_OF,
    Ids,
    call,
    targets,
)
from tests.api.refusals import nothing_stored, refused
from tests.harness import ANSWERS, Clinic, form, therapists_form

Kind = Literal["client", "therapist"]
#: Only the therapist's form holds these answers: their total is 1.875, their elements and relationship are told apart.
CANARY_ANSWERS = {"1": 1, "2": 2, "3": 1, "4": 3, "5": 2, "6": 1, "7": 3, "8": 2}
#: Where a path may name something of somebody.
PLACES = ("submission_id", "client_id", "episode_id", "score_id", "signal_id")


def bound(clinic: Clinic, kind: Kind) -> Clinic:
    """Make a key for the client mrn-1042 or for the therapist th-7."""
    return clinic.bound(kind, "mrn-1042" if kind == "client" else "th-7")


def told(answer: httpx.Response) -> tuple[int, dict[str, Any], list[str]]:
    """Sum up an answer by all that another request of the same kind would share."""
    body = {name: value for name, value in answer.json().items() if name != "trace_id"}
    return answer.status_code, body, sorted(name for name in answer.headers if name != "x-trace-id")


@pytest.mark.parametrize("kind", ["client", "therapist"])
@pytest.mark.parametrize("name", PERSONAL)
def test_the_ids_of_others_are_absent_ids(clinic: Clinic, name: str, kind: Kind) -> None:
    """In every place of every operation another one's id is answered as one that nobody has: status, body, headers."""
    theirs, own = Ids.made(clinic, "mrn-2", "th-8"), Ids.made(clinic)
    phone = bound(clinic, kind)
    absent = told(call(phone, name, Ids()))
    assert (absent[0], absent[1]["code"]) == (404, "not_found")
    for place in [place for place in PLACES if f"{{{place}}}" in name]:
        for around in (own, theirs):
            with nothing_stored(clinic):
                answer = call(phone, name, Ids(**(vars(around) | {place: vars(theirs)[place]})))
            assert told(answer) == absent


@pytest.mark.parametrize("kind", ["client", "therapist"])
def test_every_operation_is_open_for_ones_own(clinic: Clinic, kind: Kind) -> None:
    """As for an unbound key; but a client's own key has no stage and no signals to read."""
    phones: dict[str, Clinic] = {}
    statuses = {}
    for name, ids in targets(clinic).items():
        person = ids.client_ref if kind == "client" else ids.therapist_ref
        phone = phones.setdefault(person, phones.get(person) or clinic.bound(kind, person))
        statuses[name] = call(phone, name, ids).status_code
    closed = dict.fromkeys([*OF_THE_WHOLE, *(NOT_FOR_CLIENTS if kind == "client" else NOT_FOR_THERAPISTS)], 404)
    assert statuses == dict.fromkeys(SCOPE_OF, 200) | dict.fromkeys(MAKING, 201) | closed


@pytest.mark.parametrize("kind", ["client", "therapist"])
def test_a_form_about_another_one_is_refused_as_absent(clinic: Clinic, kind: Kind) -> None:
    """Known or unknown, by post, by PUT and in a batch, with a known source or the very content that is stored."""
    source = {"system": "s", "id": "1"}
    others: dict[str, Any] = {"client_ref": "mrn-2", "therapist_ref": "th-8"}
    there = clinic.recorded(form(**others, source=source))
    phone = bound(clinic, kind)
    sent = [
        form(**others),
        form(**others, source=source),
        form(**others | {"client_ref": "new", "therapist_ref": "new"}),
    ]
    with nothing_stored(clinic):
        for one in sent:
            answers = [phone.post(one), phone.put(uuid4(), one), phone.put(there["id"], one)]
            assert {str(told(answer)) for answer in answers} == {str(told(answers[0]))}
            refused(answers[0], 404, "not_found")
            (item,) = phone.post_batch([("k", one)]).json()["items"]
            assert (item["status"], item["id"], item["submission"]) == (404, None, None)


@pytest.mark.parametrize("kind", ["client", "therapist"])
def test_a_form_of_ones_own_tells_nothing_of_others(clinic: Clinic, kind: Kind) -> None:
    """A source of another one's form is free for a person's own; an id that is taken comes without that form."""
    source = {"system": "s", "id": "1"}
    there = clinic.recorded(form(client_ref="mrn-2", therapist_ref="th-8", source=source))
    clinic.recorded(form())
    phone = bound(clinic, kind)
    answers = [phone.post(form(session_number=2, source=source)), phone.put(there["id"], form(session_number=2))]
    assert [answer.status_code for answer in answers] == [201, 404]
    assert [there["id"] in answer.text + str(answer.headers) for answer in answers] == [False, False]
    assert phone.get(f"/v1/submissions/{there['id']}").status_code == 404


def test_references_of_others_are_not_looked_up(clinic: Clinic) -> None:
    """A client finds nobody else; a therapist finds the clients of their own episodes, and no others."""
    own = clinic.recorded(form())
    clinic.recorded(form(client_ref="mrn-2", therapist_ref="th-8"))
    for kind in ("client", "therapist"):
        phone = bound(clinic, kind)
        assert phone.request("POST", "/v1/clients/lookup", json={"ref": "mrn-1042"}).json() == {
            "client_id": own["client_id"]
        }
        answers = [phone.request("POST", "/v1/clients/lookup", json={"ref": ref}) for ref in ("mrn-2", "nobody")]
        assert [answer.status_code for answer in answers] == [404, 404]
        assert told(answers[0]) == told(answers[1])


def test_a_therapist_sees_their_own_episode_of_a_shared_client(clinic: Clinic) -> None:
    """The other therapist's episode is absent, named or not; and so are its forms and scores."""
    own = clinic.recorded(form())
    theirs = clinic.recorded(form(therapist_ref="th-8", session_number=2))
    assert own["client_id"] == theirs["client_id"]
    phone, client = bound(clinic, "therapist"), f"/v1/clients/{own['client_id']}"
    assert clinic.get(f"{client}/progress").json()["episode"]["id"] == theirs["episode_id"]
    for part in ("progress", "trajectory", "stage", "discrepancy"):
        latest = phone.get(f"{client}/{part}")
        assert (latest.status_code, theirs["episode_id"] in latest.text) == (200, False)
        hidden = [phone.get(f"{client}/{part}?episode_id={one}") for one in (theirs["episode_id"], ABSENT)]
        assert told(hidden[0]) == told(hidden[1])
        assert hidden[0].status_code == 404
    score = theirs["scores"][0]["id"]
    assert phone.get(f"{client}/scores/{score}/explanation").status_code == 404


def test_a_client_reads_nothing_of_the_therapists(clinic: Clinic) -> None:
    """No score, no id and no answer of a therapist's form anywhere; nor the stage, nor a recommendation."""
    made = clinic.recorded(form(reported={"rupture": True}))
    theirs = clinic.recorded(therapists_form(answers=CANARY_ANSWERS))
    phone, client = bound(clinic, "client"), f"/v1/clients/{made['client_id']}"
    reads = [f"{client}/progress", f"{client}/trajectory", f"/v1/submissions/{made['id']}"]
    answers = [phone.get(path) for path in reads] + [
        phone.post(form(session_number=2)),
        phone.put(uuid4(), form(session_number=4)),
    ]
    answers += [
        phone.correct(made["id"], form(answers={**ANSWERS, "1": 5})),
        phone.post_batch([("k", form(session_number=3))]),
    ]
    assert {answer.status_code for answer in answers} <= {200, 201}
    hidden = [theirs["id"], *(score["id"] for score in theirs["scores"]), "trq-s-t", '"therapist"', "1.875"]
    for answer in answers:
        assert [one for one in hidden if one in answer.text] == []
        assert "probabilities" not in answer.text
        assert "practice" not in answer.text
        assert "opened_session" not in answer.text
    assert phone.get(f"{client}/progress").json()["stage"] is None
    for answer in answers[3:5]:
        told = answer.json()
        assert (told["stage"], told["signals"], told["notes"], told["recommendations"]) == (None, [], [], [])
    for path in (f"/v1/submissions/{theirs['id']}", f"{client}/scores/{theirs['scores'][0]['id']}/explanation"):
        refused(phone.get(path), 404, "not_found")
    for part in ("stage", "signals", "discrepancy"):
        refused(phone.get(f"{client}/{part}"), 404, "not_found")
    therapist = bound(clinic, "therapist").get(f"{client}/trajectory").json()
    assert {line["rater"] for line in therapist["series"]} == {"client", "therapist"}


def test_a_client_is_not_told_that_a_therapist_has_rated_later_sessions(clinic: Clinic) -> None:
    """How many sessions were looked at again would say so; whoever sees those forms is told."""
    clinic.recorded(therapists_form(session_number=4))
    phone = bound(clinic, "client")
    made = [clinic.recorded(form(session_number=1)), phone.recorded(form(session_number=2))]
    corrected = phone.correct(made[1]["id"], form(session_number=2, answers={**ANSWERS, "1": 5})).json()
    withdrawn = phone.withdraw(made[0]["id"]).json()
    told = [*made, corrected, withdrawn, phone.read_back(made[0]["id"]), phone.read_back(made[0]["id"])["withdrawal"]]
    assert [one["recomputed_later_sessions"] for one in told] == [1, 0, 0, 0, 0, 0]
    assert clinic.read_back(made[1]["id"])["recomputed_later_sessions"] == 1
    assert clinic.read_back(made[0]["id"])["withdrawal"]["recomputed_later_sessions"] == 2


def test_a_client_neither_writes_nor_changes_a_therapists_form(clinic: Clinic) -> None:
    """The rater is refused; the therapist's form is absent for a correction and a withdrawal."""
    clinic.recorded(form())
    theirs = clinic.recorded(therapists_form())
    phone = bound(clinic, "client")
    with nothing_stored(clinic):
        refused(phone.post(therapists_form(session_number=2)), 403, "rater_not_allowed")
        refused(phone.correct(theirs["id"], therapists_form()), 403, "rater_not_allowed")
        refused(phone.correct(theirs["id"], form()), 404, "not_found")
        refused(phone.withdraw(theirs["id"]), 404, "not_found")


def test_a_key_may_come_before_the_first_form(clinic: Clinic) -> None:
    """The phone of a client nobody has written about posts the first form; until then there is nothing to read."""
    phone = bound(clinic, "client")
    found = phone.request("POST", "/v1/clients/lookup", json={"ref": "mrn-1042"})
    assert found.status_code == 200
    refused(phone.get(f"/v1/clients/{found.json()['client_id']}/progress"), 404, "not_found")
    made = phone.recorded(form())
    assert made["client_id"] == found.json()["client_id"]
    assert phone.get(f"/v1/clients/{made['client_id']}/progress").status_code == 200


def test_a_key_may_be_bound_to_a_reference_of_a_system(clinic: Clinic) -> None:
    """The same text in a system is another person."""
    phone = clinic.bound("client", "mrn-1042", system="https://ehr.example")
    refused(phone.post(form()), 404, "not_found")
    assert phone.post(form(client_ref={"system": "https://ehr.example", "value": "mrn-1042"})).status_code == 201


def test_two_phones_with_the_same_key_text_do_not_meet(clinic: Clinic) -> None:
    """One application, one Idempotency-Key, two bound keys and one unbound: three forms, each with its own replay."""
    phones = {ref: clinic.bound("client", ref) for ref in ("mrn-1", "mrn-2")} | {"mrn-3": clinic}
    first = {ref: phone.post(form(client_ref=ref), key="k") for ref, phone in phones.items()}
    assert {answer.status_code for answer in first.values()} == {201}
    for ref, phone in phones.items():
        assert phone.post(form(client_ref=ref), key="k").content == first[ref].content
        refused(phone.post(form(client_ref=ref, session_number=2), key="k"), 422, "idempotency_key_reused")
    assert clinic.count("submissions") == 3


def test_a_revoked_key_opens_nothing(clinic: Clinic) -> None:
    """The next request is refused; a new key for the same client meets what the old one stored."""
    phone = bound(clinic, "client")
    first = phone.post(form(), key="k")
    of = {"organisation": clinic.organisation}
    keys = clinic.service.portal.call(partial(list_keys, clinic.service.runtime, **of, application=clinic.application))
    (key_id,) = [row.key_id for row in keys if row.client_id is not None]
    clinic.service.portal.call(partial(revoke_key, clinic.service.runtime, **of, key_id=key_id))
    refused(phone.post(form(), key="k"), 401, "unauthenticated")
    again = bound(clinic, "client").post(form(), key="k")
    assert (again.status_code, again.content) == (201, first.content)


def test_a_client_is_not_told_that_top_marks_say_little(clinic: Clinic) -> None:
    """The note `ceiling` is for those who treat."""
    full = form(answers={str(item): 5 for item in range(1, 9)})
    assert clinic.recorded(full)["notes"] == ["ceiling"]
    told = clinic.bound("client", "mrn-1042").post(full)
    assert (told.status_code, told.json()["notes"]) == (200, [])
