"""What is held about a therapist, for the therapist: theirs, whole, and nothing of what clients said."""

from __future__ import annotations

import json
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Connection, select, update
from typer.testing import CliRunner, Result

from app.access.administer import revoke_key
from app.access.teams import Person
from app.cli.main import app as commands
from app.cli.therapist_document import document
from app.people import therapist_store
from app.people.export_therapist import export_therapist
from app.storage.tables import api_keys, metadata, submissions, therapists
from tests.api.safety import listed, offering, opened, post_check, safety_check
from tests.api.test_supervisors import team
from tests.cli.conftest import plain
from tests.harness import ANSWERS, Clinic, form, therapists_form
from tests.usecases.erasing import allow_comments

#: Each of these is a client's, or somebody else's, and found nowhere in the export.
CANARIES = ("CANARY-client", "CANARY-course", "CANARY-words", "CANARY-source", "CANARY-note", "th-8")
#: Where a table that names a therapist is told of, or why it is not.
TOLD = {
    "therapists": "reference, created_at",
    "episodes": "episodes",
    "submissions": "forms, and the sessions of episodes",
    "api_keys": "keys",
    "memberships": "teams",
    "signals": "left out: concluded from what clients said",
    "invitations": "left out: forms that are due for clients",
}


def ran(clinic: Clinic, *words: str, ref: str = "th-7") -> Result:
    """Run the command on the database of the test."""
    settings = {
        "ALLIANCE_DATABASE_URL": clinic.service.database_url,
        "ALLIANCE_SECRETS_DIR": str(clinic.service.runtime.vault.masters._path.parent),
    }
    line = ("people", "export", "--org", str(clinic.organisation), "--therapist-ref", ref, *words)
    return CliRunner().invoke(commands, line, env=settings)


def exported(clinic: Clinic, ref: str = "th-7", *, system: str | None = None, acting: str | None = None) -> Any:
    """Export a therapist's data as the command does, without a process of its own."""
    runtime, person = clinic.service.runtime, Person(system=system, value=ref)

    async def whole() -> str:
        found = await export_therapist(runtime, organisation=clinic.organisation, person=person, acting=acting)
        return "".join([part async for part in document(found)])

    return json.loads(clinic.service.portal.call(whole))


def without_looks(told: dict[str, Any]) -> dict[str, Any]:
    """Take out of an export when it was made, and the entries of exports."""
    log = [one for one in told["log"] if one["operation"] != "export_therapist"]
    return {**told, "made_at": None, "log": log}


def acknowledged(clinic: Clinic, made: dict[str, Any], *, acting: str) -> None:
    """Acknowledge the first signal of a form in somebody's name."""
    path = f"/v1/clients/{made['client_id']}/signals/{made['signals'][0]['id']}/acknowledgements"
    sent = {"acting": acting, "reason": "other"}
    assert clinic.request("POST", path, json=sent, headers={"Idempotency-Key": str(uuid4())}).status_code == 201


def worked(clinic: Clinic) -> dict[str, Any]:
    """Let th-7 see a client in three sessions, one of them hidden, and th-8 another one; return what was posted."""
    allow_comments(clinic)
    about = {"client_ref": "CANARY-client", "episode_ref": "CANARY-course"}
    said = {"comment": "CANARY-words", "reported": {"rupture": True}, "modality": "cbt"}
    source = {"system": "s", "id": "CANARY-source"}
    client = clinic.recorded(form(**about, **said, source=source, session_date="2025-01-14"))
    hidden = clinic.recorded(form(**about, session_number=2, answers={**ANSWERS, "1": 1}, seen_by_therapist=False))
    first = clinic.recorded(therapists_form(**about, comment="CANARY-note"))
    second = clinic.correct(first["id"], therapists_form(**about, answers={"1": 5, "2": 1, "5": "not_applicable"}))
    gone = clinic.recorded(therapists_form(**about, session_number=3))
    clinic.withdraw(gone["id"])
    other = clinic.recorded(form(client_ref="another", therapist_ref="th-8", reported={"rupture": True}))
    clinic.recorded(therapists_form(client_ref="another", therapist_ref="th-8"))
    acknowledged(clinic, client, acting="th-7")
    acknowledged(clinic, other, acting="th-8")
    clinic.get(f"/v1/clients/{other['client_id']}/progress", headers={"Acting-User": "th-7"})
    clinic.get(f"/v1/clients/{client['client_id']}/progress", headers={"Acting-User": "th-8"})
    return {"client": client, "hidden": hidden, "first": first, "second": second.json(), "gone": gone, "other": other}


