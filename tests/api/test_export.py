"""The export of everything about a person: whole for the organisation, their own for a client, none for therapists."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import Connection, update

from app.people import export_store
from app.storage.tables import api_keys
from tests.api.refusals import refused
from tests.api.test_invitations import bring, invited
from tests.contract.validator import Contract
from tests.harness import Clinic, form, therapists_form
from tests.usecases.erasing import held, told_everything

CONTRACT = Contract.committed()


def exported(clinic: Clinic, client_id: object, query: str = "") -> dict[str, Any]:
    """Ask for an export, check it against the contract, and return it."""
    answer: httpx.Response = clinic.get(f"/v1/clients/{client_id}/export{query}")
    assert (answer.status_code, CONTRACT.faults(answer)) == (200, [])
    assert answer.headers["cache-control"] == "no-store"
    document: dict[str, Any] = answer.json()
    return document


def test_the_organisation_gets_everything(clinic: Clinic) -> None:
    """References opened, every form with its fate, its comment and its scores, signals, statements, and who looked."""
    client_id = told_everything(clinic)
    told_everything(clinic, "mrn-2")
    held(clinic)
    clinic.get(f"/v1/clients/{client_id}/progress")
    told = exported(clinic, client_id)
    assert (told["reference"], told["legal_hold"], told["left_out"]) == (
        {"system": "", "value": "mrn-1042"}, True, [],
    )  # fmt: skip
    (episode,) = told["episodes"]
    assert (episode["reference"], episode["therapist"]) == ("episode of mrn-1042", {"system": "", "value": "th-7"})
    assert [one["status"] for one in told["forms"]].count("current") == 5
    assert sorted(one["status"] for one in told["forms"])[5:] == ["superseded", "withdrawn"]
    assert {one["rater"] for one in told["forms"]} == {"client", "therapist"}
    assert [one["form"]["comment"] for one in told["forms"]].count("Zeit") == 3
    assert [len(one["signals"]) for one in told["signals"]] == [1]
    assert [one["decision"] for one in told["consents"]] == ["given"]
    assert {"submission.withdrawn", "access.read", "legal_hold.placed"} <= {one["kind"] for one in told["log"]}
    assert "a claim" not in str(told)


def test_a_clients_own_key_gets_what_is_theirs(clinic: Clinic) -> None:
    """No form of the therapist's, no signal, no stage, no word of them; and nothing of anybody else."""
    client_id, other = told_everything(clinic), told_everything(clinic, "mrn-2")
    phone = clinic.bound("client", "mrn-1042")
    told = exported(phone, client_id)
    assert {one["rater"] for one in told["forms"]} == {"client"}
    assert (told["signals"], "signals" in told["left_out"]) == ([], True)
    assert [(one["signals"], one["stage"], one["recommendations"]) for one in told["forms"]] == [([], None, [])] * 6
    assert {one["kind"].partition(".")[0] for one in told["log"]} <= {"access", "consent"}
    refused(phone.get(f"/v1/clients/{other}/export"), 404, "not_found")


def test_invitations_and_keys_are_told_without_what_opens_them(clinic: Clinic) -> None:
    """With times and state, to the organisation and to the client; a parent's are in the parent's own."""
    made, phone = invited(clinic)
    assert bring(phone).status_code == 201
    revoked, _ = invited(clinic, session_number=4)
    revocation = f"/v1/invitations/{revoked['id']}/revocation"
    assert clinic.request("POST", revocation, json={}).status_code == 200
    parents, _ = invited(clinic, instrument="tasc-r", rater="parent", session_number=5)
    other, _ = invited(clinic, client_ref="mrn-2")
    own, mother = clinic.bound("client", "mrn-1042"), clinic.bound("client", "mrn-1042", acts_as="parent")
    clinic.bound("client", "mrn-2")
    clinic.bound("therapist", "th-7")
    for by in (clinic, own):
        told = exported(by, made["client_id"])
        assert [(one["id"], one["status"], one["submission_id"] is None) for one in told["invitations"]] == [
            (made["id"], "used", False), (revoked["id"], "revoked", True),
        ]  # fmt: skip
        first, second = told["invitations"]
        assert {name: first[name] for name in ("application", "instrument", "rater", "session_number", "renewals")} == {
            "application": "ehr", "instrument": "trq-s", "rater": "client", "session_number": 3, "renewals": 0,
        }  # fmt: skip
        assert (first["revoked_at"], second["revoked_at"] is not None) == (None, True)
        [key] = told["keys"]
        assert (key["application"], key["status"], key["expires_at"], key["revoked_at"]) == ("ehr", "alive", None, None)
        for secret in (made["token"], own.api_key, other["id"], parents["id"]):
            assert secret not in str(told)
    for by in (clinic, mother):
        parent = exported(by, made["client_id"], "?of=parent")
        assert [one["id"] for one in parent["invitations"]] == [parents["id"]]
        [parents_key] = parent["keys"]
        assert parents_key["id"] != key["id"]


