"""How far a long run is: kept in a file after every round, so that a run that was cut off goes on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.counts import Counts


@dataclass(kw_only=True)
class Progress:
    """The counts of every harness on every database since the first round, and the code that they are of."""

    seed: int
    commits: list[str] = field(default_factory=list)
    sittings: int = 0
    lanes: dict[str, Counts] = field(default_factory=dict)

    def of(self, harness: str, database: str) -> Counts:
        """Return the counts of a harness on a database."""
        return self.lanes.setdefault(f"{harness}/{database}", Counts())

    def write(self, path: Path) -> None:
        """Write the file: the whole of it or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(".part")
        beside.write_text(json.dumps(asdict(self), indent=1) + "\n", "utf-8")
        beside.replace(path)

    @classmethod
    def read(cls, path: Path, *, seed: int) -> Progress:
        """Read the file, or begin anew where there is none."""
        if not path.exists():
            return cls(seed=seed)
        kept: Mapping[str, Any] = json.loads(path.read_text("utf-8"))
        lanes = {name: Counts(**counts) for name, counts in kept["lanes"].items()}
        return cls(seed=kept["seed"], commits=kept["commits"], sittings=kept["sittings"], lanes=lanes)