def test_a_therapist_gets_their_own_forms_with_fates_and_scores(clinic: Clinic) -> None:
    """Answers in order, what became of each, and who is who by opaque ids; the document says which one it is."""
    made = worked(clinic)
    told = exported(clinic)
    assert (told["format"], told["organisation_id"], told["reference"], told["acts_as"]) == (
        "alliance-therapist-export-1", str(clinic.organisation), {"system": "", "value": "th-7"}, "th-7",
    )  # fmt: skip
    assert [(one["id"], one["status"], one["superseded_by"]) for one in told["forms"]] == [
        (made["first"]["id"], "superseded", made["second"]["id"]),
        (made["second"]["id"], "current", None),
        (made["gone"]["id"], "withdrawn", None),
    ]
    (_, second, gone) = told["forms"]
    assert list(second["answers"].items()) == [
        ("1", 5), ("2", 1), ("3", None), ("4", None), ("5", "not_applicable"), ("6", None), ("7", None), ("8", None),
    ]  # fmt: skip
    assert (second["client_id"], second["instrument"]["key"]) == (made["client"]["client_id"], "trq-s-t")
    assert (gone["withdrawal"]["reason"], gone["scores"]) == ("entered_in_error", made["gone"]["scores"])
    assert {one["component"]: one["value"] for one in gone["scores"]}["total"] == 4.125


def test_episodes_name_the_sessions_that_a_therapist_knows_of(clinic: Clinic) -> None:
    """By number and date; one that only a client's hidden form tells of is not among them, nor one withdrawn."""
    made = worked(clinic)
    (episode,) = exported(clinic)["episodes"]
    assert (episode["id"], episode["client_id"]) == (made["client"]["episode_id"], made["client"]["client_id"])
    assert set(episode) == {"id", "client_id", "opened_at", "sessions"}
    assert episode["sessions"] == [{"number": 1, "date": "2025-01-14"}]


def test_clients_and_episodes_of_untold_forms_alone_are_not_in_it(clinic: Clinic) -> None:
    """Nor one that is corrected and withdrawn; an episode whose told form counts no longer stays, as for a key."""
    made = worked(clinic)
    untold = [
        clinic.recorded(form(client_ref=ref, seen_by_therapist=False, session_date="2025-01-15"))
        for ref in ("kept-1", "kept-2")
    ]
    corrected = clinic.correct(untold[1]["id"], form(client_ref="kept-2", answers={"1": 1}, seen_by_therapist=False))
    assert clinic.withdraw(corrected.json()["id"]).status_code == 201
    opened = {"client_ref": "CANARY-client", "episode_ref": "kept-3", "seen_by_therapist": False}
    untold.append(clinic.recorded(form(session_number=9, **opened)))
    gone = clinic.recorded(form(client_ref="told"))
    assert clinic.withdraw(gone["id"]).status_code == 201
    told = exported(clinic)
    assert [(one["id"], len(one["sessions"])) for one in told["episodes"]] == [
        (made["client"]["episode_id"], 1),
        (gone["episode_id"], 0),
    ]
    text = json.dumps(told)
    assert not [one["episode_id"] for one in untold if one["episode_id"] in text]
    assert not [one["client_id"] for one in untold[:2] if one["client_id"] in text]


