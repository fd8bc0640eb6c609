"""`alliance instruments`: what is asked, checking a definition, and enabling a key from recall."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from app.cli.check import check
from app.cli.output import AsJson, fail, print_json, print_table, read_catalog, run, say

if TYPE_CHECKING:
    from app.instruments.model import Instrument
    from app.instruments.unavailable import Unavailable

app = typer.Typer(help="Instruments.", no_args_is_help=True)

Key = Annotated[str, typer.Argument(help="The instrument's key, such as trq-s.")]


app.command("check")(check)


@app.command("list")
def list_all(
    as_json: AsJson = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the page docs/instruments.md.")] = False,
) -> None:
    """List the instruments, a site's own among them, and those that are known without a key."""
    from app.instruments.page import instruments_page

    catalog = read_catalog()
    if markdown:
        sys.stdout.write(instruments_page(catalog))
        return
    if as_json:
        print_json([*map(_available, catalog.listed()), *map(_unavailable, catalog.listed_unavailable())])
        return
    rows = [(i.key, i.version, i.title, " ".join(i.raters), i.key_status) for i in catalog.listed()]
    print_table("Instruments", ("key", "version", "title", "raters", "key"), rows)
    print_table(
        "Known, without a key",
        ("key", "title", "why"),
        [(one.key, one.title, one.reason) for one in catalog.listed_unavailable()],
    )


def _available(instrument: Instrument) -> dict[str, Any]:
    return {
        "key": instrument.key,
        "version": instrument.version,
        "digest": instrument.digest,
        "title": instrument.title,
        "raters": instrument.raters,
        "status": "needs_enabling" if instrument.needs_enabling else "available",
        "key_status": instrument.key_status,
    }


def _unavailable(known: Unavailable) -> dict[str, Any]:
    return {
        "key": known.key,
        "version": None,
        "digest": None,
        "title": known.title,
        "raters": known.raters,
        "status": "key_not_available",
        "reason": known.reason,
    }


@app.command("show")
def show(
    key: Key,
    locale: Annotated[str | None, typer.Option(help="The language of the texts, such as es.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show an instrument's items and scoring key."""
    from app.errors import NotFound

    catalog = read_catalog()
    known = catalog.unavailable(key)
    if known is not None:
        _show_unavailable(known, as_json=as_json)
        return
    try:
        found = catalog.latest(key)
    except NotFound:
        raise fail(f"no instrument {key}") from None
    locales = catalog.locales(found)
    if locale is not None and locale not in locales:
        raise fail(f"{key} has no texts in {locale}; it has: {', '.join(locales) or 'none'}")
    told = catalog.told(found, locale)
    if as_json:
        print_json(_document(told) | {"locales": locales})
        return
    print_table(
        f"{told.title} ({told.key} {told.version}), {told.minimum} to {told.maximum}",
        ("item", "text", "role", "reversed"),
        [(i.id, i.text or "(not ours to print)", i.role, "yes" if i.reversed else "") for i in told.items],
    )
    print_table(
        "Components",
        ("component", "items", "needs"),
        [(c.key, " ".join(c.items), told.missing_rule.minimum[c.key]) for c in told.components],
    )


def _document(found: Instrument) -> dict[str, Any]:
    return {
        "key": found.key,
        "version": found.version,
        "digest": found.digest,
        "status": "needs_enabling" if found.needs_enabling else "available",
        "locale": found.language,
        "items": [{"id": i.id, "text": i.text, "role": i.role, "reversed": i.reversed} for i in found.items],
        "components": [{"key": c.key, "facet": c.facets, "items": c.items} for c in found.components],
    }


def _show_unavailable(known: Unavailable, *, as_json: bool) -> None:
    if as_json:
        print_json(_unavailable(known) | {"items": [], "components": []})
        return
    rows = [("status", "key_not_available"), ("reason", known.reason), ("raters", " ".join(known.raters))]
    print_table(f"{known.title} ({known.key})", ("what", "known"), rows)


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
