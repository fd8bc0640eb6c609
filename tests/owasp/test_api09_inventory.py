"""API9:2023, improper inventory management: what is served is what is written down, in one version.

That each route is public or has a scope stands in `tests/api/test_access.py`, that the committed contract is the one
served in `tests/contract/test_document.py`.
"""

from __future__ import annotations

import re
from pathlib import Path

from fastapi.routing import iter_route_contexts

from app import __version__
from app.main import create_app
from tests.api.operations import PUBLIC, UNLISTED
from tests.harness import Service
from tests.owasp.contract import DOCUMENT, operations

ROOT = Path(__file__).parents[2]


def served(service: Service) -> set[str]:
    """Name every route of the running application, as the contract would."""
    return {
        f"{method} {str(route.path).replace(':id}', '}')}"
        for route in iter_route_contexts(create_app(service.runtime).routes)
        for method in (route.methods or {""}) - {"HEAD"}
    }


def test_nothing_is_served_that_is_not_written_down(service: Service) -> None:
    """The contract, what is public, and what is for operators: nothing else, and nothing of them is missing."""
    rest = {name for name in served(service) if name.split(" ")[1] not in PUBLIC}
    assert rest == set(operations()) | set(UNLISTED)


def test_there_is_one_version(service: Service) -> None:
    """Whatever is about data stands below /v1; there is no older one that was forgotten, and no trial of a next."""
    names = {name.split(" ")[1] for name in served(service)}
    assert {path for path in names if re.match(r"/v\d", path)} == {path for path in names if path.startswith("/v1/")}
    for path in ("/v0/instruments", "/v2/instruments", "/beta/instruments", "/instruments", "/api/v1/instruments"):
        assert service.request("GET", path).status_code == 401
    assert DOCUMENT["info"]["version"] == __version__


def test_what_is_going_is_told(service: Service) -> None:
    """An operation that is deprecated in the contract would have to say so; there is none yet."""
    assert [name for name, operation in operations().items() if operation.get("deprecated")] == []
    assert "Deprecation" not in service.request("GET", "/livez").headers


def test_what_is_for_operators_is_in_their_page() -> None:
    """What the contract does not list is explained where operators look."""
    page = (ROOT / "docs" / "operators.md").read_text(encoding="utf-8")
    assert [name for name in UNLISTED if f"`{name.split(' ')[1]}`" not in page] == []
