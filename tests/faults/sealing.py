"""Sealed values and wrapped keys flipped, cut, swapped and moved; and keys changed while the service writes."""

from __future__ import annotations

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
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
#: After so many tampered values the keys are changed.
BETWEEN = 100
#: In these cycles of each hundred two clients' wrapped keys are exchanged, before keys are changed and after it.
KEYS_TOO = {0, 50}


def run(ground: Ground, *, seed: int, cycles: int) -> Counts:
    """Tamper with a sealed value in each cycle, and see that it does not open; change keys in between."""
    chance = random.Random(seed)
    counts = Counts()
    with ground.service() as service:
        clinic, other = (_commented(service.clinic(), at) for at in range(2))
        for cycle in range(cycles):
            counts.found(_tampered(clinic, other, chance))
            counts.cycles += 1
            if cycle % BETWEEN in KEYS_TOO:
                counts.found(_keys_exchanged(clinic, chance, number=cycle))
            if cycle % BETWEEN == 0:
                counts.found(_rotated(clinic, number=cycle, counts=counts))
        counts.rows = clinic.count("submissions")
    return counts


def _commented(clinic: Clinic, number: int) -> Clinic:
    allowed = partial(
        change_settings, changes={"comments_allowed": True}, organisation=clinic.organisation,
        at=datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    clinic.service.in_service(allowed, organisation=clinic.organisation)
    for at in range(SEALED):
        clinic.recorded(form(client_ref=f"c-{number}-{at % 4}", session_number=1 + at // 4, comment=f"comment {at}"))
    return clinic


def _read(clinic: Clinic) -> list[tuple[Any, bytes]]:
    query = select(submissions.c.submission_id, submissions.c.sealed_comment).where(
        submissions.c.organisation_id == clinic.organisation, submissions.c.sealed_comment.is_not(None)
    )
    rows = clinic.service.in_service(lambda c: c.execute(query).all(), organisation=clinic.organisation)
    return [(row.submission_id, row.sealed_comment) for row in rows]


def _put(clinic: Clinic, submission_id: Any, value: bytes) -> None:
    def work(connection: Connection) -> None:
        connection.execute(
            update(submissions)
            .where(submissions.c.organisation_id == clinic.organisation, submissions.c.submission_id == submission_id)
            .values(sealed_comment=value)
        )

    clinic.service.in_service(work, organisation=clinic.organisation)


def _tampered(clinic: Clinic, other: Clinic, chance: random.Random) -> Sequence[str]:
    """Change one value, read the form through the API, and put the value back."""
    rows = _read(clinic)
    submission_id, value = chance.choice(rows)
    at = chance.randrange(len(value))
    way, changed = chance.choice(
        [
            ("flipped", value[:at] + bytes([value[at] ^ (1 << chance.randrange(8))]) + value[at + 1 :]),
            ("cut", value[:at]),
            ("longer", value + bytes([chance.randrange(256)])),
            ("of another form", chance.choice([one for row, one in rows if row != submission_id])),
            ("of another organisation", chance.choice(_read(other))[1]),
        ]
    )
    _put(clinic, submission_id, changed)
    answer = clinic.get(f"/v1/submissions/{submission_id}")
    _put(clinic, submission_id, value)
    whole = clinic.get(f"/v1/submissions/{submission_id}")
    faults = []
    if answer.status_code != 500 or answer.json()["code"] != "storage_damaged" or "comment " in answer.text:
        faults.append(f"a value {way} was answered with {answer.status_code}")
    if whole.status_code != 200 or not whole.json()["form"]["comment"].startswith("comment "):
        faults.append(f"a value put back was answered with {whole.status_code}")
    return faults


def _keys_exchanged(clinic: Clinic, chance: random.Random, *, number: int) -> Sequence[str]:
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
    comments = len(_read(clinic))
    if found.opened < comments:
        faults.append("not every sealed value was looked at")
    return faults
