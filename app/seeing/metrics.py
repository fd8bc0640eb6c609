"""What is counted and timed. Labels come from short lists of ours: no organisation, no application, no person."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import lru_cache
from pathlib import Path
from time import perf_counter
from typing import Any, Final, Literal

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
    start_http_server,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from app.seeing.untold import is_untold

Kind = Literal["read", "write"]
#: Where several workers share their counts: a folder, named before this module is read.
SHARED: Final = "PROMETHEUS_MULTIPROC_DIR"
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_OWN: Final = CollectorRegistry()
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

REQUESTS: Final = Counter("alliance_requests", "Requests answered.", ("method", "route", "status"), registry=_OWN)
DURATION: Final = Histogram(
    "alliance_request_seconds", "From a request to the end of its answer.", ("method", "route"),
    buckets=_SECONDS, registry=_OWN,
)  # fmt: skip
PROBLEMS: Final = Counter("alliance_problems", "Answers that are problems.", ("route", "code"), registry=_OWN)
IN_FLIGHT: Final = Gauge(
    "alliance_requests_in_flight", "Requests that wait for their answer.", multiprocess_mode="livesum", registry=_OWN
)
FORMS: Final = Counter(
    "alliance_forms", "Forms that reached intake: recorded, there (the same form before), replayed, refused.",
    ("outcome", "code"), registry=_OWN,
)  # fmt: skip
TOGETHER: Final = Histogram(
    "alliance_forms_per_transaction", "Forms that shared a transaction of intake.",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512), registry=_OWN,
)  # fmt: skip
LANE: Final = Gauge(
    "alliance_lane_waiting", "Calls whose shared query or transaction waits or runs.", ("lane",),
    multiprocess_mode="livesum", registry=_OWN,
)  # fmt: skip
UNDER_WAY: Final = Gauge(
    "alliance_database_under_way", "Transactions that wait for a connection or run.", ("kind",),
    multiprocess_mode="livesum", registry=_OWN,
)  # fmt: skip
TRANSACTION: Final = Histogram(
    "alliance_database_seconds", "Transactions, the wait for a connection included.", ("kind",),
    buckets=_SECONDS, registry=_OWN,
)  # fmt: skip
DATABASE_ERRORS: Final = Counter(
    "alliance_database_errors", "What the database refused or lost.", ("kind",), registry=_OWN
)
FIELDS_DROPPED: Final = Counter(
    "alliance_log_fields_dropped", "Fields that are not on the list of what may be logged.", registry=_OWN
)
LINES_LOST: Final = Counter("alliance_log_lines_lost", "Log lines that nobody read in time.", registry=_OWN)
ProcessCollector(registry=_OWN)
PlatformCollector(registry=_OWN)

#: The children of a metric are looked up once for each set of labels.
_request = lru_cache(maxsize=4096)(REQUESTS.labels)
_duration = lru_cache(maxsize=4096)(DURATION.labels)
_form = lru_cache(maxsize=256)(FORMS.labels)
_transaction = lru_cache(maxsize=8)(TRANSACTION.labels)
_under_way = lru_cache(maxsize=8)(UNDER_WAY.labels)
_waiting = lru_cache(maxsize=32)(LANE.labels)
_NOTHING: AbstractContextManager[None] = nullcontext()
_FAILURES: Final = frozenset({"unavailable", "full", "read_only"})


def count_request(*, method: str, route: str, status: str, seconds: float, code: str | None) -> None:
    """Count an answered request."""
    _request(method, route, status).inc()
    _duration(method, route).observe(seconds)
    if code is not None:
        PROBLEMS.labels(route, code).inc()


def count_form(outcome: Literal["recorded", "there", "replayed", "refused"], *, code: str = "") -> None:
    """Count a form that reached intake."""
    _form(outcome, code).inc()


def count_database_error(kind: str) -> None:
    """Count a transaction that the database refused; a failure of its own is told whatever was asked of it."""
    if kind in _FAILURES or not is_untold():
        DATABASE_ERRORS.labels(kind).inc()


def in_flight() -> AbstractContextManager[Any]:
    """Count a request while it waits for its answer."""
    return _NOTHING if is_untold() else IN_FLIGHT.track_inprogress()


def waiting_in(lane: str) -> AbstractContextManager[Any]:
    """Count a call while its shared work waits or runs."""
    return _NOTHING if is_untold() else _waiting(lane).track_inprogress()


def timed(kind: Kind) -> AbstractContextManager[None]:
    """Time a transaction, and count it while it waits and runs."""
    return _NOTHING if is_untold() else _timed(kind)


@contextmanager
def _timed(kind: Kind) -> Iterator[None]:
    began = perf_counter()
    _under_way(kind).inc()
    try:
        yield
    finally:
        _under_way(kind).dec()
        _transaction(kind).observe(perf_counter() - began)


def exposition() -> bytes:
    """Write the metrics as Prometheus reads them: of all workers where they share, else of this process."""
    return generate_latest(_registry())


def serve_metrics(*, host: str, port: int) -> None:
    """Serve the metrics on a port of their own, in a thread."""
    start_http_server(port, addr=host, registry=_Anew())


class _Anew(CollectorRegistry):
    """Looks at the workers that there are now, each time it is asked."""

    def collect(self) -> Iterable[Metric]:
        """Collect from the registry that counts now."""
        return _registry().collect()


def _registry() -> CollectorRegistry:
    folder = os.environ.get(SHARED)
    if not folder:
        return _OWN
    _forget_the_dead(Path(folder))
    shared = CollectorRegistry()
    MultiProcessCollector(shared)  # type: ignore[no-untyped-call] # it ships no types
    return shared


def _forget_the_dead(folder: Path) -> None:
    """Take what waits in a worker that has ended out of the sums; what it has counted stays."""
    for file in folder.glob("gauge_live*_*.db"):
        process = int(file.stem.rpartition("_")[2])
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            with suppress(FileNotFoundError):
                mark_process_dead(process, str(folder))  # type: ignore[no-untyped-call] # the same
        except PermissionError:
            continue
