"""API7:2023, server side request forgery: the service asks nobody because somebody sent it an address."""

from __future__ import annotations

import ast
import socket
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.api.operations import SCOPE_OF, Ids, call
from tests.harness import Clinic, form

APP = Path(__file__).parents[2] / "app"
#: Modules of which a program that asks others needs one.
CLIENTS = {"socket", "urllib.request", "http.client", "httpx", "requests", "aiohttp", "urllib3", "ftplib", "smtplib"}
#: Who may ask, with the reason. A new entry says how the address is checked, and has a test of that.
MAY_ASK = {
    "cli/demo/": "the demo posts to the service that it has started itself",
    "outbound/fetch.py": "key sets of other sites, as tests/core/test_outbound.py shows",
}
#: Where a form may hold an address.
ADDRESSES = (
    "http://127.0.0.1:1/", "http://localhost/", "http://169.254.169.254/latest/meta-data/", "http://[::1]/",
    "file:///etc/passwd", "gopher://127.0.0.1:1/", "ldap://127.0.0.1/", "http://0x7f000001/", "//attacker.example/x",
)  # fmt: skip


class Asked(AssertionError):
    """The service has asked somebody."""


@pytest.fixture
def nobody_is_asked(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names are not looked up and no connection begins; PostgreSQL's are open by then."""
    for session in range(1, 3):
        clinic.recorded(form(client_ref="warm", session_number=session))

    def refuse(*asked: Any, **_: Any) -> Any:
        raise Asked(str(asked))

    if clinic.service.database_url.startswith("sqlite"):
        monkeypatch.setattr(socket.socket, "connect", refuse)
        monkeypatch.setattr(socket.socket, "connect_ex", refuse)
        monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket, "gethostbyname", refuse)


@pytest.mark.usefixtures("nobody_is_asked")
@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_in_a_form_is_a_text(clinic: Clinic, address: str) -> None:
    """As a system, a reference, a source and in headers: it is kept or refused, and never asked."""
    headers = {
        "Idempotency-Key": str(uuid4()),
        "Referer": address,
        "Origin": address,
        "X-Forwarded-Host": address,
        "Forwarded": f"host={address}",
    }
    sent = form(
        client_ref={"system": address, "value": address},
        therapist_ref={"system": address, "value": "1"},
        source={"system": address, "id": address},
    )
    answer = clinic.request("POST", "/v1/submissions", json=sent, headers=headers)
    assert answer.status_code == 201
    assert address not in str(answer.headers)
    found = clinic.request("POST", "/v1/clients/lookup", json={"ref": {"system": address, "value": address}})
    assert found.json()["client_id"] == answer.json()["client_id"]


@pytest.mark.usefixtures("nobody_is_asked")
def test_no_operation_asks_anybody(clinic: Clinic) -> None:
    """Each, called well, does its work with the database alone."""
    ids = Ids.made(clinic)
    for name in SCOPE_OF:
        assert call(clinic, name, ids).status_code in {200, 201, 404, 409}, name
    with pytest.raises(Asked):  # the guard is one that bites
        socket.getaddrinfo("alliance.example", 443)


def asking(folder: Path) -> dict[str, set[str]]:
    """Find the modules that import something with which others are asked."""
    found: dict[str, set[str]] = {}
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            used = {one for one in CLIENTS for name in names if name == one or name.startswith(f"{one}.")}
            if used:
                found.setdefault(path.relative_to(folder).as_posix(), set()).update(used)
    return found


def test_who_may_ask_others_is_on_a_list() -> None:
    """A module that could follow an address is a decision, and each decision is still in use."""
    asks = asking(APP)
    assert [path for path in asks if not path.startswith(tuple(MAY_ASK))] == []
    assert [one for one in MAY_ASK if not any(path.startswith(one) for path in asks)] == []


def test_a_module_that_asks_is_found(tmp_path: Path) -> None:
    """Planted faults: each way to import a client."""
    lines = (
        "import httpx",
        "from urllib.request import urlopen",
        "from urllib import request",
        "import http.client as h",
    )
    for number, line in enumerate(lines):
        (tmp_path / f"planted{number}.py").write_text(f"def f() -> None:\n    {line}\n", encoding="utf-8")
    (tmp_path / "harmless.py").write_text("from urllib.parse import urlencode\n", encoding="utf-8")
    assert sorted(asking(tmp_path)) == [f"planted{number}.py" for number in range(len(lines))]
