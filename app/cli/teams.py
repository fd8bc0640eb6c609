"""`alliance teams`: who works with whom, and who supervises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal
from uuid import UUID

import typer

from app.cli.output import AsJson, print_json, print_table, run, say

if TYPE_CHECKING:
    from app.access.teams import Person

app = typer.Typer(help="Teams: members, and the supervisors who see their caseloads.", no_args_is_help=True)

Role = Literal["member", "supervisor"]
Org = Annotated[UUID, typer.Option("--org", help="The organisation's id.")]
TeamName = Annotated[str, typer.Argument(metavar="TEAM", help="Its name or id.")]
Ref = Annotated[str, typer.Option(help="The person, as your forms call a therapist.")]
System = Annotated[str | None, typer.Option(help="The system of the reference, where your forms send one.")]


@app.command("create")
def create(name: Annotated[str, typer.Argument(help="Its name.")], org: Org, as_json: AsJson = False) -> None:
    """Make a team."""
    from app.access.teams import create_team

    team = run(lambda runtime: create_team(runtime, organisation=org, name=name))
    if as_json:
        print_json({"team_id": str(team)})
        return
    print_table("Team", ("team_id", "name"), [(team, name)])


@app.command("add")
def add(  # noqa: PLR0917 - typer passes by name
    team: TeamName,
    org: Org,
    therapist_ref: Ref,
    system: System = None,
    role: Annotated[Role, typer.Option(help="A supervisor sees the members' clients.")] = "member",
    as_json: AsJson = False,
) -> None:
    """Add somebody to a team; they need not be known yet."""
    from app.access.teams import add_to_team

    person = _person(therapist_ref, system)
    added = run(lambda runtime: add_to_team(runtime, organisation=org, team=team, person=person, role=role))
    if as_json:
        print_json({"therapist_id": str(added), "role": role})
        return
    say(f"{added} is a {role} of the team.")


@app.command("remove")
def remove(  # noqa: PLR0917 - typer passes by name
    team: TeamName,
    org: Org,
    therapist_ref: Ref,
    system: System = None,
    role: Annotated[Role | None, typer.Option(help="Only this part; without it, every part.")] = None,
    as_json: AsJson = False,
) -> None:
    """Take somebody out of a team: the next request of a supervisor's key knows it."""
    from app.access.teams import remove_from_team

    person = _person(therapist_ref, system)
    removed = run(lambda runtime: remove_from_team(runtime, organisation=org, team=team, person=person, role=role))
    if as_json:
        print_json({"therapist_id": str(removed), "removed": True})
        return
    say(f"{removed} is no {role or 'part'} of the team any more.")


@app.command("list")
def list_all(org: Org, as_json: AsJson = False) -> None:
    """List an organisation's teams with who is in them."""
    from app.access.teams import list_teams

    teams = run(lambda runtime: list_teams(runtime, organisation=org), of=org)
    if as_json:
        print_json(
            [
                {
                    "team_id": str(team.team_id),
                    "name": team.name,
                    "created_at": team.created_at,
                    "members": [
                        {"therapist_id": str(one.therapist_id), "role": one.role, "since": one.since}
                        for one in team.memberships
                    ],
                }
                for team in teams
            ]
        )
        return
    for team in teams:
        rows = [(one.therapist_id, one.role, one.since) for one in team.memberships]
        print_table(f"{team.name} ({team.team_id})", ("therapist_id", "role", "since"), rows)


def _person(therapist_ref: str, system: str | None) -> Person:
    from app.access.teams import Person

    return Person(system=system, value=therapist_ref)
