"""A fault at a database call of any write: all of it or nothing, and then the same request does it once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import Any
from uuid import uuid4

import httpx
import sqlalchemy.exc
from sqlalchemy import Connection

from tests.api.operations import SCOPE_OF, Ids, request
from tests.faults.counts import Counts
from tests.faults.ground import Ground
from tests.faults.pictures import Picture, changed, grown, picture
from tests.harness import Clinic, Service
from tests.usecases.calling import at_statement, writing_engine


class PlantedError(Exception):
    """The fault."""


def fail(_: Connection) -> None:
    """Raise in the middle."""
    raise PlantedError


def disconnect(connection: Connection) -> None:
    """Cut the connection to PostgreSQL, as when the network or the server goes away."""
    driver: Any = connection.connection.dbapi_connection
    driver.driver_connection.terminate()


def time_out(connection: Connection) -> None:
    """Let the statement fail as one that waited too long: for a lock, or for the file."""
    if connection.dialect.name == "sqlite":
        busy = sqlalchemy.exc.OperationalError("", None, _Busy())
        raise busy
    driver: Any = connection.connection.dbapi_connection
    driver.cursor().execute("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '55P03'; END $$")


class _Busy(Exception):
    sqlite_errorname = "SQLITE_BUSY"


STRIKES: dict[str, dict[str, Callable[[Connection], None]]] = {
    "sqlite": {"error": fail, "time-out": time_out},
    "postgresql": {"error": fail, "disconnect": disconnect, "time-out": time_out},
}


@dataclass(frozen=True, kw_only=True)
class Write:
    """A write operation, how many statements it takes, and by how many rows of each table it grows."""

    name: str
    statements: int
    grows: dict[str, int]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request that can be sent again word for word."""

    clinic: Clinic
    method: str
    path: str
    content: bytes | None
    headers: dict[str, str]

    @classmethod
    def made(cls, clinic: Clinic, name: str, client: str) -> Asked:
        """Make a request about a client who has a form already; what it makes is new."""
        ids = Ids.made(clinic, client)
        if "{submission_id}" in name and name.startswith("PUT"):
            ids = replace(ids, submission_id=str(uuid4()))
        if name.endswith("/submissions") or "batch" in name or name.startswith("PUT /v1/submissions"):
            ids = replace(ids, client_ref=f"{client} new", therapist_ref=f"{client} new")
        method, path, content = request(name, ids)
        headers = {"Content-Type": "application/json", "Idempotency-Key": str(uuid4())}
        if method == "PUT":
            headers["If-None-Match" if "{submission_id}" in name else "If-Match"] = "*"
        return cls(clinic=clinic, method=method, path=path, content=content, headers=headers)

    def sent(self) -> httpx.Response:
        """Send it."""
        return self.clinic.request(self.method, self.path, content=self.content, headers=self.headers)


def run(ground: Ground, *, seed: int, cycles: int) -> Counts:
    """Strike `cycles` times: all operations that write, all their statements and all kinds of fault, in any order."""
    with ground.service() as service:
        return struck(service, Random(seed), cycles=cycles)


def struck(service: Service, dice: Random, *, cycles: int) -> Counts:
    """Strike as often as asked, at places drawn without repeating any before all had their turn."""
    every = list(writes(service))
    places = [
        (one, number, kind)
        for one in every
        for number in range(1, one.statements + 1)
        for kind in STRIKES[service.runtime.database.name]
    ]
    counts = Counts(cycles=cycles, told={"writes": len(every), "places": len(places)})
    clinic = service.clinic()
    for number in range(cycles):
        if number % len(places) == 0:
            dice.shuffle(places)
        if number % 25 == 24:
            clinic = service.clinic()  # a small one: all its rows are read again and again
        counts.found(_strike(clinic, f"c-{number}", counts, places[number % len(places)]))
    return counts


def writes(service: Service) -> list[Write]:
    """Find the operations that write: those after which rows of the organisation differ."""
    found = []
    for name in SCOPE_OF:
        if name.startswith("GET "):
            continue
        clinic = service.clinic()
        asked = Asked.made(clinic, name, "well")
        before = picture(clinic)
        with at_statement(writing_engine(service), -1, lambda _: None) as seen:
            answer = asked.sent()
            reached = len(seen)
        after = picture(clinic)
        if answer.status_code not in {200, 201}:
            raise AssertionError(f"{name} is not asked well: {answer.status_code} {answer.text}")
        if changed(before, after):
            found.append(Write(name=name, statements=reached, grows=grown(before, after)))
    return found


def _strike(clinic: Clinic, client: str, counts: Counts, place: tuple[Write, int, str]) -> list[str]:
    write, statement, kind = place
    where = f"{kind} at statement {statement} of {write.name}"
    asked = Asked.made(clinic, write.name, client)
    before = picture(clinic)
    engine = writing_engine(clinic.service)
    with at_statement(engine, statement, STRIKES[clinic.service.runtime.database.name][kind]):
        answer = asked.sent()
    between = picture(clinic)
    counts.told["refused"] = counts.told.get("refused", 0) + (_status(answer) >= 400)
    found = [f"{where}: {fault}" for fault in _half(write, before, between, answer)]
    again = asked.sent()
    counts.acknowledged += again.status_code in {200, 201, 204}
    found += [f"{where}, again: {fault}" for fault in _once(write, before, picture(clinic), again)]
    return found


def _half(write: Write, before: Picture, after: Picture, answer: httpx.Response) -> list[str]:
    """Nothing of it is there, or all of it; nothing if it was refused."""
    tables = changed(before, after)
    status = _status(answer)
    if status >= 500 or status == 409:
        return [f"answered {status}, and {tables} changed"] if tables else []
    if status >= 400:
        return [f"answered {status}"]
    return _once(write, before, after, answer)


def _status(answer: httpx.Response) -> int:
    """Take the status of a request, or the worst of the items of a batch."""
    body = answer.json() if answer.content else None
    items = body.get("items") if isinstance(body, dict) else None
    told: list[int] = [
        one["status"] for one in items or () if isinstance(one, dict) and isinstance(one.get("status"), int)
    ]
    return max([answer.status_code, *told])


def _once(write: Write, before: Picture, after: Picture, answer: httpx.Response) -> list[str]:
    if _status(answer) not in {200, 201}:
        return [f"answered {_status(answer)}"]
    by = grown(before, after)
    wanted = {name: number for name, number in write.grows.items() if name not in _SHARED}
    return [] if {k: v for k, v in by.items() if k not in _SHARED} == wanted else [f"grown by {by}, not {wanted}"]


#: Of an instrument and rater there is one row, whatever the number of forms.
_SHARED = {"statistics"}
