"""The migrations: one tree for both databases, without drift, and reversible on filled tables."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from anyio.from_thread import BlockingPortal
from sqlalchemy import Connection, bindparam, inspect, text

from app.storage import role
from app.storage.database import open_database, parse_url
from app.storage.migrate import current, downgrade, head, is_current
from app.storage.tables import metadata
from app.storage.types import Document
from tests.api.operations import Ids, call
from tests.api.safety import listed, offering, opened, post_check
from tests.api.test_access import another_key, ended_key
from tests.api.test_invitations import invited
from tests.api.test_issuers import Provider
from tests.api.test_norm_in_use import NORM, activate
from tests.api.test_supervisors import team
from tests.api.tokens import Backend
from tests.harness import (
    ANSWERS,
    Clinic,
    Service,
    form,
    inspectors_url,
    looked_up,
    make_postgres_database,
    migrate,
    owners_url,
)
from tests.usecases.erasing import allow_comments, held
from tests.usecases.histories import check_rebuild


@pytest.fixture(params=["sqlite", "postgresql"])
def own_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of the test's own, still empty."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'alliance.db'}"
    return make_postgres_database(request.getfixturevalue("postgres_url"))


def written(url: str, statement: str, **values: str) -> int:
    """Run a write on a database by its URL, and return the number of rows."""

    async def write() -> int:
        database = open_database(inspectors_url(url))
        try:
            documents = [bindparam(name, type_=Document) for name in values]
            ready = text(statement).bindparams(*documents)
            sent = {name: json.loads(value) for name, value in values.items()}
            return await database.write(lambda c: c.execute(ready, sent).rowcount, organisation=None)
        finally:
            await database.close()

    return asyncio.run(write())


#: Tables that no part of the service writes to yet; whoever brings one to life fills it here.
NOTHING_YET: set[str] = set()


@pytest.fixture
def filled(own_url: str, portal: BlockingPortal, tmp_path: Path) -> str:
    """A database with rows in every table."""
    with Service.start(own_url, portal, secrets=tmp_path / "secrets") as service:
        clinic = service.clinic()
        fill(clinic)
        portal.call(lambda: _enable(service, clinic.organisation))
        team(clinic, "North", members=("th-7",), supervisors=("sup",))
        activate(clinic, NORM)
        Backend.of(clinic).token()
        Provider.of(clinic)
        invited(clinic)
        counts = {name: count for name, count in clinic.counts().items() if count == 0}
        assert set(counts) == NOTHING_YET
    return own_url


def fill(clinic: Clinic) -> None:
    """Record forms with a source, and let corrections and withdrawals take place: also of a form that has scores."""
    made = [clinic.recorded(form(session_number=n, source={"system": "s", "id": str(n)})) for n in (1, 2, 3)]
    corrected = clinic.correct(made[1]["id"], form(session_number=2, answers={**ANSWERS, "1": 1}))
    assert clinic.withdraw(corrected.json()["id"]).status_code == 201
    assert clinic.correct(made[2]["id"], form(session_number=4)).status_code == 201
    about: dict[str, Any] = {"client_ref": "mrn-2", "reported": {"rupture": True}}
    other = clinic.recorded(form(**about, source={"system": "s", "id": "other"}))
    assert clinic.post(form(**about, source={"system": "s", "id": "again"})).json()["id"] == other["id"]
    ended_key(clinic)
    assert another_key(clinic, days=1).expires_at is not None
    looked_at = "POST /v1/clients/{client_id}/signals/{signal_id}/acknowledgements"
    assert call(clinic, looked_at, Ids.of(other)).status_code == 201
    for bound in (clinic.bound("client", "mrn-2", acts_as="parent"), clinic.bound("therapist", "th-7")):
        assert bound.get("/v1/instruments").status_code == 200
    gone = clinic.recorded(form(client_ref="mrn-3"))
    assert clinic.request("DELETE", f"/v1/clients/{gone['client_id']}").status_code == 200
    held(clinic, "mrn-2")
    assert call(clinic, "PUT /v1/clients/{client_id}/notice", Ids.of(other)).status_code == 200
    allow_comments(clinic)
    desk = offering(clinic)
    assert post_check(clinic).status_code == 201
    assert opened(desk, "officer-1", listed(desk, "officer-1")[0]["id"]).status_code == 200
    assert clinic.get("/v1/changes?after=0").status_code == 200  # seals the log


async def _enable(service: Service, organisation: Any) -> None:
    from app.access.administer import enable_instrument

    await enable_instrument(
        service.runtime, organisation=organisation, instrument="wai-s", checked_against="our own copy"
    )


def test_the_migrated_schema_is_the_one_the_code_describes(own_url: str) -> None:
    """After the migrations a comparison with the tables in the code finds no difference."""
    migrate(own_url)

    def differences(connection: Connection) -> list[Any]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, metadata))

    assert looked_up(inspectors_url(own_url), differences) == []


def test_down_and_up_again_on_filled_tables(filled: str) -> None:
    """All the way down leaves no table of ours, and up again gives a working, current schema."""
    downgrade(owners_url(filled), revision="base")
    names = looked_up(inspectors_url(filled), lambda c: inspect(c).get_table_names())
    assert set(names) <= {"alembic_version"}
    migrate(filled)
    names = looked_up(inspectors_url(filled), lambda c: inspect(c).get_table_names())
    assert set(names) == {*metadata.tables, "alembic_version"}


OLD_WORDS = [
    {
        "id": "exploring_the_problem.check_understanding", "practice": "offer_empathy", "title": "A title",
        "text": "A text", "evidence": "design", "source": "A source", "review_after_sessions": 1,
        "because": [{
            "rule": "stage.exploring_the_problem", "component": None, "items": [], "value": 0.83, "threshold": 0.5,
        }],
    },
    {
        "id": "ending.planned.goals_for_after", "practice": "agree_goals_and_tasks", "title": "Another",
        "text": "A text", "evidence": "design", "source": "A source", "review_after_sessions": 2,
        "because": [{
            "rule": "ending.planned", "component": "total", "items": ["1", "2"], "value": 2.0, "threshold": None,
        }],
    },
]  # fmt: skip


def test_a_database_of_the_version_before_is_read_and_built_on(
    own_url: str, portal: BlockingPortal, tmp_path: Path
) -> None:
    """Forms of before are replayed and read, their recommendations with the catalogue's words, and the next builds on.

    Sources are found again, and what the next form is told is what a rebuild of all forms tells.
    """
    source = {"system": "s", "id": "1"}
    with Service.start(own_url, portal, secrets=tmp_path / "secrets") as service:
        clinic = service.clinic()
        first = clinic.post(form(session_number=1, source=source), key="k").json()
        second = clinic.recorded(form(session_number=2, client_ref="mrn-1042"))
    downgrade(owners_url(own_url), revision="20261122")
    assert written(own_url, "UPDATE assessments SET recommendations = :words", words=json.dumps(OLD_WORDS)) == 2
    migrate(own_url)
    with Service.start(own_url, portal, secrets=tmp_path / "secrets") as service:
        clinic = replace(clinic, service=service)
        again = clinic.post(form(session_number=1, source=source), key="k").json()
        told = clinic.read_back(second["id"])
        for one in (again, told):
            assert [r["id"] for r in one["recommendations"]] == [old["id"] for old in OLD_WORDS]
            assert one["recommendations"][0]["because"][0]["value"] == 0.83
            assert one["recommendations"][1]["title"] not in {"", "Another"}
        assert {**again, "recommendations": []} == {**first, "recommendations": []}
        assert clinic.post(form(session_number=1, source=source)).json()["id"] == first["id"]
        third = clinic.recorded(form(session_number=3))
        assert (third["episode_id"], third["change"]["total"]["since_previous"]["session_number"]) == (
            first["episode_id"], 2,
        )  # fmt: skip
        progress = clinic.get(f"/v1/clients/{first['client_id']}/progress").json()
        assert progress["series"][0]["sessions"] == [1, 2, 3]
        late = clinic.correct(first["id"], form(session_number=1, answers={**ANSWERS, "1": 1}))
        assert late.json()["recomputed_later_sessions"] == 2
        check_rebuild(clinic, "mrn-1042")


def rows_of(url: str, table: str) -> int:
    """Count the rows of a table."""
    query = f"SELECT count(*) FROM {table}"  # noqa: S608 - a name of our own
    return int(looked_up(inspectors_url(url), lambda c: c.exec_driver_sql(query).scalar_one()))


def test_what_a_downgrade_keeps(filled: str) -> None:
    """Of each place the form that counts, whole; superseded and withdrawn ones are gone, and one source of each.

    A key that had an end, and is past it, is dead, as one that was revoked; one whose end is to come lives on.
    A parent's key is dead: an older version would show it the child's forms. So is each that opens one person only:
    to the oldest version it would open everybody.
    """
    downgrade(owners_url(filled), revision="20261122")
    query = "SELECT count(*), count(source) FROM submissions"
    assert looked_up(inspectors_url(filled), lambda c: tuple(c.exec_driver_sql(query).one())) == (3, 2)
    assert (rows_of(filled, "scores"), rows_of(filled, "assessments")) == (33, 3)
    revoked = "SELECT count(revoked_at) FROM api_keys"
    assert looked_up(inspectors_url(filled), lambda c: c.exec_driver_sql(revoked).scalar_one()) == 3
    migrate(filled)
    assert rows_of(filled, "sources") == 2


def test_a_login_that_ends_statements_does_not_end_a_migration(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where its role or its database has a statement_timeout, a long step would be ended, each time."""
    url, seen = make_postgres_database(postgres_url), list[str]()
    ends = text(f"ALTER DATABASE {parse_url(url).database} SET statement_timeout = '60s'")
    looked_up(inspectors_url(url), lambda c: c.execute(ends).close())

    def look(connection: Connection) -> None:
        seen.append(str(connection.execute(text("SHOW statement_timeout")).scalar_one()))

    monkeypatch.setattr(role, "close_to_temporary", look)
    migrate(url)
    assert seen == ["0"]


