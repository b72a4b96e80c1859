"""regexp - tables of POSIX patterns

DESCRIPTION
    The C library is not what is to be tested: patterns that take it minutes
    and gigabytes are left out, and so are very long ones.

SEE ALSO
    tests.fuzz.patterns
"""

import re

from common.tables.regexp import DIALECT
from tests.fuzz import patterns
from tests.fuzz.bug import Bug

TOKENS = patterns.TOKENS
BUG = Bug(
    "common.tables.filters", "joined", "for pattern in patterns)", "for pattern in patterns[1:])"
)

# Repetitions by number, which are written out in memory; references to groups; deep nesting.
DEAR = re.compile(rb"\{|\\[0-9]|(?:[(|*+?]){8}", re.DOTALL)
LONGEST = 400  # bytes


def check(data: bytes) -> None:
    """Look subjects up in a table of rules."""
    if len(data) <= LONGEST and not DEAR.search(data.partition(b"\n")[2]):
        patterns.check_rules(DIALECT, data)
