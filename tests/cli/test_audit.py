"""`alliance audit`: the log proven, taken out, and its end kept elsewhere."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
import typer
from sqlalchemy import Connection, select, update

from app.access.teams import create_team
from app.audit import seal_all
from app.audit.log import Access, log
from app.cli.output import run
from app.errors import Misconfigured, StorageBusy
from app.storage.runtime import Runtime
from app.storage.tables import acknowledgements, clients, events, metadata
from tests.cli.conftest import Shell, plain
from tests.faults.tampering import unguarded


@pytest.fixture
def org(shell: Shell) -> str:
    """An organisation with some entries."""
    organisation = shell.organisation()
    shell.data("teams", "create", "North", "--org", organisation)
    return organisation


def change(shell: Shell, **values: Any) -> None:
    """Change the first entry, as somebody who may write to the tables."""

    async def work(runtime: Runtime) -> None:
        def both(connection: Connection) -> None:
            first = connection.execute(select(events).where(events.c.sequence == 1)).one()
            with unguarded(connection):
                connection.execute(update(events).where(events.c.event_id == first.event_id).values(**values))

        await runtime.database.write(both, organisation=None)

    shell.ask(work)


def test_a_log_is_sealed_and_proven(shell: Shell, org: str) -> None:
    """Of one organisation and of all; what is not sealed yet is said."""
    shell.ask(lambda runtime: create_team(runtime, organisation=UUID(org), name="South"))
    (before,) = shell.data("audit", "verify", "--org", org)
    assert (before["intact"], before["entries"], before["not_sealed"]) == (True, 2, 1)
    assert shell.data("audit", "seal") == [{"organisation_id": org, "sealed": 1}]
    assert shell.data("audit", "verify") == [
        {
            "organisation_id": org,
            "intact": True,
            "entries": 3,
            "last": 3,
            "begins_at": 1,
            "without_link": 0,
            "not_sealed": 0,
            "fault": None,
            "broken_at": None,
        }
    ]
    assert "intact" in plain(shell.run("audit", "verify").out)


def test_what_a_command_wrote_is_sealed_when_it_ends(shell: Shell, org: str) -> None:
    """No application calls yet, so no service would: a deed of an operator can't be deleted unseen."""
    shell.data("orgs", "set", org, "--retention-months", "24")
    shell.data("apps", "create", "ehr", "--org", org, "--scope", "scores:read")
    (told,) = shell.data("audit", "verify")
    assert (told["intact"], told["entries"], told["not_sealed"]) == (True, 5, 0)

    def delete(connection: Connection) -> None:
        with unguarded(connection):
            connection.execute(events.delete().where(events.c.kind == "organisation.settings_changed"))

    shell.ask(lambda runtime: runtime.database.write(delete, organisation=None))
    assert "entry 3 is missing" in plain(shell.run("audit", "verify").out)


