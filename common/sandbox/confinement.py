"""confinement - a daemon gives up its rights and shuts itself in

DESCRIPTION
    confine() is called when a daemon has opened all that only root may open
    and imported all that it will ever need. It becomes mail_owner, enters the
    jail if master.cf asks for that, and then, unless "sandbox = no", loses
    what it needs no more, in layers that each hold by themselves.

    Only a process that was root does so: one of an ordinary user's private
    instance has nothing to lose that its user has not.

SEE ALSO
    ARCHITECTURE.md
    common.sandbox.shelter, the layers
"""

from common.child import Child
from common.params import SuiteParams
from common.sandbox import capabilities, imports
from common.sandbox.needs import NOTHING, Needs
from common.sandbox.shelter import Shelter, forbid_to_write
from common.sinks import FileSink


def confine(child: Child, params: SuiteParams, more: Needs = NOTHING) -> None:
    """Become the daemon that serves: no root, in its jail, with nothing but its needs.

    more: than those that its shelter was made for.

    Raises:
        OSError: privileges cannot be given up.
    """
    shelter = child.shelter and child.shelter.extended(params, more)
    # First: it takes a right that goes with the others.
    bounded = bool(shelter) and child.unprivileged and capabilities.empty_bounding_set()
    child.drop_privileges(params.mail_owner, params.queue_directory)
    held = shut_in(child, shelter, bounded=bounded) if shelter else 0
    if child.told:
        child.told.tell(held)
    if shelter:
        imports.close(child.log)


def shut_in(child: Child, shelter: Shelter, *, bounded: bool) -> int:
    """Put on every lock there is; return the layers that hold.

    bounded: no program gets capabilities any more, and neither shall we.
    """
    logs_to_file = isinstance(child.log.sink, FileSink)
    held = 0
    for lock in shelter.locks:
        if lock.put_on is capabilities.clear and not bounded:
            continue
        if lock.put_on is forbid_to_write and logs_to_file:
            continue
        try:
            lock.put_on()
        except OSError as error:
            child.log.warning(f"sandbox: no {lock.names}: {error.strerror}")
        else:
            held |= lock.layers
    return held
