"""netstring - length-prefixed strings, as QMQP frames them

DESCRIPTION
    encode() makes one netstring. Reader takes bytes in pieces of any size and
    hands out lengths and payloads; it buffers what is not whole yet. It does
    no I/O.

    The reader follows what QMQP servers in the field accept: a missing number
    means zero, any count of leading zeros is fine, and a length is judged by
    its digits alone, before any payload has arrived.

SEE ALSO
    https://cr.yp.to/proto/netstrings.txt
    spec/qmqp.md, section 3
"""

import re

LENGTH_LIMIT = 2**63 - 1  # above it a length overflows in the peers' signed 64-bit counter

COLON, COMMA = b":,"
NON_DIGIT = re.compile(rb"[^0-9]")
SAFE_DIGITS = 18  # any number of so many digits is within LENGTH_LIMIT


class FramingError(Exception):
    """The bytes cannot be netstrings."""


class TooLongError(Exception):
    """A length is above the limit that the caller set, or above LENGTH_LIMIT."""


def encode(payload: bytes) -> bytes:
    """Return payload as one netstring."""
    return b"%d:%b," % (len(payload), payload)


class Reader:
    """Netstrings out of a byte stream that arrives in pieces."""

    __slots__ = ("_buffer", "_in_number", "_length", "_partial", "_position")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._position = 0  # of the first byte not consumed
        self._in_number = False  # digits have been consumed, their colon has not
        self._partial = 0  # value of these digits
        self._length: int | None = None  # of the payload that is being waited for

    def receive_data(self, data: bytes) -> None:
        """Append what the peer sent."""
        if self._position:
            del self._buffer[: self._position]
            self._position = 0
        self._buffer += data

    def buffered(self) -> int:
        """Return the count of bytes held here that were not handed out."""
        return len(self._buffer) - self._position

    def at_end(self) -> bool | None:
        """Tell whether a comma stands where a netstring would begin, None if no byte is there.

        In the middle of a netstring the answer is no.
        """
        if self._in_number or self._length is not None:
            return False
        if self._position == len(self._buffer):
            return None
        return self._buffer[self._position] == COMMA

    def wants_comma(self) -> bool:
        """Tell whether nothing but the comma behind a payload is missing."""
        return self._length is not None and self.buffered() == self._length

    def next_length(self, limit: int = LENGTH_LIMIT) -> int | None:
        """Return the number before a colon and step over both, None when more bytes are needed.

        Raises:
            FramingError: neither a digit nor the colon.
            TooLongError: above limit, as soon as the colon shows it, or
                above LENGTH_LIMIT, at the digit that overflows.
        """
        stop = NON_DIGIT.search(self._buffer, self._position)
        end = stop.start() if stop else len(self._buffer)
        self._consume_digits(end)
        if stop is None:
            return None
        if self._buffer[end] != COLON:
            raise FramingError
        self._position = end + 1
        self._in_number = False
        length, self._partial = self._partial, 0
        if length > limit:
            raise TooLongError
        return length

    def next_payload(self, limit: int = LENGTH_LIMIT) -> bytes | None:
        """Return the next whole payload, or None when more bytes are needed.

        Raises:
            FramingError, TooLongError: as next_length; FramingError also for
                a byte other than the comma behind the payload.
        """
        if self._length is None:
            self._length = self.next_length(limit)
            if self._length is None:
                return None
        end = self._position + self._length
        if len(self._buffer) <= end:
            return None
        if self._buffer[end] != COMMA:
            raise FramingError
        payload = bytes(memoryview(self._buffer)[self._position : end])
        self._position = end + 1
        self._length = None
        return payload

    def take(self, most: int) -> bytes:
        """Return up to so many bytes that are there, and step over them."""
        end = min(self._position + most, len(self._buffer))
        piece = bytes(memoryview(self._buffer)[self._position : end])
        self._position = end
        return piece

    def take_comma(self) -> bool:
        """Step over the comma behind a payload; tell whether it was there yet.

        Raises:
            FramingError: another byte stands there.
        """
        if self._position == len(self._buffer):
            return False
        if self._buffer[self._position] != COMMA:
            raise FramingError
        self._position += 1
        return True

    def _consume_digits(self, end: int) -> None:
        """Add the digits up to end to the number, in constant memory."""
        digits = bytes(self._buffer[self._position : end])
        self._position = end
        self._in_number = self._in_number or bool(digits)
        if not self._partial:
            digits = digits.lstrip(b"0")
        if not digits:
            return
        if not self._partial and len(digits) <= SAFE_DIGITS:
            self._partial = int(digits)
            return
        for digit in digits:
            self._partial = self._partial * 10 + digit - 0x30
            if self._partial > LENGTH_LIMIT:
                raise TooLongError
