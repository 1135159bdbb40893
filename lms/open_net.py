"""Which addresses are of the open net, where we may ask what others have named."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

_GLOBAL_IPV6 = ip_network("2000::/3")
_NOT_PUBLIC = [
    ip_network(block)
    for block in (
        "192.88.99.0/24",  # relays to IPv6
        "240.0.0.0/4",
        "2001::/23",  # Teredo among others: an IPv4 address inside
        "2001:db8::/32",
        "2002::/16",  # 6to4: as well
        "3fff::/20",
    )
]


def is_public(address: str) -> bool:
    """Tell whether an IP address is one of the open net, in a form of its own."""
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, IPv6Address) and (ip.scope_id or ip not in _GLOBAL_IPV6):
        return False  # IPv4 in IPv6, local to a link, unique to a house, NAT64
    in_a_block = any(
        ip in block for block in _NOT_PUBLIC if block.version == ip.version
    )
    return _is_global(ip) and not in_a_block


def _is_global(ip: IPv4Address | IPv6Address) -> bool:
    return ip.is_global and not ip.is_multicast
