"""content - the opening of a message, made safe behind our Received header

DESCRIPTION
    Mailbox separator lines become headers, and a first line that begins with
    a blank gets an empty line in front, lest it continue our own header.

SEE ALSO
    spec/qmqp.md, section 7
"""

import re

MAILBOX_MARK = b"From "
MAILBOX_LINE = re.compile(rb">*" + MAILBOX_MARK)
MAILBOX_HEADER = b"X-Mailbox-Line: "
BLANKS = (b" ", b"\t")
SPECIAL = (*BLANKS, b">", MAILBOX_MARK)  # how an opening begins that may need a change
PIECE = 32 * 1024  # bytes


def safe_opening(pieces: list[bytes]) -> list[bytes]:
    """Return the content, in pieces, with its special first lines changed."""
    if not pieces or (len(pieces[0]) >= len(MAILBOX_MARK) and not pieces[0].startswith(SPECIAL)):
        return pieces
    start = pieces[0].lstrip(b">")[: len(MAILBOX_MARK)]
    # A first piece that holds nothing but ">" may be the beginning of such a line.
    if not (MAILBOX_MARK.startswith(start) or start[:1] in BLANKS):
        return pieces
    content = b"".join(pieces)
    out = []
    position = 0
    while MAILBOX_LINE.match(content, position):
        end = content.find(b"\n", position) + 1 or len(content)
        line, newline, _ = content[position:end].partition(b"\n")
        out.append(MAILBOX_HEADER + line.partition(b"\0")[0] + newline)
        position = end
    if content[position : position + 1] in BLANKS:
        out.append(b"\n")
    starts = range(position, len(content), PIECE)
    return [b"".join(out), *[content[start : start + PIECE] for start in starts]]
