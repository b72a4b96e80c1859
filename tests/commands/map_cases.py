"""map_cases - tables and questions for Debian's postmap and ours, made by chance

DESCRIPTION
    Each function makes one script out of a random.Random; the same seed makes
    the same script again. Bad input is as likely as good.
"""

import sqlite3
from collections.abc import Callable, Sequence
from random import Random

from tests.commands.both import Script, Step

KEYS = ["a", "B", "key", "KEY", "user@example.com", "@example.com", "example.com", '"q k"', "k:"]
ODD_KEYS = [
    'a"b c"d',
    "\\",
    'x\\"y',
    "q\\ r",
    '""',
    "=eq",
    "1.2.3.4",
    "::1",
    "#x",
    "{a}",
    "$1",
    "%s",
]
VALUES = ["1", "v w", "a,b  c", "REJECT x # y", '"', "\\", "$1 ${2}", "v\tw", "{x}", "DUNNO"]
BLANKS = [" ", "  ", "\t", " \t "]


def pick(random: Random, *choices: Sequence[str]) -> str:
    """Return an element of one of the sequences."""
    return random.choice(random.choice(choices))


def source_text(random: Random, letters: Sequence[str] = ()) -> str:
    """Return a source file of postmap's: mostly good lines."""
    lines = []
    for _ in range(random.randint(0, 12)):
        key = pick(random, KEYS, KEYS, ODD_KEYS, letters or KEYS)
        line = key + random.choice(BLANKS) + random.choice(VALUES)
        lines.append(
            random.choices(
                [
                    *(
                        line,
                        f"{line}  ",
                        f"{line}\n  more",
                        f"{line}\n# c\n\tmore",
                        key,
                        f" {line}",
                    ),
                    *("", "   ", "# comment", f'"{line}', f"{key}\n {key}", f"{line}\\"),
                ],
                weights=[20, 2, 2, 2, 2, 1, 1, 1, 2, 1, 1, 1],
            )[0]
        )
    return "\n".join(lines) + random.choice(["\n", "\n", ""])


def keys_input(random: Random, letters: Sequence[str] = ()) -> bytes:
    """Return keys for "-q -"."""
    keys = [pick(random, KEYS, ODD_KEYS, ["x", "", " ", "a "], letters or KEYS) for _ in range(12)]
    return ("\n".join(keys) + random.choice(["\n", ""])).encode()


def stored(random: Random) -> Script:
    """A table in a file is made, asked and changed."""
    kind = random.choice(["hash", "btree", "lmdb", "cdb"])
    table = f"{kind}:t"
    flags = "".join(letter for letter in "fnNrwp" if random.random() < 0.12)
    switch = (f"-{flags}",) if flags else ()
    questions = [
        Step((*switch, "-q", "-", table), keys_input(random)),
        Step(("-q", "-", table), keys_input(random)),
        Step(("-q", pick(random, KEYS, ODD_KEYS), table)),
        Step((*switch, "-d", pick(random, KEYS), table)),
        Step(("-d", "-", table), keys_input(random)),
        Step((*switch, "-i", table), source_text(random).encode()),
        Step((*switch, table)),
        Step(("-q", "-", table, "static:other"), keys_input(random)),
    ]
    steps = [Step((*switch, table)), *random.choices(questions, k=random.randint(1, 6))]
    return Script(tuple(steps), {"t": source_text(random).encode()})


def memory(random: Random) -> Script:
    """A text file is asked as it is, as are tables that stand in their names."""
    kind = random.choice(["texthash"] * 4 + ["inline", "static", "environ", "unionmap", "pipemap"])
    name = "t"
    if kind == "inline":
        name = inline_name(random)
    elif kind == "static":
        name = random.choice(["x", "{x y}", "{x", "{x}y", "x y", "{}", ":", "{{a}}", "{ a"])
    elif kind in ("unionmap", "pipemap"):
        name = combined_name(random)
    flags = "".join(letter for letter in "frw" if random.random() < 0.15)
    switch = (f"-{flags}",) if flags else ()
    text = f"{kind}:{name}"
    steps = [
        Step((*switch, "-q", "-", text), keys_input(random, ["greeting", "SHOUT", "LANG"])),
        Step((*switch, "-q", pick(random, KEYS, ODD_KEYS), text)),
    ]
    return Script(tuple(steps), {"t": source_text(random).encode()})


