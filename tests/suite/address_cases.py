"""address_cases - messages and settings for what cleanup does to addresses, made by chance

DESCRIPTION
    Tables know some of the addresses that messages are made of. The same seed
    makes the same message again.
"""

from collections.abc import Mapping
from random import Random

from tests.suite.submission import Record

Settings = Mapping[str, str]

FILTER, BCC_OK, MAP_OK, AUTOUTF8 = 2, 16, 32, 512  # flags
USUAL = FILTER | BCC_OK | MAP_OK

# Tables in files, by name; <name> in a setting is the place of that file.
TABLES = {
    "canonical": """\
bob@x.test       robert@new.test
al@x.test        Al@X.test
"q r"@x.test     qr@x.test
@old.test        @new.test
carol            "ca rol"@x.test
chain1@x.test    chain2@x.test
chain2@x.test    chain3@x.test
round1@x.test    round2@x.test
round2@x.test    round1@x.test
two@x.test       one@x.test, other@x.test
none@x.test      ,
void@x.test      <>
bare@x.test      bare
café@x.test      cafe@x.test
""",
    "aliases": """\
bob@x.test       a@y.test, b@y.test, bob@x.test
list@x.test      m1@y.test m2@y.test, sub@x.test
sub@x.test       m2@y.test, "m 3"@y.test, loc
loc              robert
@old.test        @new.test
round1@x.test    round2@x.test
round2@x.test    round1@x.test, z@y.test
none@x.test      (nobody)
void@x.test      <>
grow@x.test      grow@x.test, grow1@x.test
grow1@x.test     grow1@x.test, grow2@x.test, grow3@x.test, grow4@x.test
long@x.test      loooooooooooooooooooooooooooooooooooooooooooooong@y.test
carol            carol
al+tag@x.test    tagged@y.test
al@x.test        all@y.test
utf@x.test       café@x.test
""",
    "copies": """\
bob@x.test       copy
al@x.test        copy@y.test, copy2@y.test
@old.test        old-copy+x@x.test
list@x.test      list@x.test
carol            <archive@y.test>
copy@mx.example.test  never@y.test
""",
}
SETTINGS: list[Settings] = [
    {"canonical_maps": "texthash:<canonical>"},
    {
        "canonical_maps": "texthash:<canonical>",
        "recipient_delimiter": "+-",
        "mydestination": "x.test, mx.example.test",
    },
    {
        "sender_canonical_maps": "texthash:<canonical>",
        "recipient_canonical_maps": (
            "regexp:{{/^(b.*)@x\\.test$$/ $$1@re.test}, {/^(.*)@old/ <$$1@n.test>}}"
        ),
        "masquerade_domains": "!keep.sub.test sub.test X.test",
        "masquerade_exceptions": "root, inline:{al=1}",
    },
    {"virtual_alias_maps": "texthash:<aliases>"},
    {
        "virtual_alias_maps": "texthash:<aliases>",
        "virtual_alias_recursion_limit": "5",
        "virtual_alias_expansion_limit": "4",
        "virtual_alias_address_length_limit": "30",
    },
    {
        "virtual_alias_maps": "texthash:<aliases>",
        "recipient_delimiter": "+",
        "mydestination": "x.test",
        "propagate_unmatched_extensions": "canonical",
        "enable_original_recipient": "no",
    },
    {
        "sender_bcc_maps": "texthash:<copies>",
        "recipient_bcc_maps": "texthash:<copies>",
        "always_bcc": "always",
        "canonical_maps": "texthash:<canonical>",
        "virtual_alias_maps": "texthash:<aliases>",
        "recipient_delimiter": "+",
    },
    {
        "canonical_maps": "texthash:<canonical>",
        "canonical_classes": "header_recipient envelope_sender",
        "masquerade_domains": "test",
        "masquerade_classes": "envelope_recipient header_sender",
        "duplicate_filter_limit": "2",
        "virtual_alias_maps": 'regexp:{{/^list@/ a@y.test b@y.test, c}, {/^"m /  m@y.test}}',
    },
    {
        "canonical_maps": "inline:{bob@x.test=robert@x.test} fail:second",
        "sender_bcc_maps": "inline:{robert@x.test=copy} fail:bcc",
        "recipient_bcc_maps": "inline:{robert@x.test=copy} fail:bcc",
        "virtual_alias_maps": "inline:{robert@x.test=a@y.test} fail:alias",
    },
    {
        "virtual_alias_maps": "inline:{loc=here@y.test}",
        "mydestination": "inline:{x.test=1} fail:local",
        "masquerade_domains": "x.test",
        "masquerade_exceptions": "inline:{bob=1} fail:exceptions",
    },
    {"virtual_alias_maps": "nonsense:x", "masquerade_domains": "x.test"},
]

