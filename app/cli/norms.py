"""`alliance norms`: an organisation's own norms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal
from uuid import UUID

import typer

from app.cli.output import AsJson, print_json, print_table, run, say

if TYPE_CHECKING:
    from app.norms.local import OwnNorm

app = typer.Typer(
    help="An organisation's own norms: estimated, switched on and off, never silently.", no_args_is_help=True
)

Rater = Literal["client", "therapist", "observer", "parent"]
Org = Annotated[UUID, typer.Option("--org", help="The organisation's id.")]
NormId = Annotated[UUID, typer.Argument(metavar="NORM", help="The norm's id.")]


@app.command("estimate")
def estimate(
    org: Org,
    instrument: Annotated[str, typer.Option(help="Its key.")],
    rater: Annotated[Rater, typer.Option(help="Whose forms.")] = "client",
    as_json: AsJson = False,
) -> None:
    """Estimate a norm from own forms (200 clients at least). Nothing uses it before it is activated."""
    from app.norms.local import estimate as use_case

    _show([run(lambda runtime: use_case(runtime, organisation=org, instrument=instrument, rater=rater))], as_json)


@app.command("activate")
def activate(norm: NormId, org: Org, as_json: AsJson = False) -> None:
    """Hold new forms against a norm. Forms that are there keep the norm they came in under."""
    from app.norms.local import switch

    _show([run(lambda runtime: switch(runtime, organisation=org, norm_id=norm, on=True))], as_json)


@app.command("deactivate")
def deactivate(norm: NormId, org: Org, as_json: AsJson = False) -> None:
    """Hold new forms against no norm."""
    from app.norms.local import switch

    _show([run(lambda runtime: switch(runtime, organisation=org, norm_id=norm, on=False))], as_json)


@app.command("list")
def list_all(org: Org, as_json: AsJson = False) -> None:
    """List an organisation's norms."""
    from app.norms.local import own_norms

    _show(run(lambda runtime: own_norms(runtime, organisation=org)), as_json)


def _show(found: list[OwnNorm], as_json: bool) -> None:
    if as_json:
        print_json([_document(one) for one in found])
        return
    print_table(
        "Norms",
        ("norm_id", "instrument", "version", "rater", "clients", "forms", "mean", "sd", "reliability", "active"),
        [_row(one) for one in found],
    )
    say("Mean, SD and internal consistency are those of the total; all sessions are pooled.")


def _row(one: OwnNorm) -> tuple[Any, ...]:
    norm, total = one.norm, one.norm.components.get("total")
    numbers = ("", "", "") if total is None else tuple(f"{n:.2f}" for n in (total.mean, total.sd, total.reliability))
    named = (norm.norm_id, norm.instrument, norm.instrument_version, norm.rater, norm.clients, norm.forms)
    return (*named, *numbers, "yes" if one.active else "no")


def _document(one: OwnNorm) -> dict[str, Any]:
    import json

    from app.storage.documents import to_json

    document: dict[str, Any] = json.loads(to_json(one.norm))
    return document | {"active": one.active}
