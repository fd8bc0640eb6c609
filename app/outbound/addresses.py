"""Which addresses lead home: into this machine, its network, or through a tunnel that ends there."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

#: Unicast addresses of the internet. Unique-local, link-local, site-local, multicast, mapped, and the NAT64 ranges
#: (64:ff9b::/96, 64:ff9b:1::/48) are all outside.
_UNICAST: Final = IPv6Network("2000::/3")
#: These wrap an IPv4 address, which may be a private one; Python calls them global.
_TUNNELS: Final = (IPv6Network("2002::/16"), IPv6Network("2001::/32"))
#: The same of version 4: relays of such tunnels, and what networks keep for their own protocols.
_INNER: Final = (IPv4Network("192.88.99.0/24"), IPv4Network("192.0.0.0/24"))


def is_public(text: str) -> bool:
    """Say whether an address is one of the internet, and leads nowhere else.

    Examples
    --------
    >>> [is_public(one) for one in ("198.41.0.4", "10.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1")]
    [True, False, False, False]
    """
    try:
        address = ip_address(text)
    except ValueError:  # an address with a zone is of a link
        return False
    if isinstance(address, IPv4Address):
        return address.is_global and not address.is_multicast and not any(address in one for one in _INNER)
    return _is_public_v6(address)


def _is_public_v6(address: IPv6Address) -> bool:
    if address.scope_id is not None or any(address in tunnel for tunnel in _TUNNELS):
        return False
    return address in _UNICAST and address.is_global and not address.is_multicast
