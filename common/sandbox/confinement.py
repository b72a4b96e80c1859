"""confinement - a daemon gives up its rights and shuts itself in

DESCRIPTION
    confine() is called when a daemon has opened all that only root may open
    and imported all that it will ever need. It becomes mail_owner, enters the
    jail if master.cf asks for that, and then, unless "sandbox = no", loses
    what it needs no more, in layers that each hold by themselves. A layer that
    the kernel does not have is left out; master tells what is in force.

    Only a process that was root does so: one of an ordinary user's private
    instance has nothing to lose that its user has not.

SEE ALSO
    ARCHITECTURE.md
    common.sandbox.needs, what a daemon may need
"""

import os
import resource
from collections.abc import Callable, Iterator
from functools import partial

from common.child import Child
from common.params import SuiteParams
from common.sandbox import capabilities, imports, landlock, seccomp
from common.sandbox.layers import NAMES, NONE, Layer
from common.sandbox.needs import NOTHING, SERVER, Needs
from common.sinks import FileSink


def confine(child: Child, params: SuiteParams, needs: Needs) -> None:
    """Become the daemon that serves: no root, in its jail, with nothing but its needs.

    Raises:
        OSError: privileges cannot be given up.
    """
    shuts_in = wanted(params)
    # First: it takes a right that goes with the others.
    bounded = shuts_in and child.unprivileged and capabilities.empty_bounding_set()
    child.drop_privileges(params.mail_owner, params.queue_directory)
    layers = shut_in(child, needs | of_log(params), bounded=bounded) if shuts_in else NONE
    if child.told:
        child.told.tell(layers)
    if shuts_in:
        imports.close(child.log)


def wanted(params: SuiteParams) -> bool:
    """Tell whether a process with these parameters shuts itself in."""
    return params.sandbox and os.geteuid() == 0


def prepare(params: SuiteParams, needs: Needs) -> None:
    """Make in master what its children load: it takes longer than all they do."""
    if wanted(params):
        needs |= of_log(params)
        made_filter(needs)
        made_filter(needs | SERVER)  # as its tables may need


def missing() -> Iterator[str]:
    """Yield what this machine does not have, and why."""
    if not made_filter(NOTHING):
        yield f"no seccomp ({seccomp.trouble() or 'libseccomp makes no filter'})"
    known = landlock.version()
    absent = [NAMES[one] for one in landlock.layers(landlock.ENOUGH) & ~landlock.layers(known)]
    if absent:
        yield f"no {', '.join(absent)} (this kernel's Landlock is of version {known})"


def of_log(params: SuiteParams) -> Needs:
    """Return what logging takes: a collector may have to be connected again."""
    if not params.syslog_network_target:
        return NOTHING
    from common.rfc5424 import Target  # as common.log: most hosts have none

    target = Target.parse(params.syslog_network_target)
    ports = {target.port} if target.transport == "tcp" else ()
    return Needs(network=True, ports=frozenset(ports))


def shut_in(child: Child, needs: Needs, *, bounded: bool) -> Layer:
    """Put on every lock there is; return those that hold.

    bounded: no program gets capabilities any more, and neither shall we.
    """
    known = landlock.version()
    program = made_filter(needs)  # while files may be written
    # In this order: the last two need the second, and the last one forbids all of them.
    locks: tuple[tuple[Layer, bool, Callable[[], None]], ...] = (
        (Layer.CAPABILITIES, bounded, capabilities.clear),
        (Layer.NO_NEW_PRIVILEGES, True, capabilities.forbid_new_privileges),
        (Layer.LIMITS, True, partial(limit, needs, isinstance(child.log.sink, FileSink))),
        (landlock.layers(known), known > 0, partial(landlock.restrict, needs, known)),
        (Layer.SYSTEM_CALLS, bool(program), partial(seccomp.load, program)),
    )
    held = NONE
    for layers, is_here, lock in locks:
        if not is_here:
            continue
        try:
            lock()
        except OSError as error:
            named = ", ".join(NAMES[one] for one in layers)
            child.log.warning(f"sandbox: no {named}: {error.strerror}")
        else:
            held |= layers
    return held


def limit(needs: Needs, logs_to_file: bool) -> None:
    """Lower limits of resources for good, to what is needed."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = needs.descriptors if soft == resource.RLIM_INFINITY else min(soft, needs.descriptors)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if not needs.threads:
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    if not (needs.changes_files or logs_to_file):
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def made_filter(needs: Needs) -> bytes:
    """Return the filter that is loaded in the end, nothing if there can be none."""
    try:
        return b"" if seccomp.trouble() else seccomp.compiled(needs)
    except OSError:
        return b""
