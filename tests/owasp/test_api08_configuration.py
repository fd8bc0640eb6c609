"""API8:2023, security misconfiguration: what every answer carries, and what none says.

The pages' own policy stands in `tests/api/test_pages.py`, TLS and HSTS in `tests/faults/test_nginx.py`, secrets that
are missing in production in `tests/cli/test_cli.py`.
"""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from app.main import create_app
from tests.api.operations import SCOPE_OF, Ids, call
from tests.harness import Clinic

#: What would tell a stranger with what the service is made, or let another site's pages read it.
NEVER = {
    "server", "x-powered-by", "x-runtime", "via", "set-cookie", "access-control-allow-origin",
    "access-control-allow-credentials", "access-control-allow-methods",
}  # fmt: skip


def answers(clinic: Clinic) -> Iterator[tuple[str, httpx.Response]]:
    """Ask well and wrongly, with and without credentials."""
    ids = Ids.made(clinic)
    for name in SCOPE_OF:
        yield name, call(clinic, name, ids)
        yield f"{name} absent", call(clinic, name, Ids())
        yield f"{name} by nobody", call(clinic, name, ids, {"Authorization": ""})
    for path in ("/", "/docs", "/problems", "/openapi.json", "/livez", "/readyz", "/metrics", "/nothing"):
        yield path, clinic.get(path)
        yield f"DELETE {path}", clinic.request("DELETE", path)
    yield "no JSON", clinic.post_bytes(b"{")
    yield "too large", clinic.post_bytes(b" " * (1024 * 1024 + 1))


def test_every_answer_carries_what_keeps_it_safe(clinic: Clinic) -> None:
    """Not sniffed, not framed, no referrer, and kept by no cache unless it says so itself."""
    for what, answer in answers(clinic):
        headers = answer.headers
        assert headers.get_list("x-content-type-options") == ["nosniff"], what
        assert headers.get_list("referrer-policy") == ["no-referrer"], what
        [policy] = headers.get_list("content-security-policy")
        assert "unsafe" not in policy, what
        for part in ("default-src 'none'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"):
            assert part in policy, what
        assert len(headers.get_list("cache-control")) == 1, what
        if answer.status_code >= 400:
            assert headers["cache-control"] == "no-store", what
        assert set(headers) & NEVER == set(), what
        assert not answer.content or "content-type" in headers, what


def test_what_is_about_a_client_is_kept_by_no_shared_cache(clinic: Clinic) -> None:
    """`no-store`, or `private` with a question each time."""
    ids = Ids.made(clinic)
    for name in SCOPE_OF:
        if "/instruments" not in name:
            kept = call(clinic, name, ids).headers["cache-control"]
            assert kept in {"no-store", "private, no-cache"}, name


def test_a_page_of_another_site_reads_nothing(clinic: Clinic) -> None:
    """A preflight is refused like any request without credentials, and no origin is named in an answer."""
    asked = {
        "Origin": "https://attacker.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    preflight = clinic.service.request("OPTIONS", "/v1/submissions", headers=asked)
    assert preflight.status_code == 401
    simple = clinic.get("/v1/instruments", headers={"Origin": "https://attacker.example"})
    assert simple.status_code == 200
    assert [one for one in (preflight, simple) if set(one.headers) & NEVER] == []
    assert "attacker" not in str(simple.headers)


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_what_a_page_may_send_unasked_is_refused(clinic: Clinic, media_type: str) -> None:
    """A body of the kinds for which a browser asks no leave is no body of ours."""
    assert clinic.post_bytes(b'{"a": 1}', media_type=media_type).status_code == 415


def test_the_framework_shows_no_faults(clinic: Clinic) -> None:
    """Debugging is off: a fault of the service is a problem with a trace id, and no more."""
    assert create_app(clinic.service.runtime).debug is False


def test_a_redirect_stays_here(clinic: Clinic) -> None:
    """There are two, to pages of our own, whatever host or address a caller names."""
    claimed = {"Host": "attacker.example", "X-Forwarded-Host": "attacker.example"}
    led = {path: clinic.get(path, headers=claimed) for path in ("/", "/favicon.ico", "/docs/")}
    assert {path: answer.headers.get("location") for path, answer in led.items()} == {
        "/": "/docs",
        "/favicon.ico": "/assets/alliance.svg",
        "/docs/": None,
    }
