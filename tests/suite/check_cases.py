"""check_cases - messages and settings for header and body checks, made by chance

DESCRIPTION
    Tables have a rule for each action; a message asks for some of them by its
    headers "X-N: number" and by lines of its body. The same seed makes the
    same message again.
"""

from collections.abc import Callable, Mapping
from random import Random

# Answers of tables; the place of one is the number that asks for it.
ANSWERS = [
    *("WARN look", "INFO note", "warn", "IGNORE", "STRIP because", "strip", "DUNNO", "OK now"),
    *("HOLD first", "hold second", "FILTER smtp:[127.0.0.1]:25", "FILTER other:x", "FILTER bad"),
    *("FILTER", "PREPEND X-New: 1", "PREPEND nonsense", "PREPEND", "prepend X-Two : 2"),
    *("REPLACE X-Other: 3", "REPLACE nonsense", "REPLACE", "REPLACE To: a, b@c.test"),
    *("BCC copy@x.test", "BCC local@host", "BCC none", "BCC", "BCC copy@x.test", "PASS fine"),
    *("REDIRECT boss@x.test", "REDIRECT nobody", "REDIRECT", "REDIRECT a b@c.test", "FROBNICATE x"),
    *("PASS", "REPLACE Message-Id: <new@x.test>", "REPLACE Received: by y", "PREPEND To: more"),
    *("REPLACE Content-Type: text/plain", "INFO  two  blanks ", "WARN\ttab", "DUNNO", "OK"),
    "REPLACE X-Long: " + "long " * 700,
    "PREPEND X-Long: " + "long " * 700,
    "WARN " + "long " * 300,
]
LETHAL = [
    *("REJECT", "REJECT no thanks", "REJECT 4.7.1 try later", "REJECT 5.7.0 go away", "reject x"),
    *(
        "REJECT 2.0.0 strange",
        "REJECT 5.7.0",
        "REJECT 5.7 x",
        "REJECT 5.1234.1 x",
        "REJECT  4.1.1 ",
    ),
    *("DISCARD quietly", "DISCARD", "REJECT 3.1.1 x", "REJECT 5.7.1x"),
]
ALL = ANSWERS + LETHAL
TYPES = [
    *("text/plain", "multipart/mixed; boundary=b{0}", 'multipart/digest; boundary="b{0}"'),
    *("message/rfc822", "message/partial", "message/global", "message/external-body", "nonsense"),
    *("message/other", "image/x", "", "text", "message"),
    *("multipart/mixed", "Multipart/Mixed;boundary=b{0};boundary=c{0}", "text/html; boundary=b{0}"),
]
ENCODINGS = ["7bit", "8bit", "binary", "base64", "quoted-printable", "nonsense", "Base64 (x)", ""]
MIME_NAMES = [
    *("Content-Description", "Content-Disposition", "Content-ID", "Content-Id", "Content-Length"),
    *("MIME-Version", "Content-Language", "Content-MD5", "content-type", "Content-Location"),
]

Settings = Mapping[str, str]
DEEPEST = 4  # parts within parts


def tables(kind: str = "regexp") -> dict[str, str]:
    """Return the texts of the tables' files, by their names."""
    header = "".join(f"/^X-N: {n}(;|$)/ {answer}\n" for n, answer in enumerate(ALL))
    body = "".join(f"/^n{n}(;|$)/ {answer}\n" for n, answer in enumerate(ALL))
    named = "".join(f"/^({name}):/ WARN {{0}} $1\n" for name in MIME_NAMES)
    return {
        "header": header,
        "body": body,
        "named": header + named.format("named"),
        "mime": "/^X-N: (.*)/ WARN mime $1\n/^(.*):/ INFO mime $1\n",
        "nested": "/^X-N: (.*)/ WARN nested $1\n/^(.*):/ INFO nested $1\n",
        "all": "/^(.{0,20})/ INFO $1\n",
    }


