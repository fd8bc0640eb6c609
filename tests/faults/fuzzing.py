"""Fuzzing of the parsers, guided by coverage, in processes of their own: none raises what it should not."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.faults.counts import Counts
from tests.faults.ground import Ground
from tests.faults.running import ROOT

TARGETS = ("body", "media_type", "strict_yaml", "api_key", "cursor", "idempotency_key", "texts_and_times")


def run(ground: Ground, *, seed: int, cycles: int, targets: tuple[str, ...] = ("every",)) -> Counts:
    """Run `cycles` executions, in equal parts, each target in its own process or all in one; no database takes part."""
    counts = Counts()
    folder = ground.make_folder()
    for target in targets:
        done, faults = _fuzzed(target, seed=seed, runs=-(-cycles // len(targets)), folder=folder)
        counts.cycles += done
        counts.told[target] = done
        counts.found(faults)
    return counts


def _fuzzed(target: str, *, seed: int, runs: int, folder: Path) -> tuple[int, list[str]]:
    words = [f"-runs={runs}", f"-seed={seed % 2**31 or 1}", "-max_len=2048", f"-artifact_prefix={folder}/"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.fuzz_targets", target, *words],
        cwd=ROOT,
        env=os.environ | {"PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    said = done.stdout + done.stderr
    executed = re.search(r"Done (\d+) runs", said)
    if done.returncode == 0 and executed:
        return int(executed[1]), []
    kept = [one.read_bytes()[:80].hex() for one in folder.iterdir() if one.is_file()]
    why = re.findall(r"^[\w.]*(?:Error|Exception).*$", said, re.MULTILINE) or said.strip().splitlines()[-1:]
    return 0, [f"{target} from seed {seed}: {why[-1][:200] if why else done.returncode}; input {kept[:1]}"]
