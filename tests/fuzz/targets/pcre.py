"""pcre - tables of Perl's patterns

SEE ALSO
    tests.fuzz.patterns
"""

from common.tables.pcre import DIALECT
from tests.fuzz import patterns
from tests.fuzz.bug import Bug

TOKENS = (*patterns.TOKENS, b"(?i)", b"(?=", b"\\1", b"\\Q", b"(?R)", b"(*FAIL)", b"/x", b"/U")
BUG = Bug("common.tables.patterns", "expanded", ' or b""', "")


def check(data: bytes) -> None:
    """Look subjects up in a table of rules."""
    patterns.check_rules(DIALECT, data)
