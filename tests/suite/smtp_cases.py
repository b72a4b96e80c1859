"""smtp_cases - SMTP transactions made by chance, with all that smtpd tells cleanup of

DESCRIPTION
    The same seed makes the same transaction again.

SEE ALSO
    RFC 5321, RFC 6152 (8BITMIME), RFC 6531 (SMTPUTF8), RFC 3461 (DSN), RFC 3030 (CHUNKING)
    https://www.postfix.org/XFORWARD_README.html
"""

from random import Random
from typing import NamedTuple

from tests.suite import check_cases

LOCALS = ["bob", "al+tag", "carol", "list", '"q r"', "Bob", "x.y", "postmaster", "a%b", "sub"]
UTF8_LOCALS = ["café", "用户"]
DOMAINS = ["x.test", "y.test", "X.Test", "local.test", "sub.x.test", "old.test"]
UTF8_DOMAINS = ["bücher.test"]
NOTIFY = [
    *("NEVER", "SUCCESS", "FAILURE", "DELAY", "SUCCESS,FAILURE", "FAILURE,DELAY"),
    "SUCCESS,FAILURE,DELAY",
]
ORIGINALS = ["rfc822;first@x.test", "rfc822;a+2Bb@x.test", "x400;/c=de/", "utf-8;caf\\x{E9}@x.test"]
ENVELOPE_IDS = ["QQ314159", "a+2Bb+3D", "x" * 90]
XFORWARD = [
    "NAME=far.test ADDR=192.0.2.7 PORT=4711 PROTO=ESMTP HELO=far.test SOURCE=REMOTE",
    "NAME=near.test ADDR=10.0.0.9 PROTO=SMTP HELO=near SOURCE=LOCAL IDENT=ABC123",
    "NAME=[UNAVAILABLE] ADDR=IPV6:2001:db8::1 HELO=[UNAVAILABLE] SOURCE=REMOTE",
]
SUBJECTS = ["plain", "grüße", "=?utf-8?q?gr=C3=BC=C3=9Fe?=", "x" * 300, ""]


class Transaction(NamedTuple):
    """What a client says."""

    xforward: str
    sender: str
    options: list[str]
    recipients: list[tuple[str, list[str]]]
    content: bytes  # lines end with CRLF; dots are not doubled
    chunked: bool


def transaction(random: Random, recipients: int = 0) -> Transaction:
    """Return a transaction, with so many recipients if the number is given."""
    utf8 = random.random() < 0.25
    options = random.choice([[], ["BODY=7BIT"], ["BODY=8BITMIME"], ["BODY=8BITMIME", "SIZE=1000"]])
    options = [*options, *(["SMTPUTF8"] if utf8 else [])]
    if random.random() < 0.3:
        options.append(random.choice(["RET=FULL", "RET=HDRS"]))
    if random.random() < 0.3:
        options.append(f"ENVID={random.choice(ENVELOPE_IDS)}")
    count = recipients or random.choice([1, 1, 1, 2, 3, 7])
    return Transaction(
        random.choice(["", "", *XFORWARD]),
        random.choice(["", *[address(random, utf8=utf8)] * 5]),
        options,
        [recipient(random, number, utf8=utf8) for number in range(count)],
        content(random, utf8=utf8),
        random.random() < 0.2,
    )


def recipient(random: Random, number: int, *, utf8: bool) -> tuple[str, list[str]]:
    """Return an address and its options."""
    options = []
    if random.random() < 0.25:
        options.append(f"NOTIFY={random.choice(NOTIFY)}")
    if random.random() < 0.25:
        options.append(f"ORCPT={random.choice(ORIGINALS)}")
    own = random.random() < 0.3
    return (f"r{number}@y.test" if own else address(random, utf8=utf8)), options


def address(random: Random, *, utf8: bool) -> str:
    """Return an address as it stands in an envelope."""
    local = random.choice(LOCALS + (UTF8_LOCALS if utf8 else []))
    domain = random.choice(DOMAINS + (UTF8_DOMAINS if utf8 else []))
    return random.choices([f"{local}@{domain}", local, f"@r.test:{local}@{domain}"], [12, 2, 1])[0]


def content(random: Random, *, utf8: bool) -> bytes:
    """Return header and body."""
    if random.random() < 0.3:  # parts, odd headers, requests to checks
        text = check_cases.message(random)
        return b"".join(line + b"\r\n" for line in text.split(b"\n"))
    names = random.sample(["From", "To", "Cc", "Reply-To", "Sender", "Bcc"], random.randint(0, 4))
    lines = [f"{name}: {addresses(random, utf8=utf8)}" for name in names]
    if random.random() < 0.5:
        lines.append(f"Subject: {random.choice(SUBJECTS)}")
    for name in ("Message-Id: <one@x.test>", "Date: Fri, 1 Jan 2021 00:00:00 +0000"):
        lines += [name] if random.random() < 0.5 else []
    lines += random.choices(
        ["Resent-To: someone", "X-N: 1", "Received: by y"], k=random.choice([0, 1])
    )
    random.shuffle(lines)
    body = [random.choice(BODY) for _ in range(random.choice([0, 1, 5, 40]))]
    head = [line.encode() for line in lines]
    return b"".join(line + b"\r\n" for line in [*head, b"", *body])


BODY = [
    *(b"a line", b"", b".", b"..", b".x", b" blank in front", b"From me", b"--b", b"x" * 999),
    *(b"y" * 2048, b"z" * 5000, "grüße".encode(), b"\xff\xfe", b"stray \r return", b"nul \0 byte"),
]


def addresses(random: Random, *, utf8: bool) -> str:
    """Return the value of an address header."""
    forms = ["{}", "<{}>", "Some Body <{}>", "{} (some body)", '"Body, S." <{}>', "g: {};"]
    found = [
        random.choice(forms).format(address(random, utf8=utf8).rpartition(":")[2])
        for _ in range(random.choice([1, 1, 2, 6]))
    ]
    return ", ".join(found)
