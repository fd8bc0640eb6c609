"""The server's connections with deadlines and limits, which uvicorn's own lack.

uvicorn waits for headers for ever, holds headers and trailers of any size, takes any number of requests that are sent
before the first is answered, and never gives up on an answer that nobody takes. Each of these costs a stranger nothing.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from secrets import token_hex
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.web.boundary import DATA_POLICY
from app.web.problems import problem

#: Line and headers of one request, and what comes between two pieces of its body or behind the last.
LARGEST_HEADERS = 32 * 1024
#: Requests that are sent before the first of them is answered.
MOST_AHEAD = 16
#: The application says first that a body is late; the connection is closed where it can't, or nobody listens.
GRACE_SECONDS = 1.0

_SHARED = {
    "Connection": "close",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": DATA_POLICY,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """What a connection may take; all times in seconds."""

    connections: int
    headers_seconds: float
    body_seconds: float
    answer_seconds: float

    @property
    def glance_seconds(self) -> float:
        """How often a connection is looked at: a deadline is kept to a quarter of itself, or a second."""
        return min(1.0, min(self.headers_seconds, self.body_seconds, self.answer_seconds) / 4)


class Connection(HttpToolsProtocol):
    """One connection, which is looked at every second or so; a request costs no timer of its own."""

    def __init__(self, *, allowed: Allowed, **server: Any) -> None:
        super().__init__(**server)
        self._allowed = allowed
        self._timer: asyncio.TimerHandle | None = None
        self._refused = False
        #: Since when headers, a body and the taking of an answer are waited for.
        self._headers_since: float | None = None
        self._body_since: float | None = None
        self._unsent_since: float | None = None
        self._unsent = 0
        #: Bytes of headers, or of what has come since the last piece of a body: names of chunks, and trailers.
        self._aside = 0
        #: Whether headers, a body or a piece of one ended in the bytes that came last.
        self._went_on = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in the base
        """Begin to wait for headers; one connection too many is told so when it asks."""
        super().connection_made(transport)
        self._headers_since = self.loop.time()
        self._refused = len(self.connections) > self._allowed.connections
        if len(self.connections) > 2 * self._allowed.connections:
            transport.abort()
        self._timer = self.loop.call_later(self._allowed.glance_seconds, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop looking."""
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes in; between two requests they begin the next one's headers, whatever they are."""
        if self.transport.is_closing():
            return
        if self._refused:
            self._refuse("too_many_connections", **{"Retry-After": "1"})
            return
        self._unset_keepalive_if_required()
        if self._headers_since is None and self._body_since is None:
            self._headers_since = self.loop.time()
        self._went_on = False
        self._parse(data)
        # Of bytes in which an earlier part ended it is not known how many are of these headers; they are few.
        is_asked = self._headers_since is not None or self._body_since is not None
        if is_asked and not self._went_on:
            self._aside += len(data)
            if self._aside > LARGEST_HEADERS:
                self._refuse("headers_too_large" if self._body_since is None else None)

    def _parse(self, data: bytes) -> None:
        """Take a request apart; one that offers to go on in another protocol is answered in this one.

        Many Java programs offer HTTP/2 with every post (RFC 9110, section 7.8); the parser reads no body of such a one.
        """
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offered:
            self._parse(self._without_offer() + data[offered.args[0] :])
        except httptools.HttpParserError:
            self.logger.warning("Invalid HTTP request received.")
            self._refuse("bad_request")

    def _without_offer(self) -> bytes:
        """Write the headers that were read anew without the offer, for a parser that knows nothing of it."""
        line = b"%s %s HTTP/%s\r\n" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
        headers = [b"%s: %s\r\n" % field for field in self.headers if field[0] != b"upgrade"]
        self.parser = httptools.HttpRequestParser(self)
        return b"".join((line, *headers, b"\r\n"))

    @property
    def _is_offer(self) -> bool:
        """Say whether the request that is being read offers another protocol; a tunnel is asked for, not offered."""
        return bool(self.parser.should_upgrade()) and self.parser.get_method() != b"CONNECT"

    def on_message_begin(self) -> None:
        """Begin to wait for headers."""
        super().on_message_begin()
        self._headers_since = self.loop.time()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header in; what comes behind a body is none, for who looked at the headers has not seen it."""
        if self._body_since is None:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Begin to wait for a body; what is raised here ends the connection."""
        if self._is_offer:
            return
        self._headers_since, self._aside, self._went_on = None, 0, True
        self._body_since = self.loop.time()
        if len(self.pipeline) >= MOST_AHEAD:
            raise ValueError("too many requests are sent ahead")
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body in."""
        self._aside, self._went_on = 0, True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Wait for nothing."""
        if self._is_offer:
            return
        self._body_since, self._aside, self._went_on = None, 0, True
        super().on_message_complete()

    def _look(self) -> None:
        """Close the connection if it is late, else look again."""
        now = self.loop.time()
        self._timer = self.loop.call_later(self._allowed.glance_seconds, self._look)
        if self._answer_is_late(now):
            self.transport.abort()
        elif not self.transport.is_closing():
            self._look_at_request(now)

    def _answer_is_late(self, now: float) -> bool:
        """Say whether none of what was written has been taken for too long."""
        unsent = self.transport.get_write_buffer_size()
        if not unsent:
            self._unsent_since = None
        elif self._unsent_since is None or unsent < self._unsent:
            self._unsent_since = now
        self._unsent = unsent
        return self._unsent_since is not None and now - self._unsent_since > self._allowed.answer_seconds

    def _look_at_request(self, now: float) -> None:
        """Close the connection if its request is late; while an earlier one is worked on it is not its fault."""
        answered = self.cycle is None or self.cycle.response_complete
        if self._headers_since is not None and answered:
            seconds = GRACE_SECONDS if self._refused else self._allowed.headers_seconds
            if now - self._headers_since > seconds:
                self._refuse("headers_timeout" if self._aside else None)
        elif self._body_since is not None and not self.flow.read_paused:
            late = now - self._body_since > self._allowed.body_seconds + GRACE_SECONDS
            if late:
                self.transport.close()

    def _refuse(self, code: str | None, **headers: str) -> None:
        """Close the connection, with a problem unless an answer is under way."""
        if code is not None and (self.cycle is None or self.cycle.response_complete):
            trace_id = token_hex(16)
            answer = problem(code, trace_id=trace_id, headers={**_SHARED, "X-Trace-Id": trace_id, **headers})
            line = f"HTTP/1.1 {answer.status_code} {HTTPStatus(answer.status_code).phrase}\r\n".encode()
            fields = b"".join(b"%s: %s\r\n" % field for field in answer.raw_headers)
            self.transport.write(line + fields + b"\r\n" + bytes(answer.body))
        self.transport.close()
