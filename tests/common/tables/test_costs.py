"""What lookups may cost.

SEE ALSO
    bench.tables, which prints what they do cost
"""

import os
from pathlib import Path

import pytest

from bench import tables
from tests.common.forked import outcome

pytestmark = pytest.mark.alone

ENTRIES = 1_000_000
MEMORY = 10_000_000  # bytes that a process may need for a table of a million entries
LOOKUP_MICROSECONDS, ADDRESS_MICROSECONDS = 10, 20
HEADER_RATIO = 3  # to what Debian's postmap needs


@pytest.mark.parametrize("kind", ["cdb", "lmdb"])
def test_a_lookup_among_a_million_entries_reads_only_what_it_needs(
    kind: str, tmp_path: Path
) -> None:
    name = tables.stored(kind, ENTRIES, tmp_path)

    def measured() -> bytes:
        before = own_memory()
        table = tables.opened(name)
        microseconds = tables.lookups(table, ENTRIES)
        return f"{own_memory() - before} {microseconds}".encode()

    growth, microseconds = outcome(measured).split()
    assert int(growth) < MEMORY
    assert float(microseconds) < LOOKUP_MICROSECONDS


def test_an_address_is_found_soon_among_ten_thousand_networks(tmp_path: Path) -> None:
    assert tables.networks(tmp_path) < ADDRESS_MICROSECONDS


@pytest.mark.parametrize("kind", ["regexp", "pcre"])
def test_four_hundred_checks_of_headers_cost_what_they_cost_elsewhere(
    kind: str, tmp_path: Path
) -> None:
    ours, theirs = tables.header_checks(kind, tmp_path, rounds=3)
    assert ours < HEADER_RATIO * theirs


def own_memory() -> int:
    """Return how much memory this process has of its own, mapped files aside, in bytes."""
    fields = Path("/proc/self/statm").read_text().split()
    return (int(fields[1]) - int(fields[2])) * os.sysconf("SC_PAGESIZE")
