"""milters - which Milters mail is shown to, and what they are told

DESCRIPTION
    MilterRules holds what the configuration says, prepared once for all
    processes: a Service for each element of non_smtpd_milters, in order, and
    the macros of each event. An element is inet:host:port, inet:port@host,
    inet6:..., unix:path (local:path), or one of these in braces with options
    that stand for the parameters of the same name, milter_ left out.

SEE ALSO
    postconf(5), non_smtpd_milters
"""

import socket
from collections.abc import Mapping
from typing import NamedTuple

from common.config import encoded, parse_assignment
from common.errors import ConfigError
from common.milter_terms import Event
from common.params import PARAMETERS, CleanupParams
from common.sandbox.needs import NOTHING, SERVER, Needs
from common.tables.braces import unbraced
from common.values import parse_string, parse_time, split_words

Names = Mapping[Event, tuple[bytes, ...]]  # of macros

OPTIONS = ("connect_timeout", "command_timeout", "content_timeout", "protocol", "default_action")

# Mail that does not come by smtpd is shown as from this client, as Postfix does.
CLIENT_NAME, CLIENT_ADDRESS = b"localhost", b"127.0.0.1"
FIXED_MACROS = {
    b"_": b"%b [%b]" % (CLIENT_NAME, CLIENT_ADDRESS),
    b"{client_name}": CLIENT_NAME,
    b"{client_ptr}": CLIENT_NAME,
    b"{client_addr}": CLIENT_ADDRESS,
    b"{client_port}": b"0",
    b"{daemon_addr}": CLIENT_ADDRESS,
    b"{daemon_port}": b"0",
}


CLIENT_MACROS = {
    b"{client_name}": b"client_name",
    b"{client_ptr}": b"reverse_client_name",
    b"{client_addr}": b"client_address",
    b"{client_port}": b"client_port",
    b"{daemon_addr}": b"server_address",
    b"{daemon_port}": b"server_port",
}


class Service(NamedTuple):
    """Where a Milter is, and how it is dealt with; times in seconds."""

    name: str  # as in the log
    family: int
    address: str | tuple[str, str]  # a path, or host and port
    connect_timeout: float
    command_timeout: float
    content_timeout: float
    version: int
    default_action: str

    @classmethod
    def parse(cls, text: str, params: CleanupParams) -> "Service":
        """Return what one element of the list says.

        Raises:
            ConfigError: it cannot be understood.
        """
        words = split_words(unbraced(text)) if text.startswith("{") else (text,)
        name, *options = words or ("",)
        values = {option: getattr(params, f"milter_{option}") for option in OPTIONS}
        for option in options:
            key, value = parse_assignment(
                unbraced(option) if option.startswith("{") else option, "non_smtpd_milters"
            )
            values[key] = parse_option(key, value)
        family, address = parse_place(name)
        version = int(values.pop("protocol"))
        return cls(name, family, address, version=version, **values)


def parse_option(name: str, text: str) -> float | str:
    """Return the value of an option in braces.

    Raises:
        ConfigError: there is no such option, or no such value of it.
    """
    if name not in OPTIONS:
        raise ConfigError(f"non_smtpd_milters: unknown option: {name}")
    parameter = PARAMETERS[f"milter_{name}"]
    convert = parse_time if name.endswith("_timeout") else parse_string
    try:
        return convert(parameter, text)
    except ValueError as error:
        raise ConfigError(f"non_smtpd_milters: {error}") from None


def parse_place(name: str) -> tuple[int, str | tuple[str, str]]:
    """Return family and address of "type:place".

    Raises:
        ConfigError: it is none.
    """
    kind, colon, place = name.partition(":")
    if colon and place and kind in ("unix", "local"):
        return socket.AF_UNIX, place
    if colon and kind in ("inet", "inet6"):
        if "@" in place:
            port, _, host = place.partition("@")
        else:
            host, _, port = place.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if host and port:
            return (socket.AF_INET6 if kind == "inet6" else socket.AF_UNSPEC), (host, port)
    raise ConfigError(f'non_smtpd_milters: expected inet:host:port or unix:path: "{name}"')


class MilterRules(NamedTuple):
    """What the configuration says about Milters."""

    services: tuple[Service, ...]
    macros: Names  # that go with an event
    values: Mapping[bytes, bytes]  # of macros that are the same for all messages
    defaults: Mapping[bytes, bytes]  # of macros that have no value

    @classmethod
    def of(cls, params: CleanupParams) -> "MilterRules | None":
        """Prepare them; None if there are no Milters.

        Raises:
            ConfigError: they cannot be understood.
        """
        if not params.non_smtpd_milters:
            return None
        import encodings.idna  # noqa: F401  # a host's name goes through it, perhaps in a jail

        data, header = params.milter_end_of_data_macros, params.milter_end_of_header_macros
        names = {
            Event.CONNECT: params.milter_connect_macros,
            Event.HELO: params.milter_helo_macros,
            Event.MAIL: params.milter_mail_macros,
            Event.RECIPIENT: params.milter_rcpt_macros,
            Event.DATA: params.milter_data_macros,
            **dict.fromkeys((Event.HEADER, Event.END_OF_HEADER), header),
            **dict.fromkeys((Event.BODY, Event.END_OF_BODY), data),
        }
        defaults = [default_macro(text) for text in params.milter_macro_defaults]
        return cls(
            services=tuple(Service.parse(one, params) for one in params.non_smtpd_milters),
            macros={event: tuple(map(encoded, words)) for event, words in names.items()},
            values={**FIXED_MACROS, **own_macros(params)},
            defaults=dict(defaults),
        )

    @property
    def needs(self) -> Needs:
        """What must stay open to reach them."""
        return SERVER if any(one.family != socket.AF_UNIX for one in self.services) else NOTHING

    @classmethod
    def handed(
        cls, params: CleanupParams, macros: Names, defaults: Mapping[bytes, bytes]
    ) -> "MilterRules":
        """Return those of Milters that come with their message, and with names of macros."""
        return cls(services=(), macros=macros, values=own_macros(params), defaults=defaults)


def own_macros(params: CleanupParams) -> dict[bytes, bytes]:
    """Return the macros that tell about this host."""
    return {
        b"j": encoded(params.myhostname),
        b"v": encoded(params.milter_macro_v),
        b"{daemon_name}": encoded(params.milter_macro_daemon_name),
    }


def client_macros(known: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """Return the macros that tell about the client, by the attributes of its message."""
    found = {macro: known[name] for macro, name in CLIENT_MACROS.items() if name in known}
    name, reverse = known.get(b"client_name", b""), known.get(b"reverse_client_name", b"")
    if reverse and b"client_address" in known:
        doubt = b"" if name.lower() == reverse.lower() else b" (may be forged)"
        found[b"_"] = b"%b [%b]%b" % (reverse, known[b"client_address"], doubt)
    return found


def default_macro(text: str) -> tuple[bytes, bytes]:
    """Return name and value of "name=value", of which all may stand in braces, or the name.

    Raises:
        ConfigError: it is no such pair.
    """
    if text.startswith("{") and text.endswith("}"):
        text = unbraced(text)
    name, value = parse_assignment(text, "milter_macro_defaults")
    return macro_name(encoded(name)), encoded(value)


def macro_name(name: bytes) -> bytes:
    """Return a macro's name as it is looked up: braces around all but single letters."""
    plain = name.removeprefix(b"{").removesuffix(b"}")
    return plain if len(plain) == 1 else b"{%b}" % plain
