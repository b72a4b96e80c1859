"""line - one line of the log, as a program of Postfix sends it

DESCRIPTION
    "Nov  2 12:47:22 host postfix/smtpd[123]: warning: text", no newline. The
    socket is open to users as well, by way of the postlog command: whatever
    is not fit to be printed becomes question marks, so that a line stays one.

SEE ALSO
    spec/logging.md, section 1
"""

import re
from dataclasses import dataclass

from common.log import CONTROL, CRITICAL, ERROR, INFO, WARNING, printable

HEAD = re.compile(r"[A-Z][a-z]{2} [ 1-3][0-9] [0-9:]{8} \S+ ", re.ASCII)
WORD = re.compile(r"\S+\[[0-9]+\]: (warning|error|fatal|panic): ", re.ASCII)
SEVERITIES = {"warning": WARNING, "error": ERROR, "fatal": CRITICAL, "panic": CRITICAL}


@dataclass(frozen=True, slots=True)
class Line:
    """Its parts, printable; the head ends with a blank, or is empty if the sender wrote none."""

    head: str
    text: str
    severity: int

    @classmethod
    def parse(cls, datagram: bytes) -> "Line":
        """Return what a datagram says."""
        whole = CONTROL.sub("?", printable(datagram.rstrip(b"\n")))
        match = HEAD.match(whole)
        head, text = (whole[: match.end()], whole[match.end() :]) if match else ("", whole)
        word = WORD.match(text)
        return cls(head, text, SEVERITIES[word[1]] if word else INFO)
