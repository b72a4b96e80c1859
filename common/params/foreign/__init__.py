"""foreign - what only programs of Postfix read

DESCRIPTION
    Plain classes, one for each reader: nobody makes objects of them. With the
    daemon of ours that reads it, a class becomes a dataclass and moves up.

SEE ALSO
    postconf(5)
"""

from collections.abc import Iterator

from common.params.foreign import legacy, lmtp, tlsproxy
from common.params.foreign.addresses import Addresses
from common.params.foreign.bounce import Bounce
from common.params.foreign.content import Content
from common.params.foreign.delivery import Delivery
from common.params.foreign.milter import Milter
from common.params.foreign.postscreen import Postscreen
from common.params.foreign.qmgr import QueueManager
from common.params.foreign.services import Services
from common.params.foreign.smtp import Smtp
from common.params.foreign.smtp_security import SmtpSecurity
from common.params.foreign.smtpd import Smtpd
from common.params.foreign.smtpd_access import SmtpdAccess
from common.params.foreign.smtpd_security import SmtpdSecurity
from common.params.foreign.tls import Tls
from common.params.foreign.tools import Tools
from common.params.parameter import Parameter, declared

READERS = (
    *(Content, Addresses, Milter, QueueManager, Bounce, Smtp, SmtpSecurity, lmtp.Lmtp, Smtpd),
    *(SmtpdAccess, SmtpdSecurity, Tls, tlsproxy.Tlsproxy, Postscreen, Delivery, Services),
    Tools,
)


def parameters() -> Iterator[Parameter]:
    """Yield each parameter; those made from others come last."""
    for reader in READERS:
        yield from declared(reader)
    yield from lmtp.twins()
    yield from tlsproxy.twins()
    yield from legacy.parameters()


FOREIGN: dict[str, Parameter] = {one.name: one for one in parameters()}
