"""Where a request ends: whatever two programs could read in two ways is refused, and nothing behind it is answered."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from tests.faults.slow_sockets import Started, started

SMUGGLED = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
BOTH = b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """The service, as a process."""
    folder = tmp_path_factory.mktemp("framing")
    with started(folder, f"sqlite:///{folder / 'alliance.db'}", ALLIANCE_IDLE_SECONDS="1") as service:
        yield service


def answered(service: Started, rest: bytes) -> bytes:
    """Send a post with this framing and what follows, and read until the connection is closed."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=30) as connection:
        connection.sendall(b"POST /v1/submissions HTTP/1.1\r\nHost: x\r\n" + rest)
        came = b""
        while part := connection.recv(65536):
            came += part
    return came


@pytest.mark.parametrize(
    "framing",
    [
        pytest.param(BOTH, id="both"),
        pytest.param(b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n12345", id="two lengths"),
        pytest.param(b"Content-Length: +5\r\n\r\n12345", id="signed"),
        pytest.param(b"Content-Length: 5, 5\r\n\r\n12345", id="list"),
        pytest.param(b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", id="unknown coding"),
        pytest.param(b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", id="blank before the colon"),
        pytest.param(b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", id="chunked not last"),
        pytest.param(b"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n", id="no size"),
    ],
)
def test_what_may_be_read_in_two_ways_is_refused(running: Started, framing: bytes) -> None:
    """The connection is closed, with one refusal or without a word: what was hidden behind it is never answered."""
    came = answered(running, framing + SMUGGLED)
    assert came.count(b"HTTP/1.1 ") <= 1, came
    assert b"alive" not in came
    assert came == b"" or came.split(b" ", 2)[1] in {b"400", b"401"}, came


def test_what_is_well_framed_has_two_answers(running: Started) -> None:
    """The same two requests, told apart as they should be: the test above is one that can fail."""
    came = answered(running, b"Content-Length: 5\r\n\r\n12345" + SMUGGLED)
    assert (came.count(b"HTTP/1.1 "), came.count(b"alive")) == (2, 1)


@pytest.mark.parametrize("protocol", ["h2c", "websocket"])
@pytest.mark.parametrize("pieces", ["one", "two", "chunked"])
def test_an_offer_of_another_protocol_is_passed_over(running: Started, protocol: str, pieces: str) -> None:
    """Java's own client offers HTTP/2 with every post: the body is read, however it comes, and so is what follows."""
    body = b'{"answers": {"1": 4}}'
    head = (
        "POST /v1/instruments/trq-s/score HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\n"
        f"Upgrade: {protocol}\r\nHTTP2-Settings: AAEAAEAAAAIAAAAA\r\nAuthorization: Bearer {running.key}\r\n"
        "Content-Type: application/json\r\n"
    ).encode()
    framed = b"Content-Length: %d\r\n\r\n" % len(body), body
    if pieces == "chunked":
        framed = b"Transfer-Encoding: chunked\r\n\r\n", b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    with socket.create_connection(("127.0.0.1", running.port), timeout=30) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sent = (
            [head + framed[0] + framed[1] + SMUGGLED] if pieces == "one" else [head + framed[0], framed[1] + SMUGGLED]
        )
        for part in sent:
            connection.sendall(part)
            time.sleep(0.1)
        came = b""
        while part := connection.recv(65536):
            came += part
    assert (came.count(b"HTTP/1.1 "), came.count(b"HTTP/1.1 200 OK")) == (2, 2)
    assert came.count(b'"component":"total"') == 1
    assert came.count(b"alive") == 1
