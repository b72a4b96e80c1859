"""checks - the tables that headers and body are looked up in

DESCRIPTION
    Checks is opened by each process for all its messages. A table that
    cannot answer makes the message one to be tried again.

SEE ALSO
    header_checks(5)
    spec/cleanup-behaviour.md, section 6
"""

from collections.abc import Collection
from itertools import compress

from cleanup import action
from cleanup.action import MILTER_TABLE, Origin, Outcome
from cleanup.message import MILTER, Message
from common.config import MainCf, decoded
from common.log import Log
from common.mime import Segment
from common.params import CleanupParams
from common.status import Status
from common.tables import Options, Table, TableError, import_types
from common.tables.maps import Maps

BODY = "body_checks"
TABLES = {
    Segment.PRIMARY: "header_checks",
    Segment.MIME: "mime_header_checks",
    Segment.NESTED: "nested_header_checks",
    Segment.BODY: BODY,
}
# Headers that are a part's own, wherever they stand.
MIME_HEADERS = {
    *(b"content-description", b"content-disposition", b"content-id", b"mime-version"),
    *(b"content-transfer-encoding", b"content-type"),
}


class Checks:
    """The tables, and what they say."""

    def __init__(self, params: CleanupParams, main_cf: MainCf, log: Log) -> None:
        """Open them."""
        options = Options(log, main_cf)  # whatever bytes there are
        opened: dict[str, Table] = {}  # mostly one for all headers
        self._maps = {
            name: Maps(name, names(params, name), options, opened) for name in TABLES.values()
        }
        self._tables = list(opened.values())
        self._are_there = any(self._maps.values())
        self._log = log
        self._outdated = False
        self.body_limit = params.body_checks_size_limit
        self.body = bool(self._maps[BODY])
        self._general = self._maps[TABLES[Segment.PRIMARY]]
        self._mime = self._maps[TABLES[Segment.MIME]]

    def __bool__(self) -> bool:
        return self._are_there

    @property
    def headers(self) -> bool:
        """Whether any headers are looked up."""
        return any(maps for name, maps in self._maps.items() if name != BODY)

    def header(self, message: Message, segment: Segment, text: bytes) -> Outcome:
        """Do what is said of a header, its lines joined by newlines."""
        if segment is not Segment.MIME and text.partition(b":")[0].lower() in MIME_HEADERS:
            segment = Segment.MIME
        return self._apply(message, Origin("header", TABLES[segment], text))

    def rules_out(self, kinds: Collection[bytes], headers: Collection[tuple[bytes, bytes]]) -> bool:
        """Tell whether a look is enough to see that nothing is said of primary headers.

        kinds: their names in lower case; headers: names and what stands behind the colon.
        """
        texts = [b"%b:%b" % header for header in headers]
        if MIME_HEADERS.isdisjoint(kinds):
            return self._general.rules_out(texts)
        of_parts = [kind in MIME_HEADERS for kind in kinds]
        others = [not one for one in of_parts]
        return self._general.rules_out([*compress(texts, others)]) and self._mime.rules_out(
            [*compress(texts, of_parts)]
        )

    def line(self, message: Message, text: bytes) -> Outcome:
        """Do what is said of a line of the body."""
        return self._apply(message, Origin("body", BODY, text))

    def outdated(self) -> bool:
        """Tell whether a table has changed since this process read it, and log that once."""
        if not self._outdated:
            changed = [table for table in self._tables if table.changed()]
            if changed:
                self._outdated = True
                self._log.info(f"table {changed[0].name} has changed -- restarting")
        return self._outdated

    def _apply(self, message: Message, origin: Origin) -> Outcome:
        return apply(self._maps[origin.table], message, origin)


class MilterChecks:
    """The tables for headers that Milters make."""

    def __init__(self, params: CleanupParams, main_cf: MainCf, log: Log) -> None:
        """Open them."""
        self._maps = Maps(MILTER_TABLE, names(params, MILTER_TABLE), Options(log, main_cf))
        self._log = log
        self._outdated = False

    @classmethod
    def of(cls, params: CleanupParams, main_cf: MainCf, log: Log) -> "MilterChecks | None":
        """Open them; None if there are none."""
        return cls(params, main_cf, log) if names(params, MILTER_TABLE) else None

    def header(self, message: Message, text: bytes) -> bytes | None:
        """Do what is said of a header; return what is to be stored in its place, if anything."""
        if not message.options & MILTER:
            return text  # another check has spoken
        return apply(self._maps, message, Origin("header", MILTER_TABLE, text)).text

    def outdated(self) -> bool:
        """Tell whether a table has changed since this process read it, and log that once."""
        if not self._outdated and (table := self._maps.changed()):
            self._outdated = True
            self._log.info(f"table {table.name} has changed -- restarting")
        return self._outdated


def apply(maps: Maps, message: Message, origin: Origin) -> Outcome:
    """Do what a table says of a text."""
    try:
        answer = maps.find(decoded(origin.text.partition(b"\0")[0]))
    except TableError:
        message.warn(f"{origin.table} map lookup problem -- message not accepted, try again later")
        message.refuse(Status.WRITE_FAILED)
        return Outcome(None)
    return Outcome(origin.text) if answer is None else action.act(message, origin, answer)


def names(params: CleanupParams, parameter: str) -> tuple[str, ...]:
    """Return the names of a parameter's tables."""
    found: tuple[str, ...] = getattr(params, parameter)
    return found


def prepare(params: CleanupParams) -> None:
    """Import what the tables need, in master."""
    parameters = (*TABLES.values(), MILTER_TABLE)
    import_types(name for parameter in parameters for name in names(params, parameter))
