"""shelter - the locks that a process shuts itself in with, ready to be put on

DESCRIPTION
    A Shelter is made in master, as part of a service's plan, and put on by
    each of its processes: made there it would take ten times as long as the
    system calls that it comes to.

    A layer that this machine does not have is left out; master tells what is
    in force.

SEE ALSO
    ARCHITECTURE.md
    common.sandbox.needs, what a daemon may need
    common.sandbox.confinement, when the locks are put on
"""

import os
import resource
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from common.params import SuiteParams
from common.sandbox import capabilities, landlock, seccomp
from common.sandbox.calls import Kind
from common.sandbox.layers import NAMES, Layer
from common.sandbox.needs import NOTHING, SERVER, Needs


class Lock(NamedTuple):
    """One of the locks that there are on this machine."""

    layers: int  # that hold once it is on
    names: str  # of these
    put_on: Callable[[], object]  # raises an OSError if the system refuses

    @classmethod
    def of(cls, layers: Layer, put_on: Callable[[], object]) -> "Lock":
        """Return it."""
        return cls(layers.value, ", ".join(NAMES[one] for one in layers), put_on)


class Shelter(NamedTuple):
    """All locks of a process with such needs, ready to be put on in this order."""

    needs: Needs
    locks: tuple[Lock, ...]

    @classmethod
    def of(cls, params: SuiteParams, needs: Needs) -> "Shelter | None":
        """Make it, None if a process shall have none; what its log needs comes with it."""
        if not wanted(params):
            return None
        needs |= of_log(params)
        kind = Kind.of(needs)
        # The last two need the second, and the last one forbids all of them.
        locks = [
            Lock.of(Layer.CAPABILITIES, capabilities.clear),
            Lock.of(Layer.NO_NEW_PRIVILEGES, capabilities.forbid_new_privileges),
            Lock.of(Layer.LIMITS, partial(limit, needs.descriptors, threads=kind.threads)),
        ]
        if not kind.changes_files:
            locks.append(Lock.of(Layer.LIMITS, forbid_to_write))
        if known := landlock.version():
            rules = landlock.Rules.of(needs, known)
            locks.append(Lock.of(landlock.layers(known), partial(landlock.restrict, rules)))
        if program := made_filter(needs):
            locks.append(Lock.of(Layer.SYSTEM_CALLS, seccomp.loader(program)))
        return cls(needs, tuple(locks))

    def extended(self, params: SuiteParams, more: Needs) -> "Shelter | None":
        """Return the one for a process that needs more, as by its tables."""
        return self if more == NOTHING else Shelter.of(params, self.needs | more)


def prepared(params: SuiteParams, needs: Needs) -> Shelter | None:
    """Return the shelter of processes with such needs, in master."""
    if wanted(params):
        made_filter(needs | SERVER | of_log(params))  # as their tables may need
    return Shelter.of(params, needs)


def wanted(params: SuiteParams) -> bool:
    """Tell whether a process with these parameters shuts itself in."""
    return params.sandbox and os.geteuid() == 0


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


def limit(descriptors: int, *, threads: bool) -> None:
    """Lower limits of resources for good, to what is needed."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = descriptors if soft == resource.RLIM_INFINITY else min(soft, descriptors)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if not threads:
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))


def forbid_to_write() -> None:
    """Let no file grow any more."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def made_filter(needs: Needs) -> bytes:
    """Return the filter that is loaded in the end, nothing if there can be none."""
    try:
        return b"" if seccomp.trouble() else seccomp.compiled(needs)
    except OSError:
        return b""
