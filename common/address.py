"""address - the written forms of a mail address

DESCRIPTION
    Inside the suite an address is in internal form: bytes, the local part
    unquoted. Headers and logs show the external form, where an odd local part
    is quoted as RFC 822 asks.

SEE ALSO
    RFC 822, section 3.3; RFC 5322, section 3.2.4
"""

import re

# A local part that needs no quotes: RFC 822 atoms joined by dots, bytes above 127 let through.
ATOMS = (
    rb"[!#$%&'*+\-/0-9=?A-Z^_`a-z{|}~\x80-\xff]+"
    rb"(?:\.[!#$%&'*+\-/0-9=?A-Z^_`a-z{|}~\x80-\xff]+)*"
)
PLAIN_LOCAL_PART = re.compile(ATOMS + rb"\Z")
PLAIN_ADDRESS = re.compile(ATOMS + rb"(?:@[^@]*)?\Z")  # with such a local part
ROUTE = re.compile(rb"@[^:]*:(?=.*@)", re.DOTALL)  # "@one,@two:" in front of user@domain
NEEDS_ESCAPE = re.compile(rb'(["\\\r])')


def split_route(address: bytes) -> tuple[bytes, bytes]:
    """Return the source route in front of an address, mostly empty, and the rest."""
    route = ROUTE.match(address)
    return (route[0], address[route.end() :]) if route else (b"", address)


def split(address: bytes) -> tuple[bytes, bytes | None]:
    """Return local part and domain, cut at the last @; no @ gives None."""
    local, at, domain = address.rpartition(b"@")
    return (local, domain) if at else (address, None)


def quote(address: bytes) -> bytes:
    """Return the external form of an internal address: quoted where RFC 822 needs it."""
    if PLAIN_ADDRESS.match(address):
        return address
    route, plain = split_route(address)
    local, domain = split(plain)
    if PLAIN_LOCAL_PART.match(local):
        return address
    quoted = b'%b"%b"' % (route, NEEDS_ESCAPE.sub(rb"\\\1", local))
    return quoted if domain is None else quoted + b"@" + domain


def unquote(address: bytes) -> bytes:
    """Return the internal form: quotes and backslashes of the local part undone."""
    local, domain = split(address)
    plain = bytearray()
    escaped = False
    for byte in local:
        if escaped or byte not in b'"\\':
            plain.append(byte)
            escaped = False
        else:
            escaped = byte == 0x5C
    return bytes(plain) if domain is None else bytes(plain) + b"@" + domain
