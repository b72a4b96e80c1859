"""sendmail_cases - what local users say to sendmail and postdrop

SEE ALSO
    sendmail(1), postdrop(1)
"""

from tests.suite.submission import Record

Call = tuple[list[str], str]  # options and recipients; the message

HEADER = "Subject: x\nMessage-Id: <one@x.test>\n"
FROM = ["-f", "s@from.test"]
SENT: list[Call] = [
    (["r@x.test"], "Subject: x\n\nbody\n"),
    ([*FROM, "r@x.test", "bob", "list@x.test"], HEADER + "\nbody\n..\n.\nlost\n"),
    (["-i", *FROM, "r@x.test"], HEADER + "\n.\nnot lost"),
    (["-F", "J. Random Hacker", *FROM, "r@x.test"], HEADER + "\n"),
    (["-F", "Joe", *FROM, "r@x.test"], "Resent-To: a@b.test\n\n"),
    (["-F", "Joe", "-f", "", "r@x.test"], "\n"),
    (["-F", "Caf\xe9 \xc3\xa9", *FROM, "r@x.test"], "To: caf\xc3\xa9 <bob>\n\n"),
    (["-t"], "To: a@x.test, B <b@x.test>\nCc: c\nBcc: d@x.test\nSubject: t\n\nx\n"),
    (["-t", *FROM, "e@x.test"], "To: a@x.test, list@x.test\n\nx\n"),
    (["-t"], "Resent-To: f@x.test\nResent-Bcc: g@x.test\nTo: a@x.test\n\nx\n"),
    (["-v", *FROM, "r@x.test"], "Subject: x\n\n"),
    (["-N", "success,failure", "-R", "hdrs", "-V", "id7", "r@x.test"], HEADER + "\nx\n"),
    (["-N", "never", "-R", "full", *FROM, "r@x.test", "q@x.test"], HEADER + "\nx\n"),
    (["-N", "delay", "-XV+=", *FROM, "list@x.test"], HEADER + "\nx\n"),
    (["-B", "8BITMIME", *FROM, "r@x.test"], HEADER + "\n\xe9\n"),
    (["-B", "7BIT", *FROM, "r@x.test"], HEADER + "\n\xe9\n"),
    (["-f", "caf\xc3\xa9@x.test", "\xc3\xa9@x.test"], HEADER + "\nbody\n"),
    ([*FROM, "r@x.test"], "From: a@b\nReceived: x\nnot a header\n" + "y" * 9000),
    ([*FROM, "r@x.test"], "From someone Mon\n" + HEADER + "\n\0nul\r\nstray \r x\n"),
    ([*FROM, "r@x.test"], ""),
    (["-bv", *FROM, "r@x.test"], ""),
]

LOCAL_FLAGS = 627  # of pickup: the sender hears of errors, and all that others ask for, too
PROPER = "From: a@b.test\nMessage-Id: <1@x>\n"
REFUSED = "X-Refused: 1\n"
HOPS = "Received: x\n" * 60
LARGE = "a line of the body\n" * 2000
# Each with the number of notices: to the sender, and to the postmaster as notify_classes asks.
RETURNED: list[tuple[Call, int]] = [
    (([*FROM, "r@x.test"], PROPER + HOPS + "\nbody\n"), 2),
    (([*FROM, "r@x.test", "bob"], PROPER + REFUSED + "\nbody\n"), 2),
    (([*FROM, "r@x.test"], PROPER + REFUSED + HOPS + REFUSED + "\nbody\n"), 2),
    (([*FROM, "r@x.test"], PROPER + "\n" + LARGE), 2),
    (([*FROM, "-N", "never", "r@x.test"], PROPER + REFUSED + "\n"), 1),
    (([*FROM, "-R", "hdrs", "-V", "id7", "r@x.test"], PROPER + HOPS + "\nbody\n"), 2),
    (([*FROM, "-XV+=", "r@x.test", "q@x.test"], PROPER + REFUSED + "\n"), 4),
    ((["-f", "", "r@x.test"], PROPER + REFUSED + "\n"), 1),
    ((["-f", "caf\xc3\xa9@x.test", "\xc3\xa9@x.test"], PROPER + HOPS + "\nbody\n"), 2),
    (([*FROM, "-bv", "r@x.test"], ""), 1),
]

TEXT: list[Record] = [
    (b"M", b""),
    (b"N", b"Subject: x"),
    (b"N", b""),
    (b"L", b"no"),
    (b"N", b"end"),
]
END: list[Record] = [(b"X", b""), (b"E", b"")]
DROPPED: list[list[Record]] = [
    [(b"S", b"s@from.test"), (b"R", b"r@x.test"), *TEXT, *END],
    [(b"F", b"Joe"), (b"S", b""), (b"R", b""), (b"R", b"q r@x.test"), *TEXT, *END],
    [
        *((b"A", b"rewrite_context=local"), (b"S", b"s@from.test"), (b"A", b"encoding=8bit")),
        *((b"A", b"notify_flags=6"), (b"A", b"dsn_orig_rcpt=rfc822;o@x.test"), (b"R", b"r@x.test")),
        *(*TEXT, (b"X", b""), (b"R", b"late@x.test"), (b"E", b"")),
    ],
]
