"""In production a database on another machine is reached with TLS, or without it by a decision in its URL."""

from __future__ import annotations

import pytest

from app.errors import Misconfigured
from app.storage.transport import check_transport
from tests.cli.conftest import Shell, plain

REMOTE = "postgresql://alliance:secret@db.example/alliance"
SAID = "the database is on another machine: end its URL in `?ssl=verify-full`"
REFUSED = (
    REMOTE,
    f"{REMOTE}?ssl=prefer",
    f"{REMOTE}?ssl=allow",
    "postgresql://alliance:secret@10.0.0.7/alliance?prepared_statement_cache_size=0",
    "postgresql://alliance@/alliance?host=db.example",
    "postgresql://alliance@localhost/alliance?host=db.example",
)
TAKEN = (
    f"{REMOTE}?ssl=verify-full",
    f"{REMOTE}?ssl=require",
    f"{REMOTE}?ssl=disable",
    "postgresql://alliance@localhost/alliance",
    "postgresql://alliance@127.0.0.1:6432/alliance",
    "postgresql://alliance@[::1]/alliance",
    "postgresql://alliance@/alliance?host=/var/run/postgresql",
    "sqlite:///alliance.db",
)


@pytest.mark.parametrize("url", REFUSED)
def test_a_url_that_takes_what_it_gets_is_refused(url: str) -> None:
    """What says nothing, or falls back in silence, may send everything in the clear."""
    with pytest.raises(Misconfigured, match="on another machine") as told:
        check_transport(url)
    assert "secret" not in str(told.value)


@pytest.mark.parametrize("url", TAKEN)
def test_a_url_that_says_what_it_wants_is_taken(url: str) -> None:
    """With TLS, without it by decision, or on the same machine."""
    check_transport(url)


def test_production_does_not_start_without(shell: Shell) -> None:
    """Nothing is connected; `doctor` tells too, and development asks for nothing."""
    organisation = shell.organisation()
    settings = {"ALLIANCE_DATABASE_URL": REMOTE, "ALLIANCE_ENV": "production"}
    for command in (("serve",), ("apps", "list", "--org", organisation)):
        assert SAID in plain(shell.refused(*command, **settings))
    done = shell.run("doctor", "--json", **settings)
    assert (done.code, SAID in done.out) == (1, True)
