"""patterns - what the targets of both kinds of patterns have in common

DESCRIPTION
    The first line holds subjects, the rest are rules. Joined or not, a table
    says what the first of its rules says that matches.
"""

from common.config import decoded
from common.tables import Options, TableError, source
from common.tables.patterns import PatternTable
from common.tables.rules import Dialect, Parser
from tests.common.journal import Journal

SUBJECT = 16  # bytes; the library may take twice as long for each more
SUBJECTS = 4
MOST = 10  # rules for the comparison

TOKENS = (
    *(
        b"/a/ x\n",
        b"!/b/ y\n",
        b"if /a/\n",
        b"endif\n",
        b"/(a)(b)?/ $1$2\n",
        b"$",
        b"${1}",
        b"$(2)",
    ),
    *(
        b"$$",
        b"[^a]",
        b"\\/",
        b"a|b",
        b"^",
        b"$/",
        b"/i",
        b"/m",
        b".",
        b"*",
        b"(",
        b")",
        b"?",
        b"+",
    ),
    *(b"/!/", b"||", b"## z", b"[:alpha:]", b"/b/ 2\n/c/ 3\n/d/ 4\n/e/ 5\n"),
)


def check_rules(dialect: Dialect, data: bytes) -> None:
    """Look subjects up in a table, and in a table of each line."""
    head, _, rules = data.partition(b"\n")
    subjects = [decoded(one[:SUBJECT]) for one in head.split(b"\t")[:SUBJECTS]]
    found = answers(dialect, decoded(rules), subjects)
    lines = [line.text for line in source.lines(decoded(rules), "t", Options(Journal()))]
    if len(lines) > MOST or any(source.statement(line)[0] for line in lines):
        return
    each = [answers(dialect, line, subjects) for line in lines]
    for place, answer in enumerate(found):
        assert answer == next((one[place] for one in each if one[place] is not None), None)


def answers(dialect: Dialect, rules: str, subjects: list[str]) -> list[str | None]:
    """Return what a table says of subjects, "?" if it cannot tell."""
    options = Options(Journal())
    lines = source.lines(rules, "t", options, kind=f"{dialect.kind} map ")
    parsed = Parser(dialect, options).parse(lines)
    table = PatternTable(f"{dialect.kind}:t", options, dialect, parsed)
    out: list[str | None] = []
    for subject in subjects:
        try:
            out.append(table.lookup(subject))
        except TableError:
            out.append("?")
    return out
