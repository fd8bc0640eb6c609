"""`make bench`: measure the service against the floors in one interleaved run, and write down what was found."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from bench import machine, scoring, service
from bench.figures import Finding, Program
from bench.plan import Plan
from bench.processes import Broken
from bench.programs import ROOT, durability, place
from bench.report import Report, show, write

STEPS = ("intake", "guards", "progress", "history", "scoring", "orientation")


def main(arguments: list[str]) -> int:
    """Measure, report, and return 1 only when something broke: a missed goal is a finding, not a failure."""
    options = _options(arguments)
    console = Console(width=None if sys.stdout.isatty() else 170)
    plan = _plan(options, console)
    steps = set(options.only or STEPS)
    try:
        with tempfile.TemporaryDirectory(prefix="alliance-bench-", dir=options.folder) as folder:
            report = _measure(Path(folder), plan, steps, options, command=f"make bench BENCH='{' '.join(arguments)}'")
    except Broken as broken:
        console.print(f"bench: {broken}", style="red", markup=False)
        return 1
    show(report, console)
    console.print(f"Written to {write(report, options.results)}", markup=False)
    return 0


def _measure(folder: Path, plan: Plan, steps: set[str], options: argparse.Namespace, *, command: str) -> Report:
    code = machine.measured_code(options.commit)  # now: others may commit while we measure
    described = machine.describe(folder)
    findings: list[Finding] = []
    programs: list[Program] = []
    speeds: dict[str, float] = {}
    folder.chmod(0o755)  # PostgreSQL may run as another user
    with place(folder, commit=code["commit"] if options.commit else None, disk_ms=options.disk_ms) as where:
        described["fsync_made_slower_by_ms"] = f"{options.disk_ms:g}"
        described |= {f"postgresql {name}": value for name, value in durability(where).items()}
        if "orientation" in steps:
            plan.say("floors without a database")
            programs += service.orientation(where, plan)
        for database in options.database or service.FLOORS:
            found, seen = service.measure(where, plan, database, steps)
            findings += found
            programs += seen
        if "scoring" in steps:
            plan.say("scoring")
            found, speeds = scoring.measure(where, plan)
            findings += found
    return Report(
        code=code,
        machine=described,
        command=command,
        findings=findings,
        programs=programs,
        speeds=speeds,
    )


def _plan(options: argparse.Namespace, console: Console) -> Plan:
    quick = options.quick
    return Plan(
        rounds=options.rounds or (2 if quick else 5),
        seconds=options.seconds or (1.5 if quick else 2.5),
        warm_up=0.5 if quick else 0.7,
        connections=tuple(options.connections or ((16, 64) if quick else (1, 16, 64))),
        pairs=11 if quick else 41,
        readers=32 if quick else 96,
        forms=1_000_000,
        say=lambda text: console.print(text, style="dim", markup=False),
    )


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="about a minute; figures for a first look only")
    parser.add_argument("--only", action="append", choices=STEPS, help="one part; may be given often")
    parser.add_argument("--database", action="append", choices=tuple(service.FLOORS), help="one database")
    parser.add_argument(
        "--connections", action="append", type=int, help="may be given often; 1, 16 and 64 unless given"
    )
    parser.add_argument("--rounds", type=int, help="turns of floor and service")
    parser.add_argument("--seconds", type=float, help="length of one window")
    parser.add_argument("--commit", help="measure this commit instead of the work tree")
    parser.add_argument(
        "--disk-ms", type=float, default=0.0, help="make each fsync this much slower (needs a C compiler)"
    )
    parser.add_argument("--folder", help="where the databases are put for the run: a disk like that of production")
    parser.add_argument("--results", type=Path, default=ROOT / "bench" / "results")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
