"""How the database is reached: what goes to another machine must not go in the clear by an oversight."""

from __future__ import annotations

from ipaddress import ip_address

from sqlalchemy import URL

from app.errors import Misconfigured
from app.storage.database import parse_url

#: What a URL may say of TLS; `allow` and `prefer` take what they get, and so does a URL that says nothing.
SAYS_WHAT_IT_WANTS = frozenset({"require", "verify-ca", "verify-full", "disable"})


def check_transport(database_url: str) -> None:
    """Refuse a PostgreSQL on another machine whose URL does not say whether TLS is wanted."""
    url = parse_url(database_url)
    if url.get_backend_name() == "sqlite" or all(_is_here(host) for host in _hosts(url)):
        return
    if url.query.get("ssl") not in SAYS_WHAT_IT_WANTS:
        raise Misconfigured(
            "the database is on another machine: end its URL in `?ssl=verify-full`, "
            "or in `?ssl=disable` if nobody else can be on the way"
        )


def _hosts(url: URL) -> tuple[str, ...]:
    """List the hosts of a URL: before its path, or as a parameter, where a folder is that of a socket."""
    named = url.query.get("host", ())
    return ((url.host,) if url.host else ()) + ((named,) if isinstance(named, str) else tuple(named))


def _is_here(host: str) -> bool:
    if host.startswith("/") or host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