def inline_name(random: Random) -> str:
    """Return "{a=b, ...}", or something like it."""
    elements = []
    for _ in range(random.randint(0, 4)):
        key, value = pick(random, KEYS, ODD_KEYS), random.choice(VALUES)
        elements.append(
            random.choices(
                [
                    f"{{{key} = {value}}}",
                    f"{key}={value}",
                    f"{{{key}}}",
                    key,
                    f"{{{key}={value}}}x",
                ],
                weights=[12, 6, 1, 1, 1],
            )[0]
        )
    body = random.choice([", ", " ", ",", "\t"]).join(elements)
    return random.choices([f"{{{body}}}", body, f"{{{body}", f"{{{body}}}x"], [20, 1, 1, 1])[0]


def combined_name(random: Random) -> str:
    """Return "{type:name, ...}", or something like it."""
    tables = ["static:a", "static:key", "inline:{a=key}", "inline:{{key=KEY}, b=c}", "texthash:t"]
    tables += ["fail:x", "static:{a b}", "nosuch:x", "foo", "environ:x"]
    weights = [5, 5, 5, 5, 5, 1, 2, 1, 1, 2]
    body = random.choice([", ", " "]).join(random.choices(tables, weights, k=random.randint(0, 4)))
    return random.choices([f"{{{body}}}", body, f"{{{body}"], [20, 1, 1])[0]


NETS = ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "10.1.2.3/32", "0.0.0.0/0", "::/0", "::1"]
NETS += ["2001:db8::/32", "2001:DB8::1", "[2001:db8::]/48", "[10.2.0.0]/16", "[10.2.3.4]"]
NETS += ["10.1.2.3/8", "2001:db8::1/32", "10.1/16", "10.0.0.0/33", "10.0.0.0/", "foo", "10.01.0.1"]
NETS += [
    "[10.0.0.0",
    "[::1]x",
    "10.0.0.0/255.0.0.0",
    "::ffff:10.1.2.3",
    "1:2:3:4:5:6:7:8",
    "10.0.0.0/08",
]
ADDRESSES = [
    "10.1.2.3",
    "10.1.2.4",
    "10.2.3.4",
    "11.0.0.1",
    "::1",
    "2001:db8::1",
    "2001:db8:0:0::1",
]
ADDRESSES += ["[10.1.2.3]", "foo", "", "10.1.2", "::ffff:10.1.2.3", "10.1.2.3 ", "1:2:3:4:5:6:7:8"]


def cidr(random: Random) -> Script:
    """Networks, negations, blocks; good ones and bad."""
    lines = []
    for _ in range(random.randint(0, 10)):
        bang = random.choices(["", "!", "! ", "!!"], [12, 3, 1, 1])[0]
        rule = bang + random.choice(NETS)
        value = random.choice(BLANKS) + random.choice(VALUES)
        lines.append(
            random.choices(
                [
                    *(rule + value, f"if {rule}", "endif", rule, f"IF {rule} x", "ENDIF x", " x"),
                    *("#", "if", f"iffy {rule}", f"if{rule}"),
                ],
                [14, 4, 4, 1, 1, 1, 1, 1, 1, 1, 1],
            )[0]
        )
    steps = Step(("-q", "-", "cidr:t"), "\n".join(ADDRESSES).encode())
    return Script((steps,), {"t": "\n".join(lines).encode() + b"\n"})


