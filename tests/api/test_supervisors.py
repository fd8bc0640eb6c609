"""A supervisor's key: the clients of the therapists in the teams of that person, to read, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event, insert, update

from app.access.administer import add_key, create_application
from app.access.authenticate import authenticate
from app.access.binding import Binding
from app.access.caller import SCOPES as ALL
from app.access.caller import Caller
from app.access.teams import Person, Role, add_to_team, create_team, remove_from_team
from app.errors import Misconfigured
from app.storage.database import SqliteDatabase
from app.storage.tables import applications
from app.storage.team_tables import memberships
from tests.api.operations import SCOPE_OF, Ids, call
from tests.api.refusals import nothing_stored, refused
from tests.harness import Clinic, form
from tests.usecases.calling import writing_engine

SCOPES = ["instruments:read", "scores:read", "caseload:read"]
READS = ("progress", "trajectory", "stage")


def team(clinic: Clinic, name: str, *, members: tuple[str, ...] = (), supervisors: tuple[str, ...] = ()) -> UUID:
    """Make a team of therapists, by their references."""
    service, of = clinic.service, {"organisation": clinic.organisation}
    made = service.portal.call(partial(create_team, service.runtime, **of, name=name))
    parts: tuple[tuple[Role, tuple[str, ...]], ...] = (("member", members), ("supervisor", supervisors))
    for role, refs in parts:
        for ref in refs:
            person = Person(system=None, value=ref)
            service.portal.call(partial(add_to_team, service.runtime, **of, team=name, person=person, role=role))
    return made


def leave(clinic: Clinic, name: str, ref: str) -> None:
    """Take somebody out of a team."""
    work = partial(remove_from_team, clinic.service.runtime, organisation=clinic.organisation, team=name, role=None)
    clinic.service.portal.call(partial(work, person=Person(system=None, value=ref)))


def supervisor(clinic: Clinic, ref: str) -> Clinic:
    """Make an application for supervisors whose key is bound to one of them."""
    work = partial(
        create_application,
        clinic.service.runtime,
        organisation=clinic.organisation,
        name="supervision",
        scopes=SCOPES,
        audience="supervisor",
        binding=Binding(kind="therapist", system=None, value=ref),
    )
    made = clinic.service.portal.call(work)
    return Clinic(
        service=clinic.service,
        organisation=clinic.organisation,
        application=made.application_id,
        api_key=made.api_key,
    )


def caller(clinic: Clinic) -> Caller:
    """Return who calls with a key, as the service knows them."""
    return clinic.service.portal.call(authenticate, clinic.service.runtime, clinic.api_key)


def statuses(by: Clinic, made: dict[str, Any]) -> set[int]:
    """Read everything about a client by their id, and by what the clinic calls them."""
    client = f"/v1/clients/{made['client_id']}"
    paths = [f"{client}/{part}" for part in READS]
    paths += [f"{client}/scores/{made['scores'][0]['id']}/explanation"]
    return {by.get(path).status_code for path in paths}


def test_a_supervisor_sees_their_own_teams_and_no_other(clinic: Clinic) -> None:
    """Everything of the members' clients; of another team's, of no team's and of another clinic's, nothing."""
    refs = {"th-a": "mrn-a", "th-b": "mrn-b", "th-c": "mrn-c"}
    made = {who: clinic.recorded(form(client_ref=client, therapist_ref=who)) for who, client in refs.items()}
    team(clinic, "A", members=("th-a",), supervisors=("sup-a",))
    team(clinic, "B", members=("th-b",), supervisors=("sup-b",))
    other = clinic.service.clinic()
    elsewhere = other.recorded(form(client_ref="mrn-a", therapist_ref="th-a"))
    team(other, "A", members=("th-a",), supervisors=("sup-a",))
    key = supervisor(clinic, "sup-a")
    assert statuses(key, made["th-a"]) == {200}
    for hidden in (made["th-b"], made["th-c"], elsewhere):
        assert statuses(key, hidden) == {404}
    found = {ref: key.request("POST", "/v1/clients/lookup", json={"ref": ref}).status_code for ref in refs.values()}
    assert found == {"mrn-a": 200, "mrn-b": 404, "mrn-c": 404}


def test_a_supervisor_neither_sends_nor_changes_anything(clinic: Clinic) -> None:
    """Every operation beyond reading is 403, also when the application's row says otherwise."""
    ids = Ids.made(clinic)
    team(clinic, "A", members=("th-7",), supervisors=("sup",))
    key = supervisor(clinic, "sup")
    with nothing_stored(clinic):
        for name, scope in SCOPE_OF.items():
            if scope not in SCOPES:
                assert refused(call(key, name, ids), 403, "missing_scope")["scope"] == scope
    with pytest.raises(Misconfigured, match="not for the audience supervisor: submissions:write"):
        clinic.service.portal.call(
            partial(
                create_application,
                clinic.service.runtime,
                organisation=clinic.organisation,
                name="x",
                scopes=["submissions:write", "caseload:read"],
                audience="supervisor",
            )
        )
    assert Caller(organisation=clinic.organisation, application=clinic.application, scopes=frozenset()).is_unbound
    assert not caller(key).is_unbound


