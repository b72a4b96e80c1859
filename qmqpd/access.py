"""access - who may use the service

SEE ALSO
    qmqpd_authorized_clients
"""

from common.lists import HostList, TableError
from common.log import Log
from common.params import QmqpdParams
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

    def permits(self, client: Client) -> bool | None:
        """Tell whether the client may submit mail; None when nobody can tell now."""
        try:
            return self._clients.contains(client.name, client.address)
        except TableError as error:
            self._log.warning(str(error))
            return None
