"""`alliance demo`: an invented caseload on a throw-away database, posted through the real API."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.demo_caseload import Visit, caseload
from app.cli.output import fail, print_table, say

if TYPE_CHECKING:
    import httpx

_SCOPES = ["instruments:read", "submissions:write", "submissions:read", "scores:read"]


def demo(
    leave: Annotated[bool, typer.Option("--exit", help="End afterwards instead of leaving the pages open.")] = False,
    seed: Annotated[int, typer.Option(help="Another seed makes another caseload.")] = 7,
) -> None:
    """Post an invented caseload through the API and show what a therapist would want to see."""
    import httpx

    with tempfile.TemporaryDirectory(prefix="alliance-demo-") as folder:
        environment, api_key = _prepare(Path(folder))
        url, process = _serve(environment, Path(folder) / "service.log")
        try:
            headers = {"Authorization": f"Bearer {api_key}"}
            with httpx.Client(base_url=url, headers=headers, timeout=30) as http:
                _show(http, _post_all(http, caseload(seed)))
            if not leave:
                say(f"\nThe pages are open: [bold]{url}/docs[/bold]\nAPI key: {api_key}")
                say("Ctrl-C ends the service and deletes everything.")
                process.wait()
        except KeyboardInterrupt:
            say("Ended.")
        finally:
            process.terminate()
            process.wait(timeout=30)


def _prepare(folder: Path) -> tuple[dict[str, str], str]:
    """Migrate a database in the folder, and make an organisation and a key in it."""
    import asyncio

    from app.access.administer import create_application, create_organisation
    from app.storage.migrate import upgrade
    from app.storage.runtime import open_runtime

    url, secrets = f"sqlite:///{folder / 'alliance.db'}", folder / "secrets"
    upgrade(url)

    async def make() -> str:
        runtime = open_runtime(database_url=url, secrets_dir=secrets, make_secrets=True)
        try:
            organisation = await create_organisation(runtime, name="Demo")
            made = await create_application(runtime, organisation=organisation, name="demo", scopes=_SCOPES)
            return made.api_key
        finally:
            await runtime.database.close()

    return {**os.environ, "ALLIANCE_DATABASE_URL": url, "ALLIANCE_SECRETS_DIR": str(secrets)}, asyncio.run(make())


def _serve(environment: dict[str, str], log: Path) -> tuple[str, subprocess.Popen[bytes]]:
    """Start the service on a free port and wait until it is ready."""
    import httpx

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "--factory", "app.main:create_app", "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
    url = f"http://127.0.0.1:{port}"
    for _ in range(300):
        try:
            if httpx.get(f"{url}/readyz").status_code == 200:
                return url, process
        except httpx.TransportError:
            time.sleep(0.1)
    process.kill()
    raise fail(f"the service did not start:\n{log.read_text('utf-8', 'replace')[-1500:]}")


def _post_all(http: httpx.Client, visits: list[Visit]) -> dict[str, list[dict[str, Any]]]:
    """Post every form, some of them twice; return the answers by client."""
    from rich.progress import track

    answers: dict[str, list[dict[str, Any]]] = {}
    replays = unscored = 0
    for number, visit in enumerate(track(visits, description="Posting forms")):
        for _ in range(2 if number % 40 == 7 else 1):  # a sender that did not see the answer asks again
            response = http.post("/v1/submissions", json=visit.form, headers={"Idempotency-Key": f"demo-{number}"})
            if response.status_code != 201:
                raise fail(f"a form was refused: {response.json()['code']}")
        replays += "idempotent-replayed" in response.headers
        answer = response.json()
        unscored += answer["scores"][-1]["status"] == "not_scored"
        answers.setdefault(visit.client, []).append(answer)
    print_table(
        "Invented data. The measure and the stage model are not validated.",
        ("clients", "forms posted", "sent twice and replayed", "total not scored"),
        [(len(answers), len(visits), replays, unscored)],
    )
    return answers


def _show(http: httpx.Client, answers: dict[str, list[dict[str, Any]]]) -> None:
    """Show the caseload, and one client's story."""
    rows = []
    for client, told in answers.items():
        progress = http.get(f"/v1/clients/{told[0]['client_id']}/progress").json()
        lines = {line["rater"]: line for line in progress["series"] if line["instrument"].startswith("trq-s")}
        own = next(a for a in reversed(told) if a["rater"] == "client")
        change = own["change"]["total"]["since_previous"]["value"]
        totals = lines["client"]["totals"]
        therapist = lines.get("therapist", {"totals": [None]})["totals"][-1]
        stage = progress["stage"]
        likeliest = max(stage["probabilities"].values())
        named = f"{stage['current'].replace('_', ' ')} ({likeliest:.2f})"
        rows.append(
            (
                totals[-1] or 0,
                (client, len(totals), _line(totals), _number(totals[-1]), _number(change), _number(therapist), named),
            )
        )
    print_table(
        "\nCaseload, lowest last total first (1 to 5). The two raters are never averaged; no norm says what is noise.",
        ("client", "n", "course", "last", "change", "therapist", "stage"),
        [row for _, row in sorted(rows, key=lambda row: row[0])],
    )
    _story(http, "demo-client-07", answers["demo-client-07"])


def _story(http: httpx.Client, client: str, told: list[dict[str, Any]]) -> None:
    """Show one course session by session, its advice, and how its last total was counted."""
    own = [answer for answer in told if answer["rater"] == "client"]
    print_table(
        f"\nThe course of {client}",
        ("session", "total", "since first", "stage", "probability"),
        [
            (
                a["session_number"],
                _number(a["scores"][-1]["value"]),
                _number(a["change"]["total"]["since_first"]["value"]),
                a["stage"]["current"].replace("_", " "),
                f"{max(a['stage']['probabilities'].values()):.2f}",
            )
            for a in own
        ],
    )
    last = own[-1]
    print_table(
        "\nSigns of a move between stages (they explain, they do not decide)",
        ("met", "sign"),
        [({True: "yes", False: "no", None: "?"}[c["met"]], c["text"]) for c in last["stage"]["criteria"]],
    )
    print_table(
        "\nRecommendations: prompts for a conversation, not a diagnosis",
        ("what", "because", "evidence"),
        [(f"{r['title']}\n{r['text']}", r["because"][0]["rule"], r["evidence"]) for r in last["recommendations"]],
    )
    score = next(s for s in last["scores"] if s["component"] == "total")
    told_how = http.get(f"/v1/clients/{last['client_id']}/scores/{score['id']}/explanation").json()
    print_table(
        "\nHow the last total was counted", ("step", "says"), [(s["name"], s["says"]) for s in told_how["steps"]]
    )


def _line(totals: list[float | None]) -> str:
    return "".join("·" if t is None else "▁▂▃▄▅▆▇█"[min(7, int((t - 1) / 4 * 8))] for t in totals)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
