"""host_name - what makes a text no host name, in the words of the field

DESCRIPTION
    Names come from name servers, so from anybody. One that is well formed is
    letters, digits, hyphens and underscores in labels of at most 63 bytes, and
    neither an address nor a number: it cannot be mistaken for anything else in
    a log, a header or a list.

SEE ALSO
    RFC 1123, section 2.1
    spec/config-syntax.md, section 2
"""

import re
import socket

LENGTH_LIMIT, LABEL_LIMIT = 255, 63  # bytes
SHOWN = 100  # bytes of a name
ODD = re.compile(rb"[^A-Za-z0-9_.-]")


def trouble(name: bytes) -> str:
    """Return what is wrong with a host name, for the log; nothing if it is well formed."""
    text = name.decode("utf-8", "replace")
    if is_address(text):
        return f"numeric hostname: {text}"
    start = name[:SHOWN].decode("utf-8", "replace")
    if reason := _first_fault(name):
        return f"valid_hostname: {reason}: {start}"
    if len(name) > LENGTH_LIMIT:
        return f"valid_hostname: bad length {len(name)} for {start}..."
    return ""


def is_address(text: str) -> bool:
    """Tell whether text is an IPv4 or IPv6 address."""
    without_scope = text.partition("%")[0]
    for family, written in ((socket.AF_INET, text), (socket.AF_INET6, without_scope)):
        try:
            socket.inet_pton(family, written)
        except (OSError, ValueError):
            continue  # no address, no text of one
        return True
    return False


def _first_fault(name: bytes) -> str:
    """Return what a reader from left to right meets first."""
    for label in name.split(b"."):
        if not label:
            return "misplaced delimiter"
        if label.startswith(b"-"):
            return "misplaced hyphen"
        if odd := ODD.search(label[:LABEL_LIMIT]):
            return f"invalid character {odd[0][0]}(decimal)"
        if len(label) > LABEL_LIMIT:
            return "hostname label too long"
        if label.endswith(b"-"):
            return "misplaced hyphen"
    return "numeric hostname" if name.replace(b".", b"").isdigit() else ""
