"""Who is erased is gone from every table, from what was counted, and from the file; and nothing brings them back."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from anyio.from_thread import BlockingPortal
from sqlalchemy import Connection, insert, select, update

from app.audit.export import export
from app.errors import NotFound
from app.people import erasure, store
from app.people.holds import ClientRef, release
from app.storage.people_tables import erasures, legal_holds
from app.storage.tables import events, metadata
from tests.api.refusals import nothing_stored, refused
from tests.harness import Clinic, Service, form
from tests.usecases.counting import check_statistics
from tests.usecases.erasing import AT, erased, held, ids_of, replayed, rows_about, tables_about_clients, told_everything

#: The rows of `told_everything`, counted by hand: seven forms, of which one corrects another.
ERASED = {
    "acknowledgements": 1, "api_keys": 1, "client_keys": 1, "clients": 1, "consents": 1, "episodes": 1,
    "idempotency_keys": 8, "invitations": 1, "legal_holds": 1, "sources": 3, "submissions": 7, "withdrawals": 1,
}  # fmt: skip


def counted_right(clinic: Clinic) -> None:
    """Count all current forms by hand, and compare with what is kept."""
    runtime = clinic.service.runtime
    clinic.service.read(lambda connection: check_statistics(connection, runtime.catalog, clinic.organisation))


def test_nothing_about_the_client_is_left_in_any_table(clinic: Clinic) -> None:
    """Every table that may hold such rows, read off the metadata, held some and holds none; others' rows stay."""
    client_id, other = told_everything(clinic), told_everything(clinic, "mrn-2")
    ids, others = ids_of(clinic, client_id), ids_of(clinic, other)
    before = rows_about(clinic, ids)
    assert [name for name, count in before.items() if count == 0] == []
    kept = rows_about(clinic, others)
    answer = erased(clinic, client_id)
    assert (answer.status_code, rows_about(clinic, ids)) == (200, dict.fromkeys(tables_about_clients(), 0))
    assert rows_about(clinic, others) == kept
    told = answer.json()["erased"]
    assert {name: told[name] for name in ERASED} == ERASED
    assert told == before


def test_what_their_forms_counted_is_subtracted_exactly(clinic: Clinic) -> None:
    """Of both raters, without what was withdrawn, corrected or incomplete; of the last client nothing is left."""
    clients = [told_everything(clinic, ref) for ref in ("mrn-1", "mrn-2")]
    counted_right(clinic)
    statistics = metadata.tables["statistics"]
    of = (statistics.c.organisation_id == clinic.organisation, statistics.c.rater == "client")
    query = select(statistics.c.forms, statistics.c.counts).where(*of)
    left = []
    for client_id in clients:
        assert erased(clinic, client_id).status_code == 200
        counted_right(clinic)
        left.append(clinic.service.read(lambda c: c.execute(query).one()))
    assert [row.forms for row in left] == [3, 0]
    assert not any(left[1].counts)


def test_a_repeat_answers_the_same_and_the_id_is_absent_everywhere(clinic: Clinic) -> None:
    """The second DELETE tells what the first did; everything else about the client, their own key too, finds nobody."""
    made = clinic.recorded(form())
    phone = clinic.bound("client", "mrn-1042")
    first = erased(clinic, made["client_id"])
    with nothing_stored(clinic):
        assert erased(clinic, made["client_id"]).content == first.content
        client = f"/v1/clients/{made['client_id']}"
        for path in ("progress", "trajectory", "stage", "discrepancy", "signals"):
            refused(clinic.get(f"{client}/{path}"), 404, "not_found")
        refused(clinic.get(f"/v1/submissions/{made['id']}"), 404, "not_found")
        refused(clinic.withdraw(made["id"]), 404, "not_found")
        refused(clinic.request("POST", "/v1/clients/lookup", json={"ref": "mrn-1042"}), 404, "not_found")
        refused(phone.get(f"{client}/progress"), 401, "unauthenticated")


def test_replays_of_their_posts_bring_nobody_back(clinic: Clinic) -> None:
    """Under the old key and a new one, by POST, PUT and correction: 410; also of a form "completed" tomorrow."""
    tomorrow = (datetime.now(UTC) + timedelta(hours=20)).isoformat().replace("+00:00", "Z")
    made = clinic.post(form(), key="k").json()
    ahead = form(session_number=2, completed_at=tomorrow)
    assert clinic.post(ahead, key="ahead").status_code == 201
    assert erased(clinic, made["client_id"]).status_code == 200
    with nothing_stored(clinic):
        for answer in (
            clinic.post(form(), key="k"),
            clinic.post(form()),
            clinic.put(uuid4(), form()),
            clinic.correct(made["id"], form()),
            clinic.post(ahead, key="ahead"),
        ):
            refused(answer, 410, "client_erased")


