"""qmqpd - the daemon: mail over QMQP, one message a connection, from authorised hosts

SEE ALSO
    qmqpd(8)
    spec/qmqp.md
"""

from typing import NamedTuple

from common.child import Child
from common.config import MainCf
from common.params import QmqpdParams
from common.sandbox.confinement import confine
from common.sandbox.needs import NAMES, Needs
from common.tables import import_types, needs_of_tables
from qmqpd import rehearsal
from qmqpd.access import Access, Lists
from qmqpd.capacity import allow_descriptors, descriptors_of
from qmqpd.experience import Experience
from qmqpd.local_names import LocalNames
from qmqpd.names import Resolver
from qmqpd.service import Rules, Service
from qmqpd.worker import Worker

PARAMS = QmqpdParams

EXPERIENCE = Experience()  # of all workers: made once, in master, and forked with them


class Prepared(NamedTuple):
    """What all processes have in common."""

    rules: Rules
    lists: Lists | None
    local: LocalNames


def prepare(params: QmqpdParams) -> Prepared:
    """Make what all processes need, in master."""
    import_types((*params.qmqpd_authorized_clients, *params.debug_peer_list))
    return Prepared(Rules.of(params), Lists.shared(params), LocalNames())


def needs(prepared: Prepared) -> Needs:
    """Return what a process needs when it serves."""
    descriptors = descriptors_of(prepared.rules.params.qmqpd_worker_connection_limit)
    return NAMES | Needs(threads=True, descriptors=descriptors)


def rehearse(prepared: Prepared, main_cf: MainCf) -> None:
    """Make the code of each message warm, in master, and look up what is at hand."""
    prepared.local.look_up()
    rehearsal.rehearse(prepared.rules, main_cf)


def serve(child: Child) -> None:
    """Serve clients until it is time to leave."""
    rules, lists, local = child.prepared
    params = rules.params
    allow_descriptors(params.qmqpd_worker_connection_limit)
    access = Access(params, child.main_cf, child.log, lists)
    resolver = Resolver(child.log, access.permits_address, EXPERIENCE, local=local.answer)
    confine(child, params, needs_of_tables())
    service = Service(rules, child.log, access, resolver, verbosity=int(child.verbose))
    child.lasting = worker = Worker(child, service)
    worker.run()
