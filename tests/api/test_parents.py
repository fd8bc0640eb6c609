"""A child and a parent are two raters of one client: who acts as one reads and sends the forms of that one only."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from app.access import visibility
from app.access.administer import add_key, list_keys
from app.access.authenticate import authenticate
from app.access.binding import Binding
from app.access.caller import Caller
from app.access.visibility import TABLE
from app.errors import LimitReached, Misconfigured
from app.storage.tables import events
from app.web import rates
from tests.api.operations import EVERY, Ids, call
from tests.api.refusals import nothing_stored, refused, told
from tests.api.safety import offering, post_check, safety_check
from tests.api.test_audit import accesses
from tests.api.test_invitations import bring, change, invite, invited
from tests.api.test_invited_checks import check
from tests.api.test_limits import limited, of_a_limit
from tests.api.tokens import Backend, ask_with_key, calling, taken
from tests.harness import Clinic, form, therapists_form

Rater = Literal["client", "parent"]
RATERS: tuple[Rater, ...] = ("client", "parent")
OTHER: dict[str, Rater] = {"client": "parent", "parent": "client"}
#: What is open to a key of a client, with ids of one's own; everything else that is read is absent, or refused.
OPEN = {
    "GET /v1/submissions/{submission_id}", "GET /v1/clients/{client_id}/progress",
    "GET /v1/clients/{client_id}/trajectory", "GET /v1/clients/{client_id}/episodes/{episode_id}/schedule",
    "GET /v1/clients/{client_id}/scores/{score_id}/explanation", "GET /v1/clients/{client_id}/consents",
    "GET /v1/clients/{client_id}/export", "GET /v1/changes", "GET /v1/instruments", "GET /v1/instruments/{key}",
    "GET /v1/instruments/{key}/versions/{version}", "GET /v1/safeguarding/form", "GET /v1/invitations/{invitation_id}",
}  # fmt: skip


def rated(rater: str, **changes: Any) -> dict[str, Any]:
    """Make a form of the instrument that children and parents both fill in."""
    answers = dict.fromkeys(map(str, range(1, 13)), 3 if rater == "client" else 2)
    return form(**{"instrument": "tasc-r", "rater": rater, "answers": answers} | changes)


def test_an_invitation_is_one_raters_by_itself() -> None:
    """What it sent before parents were told apart is known again: its id is in the key of what it sends."""
    named = {
        (acts_as, invitation is not None): Caller(
            organisation=UUID(int=1),
            application=UUID(int=2),
            scopes=frozenset(),
            client_id=UUID(int=3),
            acts_as=acts_as,
            invitation=invitation,
        ).client_named
        for acts_as in RATERS
        for invitation in (None, UUID(int=4))
    }
    plain = "00000000-0000-0000-0000-000000000003"
    assert named == {
        ("client", False): plain,
        ("client", True): plain,
        ("parent", False): f"{plain} parent",
        ("parent", True): plain,
    }


@dataclass(frozen=True, kw_only=True)
class Family:
    """One organisation with two forms of a child and two of a parent, and a key of each."""

    clinic: Clinic
    phones: dict[str, Clinic]
    forms: dict[str, list[dict[str, Any]]]
    invitations: dict[str, str]

    @property
    def client(self) -> str:
        """The client whom everything is about."""
        return str(self.forms["client"][0]["client_id"])

    def ids(self, rater: str, number: int) -> Ids:
        """Name one of a rater's forms, and all that hangs on it."""
        made = self.forms[rater][number]
        of_it = Ids.of(made, key="tasc-r", version=made["instrument"]["version"])
        return replace(of_it, invitation_id=self.invitations[rater])

    def secrets(self, rater: str) -> list[str]:
        """List the ids that only who may know of a rater's forms has."""
        found = [self.invitations[rater]]
        for made in self.forms[rater]:
            found += [made["id"], *(score["id"] for score in made["scores"]), *(one["id"] for one in made["signals"])]
        return found


@pytest.fixture
def family(clinic: Clinic) -> Family:
    """Each has sent a form alone, and had one sent by the system; the therapist has rated as well."""
    offering(clinic)
    phones: dict[str, Clinic] = {rater: clinic.bound("client", "mrn-1042", acts_as=rater) for rater in RATERS}
    clinic.recorded(therapists_form())
    forms: dict[str, list[dict[str, Any]]] = {}
    for rater, phone in phones.items():
        own = phone.recorded(rated(rater, reported={"rupture": True}))
        by_system = clinic.recorded(rated(rater, session_number=2, reported={"rupture": True}))
        forms[rater] = [clinic.read_back(own["id"]), by_system]
    invitations = {rater: invited(clinic, instrument="tasc-r", rater=rater)[0]["id"] for rater in phones}
    return Family(clinic=clinic, phones=phones, forms=forms, invitations=invitations)


