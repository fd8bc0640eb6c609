"""The proxy that is shipped, in front of the real service: what passes, what is cut, and what it writes down."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.contract.served import Served, served
from tests.faults.nginx import Nginx, proxy
from tests.harness import form

MARKER = "zq7marker"


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Nginx, Served]]:
    """The service behind the proxy, whose patience is short here."""
    folder = tmp_path_factory.mktemp("behind")
    short = {
        "client_header_timeout 8s;": "client_header_timeout 1s;",
        "client_body_timeout 8s;": "client_body_timeout 1s;",
    }
    with served(f"sqlite:///{folder / 'alliance.db'}", folder) as service:
        port = int(service.url.rpartition(":")[2])
        place = tmp_path_factory.mktemp("nginx")
        with proxy(place, service=port, changes=short) as running:
            yield running, service


@pytest.fixture
def http(behind: tuple[Nginx, Served]) -> Iterator[httpx.Client]:
    """A caller who trusts the proxy's certificate."""
    running, service = behind
    trust = ssl.create_default_context(cafile=running.certificate)
    headers = {"Authorization": f"Bearer {service.key}"}
    with httpx.Client(base_url=running.url, verify=trust, headers=headers) as http:
        yield http


def connect(running: Nginx, version: ssl.TLSVersion | None = None) -> ssl.SSLSocket:
    """Open a connection of one version of TLS."""
    trust = ssl.create_default_context(cafile=running.certificate)
    if version is not None:
        trust.minimum_version = trust.maximum_version = version
    plain = socket.create_connection(("127.0.0.1", running.port), timeout=10)
    return trust.wrap_socket(plain, server_hostname="127.0.0.1")


def until_closed(connection: ssl.SSLSocket) -> bytes:
    """Read until the other side closes."""
    came = b""
    try:
        while part := connection.recv(65536):
            came += part
    except ConnectionResetError:
        pass
    return came


def code(response: httpx.Response) -> tuple[int, str]:
    """Read a problem's status and code; it is one in form and in its headers, too."""
    shared = ("x-content-type-options", "referrer-policy", "cache-control", "content-security-policy")
    assert {name: len(response.headers.get_list(name)) for name in shared} == dict.fromkeys(shared, 1)
    assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]
    assert response.headers["Strict-Transport-Security"] == "max-age=63072000; includeSubDomains"
    assert response.headers["Content-Type"] == "application/problem+json", response.text
    body = json.loads(response.content)
    assert body["status"] == response.status_code
    assert len(body["trace_id"]) == 32
    return response.status_code, body["code"]


def test_a_form_goes_through_once(http: httpx.Client) -> None:
    """With its key, and again as a replay; headers that keep answers safe stand once, and HSTS is there."""
    for replayed in (None, "true"):
        answer = http.post("/v1/submissions", json=form(client_ref=MARKER), headers={"Idempotency-Key": "through"})
        assert (answer.status_code, answer.headers.get("Idempotent-Replayed")) == (201, replayed)
    names = [name.lower() for name, _ in answer.headers.multi_items()]
    assert len(names) == len(set(names))
    assert answer.headers["Strict-Transport-Security"] == "max-age=63072000; includeSubDomains"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["RateLimit-Policy"] == '"writes";q=1000;w=1'
    assert "nginx/" not in str(answer.headers)


def test_a_problem_of_the_service_is_passed_on(http: httpx.Client) -> None:
    """The proxy puts none of its own in its place."""
    assert code(http.get("/v1/nowhere")) == (404, "not_found")
    assert code(http.post("/v1/submissions", json=form())) == (400, "idempotency_key_missing")


def test_the_metrics_stay_inside(http: httpx.Client) -> None:
    """They are for the operator, at the service's own address."""
    assert code(http.get("/metrics")) == (404, "not_found")
    assert code(http.get("/-/not_found")) == (404, "not_found")


def test_a_body_over_a_mebibyte_is_refused(http: httpx.Client) -> None:
    """As a problem, before the service sees it; one that is as large as allowed gets there."""
    refused = http.post("/v1/submissions", content=b"x" * (1024 * 1024 + 1))
    assert code(refused) == (413, "too_large")
    assert "X-Trace-Id" not in refused.headers
    large = http.post("/v1/submissions", content=b" " * 1024 * 1024, headers={"Content-Type": "application/json"})
    assert large.status_code == 400


