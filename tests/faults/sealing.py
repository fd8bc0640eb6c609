"""Sealed values and wrapped keys flipped, cut, swapped and moved; and keys changed while the service writes."""

from __future__ import annotations

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select, update

from app.access.organisation import change_settings
from app.keys.check import check
from app.keys.rotate import rotate
from app.storage.key_tables import client_keys
from app.storage.tables import submissions
from tests.faults.counts import Counts
from tests.faults.ground import Ground
from tests.harness import Clinic, form

#: So many forms are sealed before they are tampered with, and so many beside each rotation.
SEALED, BESIDE = 12, 24
#: What is done to a value, in turn: its head is the version and the id of the key.
WAYS = (
    "with a flipped head", "with a flipped content", "cut", "longer", "of another form of the client",
    "of another client", "of another organisation",
)  # fmt: skip
_HEAD = 1 + 16
#: After so many tampered values keys are changed, in the short form: that is most of what it costs.
BETWEEN = 500


def run(ground: Ground, *, seed: int, cycles: int, between: int = BETWEEN) -> Counts:
    """Tamper with a sealed value in each cycle, and see that it does not open; change keys in between.

    Two clients' wrapped keys are exchanged before keys are changed, and half of the way to the next time.
    """
    chance = random.Random(seed)
    counts = Counts()
    with ground.service() as service:
        clinic, other = (commented(service.clinic(), at) for at in range(2))
        for cycle in range(cycles):
            if cycle % between in {0, 1, between // 2, between // 2 + 1}:  # keys or forms are others than they were
                rows = read(clinic), read(other)
            counts.found(tampered(clinic, rows, chance, WAYS[cycle % len(WAYS)]))
            counts.cycles += 1
            if cycle % between in {0, between // 2}:
                counts.found(keys_exchanged(clinic, chance, number=cycle))
            if cycle % between == 0:
                counts.found(_rotated(clinic, number=cycle, counts=counts))
        counts.rows = clinic.count("submissions")
    return counts


def commented(clinic: Clinic, number: int) -> Clinic:
    """Let a clinic's forms hold comments, and record some of four clients."""
    allowed = partial(
        change_settings, changes={"comments_allowed": True}, organisation=clinic.organisation,
        at=datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    clinic.service.in_service(allowed, organisation=clinic.organisation)
    for at in range(SEALED):
        clinic.recorded(form(client_ref=f"c-{number}-{at % 4}", session_number=1 + at // 4, comment=f"comment {at}"))
    return clinic


@dataclass(frozen=True, kw_only=True)
class _Sealed:
    """A comment as it lies in the database, of which form and client."""

    submission_id: UUID
    client_id: UUID
    value: bytes


_Rows = Sequence[_Sealed]


def read(clinic: Clinic) -> _Rows:
    """Read the comments of a clinic as they lie there."""
    query = select(submissions.c.submission_id, submissions.c.client_id, submissions.c.sealed_comment).where(
        submissions.c.organisation_id == clinic.organisation, submissions.c.sealed_comment.is_not(None)
    )
    rows = clinic.service.in_service(lambda c: c.execute(query).all(), organisation=clinic.organisation)
    return [_Sealed(submission_id=one, client_id=client, value=value) for one, client, value in rows]


def _put(clinic: Clinic, submission_id: Any, value: bytes) -> None:
    def work(connection: Connection) -> None:
        connection.execute(
            update(submissions)
            .where(submissions.c.organisation_id == clinic.organisation, submissions.c.submission_id == submission_id)
            .values(sealed_comment=value)
        )

    clinic.service.in_service(work, organisation=clinic.organisation)


def tampered(clinic: Clinic, sealed: tuple[_Rows, _Rows], chance: random.Random, way: str) -> Sequence[str]:
    """Change one of a clinic's values, read the form through the API, and put the value back; at times read it again.

    Beside the clinic's own values there are those of another one.
    """
    rows, others = sealed
    mine = chance.choice([row for row in rows if sum(one.client_id == row.client_id for one in rows) > 1])
    _put(clinic, mine.submission_id, _changed(way, mine, rows if way != WAYS[-1] else others, chance))
    answer = clinic.get(f"/v1/submissions/{mine.submission_id}")
    _put(clinic, mine.submission_id, mine.value)
    faults = []
    if answer.status_code != 500 or answer.json()["code"] != "storage_damaged" or "comment " in answer.text:
        faults.append(f"a value {way} was answered with {answer.status_code}")
    if way == WAYS[-1]:
        whole = clinic.get(f"/v1/submissions/{mine.submission_id}")
        if whole.status_code != 200 or not whole.json()["form"]["comment"].startswith("comment "):
            faults.append(f"a value put back was answered with {whole.status_code}")
    return faults


def _changed(way: str, mine: _Sealed, rows: _Rows, chance: random.Random) -> bytes:
    """Make another value of a sealed one, or take one of these rows' from elsewhere."""
    value = mine.value
    if way.startswith("with a flipped"):
        at = chance.randrange(_HEAD) if way.endswith("head") else chance.randrange(_HEAD, len(value))
        return value[:at] + bytes([value[at] ^ (1 << chance.randrange(8))]) + value[at + 1 :]
    if way == "cut":
        return value[: chance.randrange(len(value))]
    if way == "longer":
        return value + bytes([chance.randrange(256)])
    is_of_client = way == "of another form of the client"
    elsewhere = [one for one in rows if (one.client_id == mine.client_id) == is_of_client and one != mine]
    return chance.choice(elsewhere).value


def keys_exchanged(clinic: Clinic, chance: random.Random, *, number: int) -> Sequence[str]:
    """Exchange the keys of two clients, send a comment of one of them, exchange them back and send it again."""
    of_ours = client_keys.c.organisation_id == clinic.organisation

    def clients(connection: Connection) -> list[Any]:
        return sorted(set(connection.execute(select(client_keys.c.client_id).where(of_ours)).scalars()))

    def exchange(connection: Connection, pair: Sequence[Any]) -> None:
        keys = select(client_keys.c.client_id, client_keys.c.key_id).where(of_ours, client_keys.c.client_id.in_(pair))
        for client_id, key_id in connection.execute(keys).all():
            other = pair[1 - pair.index(client_id)]
            moved = update(client_keys).where(of_ours, client_keys.c.key_id == key_id).values(client_id=other)
            connection.execute(moved)

    def inside(work: Any) -> Any:
        return clinic.service.in_service(work, organisation=clinic.organisation)

    first = clinic.post(form(client_ref=f"k-{number}", comment="comment k"), key=f"k-{number}").json()["client_id"]
    mine = UUID(first)
    pair = [mine, chance.choice([one for one in inside(clients) if one != mine])]
    sent = form(client_ref=f"k-{number}", session_number=2, comment="comment k")
    statuses = []
    for _ in range(2):
        inside(partial(exchange, pair=pair))
        statuses.append(clinic.post(sent, key=f"k-{number}-2").status_code)
    return [] if statuses == [500, 201] else [f"a comment with exchanged keys, then with its own: {statuses}"]


def _rotated(clinic: Clinic, *, number: int, counts: Counts) -> Sequence[str]:
    """Change the organisation's keys and its clients' while forms with comments come in; then open everything."""
    service = clinic.service

    def post(at: int) -> int:
        sent = form(client_ref=f"r-{number}-{at % 6}", session_number=1 + at // 6, comment=f"comment {at}")
        return clinic.post(sent, key=f"r-{number}-{at}").status_code

    with ThreadPoolExecutor(4) as senders:
        posted = [senders.submit(post, at) for at in range(BESIDE)]
        turning = [
            service.portal.call(partial(rotate, service.runtime, organisation=clinic.organisation, clients=True))
            for _ in range(3)
        ]
        statuses = [one.result() for one in posted]
    found = service.portal.call(partial(check, service.runtime, organisation=clinic.organisation))
    counts.acknowledged += statuses.count(201)
    for name in ("sealed", "wrapped", "made"):
        counts.told[name] = counts.told.get(name, 0) + sum(getattr(one, name) for one in turning)
    faults = [f"unreadable after a rotation: {one}" for one in found.broken]
    faults += [f"a form beside a rotation was answered with {status}" for status in statuses if status != 201]
    comments = len(read(clinic))
    if found.opened < comments:
        faults.append("not every sealed value was looked at")
    return faults
