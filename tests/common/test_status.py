"""Promises of common.status.

SEE ALSO
    spec/cleanup-protocol.md, section 5
"""

import itertools

import pytest

from common.status import Status, Verdict, reply_to

REASON = b"5.7.1 no thanks"

# Worst first, as Postfix's qmqpd looks: bit, verdict, text behind "Error: ".
BITS = [
    (256, Verdict.RETRY, REASON),
    (1, Verdict.RETRY, b"internal error {status}"),
    (4, Verdict.REFUSED, b"message too large"),
    (16, Verdict.REFUSED, b"too many hops"),
    (8, Verdict.REFUSED, REASON),
    (2, Verdict.RETRY, b"queue file write error"),
    (64, Verdict.REFUSED, b"no recipients specified"),
    (128, Verdict.RETRY, b"internal error {status}"),
    (512, Verdict.RETRY, b"internal error {status}"),
]
ORDER = [bit for bit, _, _ in BITS]
EXPECTED = {bit: (verdict, text) for bit, verdict, text in BITS}


def expected(status: int) -> tuple[Verdict, bytes]:
    worst = next(bit for bit in ORDER if status & bit)
    verdict, text = EXPECTED[worst]
    return verdict, b"Error: " + text.replace(b"{status}", b"%d" % status)


def test_the_table_knows_every_bit() -> None:
    assert sorted(ORDER) == sorted(int(bit) for bit in Status)


@pytest.mark.parametrize("status", ORDER)
def test_each_bit_has_its_reply(status: int) -> None:
    assert reply_to(status, REASON, soft_bounce=False) == expected(status)
    assert reply_to(Status(status), REASON, soft_bounce=False) == expected(status)


def test_of_any_two_bits_the_client_hears_of_the_worse() -> None:
    for one, other in itertools.combinations(ORDER, 2):
        assert reply_to(one | other, REASON, soft_bounce=False) == expected(one | other)


@pytest.mark.parametrize("status", [32, 1024, 65536, 2**31, -1 & ~sum(ORDER)])
def test_a_status_that_nobody_knows_is_an_internal_error(status: int) -> None:
    text = b"Error: internal error %d" % status
    assert reply_to(status, b"", soft_bounce=False) == (Verdict.RETRY, text)


def test_soft_bounce_leaves_no_refusal() -> None:
    for size in (1, 2):
        for bits in itertools.combinations(ORDER, size):
            verdict, text = reply_to(sum(bits), REASON, soft_bounce=True)
            assert (verdict, text) == (Verdict.RETRY, expected(sum(bits))[1])


@pytest.mark.parametrize(
    ("reason", "verdict"),
    [
        (b"4.7.1 come back", Verdict.RETRY),
        (b"450 4.7.1 come back", Verdict.RETRY),
        (b"5.7.1 go away", Verdict.REFUSED),
        (b" 4.7.1 not at the start", Verdict.REFUSED),
        (b"{status} {0}", Verdict.REFUSED),
        (b"", Verdict.REFUSED),
    ],
)
def test_refused_content_is_temporary_if_the_reason_says_so(
    reason: bytes, verdict: Verdict
) -> None:
    reply = reply_to(Status.CONTENT_REFUSED, reason, soft_bounce=False)
    assert reply == (verdict, b"Error: " + reason)


def test_a_reason_belongs_to_content_and_deferral_only() -> None:
    for bit in set(ORDER) - {8, 256}:
        assert b"4.7.1" not in reply_to(bit, b"4.7.1 x", soft_bounce=False)[1]
        assert reply_to(bit, b"4.7.1 x", soft_bounce=False)[0] == EXPECTED[bit][0]


def test_the_verdicts_are_the_first_bytes_of_a_qmqp_reply() -> None:
    assert [verdict.value for verdict in Verdict] == [b"K", b"Z", b"D"]
