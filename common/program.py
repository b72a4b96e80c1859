"""program - one of our daemons: what master, or Postfix's, must know to run it

DESCRIPTION
    A daemon is a package whose __main__ has PARAMS, the dataclass of its
    parameters, and serve(child). It may have prepare(params), which makes
    what all of its processes need of their parameters, and needs(prepared),
    which tells what must stay open to them when they serve, if anything must;
    TRANSPORTS, if it serves others than inet and unix; NATIVE, if there is a
    socket for frames beside its own; CLAIMS, if it writes queue files.

SEE ALSO
    master.children, which forks it
    common.executable, by which it runs on its own
"""

from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

from common.child import Child
from common.config import MainCf
from common.params import SuiteParams
from common.sandbox import shelter
from common.sandbox.needs import NOTHING, Needs
from common.sandbox.shelter import Shelter

USUAL_TRANSPORTS = ("inet", "unix")


class Program(NamedTuple):
    """One of our daemons, imported."""

    params: type[SuiteParams]
    serve: Callable[[Child], None]
    # Makes what all processes need of the parameters: once, before they are forked.
    prepare: Callable[[Any], object]
    transports: tuple[str, ...]  # that it can serve
    native: bool = False  # it has a second socket, for our own daemons' form of its protocol
    # What they need when they serve, by what was prepared; their tables may need more.
    needs: Callable[[Any], Needs] = lambda prepared: NOTHING
    rehearse: Callable[[Any, MainCf], None] = lambda prepared, main_cf: None
    claims: bool = False  # it writes queue files, and notes which

    @classmethod
    def of(cls, module: ModuleType) -> "Program":
        """Return the daemon of a __main__.

        Raises:
            AttributeError: it is none.
        """
        return cls(
            params=module.PARAMS,
            serve=module.serve,
            prepare=getattr(module, "prepare", lambda params: None),
            transports=getattr(module, "TRANSPORTS", USUAL_TRANSPORTS),
            native=getattr(module, "NATIVE", False),
            needs=getattr(module, "needs", lambda prepared: NOTHING),
            rehearse=getattr(module, "rehearse", lambda prepared, main_cf: None),
            claims=getattr(module, "CLAIMS", False),
        )

    def made_ready(self, params: SuiteParams) -> tuple[object, Shelter | None]:
        """Return what processes with these parameters find: what was prepared, and a shelter.

        Raises:
            ConfigError: the parameters cannot be used.
        """
        prepared = self.prepare(params)
        return prepared, shelter.prepared(params, self.needs(prepared))


def own_settings(command: str, service: str, options: dict[str, str]) -> dict[str, str]:
    """Return what a service sets on top of main.cf: its names, and the options of its line.

    As in Postfix an option can give the process another name, the service not.
    """
    return {"process_name": command, **options, "service_name": service}
