"""What it was measured on."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from time import perf_counter

from bench.programs import ROOT

_LIBRARIES = ("fastapi", "starlette", "pydantic", "uvicorn", "uvloop", "httptools", "sqlalchemy", "asyncpg", "numpy")


def describe(folder: Path) -> dict[str, str]:
    """Describe processor, memory, disk, kernel, Python and libraries."""
    return {
        "processor": _line("/proc/cpuinfo", "model name") or platform.processor() or "unknown",
        "cores": str(os.cpu_count()),
        "memory": _line("/proc/meminfo", "MemTotal"),
        "load_before": " ".join(f"{one:.2f}" for one in os.getloadavg()),
        "fsync_ms": f"{fsync_latency(folder):.2f}",
        "kernel": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "sqlite": __import__("sqlite3").sqlite_version,
        **{name: version(name) for name in _LIBRARIES},
    }


def fsync_latency(folder: Path, *, times: int = 50) -> float:
    """Measure how long one small write takes to reach the disk, in milliseconds (median)."""
    taken = []
    with (folder / "probe").open("wb", buffering=0) as probe:
        for _ in range(times):
            start = perf_counter()
            probe.write(bytes(4096))
            os.fsync(probe.fileno())
            taken.append(1000 * (perf_counter() - start))
    return median(taken)


def measured_code(commit: str | None) -> dict[str, str]:
    """Name the code: the commit, and whether the work tree differs from it."""

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()

    changed = commit is None and bool(git("status", "--porcelain", "--", "app", "migrations"))
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": git("rev-parse", "--short", commit or "HEAD") or "unknown",
        "changed_since": "yes" if changed else "no",
    }


def _line(path: str, name: str) -> str:
    try:
        lines = Path(path).read_text("utf-8").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")
