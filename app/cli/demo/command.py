"""The command: start, post, show, and leave the pages open."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.output import fail, say

if TYPE_CHECKING:
    import httpx
    from rich.console import Console

    from app.cli.demo.post import Posted
    from app.cli.demo.service import DemoService


def demo(
    leave: Annotated[bool, typer.Option("--exit", help="End afterwards instead of leaving the pages open.")] = False,
    seed: Annotated[int, typer.Option(help="Another seed draws other answers.")] = 7,
) -> None:
    """Post an invented caseload through the API and show what a therapist would want to see."""
    from app.cli.demo.service import ServiceFailed, demo_service

    with tempfile.TemporaryDirectory(prefix="alliance-demo-") as folder, _ending_on_signals():
        shown = False
        try:
            say("Starting a service of its own, on a throw-away database ...")
            with demo_service(Path(folder)) as service:
                client_id = _run(service, seed)
                shown = True
                if not leave:
                    _wait(service, client_id)
        except ServiceFailed as error:
            ended = fail(f"{error.sentence}; the last lines of its log:")
            typer.echo(error.last_lines or "(it logged nothing)", err=True)
            raise ended from None
        except KeyboardInterrupt:
            say("\nEnded. Nothing of it stays.")
            raise typer.Exit(0 if shown else 130) from None


def _run(service: DemoService, seed: int) -> str:
    """Post and show everything; return the id of the client whose story was told."""
    import httpx

    from app.cli.demo.post import Refused
    from app.cli.demo.service import ServiceFailed

    headers = {"Authorization": f"Bearer {service.api_key}"}
    try:
        with httpx.Client(base_url=service.url, headers=headers, timeout=30, trust_env=False) as http:
            return _post_and_show(http, seed)
    except Refused as error:
        raise fail(str(error)) from None
    except httpx.TransportError as error:
        raise ServiceFailed(f"the service does not answer ({type(error).__name__})", service) from None


def _post_and_show(http: httpx.Client, seed: int) -> str:
    from datetime import UTC, datetime

    from app.cli.demo.attention import show_attention
    from app.cli.demo.caseload import read_caseload, show_caseload
    from app.cli.demo.courses import STORY
    from app.cli.demo.dyad import show_dyad
    from app.cli.demo.forms import client_name, forms
    from app.cli.demo.others import show_others
    from app.cli.demo.post import post_all
    from app.cli.demo.stories import show_stories
    from app.cli.demo.story import show_story
    from app.cli.demo.words import open_console

    posted = post_all(http, forms(seed, today=datetime.now(UTC).date()))
    console = open_console()
    _show_counts(console, posted)
    show_caseload(console, read_caseload(http, posted))
    show_attention(console, http, posted)
    show_stories(console, http, posted)
    show_dyad(console, http, posted)
    show_story(console, http, posted)
    show_others(console, http, posted)
    return str(posted.last(client_name(STORY), "trq-s").answer["client_id"])


def _show_counts(console: Console, posted: Posted) -> None:
    from app.cli.demo.words import heading

    heading(console, "Invented data")
    console.print(
        "No client, therapist or session below exists. The measure (trq-s) and the stage model (STG-1) are not "
        "validated. What is shown are prompts for a conversation: no diagnosis, and no comparison of therapists.\n"
    )
    console.print(
        f"{len(posted.answers)} forms posted through the public API for {len(posted.clients)} clients. "
        f"{posted.replayed} were sent twice and got their first answer again (replayed). "
        f"{posted.not_scored} had too many gaps: the total is not scored, which is not 0."
    )


def _wait(service: DemoService, client_id: str) -> None:
    """Leave the pages open until somebody ends it; a service that ends by itself is a fault."""
    from app.cli.demo.service import ServiceFailed

    say(
        f"\nThe pages are open: [bold]{service.url}/docs[/bold] (Authorize takes the key)\n"
        f"API key: {service.api_key}\n"
        f"For example: curl -H 'Authorization: Bearer {service.api_key}' "
        f"{service.url}/v1/clients/{client_id}/progress\n"
        "Ctrl-C ends the service and deletes the database."
    )
    code = service.process.wait()
    raise ServiceFailed(f"the service ended by itself (exit code {code})", service)


@contextmanager
def _ending_on_signals() -> Iterator[None]:
    """Let a closed terminal or a `kill` end the demo as Ctrl-C does: no process and no folder stays behind."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {name: signal.signal(getattr(signal, name), interrupt) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)