def test_keys_and_teams_are_told_without_secrets(clinic: Clinic) -> None:
    """Which keys open the therapist's episodes, those too that are dead, with their scopes; which teams, and since."""
    worked(clinic)
    bound = clinic.bound("therapist", "th-7")
    clinic.bound("therapist", "th-8")
    team(clinic, "North", members=("th-7", "th-8"), supervisors=("sup",))
    before = exported(clinic)
    (key,) = before["keys"]
    assert (key["application_id"], key["application"]) == (str(clinic.application), "ehr")
    assert (key["expires_at"], key["revoked_at"]) == (None, None)
    assert "scores:read" in key["scopes"]
    assert [(one["name"], one["role"]) for one in before["teams"]] == [("North", "member")]
    work = partial(revoke_key, clinic.service.runtime, organisation=clinic.organisation, key_id=UUID(key["key_id"]))
    clinic.service.portal.call(work)
    after = exported(clinic)
    assert after["keys"][0]["revoked_at"] is not None
    digest = select(api_keys.c.digest).where(api_keys.c.key_id == UUID(key["key_id"]))
    secret = clinic.service.read(lambda c: c.execute(digest).scalar_one())
    text = json.dumps(after)
    assert not [one for one in (bound.api_key, bound.api_key[-20:], secret.hex()) if one in text]
    assert [(one["role"]) for one in exported(clinic, "sup")["teams"]] == ["supervisor"]


def test_acts_are_those_that_name_the_therapist(clinic: Clinic) -> None:
    """An acknowledgement, a look at somebody else's client, and what was done to them; nobody else's."""
    made = worked(clinic)
    clinic.bound("therapist", "th-7").get(f"/v1/clients/{made['client']['client_id']}/stage")
    told = exported(clinic, acting="officer-9")
    assert without_looks(json.loads(ran(clinic).stdout)) == without_looks(told)
    (seen,) = told["acknowledgements"]
    assert (seen["signal_id"], seen["client_id"], seen["reason"]) == (
        made["client"]["signals"][0]["id"], made["client"]["client_id"], "other",
    )  # fmt: skip
    assert [(one["part"], one["kind"], one["operation"], one["client_id"]) for one in told["log"]] == [
        ("acting", "signal.acknowledged", None, made["client"]["client_id"]),
        ("acting", "access.read", "get_progress", made["other"]["client_id"]),
        ("named", "api_key.created", None, None),
        ("credential", "access.read", "get_stage", made["client"]["client_id"]),
        ("named", "access.read", "export_therapist", None),
    ]
    assert [one["operation"] for one in exported(clinic, "th-8")["log"]] == [
        None,
        "get_progress",
        "export_therapist",
    ]


def leaks(clinic: Clinic, made: dict[str, Any]) -> list[str]:
    """Export th-7 and name what of a client's is in it: words, references, ids of forms and scores of theirs."""
    text = json.dumps(exported(clinic))
    ids = [made[name]["id"] for name in ("client", "hidden", "other")]
    ids += [one["id"] for name in ("client", "hidden") for one in made[name]["scores"]]
    return [mark for mark in (*CANARIES, *ids, '"f1"', "recommendations", '"level"', '"change"') if mark in text]


def test_nothing_of_a_clients_is_in_it(clinic: Clinic) -> None:
    """No answer, score, comment, signal or reference; the therapist's own note neither, for it is about a client."""
    assert leaks(clinic, worked(clinic)) == []


