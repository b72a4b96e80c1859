"""access - who may use the service, and whose sessions are logged verbosely

SEE ALSO
    qmqpd_authorized_clients, debug_peer_list in postconf(5)
    spec/config-syntax.md, section 4
"""

from typing import NamedTuple

from common.client import Client
from common.config import MainCf
from common.lists import HostList, opens_nothing
from common.log import Log
from common.params import QmqpdParams, Words
from common.tables import Options, TableError
from common.tables.postponed import Postponed

KNOWN_LIMIT = 10_000  # answers that are remembered


class Lists(NamedTuple):
    """The two lists of clients."""

    authorized: HostList
    debugged: HostList

    @classmethod
    def of(cls, params: QmqpdParams, options: Options) -> "Lists":
        """Prepare them; options: for their tables."""
        parents = params.parent_domain_matches_subdomains
        authorized, debugged = params.qmqpd_authorized_clients, params.debug_peer_list
        return cls(
            prepared("qmqpd_authorized_clients", authorized, parents, options),
            prepared("debug_peer_list", debugged, parents, options),
        )

    @classmethod
    def of_network(cls, network: str) -> "Lists":
        """Return lists by which a network may submit mail, and nobody is logged verbosely."""
        options = Options(Nobody())
        return cls(HostList("", (network,), options), HostList("", (), options))

    @classmethod
    def shared(cls, params: QmqpdParams) -> "Lists | None":
        """Return lists for all processes, None if each must open tables or files of its own."""
        if opens_nothing((*params.qmqpd_authorized_clients, *params.debug_peer_list)):
            return cls.of(params, Options(Nobody()))
        return None


class Standing(NamedTuple):
    """What the lists say of a client."""

    permitted: bool | None  # to submit mail; None: nobody can tell now
    verbosity: int  # how much more than usual is logged of its sessions


class Nobody:
    """Hears no complaint: there is none about lists in which nothing is opened."""

    def warning(self, text: str) -> None:
        """Do nothing."""

    def error(self, text: str) -> None:
        """Do nothing."""


class Access:
    """What the lists say of each client of a process."""

    def __init__(
        self, params: QmqpdParams, main_cf: MainCf, log: Log, lists: Lists | None = None
    ) -> None:
        """Prepare that; lists: those of all processes, if they can share them."""
        self._log = log
        self._complaints = Postponed(log)
        self._authorized, self._debugged = lists or Lists.of(
            params, Options.of(main_cf, self._complaints)
        )
        self._tables = (*self._authorized.tables, *self._debugged.tables)
        self._debug_level = params.debug_peer_level
        # Of clients that were seen, by name and address, if the lists are the same for all of a
        # process.
        self._known: dict[tuple[str, str], Standing] = {}

    def standing(self, client: Client) -> Standing:
        """Return what the lists say of the client."""
        host = client.name, client.address
        return self._known.get(host) or self._ask(host)

    def permits_address(self, address: str) -> bool | None:
        """Tell whether clients of an address may submit mail, None if their names decide."""
        self._complaints.deaf = True  # they are heard when the name is known
        try:
            return self._authorized.contains_address(address)
        except TableError:
            return None
        finally:
            self._complaints.deaf = False

    def outdated(self) -> bool:
        """Tell whether a table has changed since this process read it, and log that."""
        for table in self._tables:
            if table.changed():
                self._log.info(f"table {table.name} has changed -- restarting")
                return True
        return False

    def _ask(self, host: tuple[str, str]) -> Standing:
        """Ask the lists, and remember what they say if they will say the same again."""
        self._complaints.release()
        debugged = self._contains(self._debugged, host)
        permitted = self._contains(self._authorized, host)
        standing = Standing(permitted, self._debug_level if debugged else 0)
        constant = self._authorized.constant and self._debugged.constant
        if constant and None not in (debugged, permitted):
            if len(self._known) >= KNOWN_LIMIT:
                self._known.clear()
            self._known[host] = standing
        return standing

    def _contains(self, hosts: HostList, host: tuple[str, str]) -> bool | None:
        try:
            return hosts.contains(*host)
        except TableError as error:
            self._log.warning(str(error))
            return None


def prepared(parameter: str, elements: Words, parents: Words, options: Options) -> HostList:
    """Return the list of that parameter."""
    return HostList(parameter, elements, options, match_parents=parameter in parents)
