"""The pages: documentation, problems, schema and assets, all from here; and the two health checks."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from html import escape
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest
from jsonschema import Draft202012Validator

import app.errors
from app.errors import AllianceError
from app.instruments.catalog import definition_schema
from app.main import create_app
from app.storage.database import open_database
from app.web.problem_table import PROBLEMS
from tests.api.refusals import refused
from tests.harness import Clinic, Service, problem

#: Errors that an operator meets on the command line, never a caller.
FOR_OPERATORS = {
    "error",
    "conflict",
    "definition_fault",
    "catalogue_fault",
    "limit_reached",
    "fetch_refused",
    "grant_refused",
}
CODES = sorted(
    {
        one.code
        for one in vars(app.errors).values()
        if isinstance(one, type) and issubclass(one, AllianceError) and one.code not in FOR_OPERATORS
    }
    | PROBLEMS.keys()
)
PAGES = ["/docs", "/problems", *(f"/problems/{code}" for code in CODES)]


class Page(HTMLParser):
    """What a page loads and links to, and what its policy would forbid."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.inline: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect addresses and inline code."""
        given = dict(attrs)
        address = given.get("src") or given.get("href")
        if address:
            (self.links if tag == "a" else self.loads).append(address)
        if tag == "style" or (tag == "script" and "src" not in given):
            self.inline.append(tag)
        self.inline += [name for name in given if name == "style" or name.startswith("on")]


def test_the_pages_load_from_here_and_lead_here(service: Service) -> None:
    """No address names a host, nothing is inline, and every address answers."""
    pages = {path: Page(service.request("GET", path).text) for path in PAGES}
    for page in pages.values():
        assert [one for one in page.links + page.loads if not one.startswith("/") or one.startswith("//")] == []
        assert page.inline == []
    addresses = {one for page in pages.values() for one in page.links + page.loads}
    assert {one for one in addresses if service.request("GET", one).status_code != 200} == set()
    assert {"/assets/swagger/swagger-ui-bundle.js", "/assets/docs.js"} <= addresses


@pytest.mark.parametrize("path", ["/docs", "/problems", "/problems/not_found"])
def test_a_page_has_a_strict_policy(service: Service, path: str) -> None:
    """Scripts from here only, none inline and none evaluated; no frame, no sniffing, no referrer."""
    headers = service.request("GET", path).headers
    assert headers["content-type"] == "text/html; charset=utf-8"
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["base-uri"] == "'none'"
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


def test_an_answer_that_is_no_page_allows_nothing(service: Service) -> None:
    """JSON, problems and scripts opened as a document load nothing."""
    for path in ("/openapi.json", "/v1/instruments", "/livez", "/assets/docs.js", "/assets/alliance.svg"):
        headers = service.request("GET", path).headers
        assert headers["content-security-policy"] == (
            "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        assert headers["x-content-type-options"] == "nosniff"


def test_the_documentation_shows_the_document_that_is_served(service: Service) -> None:
    """The page reads /openapi.json, asks no validator elsewhere and keeps no key."""
    script = service.request("GET", "/assets/docs.js").text
    assert 'url: "/openapi.json"' in script
    assert "validatorUrl: null" in script
    assert "persistAuthorization: false" in script
    assert service.request("GET", "/openapi.json").json()["openapi"] == "3.1.0"
    home = service.request("GET", "/")
    assert (home.status_code, home.headers["location"]) == (307, "/docs")


def test_every_code_has_a_page_that_names_it(service: Service) -> None:
    """The code, its status or that it stands at a place, its title and what to do."""
    index = service.request("GET", "/problems").text
    for code in CODES:
        answer = service.request("GET", f"/problems/{code}")
        kind = PROBLEMS[code]
        where = f"HTTP status {kind.status}" if kind.status else "at one place of a body"
        assert answer.status_code == 200, code
        assert f"<code>{code}</code>" in answer.text
        assert f"<h1>{escape(kind.title)}</h1>" in answer.text
        assert where in answer.text
        assert f'href="/problems/{code}"' in index


@pytest.mark.parametrize("code", ["CANARY-7361", "%3Cscript%3Ealert(7361)%3C%2Fscript%3E", "not_found%00", "NOT_FOUND"])
def test_an_unknown_code_has_no_page(service: Service, code: str) -> None:
    """404 as a problem, and what was asked for is not repeated."""
    answer = service.request("GET", f"/problems/{code}")
    refused(answer, 404, "not_found")
    assert "7361" not in str(answer.json() | {"trace_id": "made by chance"})


def test_the_type_of_a_problem_is_a_page(clinic: Clinic) -> None:
    """Whoever follows the link of an error finds out what to do."""
    for answer in (clinic.get("/v1/none"), clinic.post({}), clinic.request("POST", "/v1/submissions")):
        assert clinic.service.request("GET", problem(answer)["type"]).status_code == 200


def test_the_schema_of_definitions_is_served(service: Service) -> None:
    """As a good JSON Schema, the very one that definitions are checked against."""
    answer = service.request("GET", "/schemas/instrument.json")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/schema+json")
    Draft202012Validator.check_schema(answer.json())
    assert answer.json() == definition_schema()
    refused(service.request("GET", "/schemas/none.json"), 404, "not_found")


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/assets/alliance.css", "text/css; charset=utf-8"),
        ("/assets/alliance.svg", "image/svg+xml"),
        ("/assets/docs.js", "text/javascript; charset=utf-8"),
        ("/assets/swagger/swagger-ui.css", "text/css; charset=utf-8"),
        ("/assets/swagger/swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
    ],
)
def test_the_assets_are_served(service: Service, path: str, media_type: str) -> None:
    """Each with its media type, since browsers are told not to guess."""
    answer = service.request("GET", path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, media_type)
    assert service.request("GET", "/favicon.ico").headers["location"] == "/assets/alliance.svg"


