"""addresses - what becomes of addresses in the envelope and in headers

DESCRIPTION
    Addresses is opened by each process for all its messages, if any of its
    parameters asks for something. Completing comes first and is no part of
    this: see rewrite.

SEE ALSO
    spec/cleanup-behaviour.md, sections 2 and 5
"""

from collections.abc import Callable, Iterable
from functools import partial

from cleanup.address_list import Mapping
from cleanup.address_rules import ALIASES, CANONICAL, COPIES, MAPS, words
from cleanup.aliases import Aliases
from cleanup.canonical import Canonical, Masquerade
from cleanup.mapping import AddressMaps, Site
from cleanup.message import BCC_OK, MAP_OK, Message
from cleanup.rewrite import Rewriter
from common.config import MainCf
from common.lists import WordList
from common.log import Log
from common.own_addresses import Number, own_addresses
from common.params import PLACES, AddressParams, CleanupParams
from common.status import Status
from common.tables import Options, TableError, import_types
from common.tables.postponed import Postponed

Step = Callable[[Message, bytes], tuple[bytes, bool]]


class Addresses:
    """The tables and rules for addresses."""

    def __init__(
        self,
        params: AddressParams,
        rewriter: Rewriter,
        own: frozenset[Number],
        main_cf: MainCf,
        log: Log,
    ) -> None:
        """Open them; own: the addresses of this host."""
        self._complaints = Postponed(log)
        options = Options.of(main_cf, self._complaints)
        site = Site.of(params, rewriter, own, options)
        extending = params.propagate_unmatched_extensions

        def opened(parameter: str, table: str) -> AddressMaps:
            extends = table in extending
            return AddressMaps(parameter, words(params, parameter), options, site, extends=extends)

        self._log = log
        self._steps: dict[str, list[Step]] = {place: [] for place in PLACES}
        canonical = {name: opened(name, "canonical") for name in CANONICAL}
        for name, classes in CANONICAL.items():
            if canonical[name]:
                self._add(Canonical(canonical[name]), words(params, classes))
        exceptions = WordList("masquerade_exceptions", params.masquerade_exceptions, options)
        if params.masquerade_domains:
            masquerade = Masquerade(params.masquerade_domains, exceptions)
            self._add(masquerade, params.masquerade_classes)
        aliases = opened(ALIASES, "virtual")
        self._aliases = Aliases(aliases, params) if aliases else None
        self._copies = {name: opened(name, "") for name in COPIES}
        self._tables = [
            *(table for maps in (*canonical.values(), aliases) for table in maps.maps.tables),
            *(table for maps in self._copies.values() for table in maps.maps.tables),
            *site.destinations.tables,
            *exceptions.tables,
        ]

    def envelope_sender(self, message: Message, sender: bytes) -> bytes:
        """Return the sender as it is queued."""
        return self._apply("envelope_sender", message, sender)[0]

    def envelope_recipient(self, message: Message, recipient: bytes) -> bytes:
        """Return the recipient before aliases."""
        return self._apply("envelope_recipient", message, recipient)[0]

    def in_header(self, message: Message, place: str) -> Mapping | None:
        """Return what changes addresses in headers there, None if nothing does."""
        if not (self._steps[place] and message.options & MAP_OK):
            return None
        return partial(self._apply, place, message)

    def expanded(self, message: Message, recipient: bytes) -> list[bytes]:
        """Return the recipients that one stands for, mostly itself."""
        if self._aliases and message.options & MAP_OK:
            return self._aliases.recipients(message, recipient)
        return [recipient]

    def sender_copy(self, message: Message) -> bytes:
        """Return who gets a copy because of the sender; empty if nobody does."""
        return self._copy("sender_bcc_maps", message, message.sender or b"")

    def recipient_copy(self, message: Message, recipient: bytes) -> bytes:
        """Return who gets a copy because of a recipient; empty if nobody does."""
        return self._copy("recipient_bcc_maps", message, recipient)

    def begin(self) -> None:
        """Say what is wrong with the tables, now that a client has come."""
        self._complaints.release()

    def outdated(self) -> bool:
        """Tell whether a table has changed since this process read it, and log that."""
        changed = [table for table in self._tables if table.changed()]
        if changed:
            self._log.info(f"table {changed[0].name} has changed -- restarting")
        return bool(changed)

    def _add(self, step: Step, places: Iterable[str]) -> None:
        for place in set(places):
            self._steps[place].append(step)

    def _apply(self, place: str, message: Message, internal: bytes) -> tuple[bytes, bool]:
        changed = False
        if message.options & MAP_OK:
            for step in self._steps[place]:
                internal, this_changed = step(message, internal)
                changed = changed or this_changed
        return internal, changed

    def _copy(self, parameter: str, message: Message, internal: bytes) -> bytes:
        maps = self._copies[parameter]
        if not (maps and internal and message.options & BCC_OK):
            return b""
        try:
            found = maps.find(internal)
        except TableError:
            message.warn(f"{parameter} map lookup problem -- message not accepted, try again later")
            message.refuse(Status.WRITE_FAILED)
            return b""
        return found.value if found else b""


def prepare(params: CleanupParams, rewriter: Rewriter) -> Callable[[MainCf, Log], Addresses]:
    """Return what opens them in a process; done once, in master."""
    import_types(word for name in MAPS for word in words(params, name))
    import_types((*params.mydestination, *params.masquerade_exceptions))
    own = own_addresses(params, params.proxy_interfaces)
    return partial(Addresses, params, rewriter, own)