LOCALS = [
    *("bob", "al", "carol", "list", "sub", "loc", "two", "none", "void", "grow", "long", "root"),
    *("chain1", "round1", "bare", "q r", "m 3", "al+tag", "bob+x", "al-tag+y", "owner-list", "utf"),
    *("list-request", "Postmaster", "MAILER-DAEMON", "double-bounce", "+x", "café", "BOB", "copy"),
]
DOMAINS = [
    *("x.test", "x.test", "x.test", "old.test", "new.test", "host.x.test", "keep.sub.test"),
    *("mx.example.test", "a.keep.sub.test", "b.sub.test", "X.Test", "[127.0.0.1]", "x.test."),
]


def message(random: Random) -> tuple[int, list[Record]]:
    """Return the flags and records of a message."""
    flags = random.choice([USUAL] * 6 + [0, BCC_OK, MAP_OK, USUAL | AUTOUTF8])
    records = [(b"T", b"1795177301 799325"), (b"S", random.choice([b"", envelope(random)]))]
    context = random.choice([b"", b"", b"", b"local", b"remote"])
    if context:
        records.append((b"A", b"rewrite_context=" + context))
    for _ in range(random.choice([1, 1, 2, 3, 6])):
        records += recipient(random)
    records += [(b"M", b""), (b"N", b"Received: by a test")]
    for name in random.sample(NAMES, random.randint(1, len(NAMES))):
        records.append((b"N", f"{name}: {address_list(random)}".encode()))
    records += [(b"N", b""), (b"N", b"body"), (b"X", b"")]
    if not random.randrange(8):
        records += recipient(random)
    return flags, [*records, (b"E", b"")]


NAMES = ["From", "To", "Cc", "Reply-To", "Sender", "Resent-To", "Errors-To", "Subject"]


def recipient(random: Random) -> list[Record]:
    """Return the records of a recipient."""
    records: list[Record] = []
    if not random.randrange(5):
        records.append((b"A", b"notify_flags=%d" % random.choice([1, 4, 8, 12])))
    if not random.randrange(5):
        records.append((b"A", b"dsn_orig_rcpt=rfc822;first@x.test"))
    if not random.randrange(5):
        records.append((b"O", envelope(random)))
    return [*records, (b"R", random.choice([envelope(random)] * 9 + [b""]))]


def envelope(random: Random) -> bytes:
    """Return an address in internal form."""
    local = random.choice(LOCALS)
    domain = random.choice(["", *("@" + one for one in DOMAINS)])
    return (local + domain).encode()


def address_list(random: Random) -> str:
    """Return the value of an address header."""
    return ", ".join(header_address(random) for _ in range(random.choice([1, 1, 2, 3, 8])))


def header_address(random: Random) -> str:
    """Return an address as it stands in headers."""
    local = random.choice(LOCALS)
    quoted = f'"{local}"' if " " in local else local
    address = quoted + random.choice(["", *("@" + one for one in DOMAINS)])
    form = random.choice(
        ["{}", "{}", "{}", "<{}>", "Some Body <{}>", "{} (some body)", '"Body, S." <{}>', "g: {};"]
    )
    return form.format(address)