def walked(family: Family, rater: str) -> None:
    """Call every reading operation with ids of one's own, then of the other's: nothing tells of the other's forms."""
    phone, other = family.phones[rater], OTHER[rater]
    hidden = family.secrets(other)
    reading = [name for name in EVERY if name.startswith("GET")]
    own, theirs = (
        [(name, call(phone, name, family.ids(whose, number))) for name in reading for number in (0, 1)]
        for whose in (rater, other)
    )
    assert {name for name, answer in own if answer.status_code == 200} == OPEN
    assert {answer.status_code for name, answer in own if name not in OPEN} <= {403, 404}
    assert [(name, one) for name, answer in own + theirs for one in hidden if one in answer.text] == []
    for name, answer in theirs:
        if any(place in name for place in ("{submission_id}", "{score_id}", "{signal_id}", "{invitation_id}")):
            refused(answer, 404, "not_found")


@pytest.mark.parametrize("rater", RATERS)
def test_no_reading_operation_tells_of_the_others_forms(family: Family, rater: str) -> None:
    """Neither by an id nor in a list, whatever is named."""
    walked(family, rater)


@pytest.mark.parametrize("eyes", RATERS)
def test_a_table_that_shows_the_others_forms_is_found(
    family: Family, monkeypatch: pytest.MonkeyPatch, eyes: Rater
) -> None:
    """Planted: each sees what both see; the walk above sees it."""
    opened = dict(TABLE) | {eyes: dict(TABLE[eyes]) | {"answers": visibility.OWN}}
    monkeypatch.setattr(visibility, "TABLE", opened)
    with pytest.raises(AssertionError):
        walked(family, eyes)


@pytest.mark.parametrize("rater", RATERS)
def test_one_reads_ones_own_forms_whole(family: Family, rater: str) -> None:
    """Series, trajectory, feed and export hold all of the own forms, whoever has sent them, and no other one."""
    phone, base = family.phones[rater], f"/v1/clients/{family.client}"
    ids = [one["id"] for one in family.forms[rater]]
    progress, drawn = (phone.get(f"{base}/{part}").json() for part in ("progress", "trajectory"))
    assert [(line["rater"], line["sessions"]) for line in progress["series"]] == [(rater, [1, 2])]
    assert [line["rater"] for line in drawn["series"]] == [rater]
    assert [point["submission_id"] for point in drawn["series"][0]["points"]] == ids
    feed = phone.get("/v1/changes?after=0&limit=200").json()["items"]
    assert [one["submission_id"] for one in feed if one["submission_id"]] == ids
    exports = [phone.get(f"{base}/export{query}").json() for query in ("", f"?of={rater}")]
    assert [(one["of"], [made["id"] for made in one["forms"]]) for one in exports] == [(rater, ids)] * 2
    refused(phone.get(f"{base}/export?of={OTHER[rater]}"), 404, "not_found")


def test_the_organisation_reads_both(family: Family) -> None:
    """Its export is the client's unless the parent's is asked for; series of both stand side by side."""
    base = f"/v1/clients/{family.client}"
    series = family.clinic.get(f"{base}/progress").json()["series"]
    assert [line["rater"] for line in series] == ["client", "parent", "therapist"]
    exports = [family.clinic.get(f"{base}/export{query}").json() for query in ("", "?of=client", "?of=parent")]
    assert [{one["rater"] for one in document["forms"]} for document in exports] == [
        {"client", "therapist"}, {"client", "therapist"}, {"parent"},
    ]  # fmt: skip


def test_an_ending_is_told_to_who_has_reported_it(family: Family) -> None:
    """What the parent said is not told to the child, and is told in the parent's export."""
    family.phones["parent"].recorded(rated("parent", session_number=3, reported={"ending": "dropout"}))
    base = f"/v1/clients/{family.client}"
    said = {}
    for rater, phone in family.phones.items():
        progress, export = (phone.get(f"{base}/{part}").json() for part in ("progress", "export"))
        said[rater] = (progress["episode"]["ending"], [one["ending"] for one in export["episodes"]])
    assert said == {"client": (None, [None]), "parent": ("dropout", ["dropout"])}
    of_parent = family.clinic.get(f"{base}/export?of=parent").json()
    assert [one["ending"] for one in of_parent["episodes"]] == ["dropout"]


