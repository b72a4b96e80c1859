"""inspection - what is looked for in every message

DESCRIPTION
    Made by each process of the parameters: the tables of checks, the faults
    that a strict host refuses, bytes that are refused or left out.

SEE ALSO
    cleanup.parts, which looks
    spec/cleanup-behaviour.md, sections 3, 4 and 6
"""

import re
from collections.abc import Collection
from typing import NamedTuple

from cleanup.checks import Checks
from cleanup.message import FILTER, Message
from common.config import MainCf, encoded
from common.log import Log
from common.mime import Fault
from common.params import CleanupParams

ESCAPE = re.compile(rb"\\([0-7]{1,3}|.)", re.DOTALL)
LETTERS = dict(zip(b"abfnrtv", b"\a\b\f\n\r\t\v", strict=True))


class Inspection(NamedTuple):
    """What is looked for in every message."""

    checks: Checks | None
    strict: frozenset[Fault]
    parts: bool  # parts of a message are told apart
    refused: re.Pattern[bytes] | None  # bytes for which a message is refused
    stripped: bytes  # bytes that are left out
    nesting: int = 0  # parts within parts that are no fault
    easy: bool = False  # only tables and too many parts can find something in a plain header

    @classmethod
    def of(cls, params: CleanupParams, main_cf: MainCf, log: Log) -> "Inspection | None":
        """Open the tables; None if nothing is looked for."""
        checks = Checks(params, main_cf, log)
        parts = not params.disable_mime_input_processing
        strict = faults(params, with_headers=checks.headers) if parts else frozenset[Fault]()
        refused = characters(params.message_reject_characters)
        stripped = characters(params.message_strip_characters)
        if not (checks or strict or refused or stripped):
            return None
        pattern = re.compile(b"[%b]" % re.escape(refused)) if refused else None
        easy = not (strict - {Fault.NESTING} or refused or stripped)
        nesting = params.mime_nesting_limit
        return cls(checks, strict, parts, pattern, stripped, nesting, easy)

    def wanted(self, message: Message) -> bool:
        """Tell whether the message must be looked into."""
        message.checked = bool(message.options & FILTER)
        return bool(self.stripped or message.checked)

    @property
    def body(self) -> bool:
        """Whether a body without parts is looked into."""
        return self.checks is not None and self.checks.body

    def passes(
        self, message: Message, kinds: Collection[bytes], headers: Collection[tuple[bytes, bytes]]
    ) -> bool:
        """Tell whether a look is enough to see that nothing is found in the primary header.

        It is plain text. kinds: the names of its headers in lower case; headers: names and what
        stands behind the colon.
        """
        if message.discard or not self.easy or self.checks is None:
            return False
        if b"content-type" in kinds:
            # A boundary needs an equals sign; so many of them may be one too many.
            values = [value for name, value in headers if name.lower() == b"content-type"]
            if sum(value.count(b"=") for value in values) > self.nesting:
                return False
        return self.checks.rules_out(kinds, headers)


def faults(params: CleanupParams, *, with_headers: bool) -> frozenset[Fault]:
    """Return what is refused in the structure of a message."""
    found = set()
    if params.strict_8bitmime or params.strict_7bit_headers:
        found.add(Fault.HEADER)
    if params.strict_8bitmime or params.strict_8bitmime_body:
        found.add(Fault.BODY)
    if params.strict_mime_encoding_domain:
        found.add(Fault.ENCODING)
    if found or with_headers:
        found.add(Fault.NESTING)
    return frozenset(found)


def characters(text: str) -> bytes:
    """Return the bytes of a text with escapes as C has them."""

    def plain(match: re.Match[bytes]) -> bytes:
        if match[1].isdigit():
            return bytes((int(match[1], 8) & 0xFF,))
        return bytes((LETTERS.get(match[1][0], match[1][0]),))

    return ESCAPE.sub(plain, encoded(text))


# For messages with parts, whose headers are treated even if nothing is looked for.
NOTHING = Inspection(None, frozenset(), True, None, b"")