@pytest.mark.parametrize(
    "path",
    ["", "none.css", "%00", "%2e%2e/auth.py", "..%2fauth.py", "/etc/passwd", "swagger/", "swagger/%00", "a" * 5_000],
)
def test_nothing_else_is_served_from_the_folders_of_assets(service: Service, path: str) -> None:
    """No listing, no way out of the folder, no fault of the service."""
    refused(service.request("GET", f"/assets/{path}"), 404, "not_found")


def test_the_service_says_that_it_lives_and_can_work(service: Service) -> None:
    """Both databases are migrated and answer; neither answer is kept by a cache."""
    live, ready = service.request("GET", "/livez"), service.request("GET", "/readyz")
    assert (live.status_code, live.json()) == (200, {"status": "alive"})
    assert (ready.status_code, ready.json()) == (
        200,
        {"status": "ready", "database": "ok", "migrations": "at_head", "writing": "ok", "role": "ok", "keys": "ok"},
    )
    assert (live.headers["cache-control"], ready.headers["cache-control"]) == ("no-store", "no-store")


@asynccontextmanager
async def _on(service: Service, url: str) -> AsyncIterator[httpx.AsyncClient]:
    runtime = replace(service.runtime, database=open_database(url))
    transport = httpx.ASGITransport(app=create_app(runtime), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://alliance.test") as http:
        yield http
    await runtime.database.close()


@pytest.mark.parametrize("url", ["sqlite:////nowhere/at/all.db", "postgresql://nobody@127.0.0.1:1/nothing"])
def test_without_its_database_the_service_lives_and_cannot_work(clinic: Clinic, url: str) -> None:
    """503 with what is wrong; operations say that nothing was acknowledged and when to try again."""

    async def ask() -> list[httpx.Response]:
        headers = {"Authorization": f"Bearer {clinic.api_key}"}
        async with _on(clinic.service, url) as http:
            return [await http.get(path, headers=headers) for path in ("/livez", "/readyz", "/v1/instruments")]

    live, ready, read = clinic.service.portal.call(ask)
    assert live.status_code == 200
    assert (ready.status_code, json.loads(ready.content)) == (
        503,
        {
            "status": "not_ready",
            "database": "unavailable",
            "migrations": "unknown",
            "writing": "unknown",
            "role": "unknown",
            "keys": "ok",
        },
    )
    refused(read, 503, "storage_unavailable")
    assert read.headers["retry-after"] == "1"


def test_an_old_database_is_not_ready(service: Service, tmp_path: Path) -> None:
    """A database without the newest migration is told apart from one that is away."""

    async def ask() -> httpx.Response:
        async with _on(service, f"sqlite:///{tmp_path / 'empty.db'}") as http:
            return await http.get("/readyz")

    ready = service.portal.call(ask)
    assert (ready.status_code, ready.json()) == (
        503,
        {"status": "not_ready", "database": "ok", "migrations": "behind", "writing": "ok", "role": "ok", "keys": "ok"},
    )
