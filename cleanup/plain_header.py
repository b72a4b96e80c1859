"""plain_header - a whole header, taken apart by one search

DESCRIPTION
    What is looked for in most headers is their names, and the values of a
    few. That needs no look at each line.

SEE ALSO
    cleanup.headers, for any header
"""

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cleanup.headers import HeaderRules

# Name and value of a header; nothing and nothing of a line that is none.
PLAIN_HEADER = re.compile(
    rb"([!-9;-~]++):([^\n]*+(?>(?:\n[ \t][^\n]*+)*))\n"
    rb"|[^\n]*+\n|[^\n]++"
)
FLUSH_SIZE = 32 * 1024  # bytes of lines that are kept before they are encoded


def split_plain(
    rules: "HeaderRules", text: bytes
) -> tuple[list[tuple[bytes, bytes]], list[bytes]] | None:
    """Return names and values of headers, whole lines, and the names in lower case.

    None: not all of that is headers in plain ASCII, or one is too long, dropped, or one
    Received too many. They are looked at one by one then.
    """
    params = rules.params
    size = len(text)
    if size > params.header_size_limit or size > FLUSH_SIZE:
        return None
    if not text.isascii() or b"\0" in text:
        return None
    headers = PLAIN_HEADER.findall(text)
    kinds = [name.lower() for name, _ in headers]
    if b"" in kinds:
        return None
    limit = params.line_length_limit
    if len(text) >= limit and max(map(len, kinds)) >= limit:
        return None  # a line whose first piece has no colon is no header
    if kinds.count(b"received") >= params.hopcount_limit or not rules.drop.isdisjoint(kinds):
        return None
    return headers, kinds


def tells_of_parts(value: bytes) -> bool:
    """Tell whether a Content-Type without blanks in front is that of something with parts."""
    return value[:10].lower().startswith((b"multipart", b"message/"))