def test_scopes_beyond_reading_are_closed_whatever_is_stored(clinic: Clinic) -> None:
    """An application whose row holds every scope, as an older version or a hand may have written it."""
    ids = Ids.made(clinic)
    team(clinic, "A", members=("th-7",), supervisors=("sup",))
    key = supervisor(clinic, "sup")
    widen = update(applications).where(
        applications.c.organisation_id == clinic.organisation, applications.c.application_id == key.application
    )
    clinic.service.write(lambda c: c.execute(widen.values(scopes=list(ALL))))
    assert caller(key).scopes == frozenset({*SCOPES, "clients:break_glass"})
    assert {scope for name, scope in SCOPE_OF.items() if call(key, name, ids).status_code == 403} == {
        scope for scope in SCOPE_OF.values() if scope not in SCOPES
    }


def test_a_membership_of_another_organisation_opens_nothing(clinic: Clinic) -> None:
    """Also when it names the very same people, which no command can make."""
    made, other = clinic.recorded(form(therapist_ref="th-1")), clinic.service.clinic()
    foreign = team(other, "A")
    key = supervisor(clinic, "sup")
    own = caller(clinic.bound("therapist", "th-1")).therapist_id
    rows = [
        {
            "organisation_id": other.organisation,
            "team_id": foreign,
            "therapist_id": therapist,
            "role": role,
            "since": datetime.now(UTC),
        }
        for therapist, role in ((own, "member"), (caller(key).therapist_id, "supervisor"))
    ]
    clinic.service.write(lambda c: c.execute(insert(memberships), rows))
    assert caller(key).supervised == frozenset()
    assert statuses(key, made) == {404}


def test_who_leaves_a_team_sees_nothing_more_of_it(clinic: Clinic) -> None:
    """The very next request; the same when the member leaves, and a new member is seen at once."""
    made = {who: clinic.recorded(form(client_ref=f"of {who}", therapist_ref=who)) for who in ("th-1", "th-2")}
    team(clinic, "A", members=("th-1",), supervisors=("sup",))
    key = supervisor(clinic, "sup")
    assert [statuses(key, one) for one in made.values()] == [{200}, {404}]
    leave(clinic, "A", "th-1")
    assert [statuses(key, one) for one in made.values()] == [{404}, {404}]
    team(clinic, "B", members=("th-1", "th-2"), supervisors=("sup",))
    assert [statuses(key, one) for one in made.values()] == [{200}, {200}]
    leave(clinic, "B", "sup")
    assert [statuses(key, one) for one in made.values()] == [{404}, {404}]


def test_a_member_supervises_nobody_and_a_supervisors_own_clients_are_not_the_teams(clinic: Clinic) -> None:
    """Two members don't see each other; the supervisor's own clients are seen where they are a member too."""
    team(clinic, "A", members=("th-1", "th-2"), supervisors=("sup",))
    assert caller(supervisor(clinic, "th-1")).therapists == frozenset()
    own = clinic.recorded(form(client_ref="own", therapist_ref="sup"))
    key = supervisor(clinic, "sup")
    assert statuses(key, own) == {404}
    team(clinic, "B", members=("sup",), supervisors=("sup",))
    assert statuses(key, own) == {200}
    assert len(caller(key).therapists or ()) == 3


def test_a_key_of_supervisors_names_one(clinic: Clinic) -> None:
    """Neither an unbound key nor one for a client can be made."""
    key = supervisor(clinic, "sup")
    for binding in (None, Binding(kind="client", system=None, value="mrn-1")):
        with nothing_stored(clinic), pytest.raises(Misconfigured, match="names the supervisor"):
            clinic.service.portal.call(
                partial(
                    add_key,
                    clinic.service.runtime,
                    organisation=clinic.organisation,
                    application=key.application,
                    binding=binding,
                )
            )


def test_a_therapists_own_key_is_not_widened_by_a_team(clinic: Clinic) -> None:
    """Supervision needs the audience: the same person's key of another application opens their own episodes only."""
    made = clinic.recorded(form(therapist_ref="th-1"))
    team(clinic, "A", members=("th-1",), supervisors=("sup",))
    assert statuses(clinic.bound("therapist", "sup"), made) == {404}
    assert caller(clinic.bound("therapist", "sup")).supervised is None


@contextmanager
def counted(clinic: Clinic) -> Iterator[list[str]]:
    """List the statements that read meanwhile."""
    database = clinic.service.runtime.database
    engine = database._reading if isinstance(database, SqliteDatabase) else writing_engine(clinic.service)
    seen: list[str] = []

    def before(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement != "BEGIN":
            seen.append(statement)

    event.listen(engine, "before_cursor_execute", before)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", before)


def test_finding_a_supervisors_team_takes_one_statement(clinic: Clinic) -> None:
    """As for every other key."""
    team(clinic, "A", members=("th-1",), supervisors=("sup",))
    for key in (clinic, supervisor(clinic, "sup")):
        with counted(clinic) as seen:
            caller(key)
        assert len([one for one in seen if "api_keys" in one]) == len(seen) == 1
