"""access - who may use the service

SEE ALSO
    qmqpd_authorized_clients in postconf(5)
    spec/config-syntax.md, section 4
"""

from common.lists import HostList
from common.log import Log
from common.params import QmqpdParams
from common.tables import TableError
from qmqpd.client import Client

PARAMETER = "qmqpd_authorized_clients"


class Access:
    """The list of authorised clients, prepared once a process."""

    def __init__(self, params: QmqpdParams, log: Log) -> None:
        match_parents = PARAMETER in params.parent_domain_matches_subdomains
        self._log = log
        self._clients = HostList(
            PARAMETER, params.qmqpd_authorized_clients, match_parents=match_parents
        )
        self._problems = self._clients.problems()  # not logged yet

    def permits(self, client: Client) -> bool | None:
        """Tell whether the client may submit mail; None when nobody can tell now."""
        while self._problems:
            self._log.error(self._problems.pop(0))
        try:
            return self._clients.contains(client.name, client.address)
        except TableError as error:
            for line in str(error).split("\n"):
                self._log.warning(line)
            return None

    def outdated(self) -> bool:
        """Tell whether a table has changed since this process read it, and log that."""
        table = self._clients.changed()
        if table is None:
            return False
        self._log.info(f"table {table.name} has changed -- restarting")
        return True
