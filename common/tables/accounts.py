"""accounts - unix:passwd.byname, unix:group.byname: the system's accounts and groups

DESCRIPTION
    Values are lines as in /etc/passwd and /etc/group.

SEE ALSO
    postconf(1), option -m
"""

import grp
import pwd

from common.errors import ConfigError
from common.sandbox.needs import ACCOUNTS
from common.tables.table import Options, Table


class AccountTable(Table):
    """Accounts by name."""

    needs = ACCOUNTS

    def _find(self, key: str) -> str | None:
        try:
            found = pwd.getpwnam(key)
        except (KeyError, ValueError):
            return None
        return ":".join(map(str, found))


class GroupTable(Table):
    """Groups by name."""

    needs = ACCOUNTS

    def _find(self, key: str) -> str | None:
        try:
            found = grp.getgrnam(key)
        except (KeyError, ValueError):
            return None
        members = ",".join(found.gr_mem)
        return f"{found.gr_name}:{found.gr_passwd}:{found.gr_gid}:{members}"


TABLES: dict[str, type[Table]] = {"passwd.byname": AccountTable, "group.byname": GroupTable}


def open_unix(name: str, options: Options) -> Table:
    """Return one of the system's tables.

    Raises:
        ConfigError: there is no such table.
    """
    table = TABLES.get(name)
    if table is None:
        raise ConfigError(f"unknown table: unix:{name}")
    return table(f"unix:{name}", options)
