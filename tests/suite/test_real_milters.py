"""Real Milters act on QMQP mail, and what they have made of it is delivered by Postfix.

DESCRIPTION
    OpenDKIM signs, Rspamd finds spam. The host is a relay with Postfix's
    queue manager and delivery agents behind our cleanup.
"""

from collections.abc import Iterator
from pathlib import Path

import dkim
import pytest

from tests.suite import filters, qmqp
from tests.suite.instance import Postroom, run
from tests.suite.peers import program
from tests.suite.relay import Relay, sink
from tests.suite.waiting import wait_for

SELECTOR = "sel"
# What every spam filter takes for spam; the first letter tells how bad.
GTUBE = b"%bJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
MAIL = (
    b"From: s@smtp.test\nTo: r@smtp.test\nSubject: one\nDate: Mon, 02 Mar 2026 10:11:12 +0000\n"
    b"Message-Id: <m1@smtp.test>\n\nbody  line\n.\n..\n\nlast\n"
)


def content(instance: Postroom | Relay, path: Path) -> bytes:
    """Return a queued message as Debian's postcat shows it."""
    done = run([str(program("postcat")), "-c", str(instance.config_dir), "-bhq", path.name])
    assert done.returncode == 0, done
    return done.stdout.encode("latin-1")


def verified(message: bytes, record: bytes) -> bool:
    """Tell whether the signature of a message is good, its lines being ended as in a file."""

    def published(name: bytes, timeout: int = 0) -> bytes:
        assert name == f"{SELECTOR}._domainkey.smtp.test.".encode()
        return record

    return bool(dkim.verify(message.replace(b"\n", b"\r\n"), dnsfunc=published))


@pytest.fixture(scope="module")
def signer() -> Iterator[tuple[str, bytes]]:
    with filters.opendkim("smtp.test", SELECTOR) as found:
        yield found


@pytest.fixture(scope="module")
def scanner() -> Iterator[str]:
    with filters.rspamd() as found:
        yield found


def test_a_message_is_signed_and_delivered_with_a_good_signature(
    signer: tuple[str, bytes],
) -> None:
    service, record = signer
    with (
        Relay({"non_smtpd_milters": service}) as relay,
        sink(relay.sink_port, relay.top / "sink") as mail,
    ):
        relay.start()
        answer = qmqp.submit(relay.port, MAIL, b"s@smtp.test", b"r@smtp.test")
        assert answer.verdict == "K", answer
        wait_for(lambda: list(mail.iterdir()), 20, f"the message{relay.report()}")
        relay.wait_until_empty()
        relay.wait_for_log(rf"/qmgr\[\d+\]: {answer.queue_id}: removed")
        (path,) = mail.iterdir()
        delivered = path.read_bytes()
        assert not [line for line in relay.log_lines() if "warning: " in line]
    # The sink puts lines of its own in front, which belong to nobody's signature.
    assert b"\nDKIM-Signature: v=1; " in delivered
    assert verified(delivered.removesuffix(b"\n"), record)
    assert not verified(delivered.replace(b"last", b"lost"), record)


@pytest.mark.parametrize("native", ["yes", "no"])
def test_what_is_queued_has_a_good_signature(signer: tuple[str, bytes], native: str) -> None:
    service, record = signer
    settings = {"non_smtpd_milters": service, "native_submission": native}
    with Postroom(settings).start() as postroom:
        big = MAIL + b"a line of many\n" * 100_000
        for mail in (MAIL, big):
            answer = qmqp.submit(postroom.port, mail, b"s@smtp.test", b"r@smtp.test")
            stored = content(postroom, postroom.queue_files()[answer.queue_id])
            assert stored.startswith(b"DKIM-Signature: v=1; ")
            assert stored.endswith(mail.partition(b"\n\n")[2])
            assert verified(stored, record)
            assert not verified(stored.replace(b"last", b"lost"), record)


def test_spam_is_refused_or_marked_and_other_mail_is_let_in(scanner: str) -> None:
    with Postroom({"non_smtpd_milters": scanner}).start() as postroom:

        def submitted(letter: bytes) -> qmqp.Answer:
            return qmqp.submit(postroom.port, MAIL + GTUBE % letter + b"\n")

        def stored(answer: qmqp.Answer) -> bytes:
            return content(postroom, postroom.queue_files()[answer.queue_id])

        assert submitted(b"X").payload == b"DError: 5.7.1 Gtube pattern"
        assert postroom.files() == []
        assert b"\nX-Spam: Yes\n" in stored(submitted(b"Y"))
        assert b"\nSubject: *** SPAM *** one\n" in stored(submitted(b"Z"))
        plain = stored(submitted(b"-"))
        assert b"X-Spam" not in plain
        assert plain.endswith(MAIL.partition(b"\n\n")[2] + GTUBE % b"-" + b"\n")


def test_one_milter_signs_what_another_has_changed(signer: tuple[str, bytes], scanner: str) -> None:
    service, record = signer
    with Postroom({"non_smtpd_milters": f"{scanner}, {service}"}).start() as postroom:
        mail = MAIL + GTUBE % b"Z" + b"\n"
        answer = qmqp.submit(postroom.port, mail, b"s@smtp.test", b"r@smtp.test")
        stored = content(postroom, postroom.queue_files()[answer.queue_id])
        assert b"\nSubject: *** SPAM *** one\n" in stored
        assert verified(stored, record)
        assert not verified(stored.replace(b"SPAM", b"SPIM"), record)
