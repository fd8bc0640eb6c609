"""`alliance apps jwks`: the public keys with which an application proves who it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from app.cli.output import AsJson, fail, print_json, run, say

if TYPE_CHECKING:
    from app.storage.runtime import Runtime

app = typer.Typer(help="Public keys with which an application signs its assertions.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Keep `set` a command of its own."""


@app.command("set")
def set_(
    org: Annotated[UUID, typer.Option("--org", help="The organisation's id.")],
    app_id: Annotated[UUID, typer.Option("--app", help="The application's id.")],
    file: Annotated[Path | None, typer.Option(help="A JWK Set: public keys only.")] = None,
    url: Annotated[str | None, typer.Option(help="Where it is published; fetched when it is needed.")] = None,
    as_json: AsJson = False,
) -> None:
    """Register the public keys of an application, in place of those before."""
    from app.access.administer_tokens import set_keys

    if (file is None) == (url is None):
        raise fail("give either --file or --url")
    jwks = None if file is None else _read(file)

    async def work(runtime: Runtime) -> int:
        return await set_keys(runtime, organisation=org, application=app_id, jwks=jwks, url=url)

    count = run(work)
    if as_json:
        print_json({"application_id": str(app_id), "keys": count})
        return
    say(f"{count} keys can be used from now on.")


def _read(file: Path) -> dict[str, Any]:
    from app.errors import FetchRefused
    from app.outbound.key_sets import parse_key_set

    try:
        return parse_key_set(file.read_bytes())
    except OSError:
        raise fail(f"{file} can't be read") from None
    except FetchRefused as refused:
        raise fail(f"{file} can't be used: {refused}") from None
