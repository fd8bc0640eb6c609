"""`make soak`: the long form of every harness, in rounds, on both databases, until it is through or the time is up."""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.machine import describe, measured_code
from tests.faults import reporting
from tests.faults.progress import Progress
from tests.faults.registry import BY_NAME, HARNESSES
from tests.faults.rounds import lanes_of, run_rounds, say
from tests.faults.running import ROOT

VAR = ROOT / "var" / "soak"
REPORTS = Path(__file__).parent / "reports"


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument(
        "--minutes", type=float, default=float("inf"), help="stop after so long (default: when through)"
    )
    parser.add_argument("--only", action="append", choices=sorted(BY_NAME), help="only this harness; may be repeated")
    parser.add_argument("--seed", type=int, help="begin from this seed (default: by chance)")
    parser.add_argument("--fresh", action="store_true", help="begin anew instead of going on with what is in var/soak")
    parser.add_argument("--progress", type=Path, default=VAR / "progress.json", help="where to keep the counts")
    parser.add_argument("--report", default="", help="name of a report to keep in tests/faults/reports")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> int:
    """Run, and return 1 if anything went wrong."""
    asked = arguments(words)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    os.environ.setdefault("ALLIANCE_ENV", "development")
    if asked.fresh:
        asked.progress.unlink(missing_ok=True)
    seed = asked.seed if asked.seed is not None else secrets.randbelow(2**31)
    progress = Progress.read(asked.progress, seed=seed)
    if asked.seed not in {None, progress.seed}:
        say(f"{asked.progress} has counts from seed {progress.seed}: --fresh begins anew")
        return 2
    lanes = lanes_of([one for one in HARNESSES if asked.only is None or one.name in asked.only])
    asked.progress.parent.mkdir(parents=True, exist_ok=True)
    machine = describe(asked.progress.parent)
    _begin(progress)
    say(f"seed {progress.seed}, {len(lanes)} lanes, sitting {progress.sittings}")
    try:
        run_rounds(lanes, progress, seconds=60 * asked.minutes, kept=lambda: progress.write(asked.progress))
    except KeyboardInterrupt:
        say("cut off: the next run goes on from here")
    made = reporting.document(lanes, progress, machine, _command(asked))
    _report(made, asked)
    return 1 if made["wrong"] else 0


def _begin(progress: Progress) -> None:
    code = measured_code(None)
    commit = code["commit"] + (" with changes" if code["changed_since"] == "yes" else "")
    progress.commits = [*(one for one in progress.commits if one != commit), commit]
    progress.sittings += 1


def _command(asked: argparse.Namespace) -> str:
    minutes = [] if asked.minutes == float("inf") else [f"--minutes {asked.minutes:g}"]
    only = [f"--only {name}" for name in asked.only or ()]
    return "".join(f" {word}" for word in minutes + only)


def _report(made: dict[str, Any], asked: argparse.Namespace) -> None:
    path = reporting.write(made, asked.progress.parent, "report")
    if asked.report:
        path = reporting.write(made, REPORTS, asked.report)
    say("")
    for name, lane in made["lanes"].items():
        reached = ", ".join(f"{one['reached']:,}/{one['of']:,} {what}" for what, one in lane["long_form"].items())
        say(
            f"{name}: {reached}; lost {lane['lost']}, doubled {lane['doubled']}, foreign {lane['foreign']}, "
            f"wrong replays {lane['wrong_replays']}, other faults {lane['other_faults']}"
        )
    say(f"seed {made['seed']}; wrong {made['wrong']}; report: {path.name} beside {path.parent.name}/")


if __name__ == "__main__":
    sys.exit(main())
