"""service - what the connections of a test share"""

from collections.abc import Mapping

from common.client import UNKNOWN
from common.log import Log
from common.params import QmqpdParams, Seconds
from qmqpd.access import Access
from qmqpd.experience import Experience
from qmqpd.names import Resolver
from qmqpd.service import Rules, Service
from tests.common.settings import changed, load, main_cf

PACKET = b"57:14:Subject: e\n\nb\n,11:s@from.test,9:r@to.test,,"


class KnownNames(Resolver):
    """Knows every name at once; one that is None is still being looked up."""

    def __init__(self, log: Log, known: Mapping[str, str | None]) -> None:
        super().__init__(log, lambda address: None, Experience())
        self.known = dict(known)
        self.given_up: list[str] = []

    def name_of(self, address: str) -> str | None:
        """Return the name that the test gave."""
        return self.known.get(address, UNKNOWN)

    def give_up(self, address: str) -> None:
        """Note it."""
        self.given_up.append(address)


def make_service(
    log: Log,
    settings: Mapping[str, str] | None = None,
    *,
    names: Mapping[str, str | None] | None = None,
    times: Mapping[str, float] | None = None,
) -> Service:
    """Return a service that everybody may use; times are parameters in seconds of any size."""
    texts = {"qmqpd_authorized_clients": "static:all", **(settings or {})}
    params = load(QmqpdParams, **texts)
    seconds = {name: Seconds(value) for name, value in (times or {}).items()}
    params = changed(params, **seconds)
    known = {"127.0.0.1": "localhost"} if names is None else names
    access = Access(params, main_cf(**texts), log)
    return Service(Rules.of(params), log, access, KnownNames(log, known))
