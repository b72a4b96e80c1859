"""tables - lookup tables, "type:name" in parameters

DESCRIPTION
    open_table() never fails unless it is told to: a table that cannot be
    opened is one whose lookups fail. What is wrong, then or later, goes to
    the log that the options name.

    table     what every table is        source    text that tables are made of
    opening   from "type:name" to one    braces    tables that stand in their name

    One module for each family of types: memory, constant, combined, cidr.

SEE ALSO
    spec/config-syntax.md, section 5
"""

from common.tables.opening import (
    import_types,
    needs_of_tables,
    open_table,
    table_types,
    unavailable,
)
from common.tables.table import Options, Table, TableError

__all__ = [
    "Options",
    "Table",
    "TableError",
    "import_types",
    "needs_of_tables",
    "open_table",
    "table_types",
    "unavailable",
]