def test_what_a_command_that_fails_wrote_is_sealed_too(shell: Shell, org: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody looked, though they were told nothing in the end."""

    async def work(runtime: Runtime) -> None:
        await create_team(runtime, organisation=UUID(org), name="South")
        raise Misconfigured("no more than this")

    for name, value in shell.environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(typer.Exit):
        run(work)
    (told,) = shell.data("audit", "verify")
    assert (told["entries"], told["not_sealed"]) == (3, 0)


def test_what_can_not_be_sealed_is_said_and_told_all_the_same(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """An application's key is shown once: whoever made it has to get it."""

    def busy(*_args: object, **_kwargs: object) -> None:
        raise StorageBusy

    monkeypatch.setattr(seal_all, "seal", busy)
    done = shell.run("orgs", "create", "Clinic", "--plain")
    assert (done.code, len(done.out.strip())) == (0, 36)
    assert "not sealed yet (storage busy): run `alliance audit seal`" in plain(done.err)


def test_a_changed_entry_ends_with_1_and_is_named(shell: Shell, org: str) -> None:
    """For people in words, for programs by its number."""
    shell.data("audit", "seal", "--org", org)
    change(shell, kind="team.created")
    done = shell.run("audit", "verify")
    assert done.code == 1
    assert "entry 1 is not as it was written" in plain(done.out)
    done = shell.run("audit", "verify", "--json")
    assert (done.code, [(one["fault"], one["broken_at"]) for one in json.loads(done.out)]) == (1, [("altered", 1)])


def test_a_head_is_kept_and_held_against(shell: Shell, org: str) -> None:
    """What `head` prints is what `verify --head` reads; another log's head is found out."""
    (kept,) = shell.data("audit", "head", "--org", org)
    assert (kept["organisation_id"], kept["sequence"], len(kept["chain"])) == (org, 2, 64)
    path = shell.folder / "head.json"
    path.write_text(json.dumps([kept]))
    assert shell.data("audit", "verify", "--head", str(path))[0]["intact"] is True
    path.write_text(json.dumps([kept | {"sequence": 9}]))
    assert shell.run("audit", "verify", "--head", str(path)).code == 1
    path.write_text('{"sequence": 2}')
    assert "is not what" in shell.refused("audit", "verify", "--head", str(path))


def test_a_kept_head_misses_an_organisation_of_which_nothing_is_left(shell: Shell, org: str) -> None:
    """Whoever deletes every row of it leaves nothing that could be found broken; the others are proven all the same."""
    other = shell.organisation()
    heads = {one["organisation_id"]: one for one in shell.data("audit", "head")}
    path = shell.folder / "head.json"
    path.write_text(json.dumps([heads[org], heads[other] | {"chain": None}]))
    assert [one["intact"] for one in shell.data("audit", "verify", "--head", str(path))] == [True, True]

    def delete(connection: Connection) -> None:
        with unguarded(connection):
            for table in reversed(metadata.sorted_tables):
                column = table.c.get("organisation_id")
                if column is not None:
                    connection.execute(table.delete().where(column.in_([UUID(org), UUID(other)])))

    left = shell.organisation()
    shell.ask(lambda runtime: runtime.database.write(delete, organisation=None))
    done = shell.run("audit", "verify", "--head", str(path), "--json")
    told = {one["organisation_id"]: (one["intact"], one["fault"], one["broken_at"]) for one in json.loads(done.out)}
    assert (done.code, told) == (
        1,
        {org: (False, "no_organisation", 1), other: (False, "no_organisation", 1), left: (True, None, None)},
    )
    assert "the organisation is gone" in plain(shell.run("audit", "verify", "--head", str(path)).out)
    assert shell.data("audit", "verify", "--head", str(path), "--org", left)[0]["intact"] is True
    assert "there is no organisation" in shell.refused("audit", "verify", "--head", str(path), "--org", org)
    assert shell.run("audit", "verify").code == 0


def test_a_log_is_taken_out_line_by_line(shell: Shell, org: str) -> None:
    """Each line is JSON; who opens persons must say who they are, and stands in the last line."""
    lines = [json.loads(line) for line in shell.run("audit", "export", "--org", org).out.splitlines()]
    assert [one["kind"] for one in lines] == ["organisation.created", "team.created", "audit.exported"]
    assert "add --acting" in shell.refused("audit", "export", "--org", org, "--open-acting")
    opened = shell.run("audit", "export", "--org", org, "--open-acting", "--acting", "auditor-1", "--after", "3")
    (last,) = [json.loads(line) for line in opened.out.splitlines()]
    assert (last["sequence"], last["subject"]["acting"]) == (4, "auditor-1")


def test_broken_glass_is_listed_with_its_reason(shell: Shell, org: str) -> None:
    """Who, about whom and why, since a day; who looks says who they are, and stands in the log."""
    app = shell.data("apps", "create", "ehr", "--org", org, "--scope", "scores:read", "--scope", "clients:break_glass")
    client_id = UUID(int=7)

    async def plant(runtime: Runtime) -> None:
        client = {
            "organisation_id": UUID(org),
            "client_id": client_id,
            "reference_key": "-",
            "reference": bytes(32),
            "created_at": runtime.now(),
        }
        await runtime.database.write(lambda c: c.execute(clients.insert(), [client]).close(), organisation=UUID(org))
        access = Access(
            kind="access.break_glass",
            application_id=UUID(app["application_id"]),
            operation="get_progress",
            outcome="told",
            client_ids=(client_id,),
            acting="person-4711",
            reason="On call for th-7.",
        )
        await log(runtime, access, organisation=UUID(org))

    shell.ask(plant)
    listing = ("audit", "break-glass", "--org", org, "--acting", "auditor-1")
    (one,) = shell.data(*listing)
    at = one.pop("recorded_at")
    assert one == {
        "application_id": app["application_id"],
        "acting": "person-4711",
        "client_id": str(client_id),
        "operation": "get_progress",
        "outcome": "told",
        "reason": "On call for th-7.",
    }
    assert at.endswith("Z")
    assert shell.data(*listing, "--since", at[:10]) == [one | {"recorded_at": at}]
    assert shell.data(*listing, "--since", "2999-01-01") == []
    assert "On call for th-7." in plain(shell.run(*listing).out)
    assert shell.run("audit", "break-glass", "--org", org).code == 2
    assert "--acting is empty" in shell.refused("audit", "break-glass", "--org", org, "--acting", "")
    lines = [json.loads(line) for line in shell.run("audit", "export", "--org", org).out.splitlines()]
    looks = [line["subject"]["operation"] for line in lines if line["kind"] == "audit.exported"]
    assert looks == ["audit_break_glass"] * 4 + ["audit_export"]
    assert "On call" not in str(lines)


def test_migrate_seals_persons_who_are_plain(shell: Shell, org: str) -> None:
    """An acknowledgement of an older release has its person in the clear until the next `alliance migrate`."""

    async def plant(runtime: Runtime) -> None:
        row = {
            "organisation_id": org,
            "acknowledgement_id": runtime.new_id(),
            "signal_id": runtime.new_id(),
            "application_id": runtime.new_id(),
            "acting": "th-7",
            "reason": "other",
            "acknowledged_at": runtime.now(),
            "key": bytes(32),
        }
        await runtime.database.write(
            lambda c: c.execute(acknowledgements.insert().values(**row | {"organisation_id": UUID(org)})),
            organisation=UUID(org),
        )

    async def persons(runtime: Runtime) -> list[tuple[str | None, bool]]:
        rows = await runtime.database.read(lambda c: c.execute(select(acknowledgements)).all(), organisation=None)
        return [(row.acting, row.sealed_acting is not None) for row in rows]

    shell.ask(plant)
    assert shell.ask(persons) == [("th-7", False)]
    assert shell.run("migrate").code == 0
    assert shell.ask(persons) == [(None, True)]
