"""What tests of seeing share: the lines that are written while a test runs, and the spans."""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from app.seeing import logs
from app.seeing.traces import stop_tracing, trace_with


@dataclass
class Written:
    """The log lines so far."""

    raw: list[bytes] = field(default_factory=list)

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Each line, read."""
        return [json.loads(line) for line in self.raw]

    def of(self, event: str) -> list[dict[str, Any]]:
        """Those of one event."""
        return [line for line in self.lines if line["event"] == event]


@pytest.fixture
def written() -> Iterator[Written]:
    """Gather log lines; afterwards nobody asks for any."""
    written = Written()
    root, hooks, levels = logging.getLogger(), (sys.excepthook, threading.excepthook), logging.getLogger().level
    before = list(root.handlers)
    logs.write_lines(written.raw.append)
    yield written
    logs.write_lines(lambda _: None)
    root.handlers[:] = before
    root.setLevel(levels)
    sys.excepthook, threading.excepthook = hooks


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """Gather spans; afterwards there is no tracing."""
    exporter = InMemorySpanExporter()
    provider = trace_with(exporter, version="test", at_once=True)
    yield exporter
    stop_tracing()
    provider.shutdown()
