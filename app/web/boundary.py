"""The outermost ring of the service: headers that keep answers safe, a limit on bodies, and no bare 500."""

from __future__ import annotations

from asyncio import get_running_loop, timeout_at
from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import AllianceError
from app.seeing.logs import log
from app.web.problems import WebProblem, from_error, problem

MAX_BODY = 1024 * 1024
#: What of a body is always held. Beyond it, bodies share what the process holds: who has a key could fill its memory.
ALWAYS_HELD = 64 * 1024
HELD_IN_ALL = 24 * 1024 * 1024
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
#: What is no page loads nothing and is framed by nobody; `default-src` does not stand for the other three.
DATA_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

_SAFE = ((b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer"))
_PAGE = (*_SAFE, (b"content-security-policy", PAGE_POLICY.encode()))
_DATA = (*_SAFE, (b"content-security-policy", DATA_POLICY.encode()))
_CLOSED = {"Connection": "close"}
_NOT_KEPT = (b"cache-control", b"no-store")


class Boundary:
    """Middleware that turns every error into a problem and sets the headers that all answers share."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope["state"]
        trace_id = state["trace_id"]
        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                _set_headers(message, trace_id, state.get("headers", ()))
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except ClientDisconnect:
            return  # nobody is there to be answered
        except Exception as error:
            if started:
                raise
            await _answered(error, trace_id)(scope, receive, send_with_headers)


def _answered(error: Exception, trace_id: str) -> Response:
    """Turn an error into a problem; one of ours says what it is, any other is a fault of the service."""
    if isinstance(error, AllianceError):
        return from_error(error, trace_id)
    if isinstance(error, WebProblem):
        return problem(error.code, trace_id=trace_id, faults=error.faults, parameter=error.parameter)
    log.error("internal_error", trace_id=trace_id, exception=error)
    return problem("internal_error", trace_id=trace_id)


class BodyLimit:
    """Middleware that refuses a body over 1 MiB, one that takes too long to come, and large ones beyond what is held.

    The framework's own limit answers in plain text, and before credentials are checked; the server has none of time.
    """

    def __init__(self, app: ASGIApp, *, seconds: float) -> None:
        self._app = app
        self._seconds = seconds
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count what is received, and stop at the limits."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isascii() and declared.isdigit() and int(declared[:20]) > MAX_BODY:
            await problem("too_large", trace_id=scope["state"]["trace_id"], headers=_CLOSED)(scope, receive, send)
            return
        received, held, until, is_whole = 0, 0, None, False

        async def receive_limited() -> Message:
            nonlocal received, held, until, is_whole
            if is_whole:  # what comes now is that the caller went away, however long the answer takes
                return await receive()
            until = until or get_running_loop().time() + self._seconds
            try:
                async with timeout_at(until):
                    message = await receive()
            except TimeoutError:
                raise WebProblem("body_timeout", headers=_CLOSED) from None
            is_whole = not message.get("more_body", False)
            if message["type"] == "http.request":
                received += len(message.get("body", b""))
                held += self._hold(received, held=held)
            return message

        try:
            await self._app(scope, receive_limited, send)
        finally:
            self._held -= held

    def _hold(self, received: int, *, held: int) -> int:
        """Take what more of a body is held from what all share, or refuse the body; return how much it is."""
        if received > MAX_BODY:
            raise WebProblem("too_large", headers=_CLOSED)
        more = max(0, received - ALWAYS_HELD) - held
        if self._held + more > HELD_IN_ALL:
            raise WebProblem("too_many_bodies", headers={**_CLOSED, "Retry-After": "1"})
        self._held += more
        return more


def _set_headers(message: Message, trace_id: str, more: Iterable[tuple[bytes, bytes]]) -> None:
    """Add what all answers share, as it is sent: to set each header by name would go through all of them each time."""
    headers = message["headers"] = list(message.get("headers", ()))
    names = dict(headers)
    headers.append((b"x-trace-id", trace_id.encode()))
    headers += more
    headers += _PAGE if names.get(b"content-type", b"").startswith(b"text/html") else _DATA
    if b"cache-control" not in names:
        headers.append(_NOT_KEPT)
