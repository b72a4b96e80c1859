"""perform - do what a request asks for

SEE ALSO
    commands.conf.request
"""

import errno
import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from commands.complaints import Complaints
from commands.conf import edit_main, edit_master, entries, settings
from commands.conf.entries import FIELDS, Entry, as_bytes, matching, parameters_of_all
from commands.conf.folding import setting
from commands.conf.request import Request
from commands.conf.scan import Scan
from commands.conf.settings import READ_ONLY, Settings
from common.config import MainCf
from common.errors import ConfigError

LOCK_TYPES = ("flock", "fcntl", "dotlock")


SHAPES = {
    "M": "service_name[/type]",
    "F": "service_name[/type[/field]]",
    "P": "service_name[/type[/parameter]]",
}


@dataclass(frozen=True, slots=True)
class Answers:
    """The services of master.cf, as they are to be shown."""

    request: Request
    services: list[Entry]
    warn: Callable[[str], None]

    def chosen(
        self, letter: str, count: int, has: Callable[[Entry, str], bool]
    ) -> Iterator[tuple[Entry, str]]:
        """Yield each service that an argument asks for, and the part of it; "*" for all parts.

        Raises:
            ConfigError: an argument asks for nothing that there could be.
        """
        arguments = self.request.arguments or ["*"]
        wanted = [(text, parts(text, letter, count)) for text in arguments]
        matched = set[str]()
        for entry in self.services:
            for text, (name, kind, part) in wanted:
                if matching([entry], name, kind) and (part == "*" or has(entry, part)):
                    matched.add(text)
                    yield entry, part
        for text in self.request.arguments:
            if text not in matched:
                self.warn(f'unmatched request: "{text}"')


def parts(text: str, letter: str, count: int) -> list[str]:
    """Return service, type and what follows; what is missing is "*".

    Raises:
        ConfigError: it is no such request.
    """
    found = text.split("/")
    if not found[0] or len(found) > count:
        raise ConfigError(f"-{letter} option requires {SHAPES[letter]}")
    found += ["*"] * (3 - len(found))
    if letter == "F":
        edit_master.require_field(found[2], wild=True)
    return found


def perform(request: Request, complaints: Complaints, output: BinaryIO) -> None:
    """Do it.

    Raises:
        ConfigError, MacroError: it cannot be done.
    """
    if "l" in request:
        lines: Iterable[str] = LOCK_TYPES
    elif "m" in request:
        lines = table_types()
    elif request.edits:
        edit(request, complaints)
        return
    else:
        lines = answers(request, complaints)
    for line in lines:
        output.write(as_bytes(line))


def table_types() -> list[str]:
    """Return the types of lookup tables that can be opened here."""
    from common.tables import table_types as found  # nobody else needs them here

    return sorted(found())


def edit(request: Request, complaints: Complaints) -> None:
    """Change a file.

    Raises:
        ConfigError: it cannot be done; the file is as it was.
    """
    if not request.arguments:
        raise ConfigError(
            "-e requires name=value argument" if "e" in request else "missing service argument"
        )
    if request.letters & set("MFP"):
        edit_master.edit(request, complaints.warning)
    else:
        edit_main.edit(request, complaints.warning)


def answers(request: Request, complaints: Complaints) -> Iterator[str]:
    """Yield lines that show what was asked for."""
    found, services = read(request, complaints)
    scan = Scan(found, services, complaints.warning)
    if "d" not in request:
        scan.run()
    if in_master_cf := request.letters & set(SHOW):
        shown = list(expanded(services, request, found))
        yield from SHOW[in_master_cf.pop()](request, Answers(request, shown, complaints.warning))
    else:
        yield from show_settings(request, found, complaints)
    if "d" not in request:
        scan.tell(main=not request.letters & set(SHOW))


def read(request: Request, complaints: Complaints) -> tuple[Settings, list[Entry]]:
    """Return main.cf, unless defaults are asked for, and master.cf.

    Raises:
        ConfigError: one of them cannot be read.
    """
    if "d" in request:
        main_cf = MainCf(request.config_dir / "main.cf")
    else:
        main_cf = settings.read(request.config_dir, request.overrides, complaints.warning)
    services = read_master_cf(request, complaints)
    known = settings.built_in()
    return Settings(main_cf, known, settings.of_services(services)), services


