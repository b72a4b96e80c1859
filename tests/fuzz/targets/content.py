"""content - a message's text, which cleanup gets as records or in a frame

DESCRIPTION
    The first byte says how the frame is cut, the second which configuration
    holds, the third who sends, the rest is the text.
"""

from functools import cache

from tests.cleanup.both_ways import Relay, Sent, check_both_ways
from tests.common.settings import BASE, main_cf
from tests.fuzz.bug import Bug
from tests.fuzz.inputs import control

TOKENS = (
    *(b"Content-Type: multipart/mixed; boundary=b\n", b"\n--b\n", b"\n--b--\n", b"Received: x\n"),
    *(b"To: ", b"Cc:", b"From: a@b.test\n", b"message/rfc822", b"Message-Id: <m@x>\n", b"\r\n"),
    *(b"Content-Transfer-Encoding: 8bit\n", b"Resent-", b"Date: ", b"Bcc: b@c.test\n", b"caf\xe9"),
    *(b"caf\xc3\xa9", b"\n ", b"boundary=", b"From nobody\n", b"x" * 512),
)
BUG = Bug("cleanup.native", "NativeSession._cleaned", 'b"\\r", b" "', 'b"\\r", b""')

STRIDE, CUTS = 32, 20  # bytes between two cuts at least, and cuts of a long text
FACTS = 600  # that stand in front of the text, at most
SENDERS = (b"s@from.test", b"", b"list-@from.test-@[]", b'q"q@x')
CONFIGURATIONS: tuple[tuple[dict[str, str], dict[str, int]], ...] = (
    ({}, {}),
    ({"line_length_limit": "512"}, {"line_length_limit": 20}),
    ({"header_size_limit": "20", "hopcount_limit": "3"}, {}),
    ({"message_size_limit": "1500"}, {}),
    ({"always_add_missing_headers": "yes", "append_dot_mydomain": "yes"}, {}),
    ({"body_checks": "inline:{b=HOLD}", "body_checks_size_limit": "10"}, {}),
    (
        {"strict_8bitmime": "yes", "strict_mime_encoding_domain": "yes", "mime_nesting_limit": "2"},
        {},
    ),
    ({"message_strip_characters": "\\001\\200", "disable_mime_output_conversion": "yes"}, {}),
    ({"disable_mime_input_processing": "yes", "remote_header_rewrite_domain": "far.test"}, {}),
    ({"canonical_maps": "inline:{a@b.test=x@y.test}", "masquerade_domains": "b.test"}, {}),
)


@cache
def relay(choice: int) -> Relay:
    """Return a qmqpd and a cleanup with that configuration."""
    texts, numbers = CONFIGURATIONS[choice]
    found = Relay(texts, numbers)
    settings = main_cf(**{**BASE, **texts})
    if opening := found.rules.open_addresses:
        addresses = opening(settings, found.journal)
        addresses.begin()
        found.rules = found.rules._replace(addresses=addresses)
    return found


def check(data: bytes) -> None:
    """Hand the message over both ways; verdict, file and log must be the same."""
    (size, choice, sender), text = control(data, 3)
    sent = Sent(text, SENDERS[sender % len(SENDERS)], (b"r@to.test", b"bob")[: 1 + choice % 2])
    step = max(size * STRIDE, len(text) // CUTS)
    places = range(step, FACTS + len(text), step) if size else ()
    host = relay(choice % len(CONFIGURATIONS))
    host.journal.kept.lines.clear()
    result = check_both_ways(host, sent, places)
    assert len(result.file) < 4096 + 8 * len(text)
