"""network - networks and addresses as configuration files write them

DESCRIPTION
    "address", "address/length"; the address may stand in brackets. Numbers
    are decimal without leading zeros, and no bits may stand behind the prefix.

SEE ALSO
    spec/config-syntax.md, section 4
    cidr_table(5), "ADDRESS PATTERN SYNTAX"
"""

import socket
from dataclasses import dataclass, field
from typing import NamedTuple

IPV4_BITS, IPV6_BITS = 32, 128


class Network(NamedTuple):
    """The addresses that begin with a prefix."""

    bits: int  # of a whole address: the IP version
    prefix: int  # its length in bits
    number: int  # the first address

    def contains(self, bits: int, number: int) -> bool:
        """Tell whether an address is in it."""
        return bits == self.bits and (number ^ self.number) >> (bits - self.prefix) == 0

    def __str__(self) -> str:
        family = socket.AF_INET if self.bits == IPV4_BITS else socket.AF_INET6
        address = socket.inet_ntop(family, self.number.to_bytes(self.bits // 8, "big"))
        return f"{address}/{self.prefix}"


def parse_address(text: str) -> tuple[int, int] | None:
    """Return an address as its bits (32 or 128) and its number, None if it is none."""
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    try:
        packed = socket.inet_pton(family, text)
    except (OSError, ValueError):
        return None
    return len(packed) * 8, int.from_bytes(packed, "big")


def parse_network(text: str) -> Network:
    """Return the network that a pattern stands for.

    Raises:
        ValueError: it stands for none; str() says why.
    """
    plain = unbracketed(text)
    host, slash, length = plain.partition("/")
    address = parse_address(host)
    bits = IPV6_BITS if ":" in host else IPV4_BITS
    if slash and not (length.isascii() and length.isdigit()):
        raise ValueError(f'bad mask value in "{plain}"')
    if slash and int(length) > bits:
        raise ValueError(f'bad mask length in "{plain}"')
    if address is None:
        raise ValueError(f'bad {"network value in" if slash else "address pattern:"} "{plain}"')
    number = address[1]
    prefix = int(length) if slash else bits
    behind = bits - prefix
    network = Network(bits, prefix, number >> behind << behind)
    if network.number != number:
        raise ValueError(
            f'non-null host address bits in "{plain}", perhaps you should use "{network}" instead'
        )
    return network


def unbracketed(text: str) -> str:
    """Return a pattern without the brackets around its address, or around all of it.

    Raises:
        ValueError: they do not match.
    """
    if not text.startswith("["):
        return text
    end = text.find("]")
    if end < 0:
        raise ValueError(f"missing ']' character after \"{text}\"")
    if text[end + 1 :] and text[end + 1] != "/":
        raise ValueError(f'garbage after "{text[: end + 1]}"')
    return text[1:end] + text[end + 1 :]


@dataclass(slots=True)
class NetworkIndex:
    """Networks in an order, for finding the first that holds an address.

    A lookup costs a probe for each length of prefix in use, not for each network.
    """

    _places: dict[tuple[int, int], dict[int, int]] = field(default_factory=dict)

    def add(self, network: Network, place: int) -> None:
        """Add a network; of equal ones the first counts. place: its number in the order."""
        prefix = (network.bits, network.prefix)
        places = self._places.setdefault(prefix, {})
        places.setdefault(network.number >> (network.bits - network.prefix), place)

    def first(self, bits: int, number: int) -> int | None:
        """Return the place of the first network with this address in it."""
        found = None
        for (wanted, prefix), places in self._places.items():
            if wanted == bits:
                place = places.get(number >> (bits - prefix))
                if place is not None and (found is None or place < found):
                    found = place
        return found
