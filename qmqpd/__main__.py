"""qmqpd - the daemon: mail over QMQP, one message a connection, from authorised hosts

SEE ALSO
    qmqpd(8)
    spec/qmqp.md
"""

import resource

from common.child import Child
from common.params import QmqpdParams
from qmqpd.access import Access
from qmqpd.connection import Service
from qmqpd.handover import HandoverRules
from qmqpd.names import Resolver
from qmqpd.session import Limits
from qmqpd.worker import Worker

PARAMS = QmqpdParams

SPARE_DESCRIPTORS = 64  # beside one for each client and one for its conversation with cleanup


def serve(child: Child) -> None:
    """Serve clients until it is time to leave."""
    params = child.main_cf.load(QmqpdParams)
    allow_descriptors(2 * params.qmqpd_worker_connection_limit + SPARE_DESCRIPTORS)
    resolver = Resolver(child.log)
    access = Access(params, child.main_cf, child.log)
    child.drop_privileges(params.mail_owner, params.queue_directory)
    resolver.start()
    limits = Limits(message=params.message_size_limit, address=params.line_length_limit)
    rules = HandoverRules.of(params)
    Worker(child, Service(params, child.log, access, resolver, limits, rules)).run()


def allow_descriptors(wanted: int) -> None:
    """Raise the limit of open files as far as needed and permitted."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
