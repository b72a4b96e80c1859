"""client - who is at the other end of a connection

SEE ALSO
    spec/logging.md, section 2
"""

import socket
from typing import NamedTuple

UNKNOWN = "unknown"
MAPPED = "::ffff:"  # an IPv4 address in the clothes of IPv6, as the kernel and libc write it
LOCAL_NAME, LOCAL_ADDRESS = "localhost", "127.0.0.1"

INTERNET = (socket.AF_INET, socket.AF_INET6)

Address = tuple[str, int] | tuple[str, int, int, int] | str | bytes


class Client(NamedTuple):
    """A client's address and, once it was looked up, its name."""

    family: int  # of its address; 0 for a client without one, on a local socket
    address: str
    port: int
    name: str = UNKNOWN

    @classmethod
    def of(cls, family: int, peer: Address) -> "Client":
        """Return the client as accept() described it; one on a local socket is this host."""
        if family not in INTERNET or not isinstance(peer, tuple):
            return cls(socket.AF_UNSPEC, LOCAL_ADDRESS, 0, LOCAL_NAME)
        if family == socket.AF_INET:
            # As cls(...), whose way leads out of the interpreter and back.
            return tuple.__new__(cls, (family, peer[0], peer[1], UNKNOWN))
        host = peer[0].partition("%")[0]
        mapped = host.removeprefix(MAPPED)
        if mapped != host and "." in mapped:
            return cls(socket.AF_INET, mapped, peer[1])
        return cls(family, host, peer[1])

    def named(self, name: str) -> "Client":
        """Return the client with the name that was found for it."""
        family, address, port, _ = self
        return tuple.__new__(Client, (family, address, port, name))

    @property
    def header_address(self) -> str:
        """The address as headers show it: "IPv6:..." where it is one."""
        return f"IPv6:{self.address}" if self.family == socket.AF_INET6 else self.address

    def label(self, *, with_port: bool) -> str:
        """Return "name[address]", as logs and replies show it, or "name[address]:port"."""
        port = f":{self.port}" if with_port else ""
        return f"{self.name}[{self.address}]{port}"