def read_master_cf(request: Request, complaints: Complaints) -> list[Entry]:
    """Return the services; there may be none if main.cf alone is asked for."""
    path = request.config_dir / "master.cf"
    if not request.letters & set("MFP") and not path.exists():
        complaints.warning(f"open {path}: {os.strerror(errno.ENOENT)}")
        return []
    return entries.read(path, complaints.warning)


def show_settings(request: Request, found: Settings, complaints: Complaints) -> Iterator[str]:
    """Yield parameters of main.cf."""
    for name in request.arguments or found.names(request.classes):
        if not found.is_known(name):
            complaints.warning(f"{name}: unknown parameter")
        elif "n" not in request or found.is_set(name):
            yield shown(request, name, found.raw(name) or "", found)


def shown(request: Request, name: str, value: str, found: Settings) -> str:
    """Return one parameter as it was asked for."""
    if "x" in request and "H" not in request and not found.is_raw(name):
        value = found.expand(value)
    if "j" in request:
        return as_json({"name": name}, value, request)
    if "H" in request:
        return name
    return setting(name, value, fold="f" in request, names="h" not in request)


def as_json(name: dict[str, str], value: str, request: Request) -> str:
    """Return one object of JSON on a line."""
    parts = {} if "h" in request else dict(name)
    if "H" not in request:
        parts["value"] = " ".join(value.split())
    return json.dumps(parts)


def show_services(request: Request, answers: Answers) -> Iterator[str]:
    """Yield lines of master.cf."""
    for entry, _ in answers.chosen("M", 2, lambda entry, part: True):
        if "j" in request:
            names = dict(zip(FIELDS, entry.fields, strict=False))
            yield json.dumps({**names, "command": entry.field("command")})
        else:
            yield entry.shown(fold="f" in request)


def show_fields(request: Request, answers: Answers) -> Iterator[str]:
    """Yield fields of services."""
    for entry, part in answers.chosen("F", 3, lambda entry, part: True):
        for name in FIELDS if part == "*" else (part,):
            yield field(request, entry, name)


def field(request: Request, entry: Entry, name: str) -> str:
    """Return one field as it was asked for."""
    if "j" in request:
        return as_json(of_service(entry, "field", name), entry.field(name), request)
    if "H" in request:
        return f"{entry.key}/{name}"
    label = "" if "h" in request else f"{entry.key}/{name} ="
    return entry.field(name, label=label, fold="f" in request)


def show_parameters(request: Request, answers: Answers) -> Iterator[str]:
    """Yield what "-o" options of services set."""
    together = parameters_of_all(answers.services)
    setting_any = list(with_parameters(answers.services))
    for entry, part in answers.chosen("P", 3, lambda entry, part: part in together[entry.key]):
        for name, value in sorted(together[entry.key].items()) if entry in setting_any else ():
            if part in ("*", name) and name not in READ_ONLY:
                yield parameter(request, entry, name, value)


def with_parameters(services: Iterable[Entry]) -> Iterator[Entry]:
    """Yield services that set parameters, or stand behind another of the same name that does."""
    keys = set[str]()
    for entry in services:
        if entry.parameters():
            keys.add(entry.key)
        if entry.key in keys:
            yield entry


def parameter(request: Request, entry: Entry, name: str, value: str) -> str:
    """Return one parameter of a service as it was asked for."""
    if "j" in request:
        return as_json(of_service(entry, "parameter", name), value, request)
    if "H" in request:
        return f"{entry.key}/{name}"
    label = f"{entry.key}/{name}"
    return setting(label, value, fold="f" in request, names="h" not in request)


SHOW = {"M": show_services, "F": show_fields, "P": show_parameters}


def of_service(entry: Entry, what: str, name: str) -> dict[str, str]:
    """Return the parts of a name in master.cf."""
    return {"service": entry.name, "type": entry.kind, what: name}


def expanded(services: list[Entry], request: Request, found: Settings) -> Iterator[Entry]:
    """Yield services, with what their options set expanded if that was asked for."""
    together = parameters_of_all(services)
    for entry in services:
        if "x" not in request:
            yield entry
            continue
        own = together[entry.key]
        inner = Settings(found.main_cf.override(own, entry.key), found.built_in, found.of_services)
        copy = Entry(list(entry.fields), list(entry.words))
        for place, name, value in entry.settings():
            text = value if found.is_raw(name) else inner.expand(value)
            copy.words[place + 1] = f"{name}={text}"
        yield copy