def test_a_legal_hold_keeps_everything(clinic: Clinic) -> None:
    """409 while one stands, and nothing is touched; when it is lifted the client is erased."""
    client_id = told_everything(clinic)
    of = {"organisation_id": clinic.organisation, "client_id": client_id}
    hold = insert(legal_holds).values(**of, hold_id=uuid4(), sealed_reason=b"x", placed_at=AT)
    clinic.service.in_service(lambda c: c.execute(hold).close(), organisation=clinic.organisation)
    with nothing_stored(clinic):
        refused(erased(clinic, client_id), 409, "legal_hold")
    lift = update(legal_holds).where(legal_holds.c.organisation_id == clinic.organisation).values(lifted_at=AT)
    clinic.service.in_service(lambda c: c.execute(lift).close(), organisation=clinic.organisation)
    assert erased(clinic, client_id).status_code == 200


def test_why_somebody_was_held_goes_with_them(clinic: Clinic) -> None:
    """The reason is free text about the client: the log keeps that there was a hold, and nobody opens why any more."""
    made, organisation = clinic.recorded(form()), clinic.organisation
    held(clinic, reason="claim of CANARY")
    lift = partial(release, client=ClientRef(system=None, value="mrn-1042"), reason="CANARY", acting="officer-9")
    clinic.service.portal.call(partial(lift, clinic.service.runtime, organisation=organisation))

    async def reasons() -> list[Any]:
        entries = export(clinic.service.runtime, organisation=organisation, open_acting=True, acting="auditor-1")
        found = [one async for one in entries]
        return [one["subject"]["hold_reason"] for one in found if one["kind"].startswith("legal_hold.")]

    assert clinic.service.portal.call(reasons) == ["claim of CANARY", "CANARY"]
    assert erased(clinic, made["client_id"]).status_code == 200
    assert clinic.service.portal.call(reasons) == [None, None]


def test_the_tombstone_has_no_name_and_the_log_has_ids_only(clinic: Clinic) -> None:
    """Who asked is sealed; the event names the client's id; the events of before are still there."""
    made = clinic.recorded(form())
    clinic.bound("client", "mrn-1042")
    logged = clinic.count("events")
    assert erased(clinic, made["client_id"], **{"Acting-User": "dpo-CANARY"}).status_code == 200
    query = select(erasures).where(erasures.c.organisation_id == clinic.organisation)
    stone = clinic.service.read(lambda c: c.execute(query).one())
    assert (stone.reason, stone.application_id, b"CANARY" in stone.sealed_acting) == (
        "requested", clinic.application, False,
    )  # fmt: skip
    happened = select(events.c.kind, events.c.subject).where(
        events.c.organisation_id == clinic.organisation, events.c.kind.in_(("client.erased", "api_key.revoked"))
    )
    rows = clinic.service.read(lambda c: list(c.execute(happened.order_by(events.c.event_id))))
    assert [row.kind for row in rows] == ["api_key.revoked", "client.erased"]
    assert rows[1].subject["client_id"] == made["client_id"]
    assert clinic.count("events") >= logged + 2
    assert "CANARY" not in str(rows)


def test_who_comes_back_by_a_restore_is_erased_again(clinic: Clinic) -> None:
    """With what was counted, though the client's key is gone for good; the tombstone stays as it was."""
    client_id, other = told_everything(clinic), told_everything(clinic, "mrn-2")
    ids = ids_of(clinic, client_id)
    before = backup(clinic)
    first = erased(clinic, client_id).json()
    assert replayed(clinic) == {"clients": 0}
    restore(clinic, before)
    counted_right(clinic)
    assert rows_about(clinic, ids)["submissions"] == 7
    assert replayed(clinic)["clients"] == 1
    assert set(rows_about(clinic, ids).values()) == {0}
    counted_right(clinic)
    assert erased(clinic, client_id).json() == first
    assert rows_about(clinic, ids_of(clinic, other))["submissions"] == 7


def backup(clinic: Clinic) -> dict[str, list[dict[str, Any]]]:
    """Read what a backup of the data holds of a clinic: neither clients' keys nor tombstones."""

    def work(connection: Connection) -> dict[str, list[dict[str, Any]]]:
        return {
            table.name: [
                dict(row)
                for row in connection.execute(
                    select(table).where(table.c.organisation_id == clinic.organisation)
                ).mappings()
            ]
            for table in RESTORED
        }

    return clinic.service.read(work)


def restore(clinic: Clinic, rows: dict[str, list[dict[str, Any]]]) -> None:
    """Put back the rows that are missing, and what was counted then."""

    def work(connection: Connection) -> None:
        for table in RESTORED:
            if table.name == "statistics":
                for row in rows[table.name]:
                    names = [column.name for column in table.primary_key]
                    mine = [table.c[name] == row[name] for name in names]
                    connection.execute(update(table).where(*mine).values(forms=row["forms"], counts=row["counts"]))
                continue
            key = [column.name for column in table.primary_key]
            there = {
                tuple(row[name] for name in key)
                for row in connection.execute(
                    select(table).where(table.c.organisation_id == clinic.organisation)
                ).mappings()
            }
            missing = [row for row in rows[table.name] if tuple(row[name] for name in key) not in there]
            if missing:
                connection.execute(insert(table), missing)

    clinic.service.in_service(work, organisation=clinic.organisation)