@pytest.mark.parametrize("rater", RATERS)
def test_one_sends_ones_own_forms_only(family: Family, rater: str) -> None:
    """The other's rater is refused by every way; the other's forms are absent for a correction and a withdrawal."""
    phone, other = family.phones[rater], OTHER[rater]
    own, theirs = family.forms[rater][0]["id"], family.forms[other][0]["id"]
    sent = rated(other, session_number=5)
    with nothing_stored(family.clinic):
        refused(phone.post(sent), 403, "rater_not_allowed")
        refused(phone.put(uuid4(), sent), 403, "rater_not_allowed")
        (item,) = phone.post_batch([("k", sent)]).json()["items"]
        assert (item["status"], item["problem"]["code"]) == (403, "rater_not_allowed")
        refused(phone.correct(theirs, rated(other)), 403, "rater_not_allowed")
        refused(phone.correct(own, rated(other)), 403, "rater_not_allowed")
        refused(phone.correct(theirs, rated(rater)), 404, "not_found")
        refused(phone.put(theirs, rated(rater, session_number=5)), 404, "not_found")
        refused(phone.withdraw(theirs), 404, "not_found")
    assert phone.correct(own, rated(rater, answers={"1": 1})).status_code == 201
    assert phone.withdraw(family.forms[rater][1]["id"]).status_code == 201


def test_what_one_sends_is_no_repeat_of_what_the_other_has_sent(family: Family) -> None:
    """One application, one Idempotency-Key, one source id: neither meets the other's, and neither learns of it."""
    source = {"system": "phone", "id": "1"}
    sent: dict[str, Any] = {rater: rated(rater, session_number=7, source=source) for rater in RATERS}
    first = {rater: phone.post(sent[rater], key="k") for rater, phone in family.phones.items()}
    assert {answer.status_code for answer in first.values()} == {201}
    for rater, phone in family.phones.items():
        assert phone.post(sent[rater], key="k").content == first[rater].content
        assert phone.post(sent[rater]).json()["id"] == first[rater].json()["id"]
    withdrawn = first["client"].json()["id"]
    assert family.phones["client"].withdraw(withdrawn, key="w").status_code == 201
    refused(family.phones["parent"].withdraw(withdrawn, key="w"), 404, "not_found")


def test_the_system_knows_a_parents_form_again(family: Family) -> None:
    """The same form under the same source id, whoever sends it first; also that it was corrected since."""
    source = {"system": "forms", "id": "1"}
    made = family.phones["parent"].recorded(rated("parent", session_number=8, source=source))
    again = family.clinic.post(rated("parent", session_number=8, source=source))
    assert (again.status_code, again.json()["id"]) == (200, made["id"])
    sent = rated("parent", session_number=9, source={"system": "forms", "id": "2"})
    corrected = family.phones["parent"].correct(
        family.phones["parent"].recorded(sent)["id"], rated("parent", session_number=9, answers={"1": 4})
    )
    assert refused(family.clinic.post(sent), 409, "not_current")["submission_id"] == corrected.json()["id"]


def test_a_safety_check_of_the_one_tells_the_other_nothing(family: Family) -> None:
    """Both may send one; the same key and content is a first one for each of them."""
    sent = safety_check(client_ref=...)
    answers = [family.phones[rater].request(
        "POST", "/v1/safeguarding", json=sent, headers={"Idempotency-Key": "k"}
    ) for rater in RATERS for _ in range(2)]  # fmt: skip
    assert [(one.status_code, "idempotent-replayed" in one.headers) for one in answers] == [
        (201, False), (201, True), (201, False), (201, True),
    ]  # fmt: skip
    assert family.clinic.count("safety_checks") == 2
    assert {answer.status_code for answer in (post_check(phone) for phone in family.phones.values())} == {201}


@pytest.mark.parametrize("rater", RATERS)
def test_a_token_acts_as_the_key_that_brought_it(family: Family, rater: str) -> None:
    """It reads and sends what the key does."""
    token = taken(ask_with_key(family.phones[rater]))
    walked(replace(family, phones={rater: calling(family.clinic, token)}), rater)
    refused(calling(family.clinic, token).post(rated(OTHER[rater], session_number=5)), 403, "rater_not_allowed")


def test_a_token_that_no_key_brought_acts_as_the_client(family: Family) -> None:
    """An assertion names the client, and nobody else."""
    token = Backend.of(family.clinic).token(client_ref="mrn-1042")
    walked(replace(family, phones={"client": calling(family.clinic, token)}), "client")
    refused(calling(family.clinic, token).post(rated("parent", session_number=5)), 403, "rater_not_allowed")


