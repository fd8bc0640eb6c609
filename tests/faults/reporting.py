"""The report of a long run, for people and for machines, and what it did not reach."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from tests.faults.counts import DONE, WRONG
from tests.faults.progress import Progress
from tests.faults.rounds import Lane

LIMITS = (
    """kill -9 does not simulate a loss of power: the page cache survives it. What is checked instead, in every round of
the kills, is that commits are flushed: the writer's connection to SQLite reads back `journal_mode=wal` and
`synchronous=2` (FULL), and PostgreSQL has `fsync`, `synchronous_commit` and `full_page_writes` on.""",
    "A round that is cut off is not counted, and is run again from the same seed.",
    "Both databases, the senders and the service share one machine.",
)


def document(lanes: Sequence[Lane], progress: Progress, machine: Mapping[str, str], asked: str) -> dict[str, Any]:
    """Gather everything that the report says."""
    return {
        "asked": asked,
        "seed": progress.seed,
        "commits": progress.commits,
        "sittings": progress.sittings,
        "machine": dict(machine),
        "wrong": sum(counts.wrong for counts in progress.lanes.values()),
        "lanes": {lane.name: _lane(lane, progress) for lane in lanes},
        "limits": list(LIMITS),
    }


def _lane(lane: Lane, progress: Progress) -> dict[str, Any]:
    counts = progress.of(lane.harness.name, lane.database)
    wanted = {name: {"reached": counts.reached(name), "of": number} for name, number in lane.harness.long.items()}
    measured = {
        name: {"times": len(values), "median": median(values), "least": min(values), "most": max(values)}
        for name, values in counts.samples.items()
    }
    numbers = {name: getattr(counts, name) for name in (*DONE, *WRONG, "rounds")}
    return {
        "says": lane.harness.says,
        **numbers,
        "seconds": round(counts.seconds, 1),
        "long_form": wanted,
        "told": counts.told,
        "measured": measured,
        "faults": counts.says,
    }


def markdown(made: Mapping[str, Any]) -> str:
    """Write the report for people."""
    lanes: Mapping[str, Mapping[str, Any]] = made["lanes"]
    lines = [
        "# Soak run",
        "",
        _heading(made),
        "",
        *_row("harness", "minutes", *(name.replace("_", " ") for name in (*DONE, *WRONG))),
        *_row(*("---",) * (2 + len(DONE) + len(WRONG))),
    ]
    for name, lane in lanes.items():
        numbers = (f"{lane[key]:,}" for key in (*DONE, *WRONG))
        lines += _row(name, f"{lane['seconds'] / 60:.1f}", *numbers)
    lines += ["", "## What the harnesses are, and how far they got", ""]
    for name, lane in lanes.items():
        lines.append(f"- **{name}**: {lane['says']}. {_reached(lane)}{_besides(lane)}")
    lines += ["", "## What went wrong", ""]
    wrong = [f"- {name}: {fault}" for name, lane in lanes.items() for fault in lane["faults"]]
    lines += wrong or ["Nothing."]
    lines += ["", "## What this does not show", "", *(f"- {limit}" for limit in made["limits"])]
    lines += ["", "## The machine", "", *(f"- {name}: {value}" for name, value in made["machine"].items())]
    return "\n".join(lines) + "\n"


def _heading(made: Mapping[str, Any]) -> str:
    of = f"seed {made['seed']}, commit {', '.join(made['commits'])}, {made['sittings']} sitting(s)"
    return f"`make soak`{made['asked']}, {of}. {_verdict(made)}"


def _verdict(made: Mapping[str, Any]) -> str:
    return "Nothing went wrong." if made["wrong"] == 0 else f"**{made['wrong']} things went wrong.**"


def _row(*cells: str) -> list[str]:
    return ["| " + " | ".join(cells) + " |"]


def _reached(lane: Mapping[str, Any]) -> str:
    parts = [f"{one['reached']:,} of {one['of']:,} {name}" for name, one in lane["long_form"].items()]
    whole = all(one["reached"] >= one["of"] for one in lane["long_form"].values())
    return ("Whole: " if whole else "**Not reached**: ") + ", ".join(parts) + "."


def _besides(lane: Mapping[str, Any]) -> str:
    told = [f"{name.replace('_', ' ')} {number:,}" for name, number in lane["told"].items()]
    measured = [
        f"{name.replace('_', ' ')}: median {one['median']:.3g}, {one['least']:.3g} to {one['most']:.3g}"
        f" ({one['times']} times)"
        for name, one in lane["measured"].items()
    ]
    return f" Besides: {'; '.join(told + measured)}." if told or measured else ""


def write(made: Mapping[str, Any], folder: Path, name: str) -> Path:
    """Write both files, and return the one for people."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(made, indent=2) + "\n", "utf-8")
    path = folder / f"{name}.md"
    path.write_text(markdown(made), "utf-8")
    return path