def test_migrating_twice_changes_nothing(own_url: str) -> None:
    """A second upgrade is harmless, and the database says that it is at the newest revision."""
    migrate(own_url)
    migrate(own_url)

    async def state() -> tuple[str | None, bool]:
        database = open_database(own_url)
        try:
            return await current(database), await is_current(database)
        finally:
            await database.close()

    assert asyncio.run(state()) == (head(), True)


def test_an_empty_database_is_known_to_be_behind(own_url: str) -> None:
    """Before the migrations a database is not current, which is what stops the service from starting on it."""

    async def behind() -> bool:
        database = open_database(own_url)
        try:
            return await is_current(database)
        finally:
            await database.close()

    assert asyncio.run(behind()) is False


def test_every_key_starts_with_the_organisation(own_url: str) -> None:
    """Read off the live catalogue: primary keys, unique keys and foreign keys begin with the organisation."""
    migrate(own_url)

    def keys(connection: Connection) -> list[str]:
        inspector = inspect(connection)
        wrong = []
        for table in metadata.tables:
            found: list[list[str | None]] = [[*inspector.get_pk_constraint(table)["constrained_columns"]]]
            found += [[*one["column_names"]] for one in inspector.get_unique_constraints(table)]
            found += [[*one["column_names"]] for one in inspector.get_indexes(table)]
            for foreign in inspector.get_foreign_keys(table):
                found += [[*foreign["constrained_columns"]], [*foreign["referred_columns"]]]
            wrong += [f"{table}: {columns}" for columns in found if not columns or columns[0] != "organisation_id"]
        return wrong

    assert looked_up(inspectors_url(own_url), keys) == []


def test_postgresql_has_no_sequences(postgres_url: str) -> None:
    """Ids are made by the service: no sequence exists, so the schema can be spread over machines."""
    url = make_postgres_database(postgres_url)
    migrate(url)
    assert looked_up(inspectors_url(url), lambda c: inspect(c).get_sequence_names()) == []
