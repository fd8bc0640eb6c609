"""Fetch a small document of another site: https only, one look at its name, no redirect, and not for long."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

import httpx

from app.errors import FetchRefused
from app.outbound.addresses import is_public

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

LARGEST: Final = 64 * 1024
PATIENCE: Final = 5.0


async def resolve(host: str, port: int) -> Sequence[str]:
    """Ask the system for every address of a name."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetcher:
    """Fetches documents; how names are looked up and how bytes travel can be replaced."""

    resolve: Resolve = resolve
    transport: Callable[[], httpx.AsyncBaseTransport] = httpx.AsyncHTTPTransport
    patience: float = PATIENCE

    async def fetch(self, url: str) -> bytes:
        """Return a document, or raise FetchRefused.

        The name is looked up once; if one of its addresses leads home, none is used. The connection goes to the
        address that was checked, while the certificate is still held against the name.
        """
        target = checked_url(url)
        try:
            async with asyncio.timeout(self.patience):
                return await self._fetch(target)
        except (TimeoutError, OSError, ValueError, httpx.HTTPError):  # a name that can't be encoded is a ValueError
            raise FetchRefused("it can't be reached") from None

    async def _fetch(self, url: httpx.URL) -> bytes:
        address = await self._address(url.host, url.port or 443)
        request = httpx.Request(
            "GET",
            url.copy_with(host=address),
            headers={"Host": url.netloc.decode("ascii"), "Accept": "application/json", "Accept-Encoding": "identity"},
            extensions={"sni_hostname": url.raw_host.decode("ascii")},
        )
        async with self.transport() as transport:
            response = await transport.handle_async_request(request)
            try:
                return await _body(response)
            finally:
                await response.aclose()

    async def _address(self, host: str, port: int) -> str:
        """Choose the address to connect to; a literal one is checked as the system understands it."""
        with suppress(ValueError):
            return _checked([str(ip_address(host))])
        return _checked(await self.resolve(host, port))


def checked_url(url: str) -> httpx.URL:
    """Take a URL apart, or raise FetchRefused; whether it leads home is seen when it is fetched."""
    try:
        parsed = httpx.URL(url)
        host = parsed.host
    except (httpx.InvalidURL, ValueError):
        raise FetchRefused("it is no URL") from None
    if parsed.scheme != "https" or not host or parsed.userinfo or parsed.fragment or len(url) > 500:
        raise FetchRefused("the URL must begin with https://, and have no user and no fragment")
    return parsed


def _checked(addresses: Sequence[str]) -> str:
    if not addresses or not all(is_public(address) for address in addresses):
        raise FetchRefused("its address is not one of the internet")
    return addresses[0]


async def _body(response: httpx.Response) -> bytes:
    """Read a plain body up to the limit."""
    if response.status_code != 200 or response.headers.get("content-encoding", "identity") != "identity":
        raise FetchRefused(f"it answered {response.status_code}")
    received = bytearray()
    if not isinstance(response.stream, httpx.AsyncByteStream):
        raise FetchRefused("it can't be read")
    async for part in response.stream:
        received += part
        if len(received) > LARGEST:
            raise FetchRefused("it is too large")
    return bytes(received)
