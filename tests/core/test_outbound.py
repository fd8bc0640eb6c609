"""What the service asks of the world: it never connects to where it lives, and takes little."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from app.errors import FetchRefused
from app.outbound.addresses import is_public
from app.outbound.fetch import LARGEST, Fetcher
from app.outbound.key_sets import FRESH, SHORTEST, KeySets, parse_key_set

PUBLIC = "198.41.0.4"

#: Hosts that lead home, as they may stand in a URL.
LITERAL = (
    "127.0.0.1", "127.1", "127.255.255.254", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "0", "0.0.0.0",  # noqa: S104 - nothing listens
    "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.1.1", "100.64.0.1",
    "169.254.169.254", "169.254.170.2", "192.0.0.1", "192.0.0.170", "192.0.2.1", "198.18.0.1", "198.51.100.1",
    "203.0.113.7", "192.0.0.9", "192.88.99.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
    "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]", "[::127.0.0.1]", "[fe80::1]", "[fe80::1%25lo]",
    "[fc00::1]", "[fd00:ec2::254]", "[fec0::1]", "[ff02::1]", "[100::1]", "[2001:db8::1]",
    "[64:ff9b::127.0.0.1]", "[64:ff9b::10.0.0.1]", "[64:ff9b:1::7f00:1]", "[64:ff9b::8.8.8.8]",
    "[2002:7f00:1::]", "[2002:a00:1::1]", "[2001::1]", "[2001:0:7f00:1::]", "[5f00::1]",
)  # fmt: skip
#: What a name may resolve to: one address that leads home is enough.
NAMED: tuple[tuple[str, ...], ...] = (
    ("127.0.0.1",), ("::1",), ("10.1.2.3",), ("169.254.169.254",), ("64:ff9b::7f00:1",), ("2002:c0a8:101::1",),
    (PUBLIC, "127.0.0.1"), ("127.0.0.1", PUBLIC), (PUBLIC, "fe80::1%eth0"), (),
)  # fmt: skip
#: What is no address of a document at all.
SPELLED = (
    f"http://{PUBLIC}/jwks.json", f"ftp://{PUBLIC}/", "file:///etc/passwd", "https://", "jwks.json", "",
    f"https://user@{PUBLIC}/", f"https://{PUBLIC}/#x", f"https://{PUBLIC}/{'x' * 500}", "https://[::1/",
    "https://xn--/", "https://xn--a.example/",
)  # fmt: skip


class Net:
    """A network that answers names from a list, and counts who connects where."""

    def __init__(self, *addresses: Sequence[str], answer: httpx.Response | None = None) -> None:
        self.looked_up: list[str] = []
        self.connected: list[httpx.Request] = []
        self._addresses = list(addresses)
        self._answer = answer or httpx.Response(200, content=b'{"keys": [{"kid": "a"}]}')

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        """Answer a name; numbers in odd spellings are understood as the system does."""
        self.looked_up.append(f"{host}:{port}")
        if self._addresses:
            return self._addresses.pop(0)
        try:
            return [socket.inet_ntoa(socket.inet_aton(host))]
        except OSError:
            return []

    def fetch(self, url: str) -> bytes:
        """Fetch a document over this network."""

        def connect(request: httpx.Request) -> httpx.Response:
            self.connected.append(request)
            return self._answer

        fetcher = Fetcher(resolve=self.resolve, transport=lambda: httpx.MockTransport(connect), patience=1)
        return asyncio.run(fetcher.fetch(url))


def test_nothing_that_leads_home_is_connected_to() -> None:
    """Seventy-four targets in every spelling: refused, and not one connection."""
    nets = [(Net(), f"https://{host}/jwks.json") for host in LITERAL]
    nets += [(Net(addresses), "https://keys.example/jwks.json") for addresses in NAMED]
    nets += [(Net((PUBLIC,)), url) for url in SPELLED]
    assert len(nets) == 74
    for net, url in nets:
        with pytest.raises(FetchRefused):
            net.fetch(url)
        assert (url, net.connected) == (url, [])


def test_the_connection_goes_to_the_address_that_was_checked() -> None:
    """The name is looked up once, so that it can't be another one later; the certificate is that of the name."""
    net = Net((PUBLIC,), ("127.0.0.1",))
    assert net.fetch("https://keys.example:8443/a/jwks.json?v=1") == b'{"keys": [{"kid": "a"}]}'
    (request,) = net.connected
    assert str(request.url) == f"https://{PUBLIC}:8443/a/jwks.json?v=1"
    assert request.headers["host"] == "keys.example:8443"
    assert request.extensions["sni_hostname"] == "keys.example"
    assert net.looked_up == ["keys.example:8443"]


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(302, headers={"Location": "https://127.0.0.1/"}),
        httpx.Response(404),
        httpx.Response(204),
        httpx.Response(200, content=b"x" * (LARGEST + 1)),
        httpx.Response(200, headers={"Content-Encoding": "gzip"}, content=b""),
    ],
)
def test_what_is_not_a_small_plain_document_is_refused(answer: httpx.Response) -> None:
    """A redirect is not followed, and no more is read than is kept."""
    net = Net((PUBLIC,), answer=answer)
    with pytest.raises(FetchRefused):
        net.fetch("https://keys.example/")
    assert len(net.connected) == 1


