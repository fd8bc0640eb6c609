"""`alliance demo`: placeholder."""

from __future__ import annotations


def demo() -> None:
    """Show a caseload."""
