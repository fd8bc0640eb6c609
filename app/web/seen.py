"""What is seen of each request: one log line, counts and times, and a span; by its route, never by its path."""

from __future__ import annotations

import re
from secrets import token_hex
from time import perf_counter
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.seeing.listed import METHODS
from app.seeing.logs import log
from app.seeing.metrics import count_request, in_flight
from app.seeing.traces import begin_request, end_request, within
from app.seeing.untold import untold

#: Whether there was a safety check is for nobody but those who read it: its requests leave no line, no count and no
#: trace, and nothing in the figures of the database, unless the service itself has failed.
UNTOLD = ("/v1/safeguarding", "/v1/invitations/mine/safety-check")
_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})").fullmatch


class Seen:
    """The outermost middleware: names the trace, and tells of every request what its answer was."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request through, and look at it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = perf_counter()
        told = _told(scope)
        quiet = scope["path"].startswith(UNTOLD)
        span = None if quiet else begin_request(told)
        trace_id = f"{span.get_span_context().trace_id:032x}" if span else told[0] if told else token_hex(16)
        state = scope.setdefault("state", {})
        state["trace_id"] = trace_id
        status = 0

        async def send_and_see(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            with untold(when=quiet), in_flight(), within(span):
                await self._app(scope, receive, send_and_see)
        except Exception:
            state["problem"] = "answer_broken_off"
            raise
        finally:
            seconds = perf_counter() - began
            if not quiet or status >= 500:
                _tell(scope, state, status, seconds)
            if span is not None:
                _trace(span, scope, state, status)


def _told(scope: Scope) -> tuple[str, str, str] | None:
    """Read the trace that the caller names (W3C Trace Context)."""
    for name, value in scope["headers"]:
        if name == b"traceparent":
            found = _TRACEPARENT(value)
            return tuple(part.decode() for part in found.groups()) if found else None  # type: ignore[return-value]
    return None


def _named(scope: Scope) -> tuple[str, str]:
    """Name a request by its method and the template of its route; both come from lists, whatever was sent."""
    method = scope["method"]
    return method if method in METHODS else "other", getattr(scope.get("route"), "path_format", "none")


def _tell(scope: Scope, state: dict[str, Any], status: int, seconds: float) -> None:
    method, route = _named(scope)
    code, caller = state.get("problem"), state.get("caller")
    # Nothing was sent: the caller went away before there was an answer.
    count_request(method=method, route=route, status=str(status or "gone"), seconds=seconds, code=code)
    log.info(
        "request",
        method=method,
        route=route,
        status=status or None,
        milliseconds=round(seconds * 1000, 1),
        trace_id=state["trace_id"],
        application_id=caller.application if caller else None,
        organisation_id=caller.organisation if caller else None,
        code=code,
    )


def _trace(span: Any, scope: Scope, state: dict[str, Any], status: int) -> None:
    method, route = _named(scope)
    end_request(
        span,
        name=f"{method} {route}",
        attributes={
            "http.request.method": method,
            "http.route": route,
            "http.response.status_code": status or None,
            "error.type": state.get("problem"),
        },
    )