def test_a_site_that_does_not_answer_is_given_up() -> None:
    """The time is counted over everything, the look-up of the name too."""

    async def never(_host: str, _port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(FetchRefused):
        asyncio.run(Fetcher(resolve=never, patience=0.01).fetch("https://keys.example/"))


@pytest.mark.parametrize("host", ["a" * 64 + ".example", "a..example"])
def test_a_name_that_can_not_be_asked_for_is_refused(host: str) -> None:
    """The system's own look-up raises what is no fault of the network, before it asks anybody."""
    with pytest.raises(FetchRefused):
        asyncio.run(Fetcher(patience=5).fetch(f"https://{host}/"))


def test_the_rule_of_the_standard_library_is_not_enough() -> None:
    """It calls NAT64, 6to4 and Teredo addresses global: a guard that asks it alone would let these through."""
    from ipaddress import ip_address

    wrapped = ["64:ff9b::7f00:1", "2002:7f00:1::"]
    assert [ip_address(one).is_global for one in wrapped] == [True, True]
    assert [is_public(one) for one in wrapped] == [False, False]
    assert [is_public(one) for one in (PUBLIC, "2606:4700::1111", "nobody")] == [True, True, False]


class Site:
    """A site that publishes keys, with a clock that is moved by hand."""

    def __init__(self, *key_ids: str) -> None:
        self.key_ids, self.asked, self.time, self.down = list(key_ids), 0, 1000.0, False
        self.sets = KeySets(self.fetch, clock=lambda: self.time)

    async def fetch(self, _url: str) -> bytes:
        """Publish the keys."""
        self.asked += 1
        await asyncio.sleep(0)
        if self.down:
            raise FetchRefused("down")
        return ('{"keys": [' + ", ".join(f'{{"kid": "{one}"}}' for one in self.key_ids) + "]}").encode()

    async def get(self, key_id: str | None = "a") -> list[Any]:
        """Ask for a key."""
        return [key["kid"] for key in (await self.sets.get("https://keys.example/", key_id=key_id))["keys"]]


def test_a_key_set_is_kept_for_minutes_and_fetched_once_for_all() -> None:
    """Ten that want it at once share a fetch."""
    site = Site("a")

    async def walk() -> None:
        assert await asyncio.gather(*(site.get() for _ in range(10))) == [["a"]] * 10
        site.time += FRESH - 1
        assert (await site.get(), site.asked) == (["a"], 1)
        site.time += 2
        assert (await site.get(), site.asked) == (["a"], 2)

    asyncio.run(walk())


def test_an_unknown_key_id_asks_again_but_not_often() -> None:
    """Who makes up key ids can't make us hammer the site."""
    site = Site("a")

    async def walk() -> None:
        await site.get()
        site.key_ids.append("b")
        assert (await site.get("b"), site.asked) == (["a"], 1)  # it was asked just now
        site.time += SHORTEST
        assert (await site.get("b"), site.asked) == (["a", "b"], 2)
        for _ in range(5):
            await site.get("made up")
        assert site.asked == 2

    asyncio.run(walk())


def test_a_site_that_is_down_is_forgiven_while_its_keys_are_fresh() -> None:
    """Then nothing of it is believed any longer."""
    site = Site("a")

    async def walk() -> None:
        await site.get()
        site.down = True
        site.time += SHORTEST
        assert await site.get("b") == ["a"]
        site.time += FRESH
        with pytest.raises(FetchRefused):
            await site.get()

    asyncio.run(walk())


@pytest.mark.parametrize("document", [b"", b"[]", b"{}", b'{"keys": {}}', b'{"keys": []}', b'{"keys": [1]}', b"\xff"])
def test_what_is_no_key_set_is_refused(document: bytes) -> None:
    """A set has 1 to 100 keys, which are objects."""
    with pytest.raises(FetchRefused):
        parse_key_set(document)
