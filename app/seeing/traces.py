"""Traces by OpenTelemetry: thin spans of our own.

The library's instrumentation records URLs, queries, addresses and programs of callers; paths hold ids of people. Off
unless there is somewhere to send them, and then nothing of the library is loaded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.seeing.listed import ATTRIBUTES, SPANS, keep_listed

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span, Tracer

_NOTHING: AbstractContextManager[None] = nullcontext()


@dataclass(slots=True)
class _Tracing:
    """Whether spans are made, and by what."""

    tracer: Tracer | None = None


_TRACING = _Tracing()


def open_traces(*, url: str | None, version: str) -> None:
    """Send traces to an OTLP collector from now on; without a URL the standard OTEL_EXPORTER_ variables name it."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - see above

    trace_with(OTLPSpanExporter(endpoint=url), version=version, at_once=False)


def trace_with(exporter: SpanExporter, *, version: str, at_once: bool) -> TracerProvider:
    """Give every span to an exporter; at once, or by a thread that gathers them."""
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - see above
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor  # noqa: PLC0415

    provider = TracerProvider(resource=Resource.create({"service.name": "alliance", "service.version": version}))
    provider.add_span_processor(SimpleSpanProcessor(exporter) if at_once else BatchSpanProcessor(exporter))
    _TRACING.tracer = provider.get_tracer("alliance")
    return provider


def stop_tracing() -> None:
    """Make no more spans."""
    _TRACING.tracer = None


def begin_request(parent: tuple[str, str, str] | None) -> Span | None:
    """Begin the span of a request below what the caller named: trace, span and flags; None while tracing is off."""
    tracer = _TRACING.tracer
    if tracer is None:
        return None
    from opentelemetry import trace  # noqa: PLC0415 - see above
    from opentelemetry.context import Context  # noqa: PLC0415

    above = Context()
    if parent is not None:
        trace_id, span_id, flags = (int(part, 16) for part in parent)
        known = trace.SpanContext(trace_id, span_id, is_remote=True, trace_flags=trace.TraceFlags(flags))
        above = trace.set_span_in_context(trace.NonRecordingSpan(known), above)
    return tracer.start_span(
        "request", context=above, kind=trace.SpanKind.SERVER, record_exception=False, set_status_on_exception=False
    )


def within(span: Span | None) -> AbstractContextManager[Any]:
    """Make spans that begin inside children of this one."""
    if span is None:
        return _NOTHING
    from opentelemetry import trace  # noqa: PLC0415 - see above

    return trace.use_span(span, end_on_exit=False, record_exception=False, set_status_on_exception=False)


def end_request(span: Span, *, name: str, attributes: Mapping[str, Any]) -> None:
    """Name a request by its route, now that it is known, and end its span."""
    kept, _ = keep_listed(attributes, ATTRIBUTES)
    span.update_name(name)
    span.set_attributes(kept)
    if "error.type" in kept and attributes.get("http.response.status_code", 500) >= 500:
        from opentelemetry.trace import Status, StatusCode  # noqa: PLC0415 - see above

        span.set_status(Status(StatusCode.ERROR))
    span.end()


def part(name: str, **attributes: Any) -> AbstractContextManager[Any]:
    """Make a span for a part of a request; outside of one there is none, since work that many share is nobody's."""
    return _NOTHING if _TRACING.tracer is None else _part(_TRACING.tracer, name, attributes)


@contextmanager
def _part(tracer: Tracer, name: str, attributes: Mapping[str, Any]) -> Iterator[None]:
    from opentelemetry import trace  # noqa: PLC0415 - see above

    if not trace.get_current_span().is_recording():
        yield
        return
    kept, _ = keep_listed({key.replace("__", "."): value for key, value in attributes.items()}, ATTRIBUTES)
    with tracer.start_as_current_span(
        name if SPANS(name) else "unlisted", attributes=kept, record_exception=False, set_status_on_exception=False
    ):
        yield