def test_large_headers_are_refused(http: httpx.Client) -> None:
    """A header has at most 8 KiB."""
    assert code(http.get("/v1/instruments", headers={"X-Large": "x" * 9000})) == (431, "headers_too_large")


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1", (431, "headers_too_large")),
        (b"GET /../../livez HTTP/1.1", (400, "bad_request")),
        (b"CONNECT a:443 HTTP/1.1", (400, "bad_request")),
        (b"TRACE /livez HTTP/1.1", (400, "bad_request")),
        (b"GET /livez HTTP/3.1", (400, "bad_request")),
        (b"POST /livez HTTP/1.1\r\nTransfer-Encoding: gzip, chunked", (400, "bad_request")),
    ],
    ids=["long path", "above the root", "tunnel", "trace", "version", "coding"],
)
def test_what_the_proxy_can_not_read_is_the_callers_fault(
    behind: tuple[Nginx, Served], line: bytes, answer: tuple[int, str]
) -> None:
    """A problem with a status of its own, not the proxy's page, and no 500 for a path that is none."""
    with connect(behind[0]) as connection:
        connection.sendall(line + b"\r\nHost: a\r\nConnection: close\r\n\r\n")
        came = until_closed(connection)
    head, _, body = came.partition(b"\r\n\r\n")
    status, *fields = head.decode().split("\r\n")
    headers = [(name, value) for name, _, value in (field.partition(": ") for field in fields)]
    assert code(httpx.Response(int(status.split()[1]), headers=headers, content=body)) == answer


def test_no_tls_where_it_is_spoken_is_told(behind: tuple[Nginx, Served]) -> None:
    """As a problem too."""
    assert code(httpx.get(f"http://127.0.0.1:{behind[0].port}/livez")) == (400, "bad_request")


def test_one_address_too_busy_is_told_when_to_come_again(behind: tuple[Nginx, Served], tmp_path: Path) -> None:
    """429 with Retry-After, by the proxy itself."""
    port = int(behind[1].url.rpartition(":")[2])
    with proxy(tmp_path, service=port, changes={"rate=500r/s": "rate=1r/m", "burst=1000 ": ""}) as running:
        trust = ssl.create_default_context(cafile=running.certificate)
        answers = [httpx.get(f"{running.url}/livez", verify=trust) for _ in range(2)]
    assert answers[0].status_code == 200
    assert code(answers[1]) == (429, "rate_limited")
    assert answers[1].headers["Retry-After"] == "1"


def test_slow_headers_are_cut(behind: tuple[Nginx, Served]) -> None:
    """Without an answer: nobody knows yet what is asked."""
    with connect(behind[0]) as connection:
        connection.sendall(b"GET /v1/instruments HTTP/1.1\r\nHost: a")
        assert until_closed(connection) == b""


def test_a_slow_body_is_cut(behind: tuple[Nginx, Served]) -> None:
    """And never reaches the service."""
    with connect(behind[0]) as connection:
        connection.sendall(b"POST /v1/submissions HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{")
        came = until_closed(connection)
    assert came == b"" or came.startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_that_is_good_is_spoken(behind: tuple[Nginx, Served], version: ssl.TLSVersion) -> None:
    """1.2 with forward secrecy, and 1.3."""
    with connect(behind[0], version) as connection:
        assert connection.version() == version.name.replace("_", ".")
        cipher = connection.cipher()
    assert cipher is not None
    assert cipher[0].startswith(("ECDHE", "TLS_"))


def test_nothing_is_served_without_tls(behind: tuple[Nginx, Served]) -> None:
    """No redirect either, which would hide that a key was sent in the clear."""
    refused = httpx.get(f"http://127.0.0.1:{behind[0].plain_port}/v1/instruments")
    assert (refused.status_code, refused.json()["title"]) == (400, "Use https")


def test_the_log_says_nothing_of_people(behind: tuple[Nginx, Served], http: httpx.Client) -> None:
    """No path, query, reference, header, key or address; yet every request has its line."""
    http.get(f"/v1/clients/{MARKER}/progress?fields={MARKER}", headers={"User-Agent": MARKER, "Referer": MARKER})
    http.get("/v1/clients/" + MARKER * 2000)
    answer = http.get("/v1/instruments")
    logs = behind[0].logs(until=answer.headers["X-Trace-Id"])
    assert answer.headers["X-Trace-Id"] in logs
    for secret in (MARKER, "/v1", "127.0.0.1", behind[1].key, "python-httpx"):
        assert secret not in logs
    assert " GET 200 " in logs


def test_a_stopped_service_is_told(tmp_path: Path) -> None:
    """A problem with Retry-After, never a page of the proxy's."""
    with proxy(tmp_path, service=1) as running:
        trust = ssl.create_default_context(cafile=running.certificate)
        with httpx.Client(base_url=running.url, verify=trust) as http:
            away = http.post("/v1/submissions", json={})
        assert code(away) == (503, "storage_unavailable")
        assert away.headers.get_list("Retry-After") == ["1"]
        assert away.headers["Strict-Transport-Security"]
        assert "/v1" not in running.logs()
