"""interfaces - the networks that this host is part of

DESCRIPTION
    networks() is the default of mynetworks: the addresses of
    inet_interfaces, each as wide as mynetworks_style says.

SEE ALSO
    postconf(5): mynetworks, mynetworks_style, inet_interfaces, inet_protocols
"""

import ipaddress
import socket
from collections.abc import Callable, Iterator

import psutil

from common.errors import ConfigError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Interface = ipaddress.IPv4Interface | ipaddress.IPv6Interface
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

FAMILIES = {socket.AF_INET: 4, socket.AF_INET6: 6}
STYLES = ("class", "subnet", "host")
PROTOCOLS = {"all": {4, 6}, "ipv4": {4}, "ipv6": {6}}
# Where class A and B of IPv4 end, and how long their prefixes are.
CLASSES = ((128, 8), (192, 16), (256, 24))


def networks(text: Callable[[str], str]) -> str:
    """Return the list, given the texts of other parameters by name.

    Raises:
        ConfigError: one of those makes no sense on this host.
    """
    style = one_style(text("mynetworks_style"))
    versions = set[int]()
    for word in words(text("inet_protocols")):
        if word.lower() not in PROTOCOLS:
            value = text("inet_protocols")
            raise ConfigError(f'unknown inet_protocols value "{word}" in "{value}"')
        versions |= PROTOCOLS[word.lower()]
    found = chosen(words(text("inet_interfaces")), versions)
    return " ".join(dict.fromkeys(shown(network(one, style)) for one in found))


def words(text: str) -> list[str]:
    """Return the elements of a list."""
    return text.replace(",", " ").split()


def one_style(text: str) -> str:
    """Return the style, which must be one."""
    for word in words(text):
        if word.lower() not in STYLES:
            raise ConfigError(f'unknown mynetworks mask style value "{word}" in "{text}"')
    if len(set(words(text.lower()))) != 1:
        raise ConfigError(f"bad mynetworks_style value: {text}; specify exactly one value")
    return words(text.lower())[0]


def own_interfaces() -> list[Interface]:
    """Return all addresses of this host with their prefixes, those of IPv4 first."""
    found = []
    for addresses in psutil.net_if_addrs().values():
        for one in addresses:
            if one.family in FAMILIES and one.netmask:
                address = ipaddress.ip_address(one.address.partition("%")[0])
                mask = int(ipaddress.ip_address(one.netmask))
                found.append(ipaddress.ip_interface(f"{address}/{mask.bit_count()}"))
    return sorted(found, key=lambda one: one.version)


def chosen(elements: list[str], versions: set[int]) -> Iterator[Interface]:
    """Yield what inet_interfaces names; "all" and "loopback-only" stand alone."""
    own = [one for one in own_interfaces() if one.version in versions]
    word = elements[0].lower() if len(elements) == 1 else ""
    if word in ("all", "loopback-only"):
        yield from (one for one in own if word == "all" or one.is_loopback)
        return
    for element in elements:
        for address in addresses(element, versions):
            found = [one for one in own if one.ip == address]
            if not found:
                complaint = f"no local interface found for {address}"
                raise ConfigError(f"parameter inet_interfaces: {complaint}")
            yield found[0]


def addresses(host: str, versions: set[int]) -> list[Address]:
    """Return the addresses of a host's name, or the address that it is.

    Raises:
        ConfigError: there are none of these versions of IP.
    """
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        found = [ipaddress.ip_address(bare)]
    except ValueError:
        found = [ipaddress.ip_address(one) for one in look_up(host)]
    found = [one for one in found if one.version in versions]
    if not found:
        raise ConfigError(f"config variable inet_interfaces: host not found: {host}")
    return list(dict.fromkeys(found))


def look_up(host: str) -> list[str]:
    """Ask the resolver; no address means that there is no such host."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [str(one[4][0]) for one in found]


def network(interface: Interface, style: str) -> Network:
    """Return the network of an address."""
    if style == "host":
        return ipaddress.ip_network(interface.ip)
    if style == "class" and isinstance(interface, ipaddress.IPv4Interface):
        length = next(length for end, length in CLASSES if interface.packed[0] < end)
        return ipaddress.ip_network(f"{interface.ip}/{length}", strict=False)
    return interface.network


def shown(one: Network) -> str:
    """Return a network as it stands in lists."""
    address, _, length = str(one).partition("/")
    return f"[{address}]/{length}" if one.version == 6 else f"{address}/{length}"
