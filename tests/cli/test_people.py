"""`alliance people`, `alliance retention` and `alliance orgs set`: holds, times, and what an organisation settles."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from app.access.caller import SCOPES_OF, Caller
from app.people.retain import months_before
from app.storage.people_tables import legal_holds
from app.storage.tables import events
from app.submissions.record import record
from tests.cli.conftest import Shell, plain
from tests.usecases.calling import entry


@pytest.fixture
def org(shell: Shell) -> str:
    """An organisation with a client of this year, and two of long ago, one of whom has had another form since."""
    organisation = shell.organisation()
    app = shell.data("apps", "create", "ehr", "--org", organisation, "--scope", "submissions:write")
    caller = Caller(
        organisation=UUID(organisation), application=UUID(app["application_id"]), scopes=SCOPES_OF["system"]
    )
    long_ago = "2001-01-07T10:00:00Z"
    sent = [
        entry("1", client_ref="new", completed_at="2026-10-01T10:00:00Z"),
        entry("2", client_ref="old", completed_at=long_ago),
        entry("3", client_ref="back", completed_at=long_ago),
        entry("4", client_ref="back", completed_at="2026-10-01T10:00:00Z", session_number=2),
    ]
    assert len(shell.ask(lambda runtime: record(runtime, caller, sent))) == 4
    return organisation


def test_settings_are_settled_shown_and_logged(shell: Shell, org: str) -> None:
    """What is not named stays; the same again changes nothing; what can't be is refused."""
    defaults = {
        "comments_allowed": False, "acting_required": False, "retention_months": None, "keys_live_at_most": None,
        "tokens_only": False,
    }  # fmt: skip
    assert shell.data("orgs", "set", org) == defaults
    assert shell.data("orgs", "set", org, "--retention-months", "120") == defaults | {"retention_months": 120}
    for _ in range(2):
        settled = shell.data("orgs", "set", org, "--comments-allowed")
    assert settled == defaults | {"retention_months": 120, "comments_allowed": True}
    assert shell.data("orgs", "set", org, "--acting-required")["acting_required"] is True
    assert shell.data("orgs", "set", org, "--no-acting-required")["acting_required"] is False
    assert shell.data("orgs", "set", org, "--retention-months", "none")["retention_months"] is None
    assert "comments_allowed" in plain(shell.run("orgs", "set", org, "--no-comments-allowed").out)
    for months in ("0", "1201", "-1", "x"):
        assert "months" in shell.refused("orgs", "set", org, "--retention-months", months)
    of_keys = shell.data("orgs", "set", org, "--keys-live-at-most", "90", "--tokens-only")
    assert (of_keys["keys_live_at_most"], of_keys["tokens_only"]) == (90, True)
    assert shell.data("orgs", "set", org, "--keys-live-at-most", "none", "--keys-too") == defaults
    for days in ("0", "3651", "-1", "x"):
        assert "days" in shell.refused("orgs", "set", org, "--keys-live-at-most", days)
    assert "no such thing" in shell.refused("orgs", "set", str(uuid4()), "--comments-allowed")
    query = select(events.c.subject).where(
        events.c.organisation_id == UUID(org), events.c.kind == "organisation.settings_changed"
    )
    rows = shell.ask(lambda r: r.database.read(lambda c: list(c.execute(query)), organisation=UUID(org)))
    assert [row.subject for row in rows][-2:] == [
        {"keys_live_at_most": "90", "tokens_only": "true"}, {"keys_live_at_most": "none", "tokens_only": "false"},
    ]  # fmt: skip
    assert len(rows) == 8


def test_nobody_is_erased_without_a_time(shell: Shell, org: str) -> None:
    """An organisation that has settled none keeps everybody."""
    assert shell.data("retention", "run") == [
        {"organisation_id": org, "before": None, "dry_run": False, "erased": [], "held": []}
    ]


def test_who_is_over_time_is_erased_unless_held(shell: Shell, org: str) -> None:
    """The one whose last form is old: not while a hold stands, not by a dry run; then gone, and counted once."""
    shell.data("orgs", "set", org, "--retention-months", "24")
    about = ("--org", org, "--client-ref", "old", "--acting", "officer-9", "--reason")
    shell.data("people", "hold", *about, "a claim")
    (kept,) = shell.data("retention", "run", "--org", org)
    assert (kept["erased"], len(kept["held"])) == ([], 1)
    assert shell.data("people", "release", *about, "settled") == {"released": 1}
    (dry,) = shell.data("retention", "run", "--org", org, "--dry-run")
    assert (dry["erased"], dry["held"]) == (kept["held"], [])
    (done,) = shell.data("retention", "run")
    assert (done["erased"], done["held"], done["dry_run"]) == (dry["erased"], [], False)
    (after,) = shell.data("retention", "run", "--org", org)
    assert (after["erased"], after["held"]) == ([], [])
    assert "erased" in plain(shell.run("retention", "run", "--org", org).out)
    assert "no such thing" in shell.refused("people", "hold", *about, "too late")
    assert shell.data("people", "replay-erasures", "--org", org) == {"clients": 0}


def test_holds_are_listed_with_reasons_that_lie_sealed(shell: Shell, org: str) -> None:
    """Each with when and why; the row holds no word of it; who is unknown, a reason that is none, are refused."""
    about = ("--org", org, "--client-ref", "old", "--acting", "officer-9", "--reason")
    made = shell.data("people", "hold", *about, "CANARY claim")["hold_id"]
    listing = ("people", "holds", "--acting", "officer-9", "--org")
    (listed,) = shell.data(*listing, org)
    assert (listed["hold_id"], listed["reason"], listed["lifted_at"]) == (made, "CANARY claim", None)
    assert "CANARY claim" in plain(shell.run(*listing, org).out)
    query = select(legal_holds.c.sealed_reason).where(legal_holds.c.organisation_id == UUID(org))
    sealed = shell.ask(lambda r: r.database.read(lambda c: c.execute(query).scalar_one(), organisation=UUID(org)))
    assert b"CANARY" not in sealed
    nobody = ("--org", org, "--client-ref", "nobody", "--acting", "officer-9", "--reason", "x")
    assert "no such thing" in shell.refused("people", "hold", *nobody)
    for words in (("hold", *nobody), ("release", *nobody), ("holds", "--org", org)):
        without = [one for one in words if one not in {"--acting", "officer-9"}]
        assert shell.run("people", *without).code == 2
        assert "--acting is empty" in shell.refused("people", *without, "--acting", " ")
    assert "up to 500 characters" in plain(shell.refused("people", "hold", *about, " "))
    assert "may be erased" in plain(shell.run("people", "release", *about, "over").err)
    assert "no such thing" in shell.refused("people", "release", *about, "again")
    other = shell.organisation()
    assert shell.data(*listing, other) == []


def test_months_are_those_of_the_calendar() -> None:
    """Of a day that the earlier month lacks, to its last one; over the year's end."""
    at = datetime(2026, 3, 31, 12, tzinfo=UTC)
    assert months_before(at, 1) == datetime(2026, 2, 28, 12, tzinfo=UTC)
    assert months_before(at, 25) == datetime(2024, 2, 29, 12, tzinfo=UTC)
    assert months_before(at, 3) == datetime(2025, 12, 31, 12, tzinfo=UTC)
