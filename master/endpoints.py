"""endpoints - the addresses that a service listens on

DESCRIPTION
    Network.endpoints() turns a service's name into addresses: "628" means the
    interfaces of inet_interfaces, "host:628" and "[::1]:628" that host, a
    local service its path below the queue directory.

    Host names are looked up when the mail system starts, and never later:
    master does not wait for a name server while it runs.

SEE ALSO
    spec/config-syntax.md, section 3
    postconf(5): inet_interfaces, inet_protocols, known_tcp_ports
"""

import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass, field

from common.config import MainCf
from common.errors import ConfigError
from common.params import MasterParams
from master.services import Service, Transport

WILDCARDS = ("0.0.0.0", "::")
LOOPBACKS = ("127.0.0.1", "::1")
DIGITS_LIMIT = 10  # of a port
INTERFACE_WORDS = {"all": WILDCARDS, "loopback-only": LOOPBACKS}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a service is reached; as long as all of it stays the same, it stays open."""

    transport: Transport
    host: str  # a numeric address, or a path below the queue directory
    port: int = 0

    def __str__(self) -> str:
        if self.local:
            return self.host
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def local(self) -> bool:
        """Whether it is a file below the queue directory."""
        return self.transport is not Transport.INET

    @property
    def family(self) -> socket.AddressFamily:
        """What kind of socket it is; a FIFO is none."""
        if self.local:
            return socket.AF_UNIX
        return socket.AF_INET6 if ":" in self.host else socket.AF_INET

    @property
    def address(self) -> str | tuple[str, int]:
        """What bind() wants."""
        return self.host if self.local else (self.host, self.port)

    @property
    def remote(self) -> bool:
        """Whether clients of other hosts come here, directly or handed on by another daemon."""
        if self.local:
            return self.transport is Transport.PASS
        return not ipaddress.ip_address(self.host).is_loopback


@dataclass(slots=True)
class Names:
    """Host names and their addresses; once closed, only those already known."""

    known: dict[str, tuple[str, ...]] = field(default_factory=lambda: {"localhost": LOOPBACKS})
    closed: bool = False

    def addresses(self, host: str) -> tuple[str, ...]:
        """Return the numeric addresses of a host.

        Raises:
            ValueError: there are none, or it is too late to ask.
        """
        bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
        try:
            return (str(ipaddress.ip_address(bare)),)
        except ValueError:
            pass
        if host not in self.known:
            if self.closed:
                raise ValueError(f"{host}: host names are looked up at start and upgrade only")
            self.known[host] = look_up(host)
        return self.known[host]


def look_up(host: str) -> tuple[str, ...]:
    """Ask the resolver."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise ValueError(f"bad hostname or network address: {host}") from None
    return tuple(dict.fromkeys(str(one[4][0]) for one in found))


@dataclass(frozen=True, slots=True)
class Network:
    """What main.cf says about addresses and ports."""

    interfaces: tuple[str, ...]
    versions: frozenset[int]  # of IP: 4, 6
    optional_ipv6: bool  # "all" means IPv6 where there is any
    ports: dict[str, str]
    origin: str  # of inet_interfaces
    names: Names

    @classmethod
    def of(cls, main_cf: MainCf, params: MasterParams, names: Names) -> "Network":
        """Return the part of a configuration that endpoints are made from."""
        every = "all" in params.inet_protocols
        versions = {4, 6} if every else {int(word[-1]) for word in params.inet_protocols}
        origin = f"{main_cf.origin('inet_interfaces')}: parameter inet_interfaces"
        ports = known_ports(params.known_tcp_ports)
        interfaces = params.inet_interfaces
        return cls(interfaces, frozenset(versions), every, ports, origin, names)

    def endpoints(self, service: Service) -> tuple[Endpoint, ...]:
        """Return the addresses of a service, in the order of its descriptors.

        Raises:
            ConfigError: the name is no address, or no address is left.
        """
        if service.transport is not Transport.INET:
            return (Endpoint(service.transport, service.endpoint),)
        host, port = split_host_port(service)
        number = self._port_number(port, service)
        addresses = self._hosts([host] if host else self.interfaces, service.origin if host else "")
        if not addresses:
            raise ConfigError(f"{service.origin}: service {service.name}: no address to listen on")
        return tuple(Endpoint(Transport.INET, one, number) for one in addresses)

    def _hosts(self, hosts: Iterable[str], origin: str) -> list[str]:
        """Return numeric addresses of the IP versions in use."""
        found: dict[str, None] = {}
        for host in hosts:
            try:
                several = INTERFACE_WORDS.get(host.lower()) or self.names.addresses(host)
            except ValueError as error:
                raise ConfigError(f"{origin or self.origin}: {error}") from None
            for one in several:
                version = ipaddress.ip_address(one).version
                # Named alone, an address must work; among others, IPv6 may be switched off.
                skip = version == 6 and len(several) > 1 and self.optional_ipv6
                if version in self.versions and not (skip and not ipv6_works()):
                    found[one] = None
        return list(found)

    def _port_number(self, port: str, service: Service) -> int:
        text = self.ports.get(port, port)
        if text.isascii() and text.isdigit():
            number = int(text) if len(text) <= DIGITS_LIMIT else 0
        else:
            try:
                number = socket.getservbyname(text, "tcp")
            except OSError:
                number = 0
        if not 0 < number < 65536:
            raise ConfigError(f"{service.origin}: unknown service: {port}/tcp")
        return number


def split_host_port(service: Service) -> tuple[str, str]:
    """Return host, empty if there is none, and port of "host:port", "[v6]:port" or "port"."""
    host, colon, port = service.name.rpartition(":")
    if host.startswith("[") != host.endswith("]") or (":" in host and not host.startswith("[")):
        raise ConfigError(f'{service.origin}: need "host:port" or "port" in "{service.name}"')
    if not port or (colon and host == "[]"):
        raise ConfigError(f'{service.origin}: missing port in "{service.name}"')
    return host, port


def known_ports(words: Iterable[str]) -> dict[str, str]:
    """Return the ports of "name=port" and "name=name=port" by name."""
    ports = {}
    for word in words:
        *names, port = word.split("=")
        ports.update(dict.fromkeys(names, port))
    return ports


def ipv6_works() -> bool:
    """Tell whether this host has IPv6 at all."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True