def test_an_invitation_acts_as_the_rater_of_its_form(family: Family) -> None:
    """The parent's brings the parent's form, and has the safety check beside it; what it tells is the parent's."""
    _, phone = invited(family.clinic, instrument="tasc-r", rater="parent", session_number=4)
    runtime, run = family.clinic.service.runtime, family.clinic.service.portal.call
    assert run(authenticate, runtime, phone.api_key).eyes == "parent"
    assert phone.get("/v1/invitations/mine").json()["rater"] == "parent"
    brought = bring(phone, instrument="tasc-r", answers={str(n): 2 for n in range(1, 13)})
    assert (brought.status_code, brought.json()["rater"]) == (201, "parent")
    assert family.phones["parent"].get(f"/v1/submissions/{brought.json()['id']}").status_code == 200
    refused(family.phones["client"].get(f"/v1/submissions/{brought.json()['id']}"), 404, "not_found")
    assert check(phone).status_code == 201
    own = invited(family.clinic, session_number=4)[1]
    assert run(authenticate, runtime, own.api_key).eyes == "client"


@pytest.mark.parametrize("rater", RATERS)
def test_nobody_gets_the_token_of_the_others_form(family: Family, rater: str) -> None:
    """Who has it brings the form: to make and to renew such an invitation is refused, and to revoke it."""
    phone, other = family.phones[rater], OTHER[rater]
    with nothing_stored(family.clinic):
        refused(invite(phone, instrument="tasc-r", rater=other, session_number=6), 403, "rater_not_allowed")
        for what in ("renewal", "revocation"):
            refused(change(phone, {"id": family.invitations[other]}, what), 404, "not_found")
    assert invite(phone, instrument="tasc-r", rater=rater, session_number=6).status_code == 201


def test_each_has_two_keys_and_a_count_of_requests_of_their_own(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither is kept out by the other, nor sees from what is left that the other one calls."""
    monkeypatch.setattr(rates, "monotonic", lambda: 1000.0)
    child, _, parent, _ = (clinic.bound("client", "mrn-1042", acts_as=rater) for rater in RATERS for _ in range(2))
    with pytest.raises(LimitReached):
        clinic.bound("client", "mrn-1042", acts_as="parent")
    with limited(clinic, rate_limit_person_reads="2/hour") as here:
        for phone in (replace(one, service=here.service) for one in (child, parent)):
            assert of_a_limit(phone.get("/v1/instruments"))[1] == '"person-reads";r=1;t=3600'


def test_the_log_says_as_whom_a_key_acts(family: Family) -> None:
    """Of a key when it is made and when it is used; of the client's own nothing more than the client."""
    about = (events.c.organisation_id == family.clinic.organisation) & (events.c.kind == "api_key.created")
    query = select(events.c.subject).where(about).order_by(events.c.event_id)
    rows = family.clinic.service.read(lambda c: list(c.execute(query).scalars()))
    assert [(one.get("client_id"), one.get("acts_as")) for one in rows if "client_id" in one] == [
        (family.client, None), (family.client, "parent"),
    ]  # fmt: skip
    before = len(accesses(family.clinic))
    for phone in family.phones.values():
        assert phone.get(f"/v1/clients/{family.client}/progress").status_code == 200
    bound = [(one["bound_client_id"], one.get("bound_as")) for one in accesses(family.clinic)[before:]]
    assert bound == [(family.client, None), (family.client, "parent")]


def test_a_key_from_before_acts_as_the_client(family: Family) -> None:
    """What is not said is the client: keys that were bound to a client are the child's."""
    clinic = family.clinic
    work = partial(list_keys, clinic.service.runtime, organisation=clinic.organisation, application=clinic.application)
    assert [row.acts_as for row in clinic.service.portal.call(work) if row.client_id is not None] == [None, "parent"]
    refused(family.phones["client"].post(rated("parent", session_number=5)), 403, "rater_not_allowed")


def test_only_who_opens_a_client_acts_as_a_parent(clinic: Clinic) -> None:
    """A therapist's key does not; and nobody who acts as a parent breaks the glass or names somebody else."""
    binding = Binding(kind="therapist", system=None, value="th-7", acts_as="parent")
    about: dict[str, Any] = {"organisation": clinic.organisation, "application": clinic.application}
    with pytest.raises(Misconfigured, match="--client-ref"):
        clinic.service.portal.call(partial(add_key, clinic.service.runtime, **about, binding=binding))
    parent = Caller(**about, scopes=frozenset({"clients:break_glass"}), client_id=UUID(int=1), acts_as="parent")
    assert (parent.eyes, parent.may_break_glass, parent.lacks_a_person) == ("parent", False, False)
    named = clinic.bound("client", "mrn-1042", acts_as="parent").get("/v1/changes", headers={"Acting-User": "nurse"})
    assert told(named)[:2] == (400, "invalid_parameter")