ATOMS = [
    "a",
    "b",
    ".",
    "x*",
    "[ab]",
    "[^a]",
    "(a)",
    "(b|c)",
    "(x)?",
    "a+",
    "^",
    "$",
    "^a",
    "b$",
    "\\.",
]
ATOMS += [
    "[[:alpha:]]",
    "a{2}",
    "a{1,}",
    "(a(b)c)",
    "()",
    "|",
    "a|b",
    "\\/",
    " ",
    "é",
    "A",
    "\\(",
    "}",
    "-",
]
BROKEN = [
    "(",
    "[",
    "a{",
    "\\",
    ")",
    "*",
    "a**",
    "[b-a]",
    "(?",
    "[[:foo:]]",
    "a{2,1}",
    "\\1",
    "(a)\\1",
]
PERL = [
    "\\d",
    "\\w+",
    "\\b",
    "(?:a)",
    "(?=a)",
    "(?!b)",
    "(?i)A",
    "(?<n>a)",
    "a??",
    "a++",
    "\\Qa.b\\E",
]
PERL += ["\\x61", "(?#c)", "(?(1)a)", "\\K", "(*FAIL)", "[\\d]", "\\s", "(a)|b", "(?|(a)|(b))"]
RESULTS = [
    "one",
    "$1",
    "x$1y",
    "${1} $(2)",
    "$$",
    "$$1",
    "a b  c",
    "",
    "$0",
    "$9",
    "${x}",
    "${1",
    "$-",
]
RESULTS += [
    "$",
    "${}",
    "$1$2",
    "$12",
    "${01}",
    "$99999999999999999999",
    "REJECT $1",
    "x${1}y",
    "$(1",
]
SUBJECTS = [
    "a",
    "b",
    "ab",
    "abc",
    "AB",
    "aab",
    "xa",
    "a b",
    "a/b",
    "é",
    "É",
    "a.b",
    "-",
    "aaaa",
    "}",
    "ca",
]
SUBJECTS += ["", "x", "a\tb", "aa", "1a", "a_b", "bca", "\\"]


def pattern(random: Random, kind: str) -> str:
    """Return what stands between the delimiters."""
    atoms = ATOMS * 6 + BROKEN + (PERL * 3 if kind == "pcre" else [])
    return "".join(random.choices(atoms, k=random.randint(0, 4)))


