"""master_cf - the text of master.cf"""

from pathlib import Path

from common.config import decoded
from common.errors import ConfigError
from master.arguments import parse_options
from master.services import Defaults, Service, parse
from tests.fuzz.bug import Bug

TOKENS = (
    *(b"inet  n - n - - qmqpd", b"unix  - - y 300? 1 x", b"unix-dgram", b"fifo", b"pass"),
    *(b"\n  -o ", b"{", b"}", b"{ -o x = y }", b" -v", b"60?", b"../", b"/x", b"\n#", b"0"),
)
BUG = Bug("master.services", "Columns.process_limit", "if not NUMBER.match(text):", "if False:")

PATH = Path("/nowhere/master.cf")


def check(data: bytes) -> None:
    """Read the text; services written again are the same."""
    try:
        found = parse(decoded(data), PATH, Defaults())
    except ConfigError as error:
        assert str(PATH) in str(error)
        return
    for service in found.services:
        assert service.words(verbose=True, stress="yes")
        check_options(service)
        line = written(service)
        if line:
            assert parse(line, PATH, Defaults()).services == (service,)


def check_options(service: Service) -> None:
    """Check that arguments are options, or an error."""
    try:
        parse_options(service.arguments, service.origin)
    except ConfigError as error:
        assert service.origin in str(error)


def written(service: Service) -> str:
    """Return the line of a service, nothing if its arguments need thought."""
    if any(set(word) & set("{}") or not word or word.strip() != word for word in service.arguments):
        return ""
    if set(service.command) & set("{}# \t\r\f\v"):
        return ""
    flags = ["ny"[one] for one in (service.private, service.unprivileged, service.chroot)]
    wakeup = f"{service.wakeup}{'?' * service.wakeup_if_used}"
    arguments = [f"{{{word}}}" for word in service.arguments]
    fields = (service.name, service.transport.value, *flags, wakeup, str(service.process_limit))
    return " ".join((*fields, service.command, *arguments)) + "\n"