SETTINGS: list[Settings] = [
    {},
    {"disable_mime_input_processing": "yes"},
    {"header_checks": "regexp:<header>", "body_checks": "regexp:<body>"},
    {"header_checks": "regexp:<named>"},
    {
        "header_checks": "pcre:<header>",
        "mime_header_checks": "regexp:<mime>",
        "nested_header_checks": "regexp:<nested>",
    },
    {"body_checks": "regexp:<all>", "body_checks_size_limit": "30"},
    {"body_checks": "pcre:<all>", "body_checks_size_limit": "0"},
    {"mime_header_checks": "", "header_checks": "regexp:<all>", "body_checks": "regexp:<body>"},
    {"strict_8bitmime": "yes"},
    {"strict_7bit_headers": "yes", "header_checks": "regexp:<header>"},
    {"strict_8bitmime_body": "yes", "body_checks": "regexp:<body>"},
    {"strict_mime_encoding_domain": "yes", "mime_nesting_limit": "1"},
    {"header_checks": "regexp:<header>", "mime_nesting_limit": "1", "strict_8bitmime": "yes"},
    {"disable_mime_input_processing": "yes", "header_checks": "regexp:<all>"},
    {"disable_mime_input_processing": "yes", "strict_8bitmime": "yes"},
    {"header_checks": "regexp:<header>", "receive_override_options": "no_header_body_checks"},
    {"header_checks": "regexp:<header>", "receive_override_options": "no_address_mappings"},
    {"strict_8bitmime": "yes", "receive_override_options": "no_header_body_checks"},
    {"message_reject_characters": r"\0\7z"},
    {"message_strip_characters": r"\0zé\033", "header_checks": "regexp:<all>"},
    {"header_checks": "regexp:<all>", "header_size_limit": "120", "line_length_limit": "512"},
    {"header_checks": "regexp:<header>, fail:x", "body_checks": "regexp:<body>"},
    {"header_checks": "inline:{x=y}, regexp:<header>", "body_checks": "regexp:<body>, fail:x"},
]


def message(random: Random) -> bytes:
    """Return a message."""
    out: list[bytes] = []
    part(random, out, depth=0)
    return b"".join(out)


def part(random: Random, out: list[bytes], depth: int) -> None:
    """Add headers and body of a part; the whole message is the first."""
    kind = random.choice(TYPES).format(depth) if depth < DEEPEST else "text/plain"
    lines = [f"X-N: {number(random)}".encode() for _ in range(random.randint(0, 3))]
    if not out and random.random() < 0.7:
        lines += [b"Message-Id: <m@x.test>", b"Date: x", b"From: f@x.test", b"To: a@b.test"]
    if random.random() < 0.7:
        lines.append(f"Content-Type: {kind}".encode())
    else:
        kind = "text/plain"
    if random.random() < 0.5:
        lines.append(f"Content-Transfer-Encoding: {random.choice(ENCODINGS)}".encode())
    lines += [f"{random.choice(MIME_NAMES)}: x".encode() for _ in range(random.randint(0, 1))]
    lines += random.choices(ODD_HEADERS, k=random.randint(0, 2))
    random.shuffle(lines)
    out += [line + b"\n" for line in lines]
    out.append(random.choices([b"\n", b"", b"no header\n"], [20, 1, 1])[0])
    if depth < DEEPEST and "=b" in kind:
        boundaries = [
            f"--b{depth}\n".encode(),
            f"--c{depth} \n".encode(),
            f"--b{depth}x\n".encode(),
        ]
        text(random, out)
        for _ in range(random.randint(0, 3)):
            out.append(random.choices(boundaries, [8, 1, 1])[0])
            part(random, out, depth + 1)
        if random.random() < 0.7:
            out.append(f"--b{depth}--\n".encode())
        text(random, out)
    elif depth < DEEPEST and kind.startswith("message/"):
        part(random, out, depth + 1)
    else:
        text(random, out)


def number(random: Random) -> int:
    """Return the number of an answer, mostly of one that goes on."""
    return random.randrange(len(ANSWERS) if random.random() < 0.9 else len(ALL))


def text(random: Random, out: list[bytes]) -> None:
    """Add some lines."""
    for _ in range(random.randint(0, 5)):
        asks = random.random() < 0.4
        out.append(b"n%d\n" % number(random) if asks else random.choice(LINES) + b"\n")
    if random.random() < 0.03:
        out.append(b"the last line")


ODD_HEADERS = [
    *(b"Subject: caf\xe9", "Subject: café".encode(), b"X-N: 0;\n folded", b"X-N : 1", b"X-N:2"),
    *(b"x-n: 3", b"X-Nul: a\0b", b"X-Long: " + b"long " * 60, b"X-Long: " + b"x" * 5000),
    *(
        b"Received: by z",
        b"Bcc: hidden@x.test",
        b"Cc: a",
        b"X-Bell: \7",
        b"X-Empty:",
        b"X-Esc: \33",
    ),
    b"X-Lines: a\n\tb\n c\n  \n d",
]
LINES = [
    *(b"", b"plain", b"caf\xe9", "café".encode(), b"-- ", b"--b0", b"--", b"a\0b", b"bell \7"),
    *(b"x" * 3000, b"y" * 28, b"zz", b"X-N: 1", b" blank", b"\33", b"cr \r inside", b"."),
]

Make = Callable[[Random], bytes]