def rule_line(random: Random, kind: str) -> str:
    """Return a line of a pattern table."""
    delimiter = random.choices(["/", "|", "#", '"', "!", "x"], [30, 2, 1, 1, 1, 1])[0]
    letters = "imx" if kind == "regexp" else "imsxAEUX"
    flags = "".join(letter for letter in letters if random.random() < 0.1)
    flags += random.choices(["", "q", "1", "!"], [40, 1, 1, 1])[0]
    bang = random.choices(["", "!", "! ", "!!"], [16, 4, 1, 1])[0]
    body = f"{bang}{delimiter}{pattern(random, kind)}{delimiter}{flags}"
    # A backslash at the end of a line leads Debian's program behind it.
    result = random.choice(BLANKS) + pick(random, RESULTS, VALUES).rstrip("\\")
    other = f"/{pattern(random, kind)}/"
    return random.choices(
        [
            *(body + result, f"if {body}", "endif", body, f"if {body} x", "endif x"),
            *(f"{body}!{other} y", f"{bang}{delimiter}abc", "word", "# c", f" {body}"),
            *(f"{body}{result}\n  more", "if", bang),
        ],
        [24, 4, 4, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
    )[0]


def patterns(random: Random, kind: str) -> Script:
    """A pattern table; sometimes many rules of one sort, sometimes in its name."""
    lines = [rule_line(random, kind) for _ in range(random.choice([1, 2, 3, 5, 8, 30]))]
    subjects = "\n".join(SUBJECTS).encode()
    if random.random() < 0.15:
        text = f"{kind}:" + "{" + " ".join(f"{{ {line} }}" for line in lines[:3]) + "}"
        return Script((Step(("-q", "-", text), subjects),))
    return Script(
        (Step(("-q", "-", f"{kind}:t"), subjects),), {"t": "\n".join(lines).encode() + b"\n"}
    )


def regexp(random: Random) -> Script:
    """POSIX patterns."""
    return patterns(random, "regexp")


def pcre(random: Random) -> Script:
    """Perl's patterns."""
    return patterns(random, "pcre")


HEADERS = [
    "From: a",
    "Subject: b\n\tfolded\n more",
    "To : x",
    "X:",
    "MIME-Version: 1.0",
    "Bad header",
]
TYPES = ["text/plain", "multipart/mixed; boundary=b1", 'multipart/digest; boundary="b 2"']
TYPES += [
    "message/rfc822",
    "message/partial",
    "multipart/mixed",
    "Multipart/Mixed; x=y; BOUNDARY=b1",
]
TYPES += [
    "message/global",
    "multipart/(c)alternative (x) ; boundary=b3 (y)",
    "text",
    "image/png; b=c",
]
TYPES += ['multipart/mixed; boundary="b1\\""', "multipart/mixed; boundary=b1; boundary=b3", "/", ""]
TYPES += [
    "multipart mixed; boundary=b1",
    "(",
    "multipart/mixed; boundary = (x) b3 ; c",
    "multipart;boundary=b1",
]
BODY_LINES = [
    "body",
    "--b1",
    "--b 2",
    "--b1--",
    "--b3",
    "--b3 trailing",
    "",
    "--",
    "--x",
    " --b1",
    "a: b",
]


def message(random: Random) -> Script:
    """A message of headers and parts, well formed or not."""
    lines: list[str] = []
    for _ in range(random.randint(1, 6)):
        lines += random.choices(HEADERS, [4, 4, 2, 1, 2, 1], k=random.randint(0, 3))
        while random.random() < 0.5:
            lines.append(f"Content-Type: {random.choice(TYPES)}")
        lines += [""] * random.choices([0, 1, 2], [1, 8, 1])[0]
        lines += random.choices(BODY_LINES, k=random.randint(0, 5))
    text = "\n".join(lines).encode() + random.choice([b"\n", b""])
    flags = random.choice(["-h", "-b", "-hb", "-hm", "-bm", "-hbm", "-hm", "-bm", "-m", "-hmU"])
    limits = {"header_size_limit": 20, "mime_nesting_limit": 1, "mime_boundary_length_limit": 2}
    main_cf = "".join(
        f"{name} = {number}\n" for name, number in limits.items() if random.random() < 0.2
    )
    step = Step((flags, "-q", "-", "regexp:{{/(.*)/ [$1]}}"), text)
    return Script((step,), {}, main_cf)


LETTERS = ["É", "é", "straße", "STRASSE", "K", "İ", "ﬁ", "x\udce9", "\udcff", "日本", "ǅ", "ς", "Σ"]


def unicode(random: Random) -> Script:
    """Keys and values beyond ASCII, with and without smtputf8_enable."""
    kind = random.choice(["hash", "texthash", "lmdb", "cdb", "regexp", "inline", "static"])
    name = "t"
    lines = [f"{random.choice(LETTERS)} {random.choice(LETTERS)}" for _ in range(8)]
    if kind == "regexp":
        lines = [f"/{random.choice(LETTERS)}/ {random.choice(LETTERS)}" for _ in range(8)]
    if kind == "static":
        name = random.choice(LETTERS)
    if kind == "inline":
        name = "{" + " ".join(line.replace(" ", "=") for line in lines[:2]) + "}"
    content = "\n".join(lines).encode("utf-8", "surrogateescape") + b"\n"
    flags = "".join(letter for letter in "fu" if random.random() < 0.2)
    switch = (f"-{flags}",) if flags else ()
    keys = "\n".join(LETTERS).encode("utf-8", "surrogateescape")
    steps = [Step((*switch, f"{kind}:{name}"))] if kind in ("hash", "lmdb", "cdb") else []
    steps += [Step((*switch, "-q", key, f"{kind}:{name}")) for key in random.sample(LETTERS, 3)]
    steps += [Step(("-q", "-", f"{kind}:{name}"), keys)]
    setting = random.choice(["yes", "no"])
    return Script(tuple(steps), {"t": content}, f"smtputf8_enable = {setting}\n")


def command_line(random: Random) -> Script:
    """Options in any order, most of them senseless."""
    words = [
        "-q",
        "-d",
        "-s",
        "-i",
        "-r",
        "-w",
        "-f",
        "-n",
        "-N",
        "-o",
        "-p",
        "-u",
        "-b",
        "-h",
        "-m",
    ]
    words += [
        "-F",
        "-U",
        "a",
        "-",
        "--",
        "-x",
        "-qa",
        "-sq",
        "-rw",
        "hash:t",
        "hash:none",
        "static:x",
    ]
    words += ["texthash:t", "fail:x", "nosuch:t", "t", "-c", "cdb:t", "lmdb:t", "none"]
    arguments = tuple(random.choices(words, k=random.randint(0, 5)))
    step = Step(arguments, b"a\nkey 1\n")
    return Script((Step(("hash:t",)), step), {"t": b"a 1\nb 2\n"})


def files_as_values(random: Random) -> Script:
    """Values that name files."""
    names = ["v/1", "v/2", "v/e", "v/none", "v/1, v/2", "v/2 ,, v/1", ",", "v/1 v/none"]
    lines = [f"k{number} {random.choice(names)}" for number in range(4)]
    content = {"t": "\n".join(lines).encode() + b"\n", "v/1": b"one\n", "v/2": b"two \xe9"}
    content["v/e"] = b"\n"
    kind = random.choice(["hash", "texthash", "lmdb"])
    plain = random.choice(["-q", "-Fq"])
    steps = [] if kind == "texthash" else [Step((random.choice(["-F", "-F", "-r"]), f"{kind}:t"))]
    steps += [Step((plain, f"k{number}", f"{kind}:t")) for number in range(4)]
    name = random.choice(["static:v/2", "static:v/none", "inline:{a=v/1}", "inline:{a=v/none}"])
    steps.append(Step(("-Fq", "a", name)))
    steps.append(Step(("-Fq", "a", "regexp:{{/(.)/ " + random.choice(names) + "}}")))
    steps.append(Step(("-Fq", "10.1.1.1", "cidr:{{10.0.0.0/8 " + random.choice(names) + "}}")))
    return Script(tuple(steps), content)


QUERIES = ["SELECT v FROM t WHERE k = '%s' ORDER BY n", "SELECT '%s'", "SELECT '%u/%d/%S'"]
QUERIES += ["SELECT v FROM t WHERE k = '%u'", "SELECT '%1.%2'", "SELECT '%%%D'", "SELECT '%x'"]
QUERIES += [
    "SELECT n FROM t WHERE k = '%s'",
    "SELECT v, n FROM t WHERE k = '%s'",
    "SELEC",
    "SELECT '%",
]
QUERIES += ["SELECT v FROM none", "SELECT NULL", "SELECT ''", "SELECT n * 1.5 FROM t WHERE k='%s'"]
FORMATS = ["%s", "[%s]", "%u", "%d", "%S=%s", "%U at %D", "%1", "%%", "x", "%q", ""]
DOMAINS = [
    "example.com",
    "!example.com, static:all",
    "inline:{example.com=x}",
    "fail:x",
    "other.org",
]
SQL_KEYS = [
    "a",
    "A",
    "user@example.com",
    "@example.com",
    "o'k",
    "many",
    "null",
    "x@sub.example.com",
]
SQL_KEYS += ["no", "", "a@b@example.com", "user@", "many@other.org", "%s", "é@example.com"]


def database() -> bytes:
    """Return an SQLite database with a table."""
    made = sqlite3.connect(":memory:")
    made.execute("CREATE TABLE t (k TEXT, v TEXT, n INTEGER)")
    rows = [("a", "1", 1), ("user@example.com", "x@y.org", 2), ("o'k", "q'", 3), ("null", None, 4)]
    rows += [("many", "one", 1), ("many", "two@z.org", 2), ("many", "", 3), ("user", "u", 5)]
    made.executemany("INSERT INTO t VALUES (?, ?, ?)", rows)
    made.commit()
    return made.serialize()


def sql(random: Random) -> Script:
    """Queries to an SQLite database."""
    settings = {"dbpath": "t.sqlite", "query": random.choice(QUERIES)}
    for name, choices in {
        "result_format": FORMATS,
        "domain": DOMAINS,
        "expansion_limit": ["1", "2", "0", "x", "-1"],
        "dbpath": ["none/t.sqlite", "q.cf", "", "t.sqlite"],
    }.items():
        if random.random() < 0.25:
            settings[name] = random.choice(choices)
    if random.random() < 0.1:
        del settings["query"]
        settings |= {"table": "t", "select_field": "v", "where_field": "k"}
        settings["additional_conditions"] = random.choice(["AND n < 3", ""])
    lines = "".join(f"{name} = {value}\n" for name, value in settings.items())
    if random.random() < 0.2:
        main_cf = "".join(f"q_{name} = {value}\n" for name, value in settings.items())
        name = "sqlite:q"
    else:
        main_cf, name = "", "sqlite:./q.cf"
    steps = [Step(("-q", key, name)) for key in random.sample(SQL_KEYS, 2)]
    steps.append(Step(("-q", "-", name), "\n".join(SQL_KEYS).encode()))
    return Script(tuple(steps), {"q.cf": lines.encode(), "t.sqlite": database()}, main_cf)


FAMILIES: dict[str, Callable[[Random], Script]] = {
    "stored": stored,
    "memory": memory,
    "cidr": cidr,
    "regexp": regexp,
    "pcre": pcre,
    "message": message,
    "unicode": unicode,
    "command_line": command_line,
    "files_as_values": files_as_values,
    "sql": sql,
}
