"""full_name - the name of a sender in a From header

SEE ALSO
    RFC 5322, section 3.4
    postconf(5): header_from_format
"""

import re

from common import address

ATOM = re.compile(rb"[!#$%&'*+\-/0-9=?A-Z^_`a-z{|}~\x80-\xff]+\Z")
BLANKED = bytes.maketrans(b"\r\n", b"  ")  # they would end the header
BEHIND = "obsolete"


def with_name(mailbox: bytes, name: bytes, form: str) -> bytes:
    """Return an address in external form with a name, in that header_from_format."""
    name = name.partition(b"\0")[0].translate(BLANKED)
    if not name:
        return mailbox
    if form == BEHIND and is_balanced(name):
        return b"%b (%b)" % (mailbox, name)
    words = name.split()
    if not all(map(ATOM.match, words)):
        words = [b'"%b"' % address.NEEDS_ESCAPE.sub(rb"\\\1", name)]
    return b" ".join((*words, b"<%b>" % mailbox))


def is_balanced(text: bytes) -> bool:
    """Tell whether text can stand in a comment as it is."""
    level = 0
    for letter in text:
        level += (letter == 0x28) - (letter == 0x29)
        if level < 0:
            return False
    return level == 0 and not text.endswith(b"\\")