RESTORED = [
    table
    for table in metadata.sorted_tables
    if table.name in tables_about_clients().keys() | {"statistics"} and table.name != "client_keys"
]


def test_intake_and_erasure_at_once_leave_nothing_half(clinic: Clinic) -> None:
    """A form is erased with its client, refused as late, or begins a new client; nothing hangs about."""
    for turn in range(4):
        ref = f"mrn-{turn}"
        first = clinic.recorded(form(client_ref=ref, session_number=1))
        client_id = UUID(first["client_id"])
        correction = form(client_ref=ref, session_number=1, answers={"1": 1})
        later = [form(client_ref=ref, session_number=n) for n in (2, 3, 4)]
        jobs: list[Callable[[], httpx.Response]] = [
            partial(erased, clinic, client_id),
            partial(clinic.post, later[0]),
            partial(clinic.post, later[1]),
            partial(clinic.correct, first["id"], correction),
            partial(clinic.withdraw, first["id"]),
            partial(clinic.post, later[2]),
        ]
        with ThreadPoolExecutor(len(jobs)) as pool:
            answers = [job.result() for job in [pool.submit(job) for job in jobs]]
        assert answers[0].status_code == 200, answers[0].text
        assert {answer.status_code for answer in answers} <= {200, 201, 404, 409, 410}, [a.text for a in answers]
        ids = {"client_id": [client_id], "episode_id": [UUID(first["episode_id"])], "signal_id": [],
               "submission_id": [UUID(a.json()["id"]) for a in answers if a.status_code == 201]}  # fmt: skip
        assert {name: count for name, count in rows_about(clinic, ids).items() if count} == {}
    counted_right(clinic)


def test_an_instrument_that_is_gone_refuses_the_erasure(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    """What its forms counted could not be subtracted: the operator has to put the definition back first."""
    made = clinic.recorded(form())

    def gone(*_: Any, **__: Any) -> None:
        raise NotFound

    monkeypatch.setattr(erasure, "read_forms", gone)
    with nothing_stored(clinic):
        refused(erased(clinic, made["client_id"]), 503, "misconfigured")


@pytest.mark.parametrize("left_out", ["signal_changes", "idempotency_keys", "api_keys", "client_keys", "sources"])
def test_a_table_that_is_left_out_is_found(clinic: Clinic, monkeypatch: pytest.MonkeyPatch, left_out: str) -> None:
    """Planted fault: rows of one table stay, or the database refuses; either is seen."""
    client_id = told_everything(clinic)
    ids = ids_of(clinic, client_id)
    most = tuple(one for one in store.ABOUT_A_CLIENT if one[0].name != left_out)
    monkeypatch.setattr(store, "ABOUT_A_CLIENT", most)
    answer = erased(clinic, client_id)
    assert answer.status_code == 500 or rows_about(clinic, ids)[left_out] > 0


def test_a_forgotten_subtraction_is_found(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted fault: counts of forms that are gone differ from a count by hand."""
    client_id = told_everything(clinic)
    monkeypatch.setattr(erasure, "keep_count", lambda *_, **__: None)
    assert erased(clinic, client_id).status_code == 200
    with pytest.raises(AssertionError):
        counted_right(clinic)


def test_the_file_of_sqlite_holds_no_trace(tmp_path: Path, portal: BlockingPortal) -> None:
    """Plain columns too: bytes that stood in the file and its log before are in neither after, while others' are."""
    path = tmp_path / "alliance.db"
    with Service.start(f"sqlite:///{path}", portal, secrets=tmp_path / "secrets") as service:
        clinic = service.clinic()
        made = [
            clinic.recorded(form(client_ref=ref, session_number=n, modality=f"modality_{ref}", locale="de"))
            for ref in ("canary", "other")
            for n in range(1, 20)
        ]
        assert traces(path, b"modality_canary") > 0
        assert erased(clinic, made[0]["client_id"]).status_code == 200
        assert traces(path, b"modality_canary") == 0
        assert traces(path, UUID(made[0]["episode_id"]).hex.encode()) <= logged(clinic, made[0]["episode_id"])
        assert traces(path, b"modality_other") > 0


def traces(path: Path, marker: bytes) -> int:
    """Count a marker in the database's files."""
    files = [one for one in path.parent.glob(f"{path.name}*") if one.is_file()]
    return sum(len(re.findall(re.escape(marker), one.read_bytes())) for one in files)


def logged(clinic: Clinic, episode_id: str) -> int:
    """Count the events that name an episode: they stay."""
    query = select(events.c.subject).where(events.c.organisation_id == clinic.organisation)
    rows = clinic.service.read(lambda c: list(c.execute(query)))
    return sum(episode_id.replace("-", "") in str(row.subject).replace("-", "") for row in rows)
