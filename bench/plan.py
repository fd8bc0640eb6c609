"""What a run does: how long, how often, and one job at a time for the load generator."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import count
from typing import Any

from bench.figures import Window
from bench.load import Job
from bench.processes import Broken
from bench.programs import Place, Program

_numbers = count()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The options of a run."""

    rounds: int
    seconds: float
    warm_up: float
    connections: tuple[int, ...]
    pairs: int  # of the measurement of long histories
    readers: int  # clients whose progress is read
    forms: int  # of the measurement of scoring
    say: Callable[[str], None]


def send(where: Place, program: Program, job: Job) -> dict[str, Any]:
    """Let the load generator do a job; any answer that is not the expected one breaks the run."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.load"],
        input=json.dumps(asdict(job)),
        cwd=where.folder,
        env=where.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Broken(f"the load generator failed at {program.name}: {done.stderr[-2000:]}")
    result: dict[str, Any] = json.loads(done.stdout)
    if result["unexpected"]:
        raise Broken(f"{program.name} answered {result['unexpected']}")
    return result


def window(where: Place, program: Program, plan: Plan, *, kind: str, connections: int, **options: Any) -> Window:
    """Measure one window."""
    job = Job(
        port=program.port,
        kind=kind,
        connections=connections,
        expect=201 if kind == "intake" else 200,
        api_key=program.api_key,
        warm_up=plan.warm_up,
        seconds=plan.seconds,
        service=program.process,
        database=where.postmaster,
        options=options,
    )
    return Window(**send(where, program, job)["window"])


def courses(where: Place, program: Program, *, clients: list[str], sessions: int) -> None:
    """Prepare clients through the public API, each with its first sessions."""
    options = {"clients": clients, "sessions": sessions}
    job = Job(port=program.port, kind="courses", connections=16, expect=201, api_key=program.api_key, options=options)
    send(where, program, job)


def fresh(word: str) -> str:
    """Make a name that this run has not used yet."""
    return f"{word}{next(_numbers)}"
