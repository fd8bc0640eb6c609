"""`alliance demo`: an invented caseload on a throw-away database, posted through the real API."""

from app.cli.demo.command import demo

__all__ = ["demo"]