def test_a_key_that_is_over_says_so(clinic: Clinic) -> None:
    """Each by the state that it has now."""
    client_id = clinic.recorded(form())["client_id"]
    for _ in range(2):
        clinic.bound("client", "mrn-1042")
    ids = [one["id"] for one in exported(clinic, client_id)["keys"]]
    now = clinic.service.runtime.now()

    def end(connection: Connection) -> None:
        for key_id, ends in ((ids[0], {"expires_at": now}), (ids[1], {"revoked_at": now})):
            connection.execute(update(api_keys).where(api_keys.c.key_id == UUID(key_id)).values(**ends))

    clinic.service.write(end)
    clinic.bound("client", "mrn-1042")
    assert [one["status"] for one in exported(clinic, client_id)["keys"]] == ["expired", "revoked", "alive"]


def test_an_ending_is_told_to_whom_the_table_names(clinic: Clinic) -> None:
    """What a therapist reported is for the organisation; what the client reported is for the client too, no parent."""
    told: dict[str, list[Any]] = {}
    for rater, make in (("therapist", therapists_form), ("client", form)):
        client_id = clinic.recorded(form(client_ref=rater))["client_id"]
        clinic.recorded(make(client_ref=rater, session_number=2, reported={"ending": "dropout"}))
        phone = clinic.bound("client", rater)
        exports = exported(clinic, client_id), exported(phone, client_id), exported(clinic, client_id, "?of=parent")
        told[rater] = [(one["episodes"][0]["ending"], one["episodes"][0]["ended_session"]) for one in exports]
    assert told["therapist"] == [("dropout", 2), (None, None), (None, None)]
    assert told["client"] == [("dropout", 2), ("dropout", 2), (None, None)]


def test_a_parents_forms_are_an_export_of_their_own(clinic: Clinic) -> None:
    """They are not in the client's, nor are the client's in theirs."""
    made = clinic.recorded(form(instrument="srs", answers={str(n): 5 for n in range(1, 5)}))
    assert exported(clinic, made["client_id"])["forms"] != []
    parent = exported(clinic, made["client_id"], "?of=parent")
    assert (parent["forms"], parent["signals"], parent["log"], parent["consents"]) == ([], [], [], [])
    refused(clinic.get(f"/v1/clients/{made['client_id']}/export?of=x"), 400, "invalid_parameter")


def test_therapists_and_other_organisations_get_none(clinic: Clinic) -> None:
    """404 as for somebody who is not there."""
    made = clinic.recorded(form())
    for by in (clinic.bound("therapist", "th-7"), clinic.service.clinic()):
        refused(by.get(f"/v1/clients/{made['client_id']}/export"), 404, "not_found")


def test_a_client_who_has_a_key_only_has_an_export(clinic: Clinic) -> None:
    """Before the first form there is the reference, and nothing else."""
    made = clinic.recorded(form(client_ref="other"))
    phone = clinic.bound("client", "early")
    client_id = phone.request("POST", "/v1/clients/lookup", json={"ref": "early"}).json()["client_id"]
    told = exported(phone, client_id)
    assert (told["reference"]["value"], told["forms"], told["episodes"]) == ("early", [], [])
    assert made["client_id"] != client_id


def test_looks_at_lists_are_told_without_the_others(clinic: Clinic) -> None:
    """The caseload and the feed name many clients in one entry: each of them hears of the look, and of nobody else."""
    first, second = clinic.recorded(form()), clinic.recorded(form(client_ref="mrn-2"))
    third = clinic.service.clinic().recorded(form())
    for path in ("/v1/caseload", "/v1/changes?after=0"):
        assert clinic.get(path).status_code == 200
    told = [exported(clinic, one["client_id"]) for one in (first, second)]
    for log in (one["log"] for one in told):
        looks = [(one["operation"], one["outcome"]) for one in log if one["kind"] == "access.read"]
        assert looks[:2] == [("get_caseload", "told"), ("get_changes", "told")]
    own = exported(clinic.bound("client", "mrn-1042"), first["client_id"])
    assert {"get_caseload", "get_changes"} <= {one["operation"] for one in own["log"]}
    for document in (told[0], own):
        assert not [one for one in (second, third) if one["client_id"] in str(document)]


def test_a_long_export_is_read_in_portions(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every form once, in order, over the seams; so few are in memory at once."""
    made = [clinic.recorded(form(session_number=n)) for n in range(1, 7)]
    clinic.recorded(therapists_form(session_number=1))
    monkeypatch.setattr(export_store, "_FORMS", {name: one.limit(2) for name, one in export_store._FORMS.items()})
    for _ in range(3):
        clinic.get("/v1/caseload")
        clinic.get(f"/v1/submissions/{made[0]['id']}")
    log = [one["id"] for one in exported(clinic, made[0]["client_id"])["log"]]
    monkeypatch.setattr(export_store, "PORTION", 2)
    monkeypatch.setattr(export_store, "LOOKED_AT", 1)
    told = exported(clinic, made[0]["client_id"])
    assert [one["id"] for one in told["forms"]][:6] == [one["id"] for one in made]
    assert len(told["forms"]) == 7
    assert [one["id"] for one in told["log"]][: len(log)] == log
    assert [one["operation"] for one in told["log"]].count("get_caseload") == 3
    assert len({one["id"] for one in told["log"]}) == len(told["log"]) >= 14
