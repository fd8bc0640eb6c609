"""Connections have an end: the harness of slow sockets in short, its planted fault, and each limit by itself."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.faults.slow_sockets import Counts, Started, run, started

DEADLINES = ("ALLIANCE_HEADERS_SECONDS", "ALLIANCE_BODY_SECONDS", "ALLIANCE_ANSWER_SECONDS", "ALLIANCE_IDLE_SECONDS")
SHORT = dict.fromkeys(DEADLINES, "1")


def test_200_slow_sockets_stop_nobody(tmp_path: Path) -> None:
    """They are closed by their deadlines, requests go on being answered, and memory stays flat."""
    counts = run(tmp_path, settings=SHORT, patience=60)
    assert counts.faults() == []
    assert counts.most_at_once == 200
    assert sum(counts.opened.values()) == 200
    assert sorted(counts.closed) == [
        "body", "body of nobody", "empty lines", "headers", "large body", "never reads", "silent",
    ]  # fmt: skip
    assert sorted(counts.statuses) == [200, 201]


def test_the_harness_finds_deadlines_that_are_off(tmp_path: Path) -> None:
    """Each kind of socket stays open without its deadline."""
    counts = run(tmp_path, settings=dict.fromkeys(DEADLINES, "3600"), sockets=14, patience=3)
    kinds = ("body", "body of nobody", "empty lines", "headers", "large body", "never reads", "silent")
    assert counts.faults() == [f"{kind}: 2 left open" for kind in kinds]


def test_large_bodies_leave_the_memory_flat(tmp_path: Path) -> None:
    """Who has a key may send 1 MB each, 120 of them at once, and never the end; forms are stored meanwhile."""
    settings = SHORT | {"ALLIANCE_BODY_SECONDS": "4"}
    counts = run(tmp_path, settings=settings, sockets=120, patience=60, only="large body")
    assert counts.faults() == []
    assert sum(counts.closed.values()) == 120
    assert sorted(counts.statuses) == [200, 201]


def test_the_harness_finds_memory_and_requests_that_went_wrong() -> None:
    """Memory beyond the bound, an answer that is none, and no answers at all."""
    counts = Counts(sockets=1, memory_before=100, memory_most=164)
    assert counts.faults() == ["normal requests: {}"]
    counts.statuses.update({200: 3, 201: 3})
    assert counts.faults() == []
    counts.statuses[0] += 1
    counts.memory_most = 164.6
    assert counts.faults() == ["normal requests: {200: 3, 201: 3, 0: 1}", "memory: 100 MiB became 165"]


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """A service that holds six connections."""
    folder = tmp_path_factory.mktemp("few")
    settings = SHORT | {"ALLIANCE_CONNECTIONS": "6", "ALLIANCE_IDLE_SECONDS": "60"}
    with started(folder, f"sqlite:///{folder / 'alliance.db'}", **settings) as service:
        yield service


def until_closed(connection: socket.socket) -> bytes:
    """Read until the other side closes."""
    came = b""
    try:
        while part := connection.recv(65536):
            came += part
    except ConnectionResetError:
        pass
    return came


def code(came: bytes) -> tuple[bytes, str]:
    """Read the status and the code of a problem, which has what every answer has."""
    head, _, body = came.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert b"content-type: application/problem+json" in lines
    assert b"connection: close" in lines
    assert b"cache-control: no-store" in lines
    problem = json.loads(body)
    assert f"x-trace-id: {problem['trace_id']}".encode() in lines
    return lines[0].split(b" ")[1], problem["code"]


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (b"GET /livez HT", (b"408", "headers_timeout")),
        (b"GET /livez HTTP/1.1\r\nHost: a\r\nX-Slow: ", (b"408", "headers_timeout")),
        (b"GET /livez HTTP/1.1\r\nX-Large: " + b"a" * 33_000, (b"431", "headers_too_large")),
        (b"GET /" + b"a" * 33_000, (b"431", "headers_too_large")),
        (b"no HTTP at all\r\n\r\n", (b"400", "bad_request")),
    ],
    ids=["line", "header", "large header", "long line", "no HTTP"],
)
def test_headers_that_are_late_large_or_none_are_refused(few: Started, sent: bytes, answer: tuple[bytes, str]) -> None:
    """With a problem, and the connection is closed."""
    with few.connect() as connection:
        connection.sendall(sent)
        assert code(until_closed(connection)) == answer


def test_a_connection_on_which_nothing_comes_is_closed_without_a_word(few: Started) -> None:
    """There is nothing to answer."""
    with few.connect() as connection:
        assert until_closed(connection) == b""


def test_a_late_body_is_told_and_closed(few: Started) -> None:
    """By the application, which knows what was asked."""
    head = f"POST /v1/instruments/trq-s/score HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {few.key}\r\n"
    with few.connect() as connection:
        connection.sendall(head.encode() + b"Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{")
        assert code(until_closed(connection)) == (b"408", "body_timeout")


@pytest.mark.parametrize(
    "piece", [b"X-More: " + b"a" * 8000 + b"\r\n", b"a" * 8000], ids=["many trailers", "one long trailer"]
)
def test_trailers_that_go_on_are_cut_off(few: Started, piece: bytes) -> None:
    """Nobody reads them, and who sends them need not say who they are: they were kept as long as a body may take."""
    head = b"POST /v1/submissions HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-First: "
    sent, most = 0, 32 * 1024 * 1024
    with few.connect() as connection, suppress(ConnectionError):
        connection.sendall(head)
        while sent < most:
            connection.sendall(piece * 8)
            sent += 8 * len(piece)
    assert sent < most


def test_what_comes_behind_a_body_is_no_header(few: Started) -> None:
    """What looked at the headers has not seen it (RFC 9110, section 6.5.1); the next request on the connection has."""
    head = f"POST /v1/submissions HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {few.key}\r\n"
    body = b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"
    with few.connect() as connection:
        connection.sendall(head.encode() + body + b"Idempotency-Key: k-behind-the-body\r\n\r\n")
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        came = until_closed(connection)
    assert came.count(b'"code": "idempotency_key_missing"') == 1
    assert came.count(b"HTTP/1.1 200 OK") == 1


def test_a_body_in_the_smallest_pieces_is_read(few: Started) -> None:
    """However much lies between them: each piece begins the count anew."""
    head = f"POST /v1/instruments/trq-s/score HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {few.key}\r\n"
    head += "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    body = b'{"answers":{"1":4}' + b" " * 20_000 + b"}"
    pieces = b"".join(b"1\r\n%c\r\n" % byte for byte in body)
    with few.connect() as connection:
        connection.sendall(head.encode() + pieces + b"0\r\n\r\n")
        assert until_closed(connection).startswith(b"HTTP/1.1 200 OK")


def test_headers_behind_a_large_body_are_not_large(few: Started) -> None:
    """What came with them in one piece is not counted as theirs."""
    body = b"x" * 60_000
    first = b"POST /v1/submissions HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n" + body
    with few.connect() as connection:
        connection.sendall(first + b"GET /livez HTTP/1.1\r\nHo")
        connection.sendall(b"st: a\r\nConnection: close\r\n\r\n")
        came = until_closed(connection)
    assert came.startswith(b"HTTP/1.1 401 ")
    assert b"HTTP/1.1 200 OK" in came


def test_requests_that_are_sent_ahead_are_answered_up_to_a_number(few: Started) -> None:
    """A few in order; thousands in one go would each hold memory before the first is answered."""
    asked = b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"
    with few.connect() as connection:
        connection.sendall(asked * 15 + asked.replace(b"Host", b"Connection: close\r\nHost"))
        assert until_closed(connection).count(b"HTTP/1.1 200 OK") == 16
    with few.connect() as connection:
        connection.sendall(asked * 5000)
        assert until_closed(connection).count(b"HTTP/1.1 200 OK") <= 17


def asked(connection: socket.socket) -> bytes:
    """Ask whether the service lives, and read one whole answer; b"" if the connection was closed instead."""
    connection.sendall(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
    with connection.makefile("rb") as came:
        status = came.readline()
        length = 0
        while (line := came.readline().lower()) not in {b"\r\n", b""}:
            length = int(line.split()[1]) if line.startswith(b"content-length:") else length
        came.read(length)
    return status


def test_one_connection_too_many_is_told_so(few: Started) -> None:
    """It is answered 503 when it asks; those that are open go on, and there is room again when one is closed."""
    held = [few.connect() for _ in range(6)]
    assert [asked(connection) for connection in held] == [b"HTTP/1.1 200 OK\r\n"] * 6
    with few.connect() as refused:
        refused.sendall(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
        came = until_closed(refused)
    assert code(came) == (b"503", "too_many_connections")
    assert b"retry-after: 1\r\n" in came
    assert asked(held[0]) == b"HTTP/1.1 200 OK\r\n"
    for connection in held:
        connection.close()
    statuses = set()
    for _ in range(1000):  # the service may see the new connection before it sees that the others are closed
        with few.connect() as connection:
            statuses.add(asked(connection))
        if b"HTTP/1.1 200 OK\r\n" in statuses:
            return
    raise AssertionError(statuses)
