"""services - the lines of master.cf

DESCRIPTION
    parse() turns the text of master.cf into Service objects and refuses the
    first mistake, with file and line. It is pure: which programs exist and
    which addresses can be bound is found out elsewhere.

SEE ALSO
    spec/config-syntax.md, section 3
    spec/master-protocol.md, section 1.4
"""

import enum
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from common.config import BLANKS, LogicalLine, logical_lines, strange_start
from common.errors import ConfigError
from master.arguments import split_arguments

WAKEUP = re.compile(r"([0-9]{1,10})(\?)?\Z", re.ASCII)
NUMBER = re.compile(r"[0-9]{1,10}\Z", re.ASCII)  # more is no number of seconds, nor of processes
COLUMN_END = re.compile(f"[{BLANKS}]+")
COLUMNS = 8


class Transport(enum.Enum):
    """The second column of master.cf."""

    INET = "inet"
    UNIX = "unix"
    DATAGRAM = "unix-dgram"
    FIFO = "fifo"
    PASS = "pass"


@dataclass(frozen=True, slots=True)
class Defaults:
    """What "-" means where main.cf has a say."""

    process_limit: int = 100
    chroot: bool = False


@dataclass(frozen=True, slots=True)
class Service:
    """One line of master.cf; two are equal if they say the same, wherever they stand."""

    name: str
    transport: Transport
    private: bool
    unprivileged: bool
    chroot: bool
    wakeup: int  # seconds between two wake-ups, 0 for none
    wakeup_if_used: bool
    process_limit: int  # 0 for none
    command: str
    arguments: tuple[str, ...]
    origin: str = field(compare=False)  # "FILE, line N"

    @property
    def endpoint(self) -> str:
        """Where clients find it: a path below the queue directory, or the name itself."""
        if self.transport is Transport.INET:
            return self.name
        return f"{'private' if self.private else 'public'}/{self.name}"

    @property
    def key(self) -> tuple[str, Transport]:
        """What makes it this service and no other."""
        return self.endpoint, self.transport

    def words(
        self, *, sockets: int = 1, verbose: bool = False, stress: str | None = None
    ) -> list[str]:
        """Return the command line that Postfix's master would give its process.

        stress is None for a service that no remote client can reach.
        """
        words = [self.command]
        words += {0: ["-z"], 1: ["-l"]}.get(self.process_limit, [])
        words += ["-n", self.name] if Path(self.command).name != self.name else []
        words += ["-t", self.transport.value]
        words += ["-v"] * verbose + ["-u"] * self.unprivileged + ["-c"] * self.chroot
        words += [] if stress is None else ["-o", f"stress={stress}"]
        words += ["-s", str(sockets)] if sockets > 1 else []
        return [*words, *self.arguments]


@dataclass(frozen=True, slots=True)
class MasterCf:
    """The services of one master.cf, and what deserves a warning."""

    services: tuple[Service, ...]
    warnings: tuple[str, ...]


def parse(text: str, path: Path, defaults: Defaults) -> MasterCf:
    """Return the services; of two with one endpoint the last counts.

    Raises:
        ConfigError: the first line that cannot be used.
    """
    found: dict[tuple[str, Transport], Service] = {}
    warnings = []
    for line in logical_lines(text):
        origin = f"{path}, line {line.number}"
        if line.text[0] in BLANKS:
            warnings.append(f"{origin}: {strange_start(line)}")
            continue
        service = parse_line(line, origin, defaults)
        if service.key in found:
            shown = f'"{service.name}" ({service.endpoint})'
            warnings.append(f"{origin}: duplicate entry for service {shown}: this one is used")
        found[service.key] = service
    return MasterCf(tuple(found.values()), tuple(warnings))


def parse_line(line: LogicalLine, origin: str, defaults: Defaults) -> Service:
    """Return the service of one logical line."""
    fields = COLUMN_END.split(line.text.strip(BLANKS), COLUMNS - 1)
    if len(fields) < COLUMNS:
        raise ConfigError(f"{origin}: bad field count")
    columns = Columns(origin, COLUMN_END.sub(" ", line.text.strip(BLANKS)))
    name, kind, private, unprivileged, chroot, wakeup, process_limit, rest = fields
    transport = columns.transport(kind)
    seconds, if_used = columns.wakeup(wakeup)
    command, *arguments = split_arguments(rest, origin)
    service = Service(
        name=columns.name(name, transport),
        transport=transport,
        private=columns.flag("private", private, default=True),
        unprivileged=columns.flag("unprivileged", unprivileged, default=True),
        chroot=columns.flag("chroot", chroot, default=defaults.chroot),
        wakeup=seconds,
        wakeup_if_used=if_used,
        process_limit=columns.process_limit(process_limit, defaults.process_limit),
        command=columns.command(command),
        arguments=tuple(arguments),
        origin=origin,
    )
    if transport is Transport.INET and service.private:
        raise ConfigError(f"{origin}: inet service {name} cannot be private")
    return service


@dataclass(frozen=True, slots=True)
class Columns:
    """The converters of one line's fields; each knows how to complain."""

    origin: str
    line: str

    def name(self, text: str, transport: Transport) -> str:
        """Return the service name; as a path it stays inside its directory."""
        if transport is not Transport.INET and (text[0] == "/" or ".." in text.split("/")):
            raise self._invalid("service name", text)
        return text

    def transport(self, text: str) -> Transport:
        """Return the type of the endpoint."""
        try:
            return Transport(text)
        except ValueError:
            raise self._invalid("type", text) from None

    def flag(self, name: str, text: str, *, default: bool) -> bool:
        """Return y or n as a truth value."""
        choices = {"y": True, "n": False, "-": default}
        if text not in choices:
            raise self._invalid(name, text)
        return choices[text]

    def wakeup(self, text: str) -> tuple[int, bool]:
        """Return the seconds, and whether an unused service is left alone."""
        match = WAKEUP.match("0" if text == "-" else text)
        if not match:
            raise self._invalid("wakeup", text)
        return int(match[1]), bool(match[2])

    def process_limit(self, text: str, default: int) -> int:
        """Return the number of processes, 0 for no limit."""
        if text == "-":
            return default
        if not NUMBER.match(text):
            raise self._invalid("process_limit", text)
        return int(text)

    def command(self, text: str) -> str:
        """Return the program's name; it has no default."""
        if text == "-":
            raise self._invalid("command", text)
        return text

    def _invalid(self, name: str, text: str) -> ConfigError:
        return ConfigError(f'{self.origin}: invalid {name} field "{text}" in "{self.line}"')


def disabled(service: Service, patterns: Iterable[str]) -> bool:
    """Tell whether master_service_disable names it: as TYPE, NAME/TYPE, or not at all by !."""
    names = {service.transport.value, f"{service.name}/{service.transport.value}"}
    for pattern in patterns:
        plain = pattern.lstrip("!")
        if plain in names:
            return (len(pattern) - len(plain)) % 2 == 0
    return False
