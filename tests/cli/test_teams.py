"""`alliance teams`: teams, members, supervisors, and the key of a supervisor."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from app.access.authenticate import authenticate
from app.storage.tables import events
from tests.cli.conftest import Shell, plain


@pytest.fixture
def org(shell: Shell) -> str:
    """An organisation with the team North."""
    organisation = shell.organisation()
    shell.data("teams", "create", "North", "--org", organisation)
    return organisation


def test_a_team_is_made_filled_and_listed(shell: Shell, org: str) -> None:
    """Members and supervisors by the references that forms have; who has both parts stands there twice."""
    add = ("teams", "add", "North", "--org", org, "--therapist-ref")
    made = shell.data(*add, "th-1")
    assert made["role"] == "member"
    shell.data(*add, "sup", "--role", "supervisor")
    shell.data(*add, "sup")
    other = shell.data(*add, "th-1", "--system", "https://ehr.example")
    assert other["therapist_id"] != made["therapist_id"]
    (team,) = shell.data("teams", "list", "--org", org)
    assert (team["name"], [one["role"] for one in team["members"]]) == (
        "North", ["member", "supervisor", "member", "member"],
    )  # fmt: skip
    assert made["therapist_id"] in plain(shell.run("teams", "list", "--org", org).out)


def test_adding_twice_keeps_the_first(shell: Shell, org: str) -> None:
    """Nothing is changed and nothing is logged; the team may be named by its id."""
    (team,) = shell.data("teams", "list", "--org", org)
    for named in ("North", team["team_id"]):
        shell.data("teams", "add", named, "--org", org, "--therapist-ref", "th-1")
    (team,) = shell.data("teams", "list", "--org", org)
    assert len(team["members"]) == 1


def test_one_part_or_every_part_is_taken(shell: Shell, org: str) -> None:
    """With --role that one; without it whatever there is; nothing to take is refused."""
    for role in ("member", "supervisor"):
        shell.data("teams", "add", "North", "--org", org, "--therapist-ref", "sup", "--role", role)
    remove = ("teams", "remove", "North", "--org", org, "--therapist-ref", "sup")
    assert shell.data(*remove, "--role", "supervisor")["removed"] is True
    assert [one["role"] for one in shell.data("teams", "list", "--org", org)[0]["members"]] == ["member"]
    assert "there is no such thing" in shell.refused(*remove, "--role", "supervisor")
    assert "no part of the team" in shell.run(*remove).err
    assert shell.data("teams", "list", "--org", org)[0]["members"] == []
    assert "there is no such thing" in shell.refused(*remove)
    assert "there is no such thing" in shell.refused(*remove[:-1], "nobody")


def test_a_name_stands_for_one_team_of_one_organisation(shell: Shell, org: str) -> None:
    """The same name again is refused; another organisation has teams of its own and doesn't see these."""
    assert "there is a team North already" in shell.refused("teams", "create", "North", "--org", org)
    other = shell.organisation()
    shell.data("teams", "create", "North", "--org", other)
    shell.data("teams", "create", "South", "--org", other)
    for words in (("add", "South"), ("add", str(uuid4())), ("remove", "South")):
        assert "no such thing" in shell.refused("teams", *words, "--org", org, "--therapist-ref", "th-1")
    assert "no such thing" in shell.refused("teams", "create", "x", "--org", str(uuid4()))
    assert [len(shell.data("teams", "list", "--org", one)) for one in (org, other)] == [1, 2]


def test_teams_are_logged_with_ids_only(shell: Shell, org: str) -> None:
    """Made, joined and left: each with whom and as what, and no reference."""
    words = ("North", "--org", org, "--therapist-ref", "th-CANARY")
    shell.data("teams", "add", *words, "--role", "supervisor")
    shell.data("teams", "remove", *words)
    query = select(events.c.kind, events.c.subject).where(
        events.c.organisation_id == UUID(org), events.c.kind.startswith("team.")
    )
    ordered = query.order_by(events.c.event_id)
    rows = shell.ask(lambda r: r.database.read(lambda c: list(c.execute(ordered)), organisation=UUID(org)))
    assert [(row.kind, sorted(row.subject)) for row in rows] == [
        ("team.created", ["team_id"]),
        ("team.member_added", ["role", "team_id", "therapist_id"]),
        ("team.member_removed", ["role", "team_id", "therapist_id"]),
    ]
    assert "CANARY" not in str(rows)


def test_an_application_for_supervisors_has_keys_with_names(shell: Shell, org: str) -> None:
    """Its first key is bound as every later one; without a person, or with a scope that writes, there is none."""
    create = ("apps", "create", "supervision", "--org", org, "--audience", "supervisor", "--scope", "caseload:read")
    assert "give --therapist-ref" in shell.refused(*create)
    assert "not for the audience supervisor: signals:write" in plain(
        shell.refused(*create, "--scope", "signals:write", "--therapist-ref", "sup")
    )
    assert shell.data("apps", "list", "--org", org) == []
    added = shell.data("teams", "add", "North", "--org", org, "--therapist-ref", "th-1")
    shell.data("teams", "add", "North", "--org", org, "--therapist-ref", "sup", "--role", "supervisor")
    made = shell.data(*create, "--therapist-ref", "sup")
    found = shell.ask(lambda runtime: authenticate(runtime, made["api_key"]))
    assert found.supervised == frozenset({UUID(added["therapist_id"])})
    (listed,) = shell.data("apps", "list", "--org", org)
    assert (listed["audience"], listed["scopes"]) == ("supervisor", ["caseload:read"])