def test_clients_forms_that_are_told_are_found(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: forms of every rater are taken for the therapist's own."""
    made = worked(clinic)
    every = select(submissions.c.submission_id).where(submissions.c.organisation_id == clinic.organisation)
    monkeypatch.setattr(therapist_store, "_FORMS", every.where(submissions.c.submission_id > UUID(int=0)).limit(100))
    real, asked = therapist_store.next_forms, iter((True,))
    monkeypatch.setattr(
        therapist_store, "next_forms", lambda *told, **named: real(*told, **named) if next(asked, False) else []
    )
    found = leaks(clinic, made)
    assert {made["client"]["id"], made["hidden"]["id"], '"f1"'} <= set(found)


def test_a_safety_check_changes_nothing_in_it(clinic: Clinic) -> None:
    """Not for the client's therapist, nor for one who reads checks of others, was refused this one, or listed them."""
    worked(clinic)
    desk = offering(clinic, "th-8", "th-7")
    before = [without_looks(exported(clinic, ref)) for ref in ("th-7", "th-8")]
    assert post_check(clinic, safety_check(client_ref="CANARY-client")).status_code == 201
    (check,) = listed(desk, "th-8")
    listed(desk, "th-7")
    assert (opened(desk, "th-8", check["id"]).status_code, opened(desk, "th-7", check["id"]).status_code) == (200, 404)
    assert [without_looks(exported(clinic, ref)) for ref in ("th-7", "th-8")] == before
    assert not [one for one in before for entry in one["log"] if "safe" in f"{entry['kind']} {entry['operation']}"]


def test_of_two_with_the_same_value_nobody_gets_the_acts(clinic: Clinic) -> None:
    """The log names people without a system: who of the two acted can't be told, so it is told to neither."""
    worked(clinic)
    for other in ("https://a.example", "https://b.example"):
        clinic.recorded(therapists_form(client_ref=other, therapist_ref={"system": other, "value": "th-9"}))
    clinic.recorded(therapists_form(client_ref="x", therapist_ref={"system": "https://a.example", "value": "th-7"}))
    named: list[tuple[str, str | None]] = [
        ("th-7", None), ("th-7", "https://a.example"), ("th-9", "https://b.example"),
    ]  # fmt: skip
    for ref, system in named:
        told = exported(clinic, ref, system=system)
        assert (told["acts_as"], told["acknowledgements"]) == (None, [])
        assert [one["part"] for one in told["log"]] == ["named"] * len(told["log"])
        assert len(told["forms"]) == (3 if system is None else 1)


def test_a_reference_of_before_they_were_sealed_is_told_apart(clinic: Clinic) -> None:
    """Of a therapist who is known by the digest alone there is the same, and a namesake is noticed."""
    worked(clinic)
    unsealed = update(therapists).where(therapists.c.organisation_id == clinic.organisation)

    def unseal(connection: Connection) -> None:
        connection.execute(unsealed.values(sealed_reference=None))

    clinic.service.write(unseal)
    assert len(exported(clinic)["acknowledgements"]) == 1
    clinic.recorded(therapists_form(client_ref="x", therapist_ref={"system": "https://a.example", "value": "th-7"}))
    assert exported(clinic, system="https://a.example")["acts_as"] is None


def test_who_is_unknown_is_refused_and_says_nothing(clinic: Clinic) -> None:
    """A client, another system, another organisation: one sentence, no output, no entry in the log."""
    worked(clinic)
    entries = clinic.count("events")
    for other, ref, words in (
        (clinic, "CANARY-client", ()),
        (clinic, "th-7", ("--system", "https://a.example")),
        (clinic.service.clinic(), "th-7", ()),
    ):
        done = ran(other, *words, ref=ref)
        assert (done.exit_code, done.stdout) == (1, "")
        assert "no therapist of this organisation is called that" in plain(done.stderr)
        assert ref not in done.stderr
    assert clinic.count("events") == entries


def test_an_export_is_an_entry_that_names_who_made_it(clinic: Clinic) -> None:
    """Sealed; and where the organisation wants to know who reads, nobody gets one without saying who they are."""
    from app.access.organisation import change_settings

    worked(clinic)
    exported(clinic, acting="officer-9")
    exported(clinic, acting="officer-9")
    runtime = clinic.service.runtime
    wanted = partial(
        change_settings, changes={"acting_required": True}, organisation=clinic.organisation, at=runtime.now()
    )
    clinic.service.in_service(wanted, organisation=clinic.organisation)
    done = ran(clinic)
    assert (done.exit_code, done.stdout, "add --acting" in plain(done.stderr)) == (1, "", True)
    events = metadata.tables["events"]
    query = select(events.c.subject).where(
        events.c.organisation_id == clinic.organisation, events.c.subject["operation"].as_string() == "export_therapist"
    )
    subjects = clinic.service.read(lambda c: c.execute(query).scalars().all())
    assert len(subjects) == 2
    assert {name for subject in subjects for name in subject} == {"operation", "outcome", "therapist_id", "acting"}
    assert "officer-9" not in str(subjects)


def test_the_same_is_written_in_the_same_order(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two exports differ in their time and in their own entries; and portions have no seams."""
    worked(clinic)
    before = without_looks(exported(clinic))
    assert len(before["log"]) == 2
    for name in ("_FORMS", "_ACKNOWLEDGED", "_EVENTS"):
        monkeypatch.setattr(therapist_store, name, getattr(therapist_store, name).limit(1))
    after = without_looks(exported(clinic))
    assert json.dumps(after) == json.dumps(before)


def test_every_table_that_names_a_therapist_is_thought_of() -> None:
    """A new one is told of, or left out for a reason."""
    assert {name for name, table in metadata.tables.items() if "therapist_id" in table.c} == set(TOLD)
