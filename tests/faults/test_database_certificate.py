"""The URL that production asks for: whoever is not the database, by a known authority, is told nothing at all."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from app.errors import StorageUnavailable
from app.storage.database import open_database
from app.storage.transport import check_transport
from tests.faults.tls_impostor import Authority, Impostor, impostor

HOST, PASSWORD = "db.example", "CANARY-pw-5106"
KNOWN = "known authority"


@pytest.fixture(scope="module")
def authorities() -> dict[str, Authority]:
    """One that the operator knows, and one that anybody may have made under the same name."""
    return {"known": Authority.made(KNOWN), "stranger": Authority.made(KNOWN)}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the service's own, and names that all lead to this machine: the network is the attacker's."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("PGSSLMODE", "PGSSLROOTCERT", "PGSSLCRL", "PGSSLCERT", "PGSSLKEY", "PGPASSFILE", "PGSSLNEGOTIATION"):
        monkeypatch.delenv(name, raising=False)
    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda _host, *rest, **more: real("127.0.0.1", *rest, **more))
    return tmp_path


def trust(home: Path, authority: Authority) -> None:
    """Put an authority where docs/operators.md says."""
    (home / ".postgresql").mkdir()
    (home / ".postgresql" / "root.crt").write_bytes(authority.pem)


def connect(server: Impostor, wanted: str) -> None:
    """Let the service try to read from what listens under the database's name; it never comes to a read."""
    url = f"postgresql://alliance:{PASSWORD}@{HOST}:{server.port}/alliance?ssl={wanted}"
    check_transport(url)

    async def read() -> None:
        database = open_database(url)
        try:
            await database.read(lambda _: None, organisation=None)
        finally:
            await database.close()

    with pytest.raises(StorageUnavailable):
        asyncio.run(read())


@pytest.mark.parametrize(
    ("signed_by", "host", "days"),
    [("stranger", HOST, 1), ("known", "elsewhere.example", 1), ("known", f"not-{HOST}", 1), ("known", HOST, -1)],
    ids=["unknown authority", "another host", "a host that ends alike", "over"],
)
def test_a_wrong_certificate_is_refused_before_anything_is_told(
    authorities: dict[str, Authority], home: Path, signed_by: str, host: str, days: int
) -> None:
    """Neither the password nor who would log in."""
    trust(home, authorities["known"])
    with impostor(authorities[signed_by].certify(host, home / "server.pem", days=days)) as server:
        connect(server, "verify-full")
    assert server.asked > 0
    assert server.told == []


def test_a_right_certificate_is_taken(authorities: dict[str, Authority], home: Path) -> None:
    """By the known authority, for the host of the URL: here the password goes over."""
    trust(home, authorities["known"])
    with impostor(authorities["known"].certify(HOST, home / "server.pem")) as server:
        connect(server, "verify-full")
    assert any(PASSWORD.encode() in one for one in server.told)


def test_a_server_without_tls_is_told_nothing(authorities: dict[str, Authority], home: Path) -> None:
    """Somebody on the way may say so in its place: there is no way back into the clear."""
    trust(home, authorities["known"])
    with impostor(None) as server:
        connect(server, "verify-full")
    assert server.asked > 0
    assert server.told == []


def test_without_an_authority_nobody_is_connected_to(authorities: dict[str, Authority], home: Path) -> None:
    """Then there is nothing to hold a certificate against, and the right one is not believed either."""
    with impostor(authorities["known"].certify(HOST, home / "server.pem")) as server:
        connect(server, "verify-full")
    assert (server.asked, server.told) == (0, [])


def test_require_believes_everybody_where_no_authority_is_known(authorities: dict[str, Authority], home: Path) -> None:
    """So says docs/operators.md, and so the tests above can fail: this is what they would find."""
    with impostor(authorities["stranger"].certify("elsewhere.example", home / "server.pem")) as server:
        connect(server, "require")
    assert any(PASSWORD.encode() in one for one in server.told)
