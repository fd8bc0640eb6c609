"""`alliance instruments`: what is asked, and enabling a key from recall."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer

from app.cli.output import AsJson, fail, print_json, print_table, run, say

app = typer.Typer(help="Instruments.", no_args_is_help=True)

Key = Annotated[str, typer.Argument(help="The instrument's key, such as trq-s.")]


@app.command("list")
def list_all(as_json: AsJson = False) -> None:
    """List the instruments that come with the service."""
    from app.instruments.catalog import shipped

    found = shipped().listed()
    if as_json:
        print_json(
            [
                {
                    "key": i.key,
                    "version": i.version,
                    "digest": i.digest,
                    "title": i.title,
                    "raters": i.raters,
                    "key_status": i.key_status,
                }
                for i in found
            ]
        )
        return
    print_table(
        "Instruments",
        ("key", "version", "title", "raters", "key"),
        [(i.key, i.version, i.title, " ".join(i.raters), i.key_status) for i in found],
    )


@app.command("show")
def show(key: Key, as_json: AsJson = False) -> None:
    """Show an instrument's items and scoring key."""
    from app.errors import NotFound
    from app.instruments.catalog import shipped

    try:
        found = shipped().latest(key)
    except NotFound:
        raise fail(f"no instrument {key}") from None
    if as_json:
        print_json(
            {
                "key": found.key,
                "version": found.version,
                "digest": found.digest,
                "items": [{"id": i.id, "text": i.text, "role": i.role, "reversed": i.reversed} for i in found.items],
                "components": [{"key": c.key, "facet": c.facets, "items": c.items} for c in found.components],
            }
        )
        return
    print_table(
        f"{found.title} ({found.key} {found.version}), {found.minimum} to {found.maximum}",
        ("item", "text", "role", "reversed"),
        [(i.id, i.text or "(not ours to print)", i.role, "yes" if i.reversed else "") for i in found.items],
    )
    print_table(
        "Components",
        ("component", "items", "needs"),
        [(c.key, " ".join(c.items), found.missing_rule.minimum[c.key]) for c in found.components],
    )


@app.command("enable")
def enable(
    key: Key,
    org: Annotated[UUID, typer.Option("--org", help="The organisation's id.")],
    checked_against: Annotated[str, typer.Option(help="What you checked the scoring key against.")],
    as_json: AsJson = False,
) -> None:
    """Let an organisation use an instrument whose key is from recall."""
    from app.access.administer import enable_instrument

    run(lambda runtime: enable_instrument(runtime, organisation=org, instrument=key, checked_against=checked_against))
    if as_json:
        print_json({"instrument": key, "enabled": True})
        return
    say(f"{key} is enabled. What it was checked against is recorded.")
