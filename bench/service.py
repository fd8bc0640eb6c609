"""The measurements over HTTP: floor and service take turns, and each ratio is one of neighbours in time."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import ExitStack
from http.client import HTTPConnection
from statistics import median

from bench.figures import Finding, Goal, Program, Window, ratios, spread
from bench.load import Job
from bench.plan import Plan, courses, fresh, send, window
from bench.programs import Place, floor, service
from bench.programs import Program as Server

Report = tuple[list[Finding], list[Program]]

FLOORS = {
    "postgresql": ("postgresql:create_app", "FastAPI + asyncpg"),
    "sqlite": ("sqlite:create_app", "FastAPI + sqlite3"),
}
INTAKE_GOALS = {"postgresql": 0.5, "sqlite": 0.9}
READ_GOALS = {"postgresql": 0.6}
#: What encryption and the log of events may cost of intake.
GUARDED_GOAL = 0.7


def intake(where: Place, plan: Plan, database: str, servers: tuple[Server, Server]) -> Report:
    """Post forms to the floor and to the service in turns."""
    findings, programs = [], []
    for connections in plan.connections:
        at = f"{database}, {_of(connections)}"
        below, ours = _turns(where, plan, servers, kind="intake", connections=connections)
        programs += [_program("intake", at, server, w) for server, w in zip(servers, (below, ours), strict=True)]
        goal = Goal(bound=INTAKE_GOALS[database], at_least=True) if connections > 1 else None
        findings.append(_rate("intake, of the floor's requests/s", at, below, ours, goal))
        findings.append(_cpu("intake, CPU of a request, times the floor's", at, below, ours))
        if connections == 1:
            findings.append(
                Finding(
                    what="a single quiet client's p50, of the floor's",
                    where=at,
                    spread=spread(ratios([w.p50 for w in ours], [w.p50 for w in below])),
                    goal=Goal(bound=1.5, at_least=False),
                )
            )
        if connections >= 64:
            tails = spread([w.p99 / w.p50 for w in ours])
            findings.append(
                Finding(what="intake, p99 / p50", where=at, spread=tails, goal=Goal(bound=4, at_least=False))
            )
    return findings, programs


def guards(where: Place, plan: Plan, database: str, guarded: Server) -> Report:
    """Post forms to the service without encryption and without its log of events, and to the service, in turns."""
    findings, programs = [], []
    alone = (sys.executable, "-m", "bench.unguarded")
    with service(where, database, name="unguarded", served_by=alone) as unguarded:
        for connections in (c for c in plan.connections if c > 1):
            at = f"{database}, {_of(connections)}"
            servers = (unguarded, guarded)
            without, whole = _turns(where, plan, servers, kind="intake", connections=connections)
            programs += [_program("guards", at, one, w) for one, w in zip(servers, (without, whole), strict=True)]
            goal = Goal(bound=GUARDED_GOAL, at_least=True)
            findings.append(_rate("intake, of the same without encryption and audit", at, without, whole, goal))
            findings.append(_cpu("intake, CPU of a request, times that without them", at, without, whole))
    return findings, programs


def progress(where: Place, plan: Plan, database: str, servers: tuple[Server, Server]) -> Report:
    """Read the progress of clients with ten sessions from the floor and from the service in turns."""
    below, ours = servers
    clients = [fresh("reader") for _ in range(plan.readers)]
    for server in servers:
        courses(where, server, clients=clients, sessions=10)
    paths = {
        below.port: [f"/progress/{client}" for client in clients],
        ours.port: [f"/v1/clients/{_look_up(ours, client)}/progress" for client in clients],
    }
    findings, programs = [], []
    for connections in (c for c in plan.connections if c > 1):
        at = f"{database}, {_of(connections)}"
        windows = _turns(where, plan, servers, kind="reads", connections=connections, paths=paths)
        programs += [_program("progress", at, server, w) for server, w in zip(servers, windows, strict=True)]
        goal = Goal(bound=READ_GOALS[database], at_least=True) if database in READ_GOALS else None
        findings.append(_rate("progress read, of the floor's requests/s", at, *windows, goal))
        findings.append(_cpu("progress read, CPU of a request, times the floor's", at, *windows))
    return findings, programs


def history(where: Place, plan: Plan, database: str, server: Server) -> Report:
    """Post one more form for clients with ten and with two hundred sessions in turns, on one connection."""
    each = 10  # forms added to one client with a long history: it stays at about two hundred
    long = [fresh("long") for _ in range(-(-plan.pairs // each))]
    short = [fresh("short") for _ in range(plan.pairs)]
    courses(where, server, clients=long, sessions=200)
    courses(where, server, clients=short, sessions=10)
    pairs = [(client, 10, long[n // each], 200 + n % each) for n, client in enumerate(short)]
    job = Job(
        port=server.port,
        kind="alternating",
        connections=1,
        expect=201,
        api_key=server.api_key,
        options={"pairs": pairs},
    )
    times = send(where, server, job)["each"]
    few, many = times[2::2], times[3::2]  # the first pair warms up
    found = Finding(
        what=f"one more form after 200 sessions ({median(many):.1f} ms), of after 10 ({median(few):.1f} ms)",
        where=f"{database}, 1 connection",
        spread=spread(ratios(many, few)),
        goal=Goal(bound=1.5, at_least=False),
    )
    return [found], []


def orientation(where: Place, plan: Plan) -> list[Program]:
    """Measure the floors without a database."""
    programs = []
    for application, name in (("bare:asgi", "bare ASGI, constant"), ("bare:framework", "FastAPI, no database")):
        with floor(where, application, name=name) as server:
            windows = [
                window(where, server, plan, kind="intake", connections=16, run=fresh("run"))
                for _ in range(min(plan.rounds, 2))
            ]
            programs.append(_program("orientation", "16 connections", server, windows))
    return programs


def measure(where: Place, plan: Plan, database: str, only: set[str]) -> Report:
    """Do everything that one database is measured for."""
    application, name = FLOORS[database]
    findings: list[Finding] = []
    programs: list[Program] = []
    with ExitStack() as running:
        below = running.enter_context(floor(where, application, name=name, database=database))
        ours = running.enter_context(service(where, database))
        steps: dict[str, Callable[[], Report]] = {
            "intake": lambda: intake(where, plan, database, (below, ours)),
            "guards": lambda: guards(where, plan, database, ours),
            "progress": lambda: progress(where, plan, database, (below, ours)),
            "history": lambda: history(where, plan, database, ours),
        }
        for step, take in steps.items():
            if step in only:
                plan.say(f"{step} on {database}")
                found, seen = take()
                findings += found
                programs += seen
    return findings, programs


def _turns(
    where: Place,
    plan: Plan,
    servers: tuple[Server, Server],
    *,
    kind: str,
    connections: int,
    paths: dict[int, list[str]] | None = None,
) -> tuple[list[Window], list[Window]]:
    """Measure floor, service, floor, service, ..."""
    windows: tuple[list[Window], list[Window]] = ([], [])
    for number in range(plan.rounds):
        run = fresh("run")
        for server, found in zip(servers, windows, strict=True):
            options = {"run": run} if paths is None else {"paths": paths[server.port]}
            found.append(window(where, server, plan, kind=kind, connections=connections, **options))
        below, ours = (found[-1].rate for found in windows)
        plan.say(f"  {connections} connections, round {number + 1}: {below:.0f} and {ours:.0f} a second")
    return windows


def _look_up(server: Server, client: str) -> str:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
    headers = {"Authorization": f"Bearer {server.api_key}", "Content-Type": "application/json"}
    connection.request("POST", "/v1/clients/lookup", json.dumps({"ref": client}), headers)
    return str(json.loads(connection.getresponse().read())["client_id"])


def _rate(what: str, where: str, below: list[Window], ours: list[Window], goal: Goal | None) -> Finding:
    found = spread(ratios([w.rate for w in ours], [w.rate for w in below]))
    return Finding(what=what, where=where, spread=found, goal=goal)


def _cpu(what: str, where: str, below: list[Window], ours: list[Window]) -> Finding:
    found = spread(ratios([w.cpu for w in ours], [w.cpu for w in below]))
    return Finding(what=what, where=where, spread=found)


def _program(what: str, where: str, server: Server, windows: list[Window]) -> Program:
    return Program(what=what, where=where, name=server.name, windows=tuple(windows))


def _of(connections: int) -> str:
    return f"{connections} connection{'s' if connections > 1 else ''}"
