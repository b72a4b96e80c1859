"""own_addresses - the addresses by which mail reaches this host

SEE ALSO
    postconf(5): inet_interfaces, proxy_interfaces, inet_protocols
"""

import socket
from collections.abc import Iterable

from common.network import IPV4_BITS, IPV6_BITS, parse_address
from common.params import InterfaceParams

Number = tuple[int, int]  # an address as bits and number

ALL, LOOPBACK = "all", "loopback-only"
LOOPBACK_NET = 127
IPV6_LOOPBACK = 1


def own_addresses(params: InterfaceParams, proxies: Iterable[str]) -> frozenset[Number]:
    """Return the addresses of inet_interfaces and proxies, of the IP versions in use.

    A name that nobody knows has no address.
    """
    found: set[Number] = set()
    for word in (*params.inet_interfaces, *proxies):
        if word.lower() == ALL:
            found |= set(local_addresses())
        elif word.lower() == LOOPBACK:
            found |= set(filter(is_loopback, local_addresses()))
        else:
            found |= set(addresses_of(word))
    bits = {
        *([IPV4_BITS] if {"all", "ipv4"} & set(params.inet_protocols) else []),
        *([IPV6_BITS] if {"all", "ipv6"} & set(params.inet_protocols) else []),
    }
    return frozenset(one for one in found if one[0] in bits)


def local_addresses() -> list[Number]:
    """Return the addresses of all network interfaces."""
    import psutil  # a fifth of a program's start, for those who ask

    texts = [
        one.address.partition("%")[0]  # without the interface's name
        for several in psutil.net_if_addrs().values()
        for one in several
        if one.family in (socket.AF_INET, socket.AF_INET6)
    ]
    return [number for number in map(parse_address, texts) if number]


def is_loopback(number: Number) -> bool:
    """Tell whether only this host can use an address."""
    bits, value = number
    return value >> 24 == LOOPBACK_NET if bits == IPV4_BITS else value == IPV6_LOOPBACK


def addresses_of(word: str) -> list[Number]:
    """Return the addresses of a host, or the one that the word is."""
    plain = word.removeprefix("[").removesuffix("]")
    if number := parse_address(plain):
        return [number]
    try:
        found = socket.getaddrinfo(plain, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [number for one in found if (number := parse_address(str(one[4][0])))]
