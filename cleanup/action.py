"""action - what a header or body check says, and what that means

DESCRIPTION
    A table's answer is a word and its argument: "REJECT 5.7.0 go away". The
    word's case does not matter. What an action does to the message is done
    here; what becomes of the text that was looked at, the caller learns.

SEE ALSO
    header_checks(5)
    spec/cleanup-behaviour.md, section 6
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from cleanup.message import Message
from common.config import encoded
from common.log import printable
from common.mime import HEADER
from common.status import Status

MILTER_TABLE = "milter_header_checks"
SHOWN, MILTER_SHOWN = 200, 60  # bytes of the text in the log
# Three numbers; the first is the class of the status.
DSN = re.compile(r"([245])(\.\d{1,3}\.\d{1,3})(?:\s+|\Z)")
DEFAULT_DSN, DEFAULT_TEXT = "5.7.1", "message content rejected"


class Origin(NamedTuple):
    """Where a text stands, and whose table speaks of it."""

    what: str  # header, body
    table: str  # the parameter
    text: bytes

    @property
    def by_milter(self) -> bool:
        """Whether a Milter has made the text."""
        return self.table == MILTER_TABLE


class Outcome(NamedTuple):
    """What is to be stored in place of the text: nothing, it, another; and a line before it."""

    text: bytes | None
    before: bytes | None = None


def act(message: Message, origin: Origin, answer: str) -> Outcome:
    """Do what a table says of a text."""
    word, *rest = answer.split(None, 1)
    argument = rest[0] if rest else ""
    handler = HANDLERS.get(word.upper())
    if origin.by_milter:
        handler = MILTER_HANDLERS.get(word.upper(), handler)
    if handler is None:
        problem = "unsupported" if origin.by_milter else "unknown"
        message.log.warning(f"{problem} command in {origin.table} map: {answer}")
        return Outcome(origin.text)
    return handler(message, origin, argument)


def report(message: Message, origin: Origin, verb: str, detail: str) -> None:
    """Log an action."""
    if origin.by_milter:
        shown = printable(origin.text[:MILTER_SHOWN])
        message.note(f"milter-header-{verb}: header {shown} from {sent_by(message)}: {detail}")
        return
    shown = printable(origin.text.partition(b"\0")[0][:SHOWN])
    detail = f": {detail}" if detail else ""
    message.note(f"{verb}: {origin.what} {shown} from {sent_by(message)}{detail}")


def sent_by(message: Message, *, protocol: bool = True) -> str:
    """Return who sent the message to whom, for the log."""
    known = message.attributes()
    text = printable(known.get(b"log_message_origin", b"local")) + ";"
    if message.sender is not None:
        text += f" from=<{message.shown(message.sender)}>"
    if message.last_recipient is not None:
        text += f" to=<{message.shown(message.last_recipient)}>"
    if protocol and b"log_protocol_name" in known:
        text += f" proto={printable(known[b'log_protocol_name'])}"
    if protocol and b"log_helo_name" in known:
        text += f" helo=<{printable(known[b'log_helo_name'])}>"
    return text


def reject(message: Message, origin: Origin, argument: str) -> Outcome:
    """Refuse the message."""
    dsn, text = split_dsn(message, argument)
    text = f"{dsn} {text}"
    report(message, origin, "reject", text)
    status = Status.DEFERRED if dsn.startswith("4") else Status.CONTENT_REFUSED
    message.reason = b""
    message.refuse(status, encoded(text))
    message.end_checks()
    return Outcome(None if message.status else origin.text)


def split_dsn(message: Message, argument: str) -> tuple[str, str]:
    """Return status code and text of a refusal."""
    found = DSN.match(argument)
    if not found:
        return DEFAULT_DSN, argument or DEFAULT_TEXT
    code, text = found[1] + found[2], argument[found.end() :]
    if found[1] == "2":
        message.log.warning(f"bad DSN action in {argument} -- need 4.x.x or 5.x.x")
        code = "4" + found[2]
    return code, text


def discard(message: Message, origin: Origin, argument: str) -> Outcome:
    """Accept the message, and drop it."""
    report(message, origin, "discard", argument)
    message.discard = True
    message.end_checks()
    return Outcome(None)


def hold(message: Message, origin: Origin, argument: str) -> Outcome:
    """Keep the message in the hold queue; once is enough."""
    if not message.hold and not message.discard:
        report(message, origin, "hold", argument)
        message.hold = True
    return Outcome(origin.text)


def choose_filter(message: Message, origin: Origin, argument: str) -> Outcome:
    """Send the message through a content filter; the last one counts."""
    if not argument:
        message.log.warning(f"missing FILTER command argument in {origin.table} map")
    elif ":" not in argument:
        message.log.warning(
            f"bad FILTER command {argument} in {origin.table} -- need transport:destination"
        )
    else:
        report(message, origin, "filter", argument)
        message.content_filter = encoded(argument)
    return Outcome(origin.text)


def redirect(message: Message, origin: Origin, argument: str) -> Outcome:
    """Send the message to another recipient in place of all; the last one counts."""
    if "@" not in argument:
        message.log.warning(
            f'bad REDIRECT target "{argument}" in {origin.table} map -- need user@domain'
        )
    else:
        report(message, origin, "redirect", argument)
        message.redirect = encoded(argument)
        message.end_checks()
    return Outcome(origin.text)


def copy(message: Message, origin: Origin, argument: str) -> Outcome:
    """Send the message to one more recipient."""
    if "@" not in argument:
        message.log.warning(
            f'bad BCC address "{argument}" in {origin.table} map -- need user@domain'
        )
    else:
        report(message, origin, "bcc", argument)
        message.copies = (*message.copies, encoded(argument))
    return Outcome(origin.text)


def prepend(message: Message, origin: Origin, argument: str) -> Outcome:
    """Put a line before the text."""
    if not argument:
        message.log.warning(f"PREPEND action without text in {origin.table} map")
    elif is_fit(message, origin, "PREPEND", argument):
        report(message, origin, "prepend", argument)
        return Outcome(origin.text, encoded(argument))
    return Outcome(origin.text)


def prepend_to_milter(message: Message, origin: Origin, argument: str) -> Outcome:
    """Put nothing before a header that a Milter makes, as in Postfix, and say so."""
    outcome = prepend(message, origin, argument)
    if outcome.before is not None:
        message.log.warning("the milter_header/body_checks prepend action is not implemented")
    return Outcome(outcome.text)


def replace(message: Message, origin: Origin, argument: str) -> Outcome:
    """Store another text."""
    if not argument:
        message.log.warning(f"REPLACE action without text in {origin.table} map")
    elif is_fit(message, origin, "REPLACE", argument):
        report(message, origin, "replace", argument)
        return Outcome(encoded(argument))
    return Outcome(origin.text)


def is_fit(message: Message, origin: Origin, word: str, argument: str) -> bool:
    """Tell whether the new text may stand where it will."""
    if origin.what != "header" or HEADER.match(encoded(argument)):
        return True
    message.log.warning(
        f'bad {word} header text "{argument}" in {origin.table} map'
        ' -- need "headername: headervalue"'
    )
    return False


def strip(message: Message, origin: Origin, argument: str) -> Outcome:
    """Drop the text, and say so."""
    report(message, origin, "strip", argument)
    return Outcome(None)


def skip(message: Message, origin: Origin, argument: str) -> Outcome:
    """Look at nothing more in this message."""
    report(message, origin, "pass", argument)
    message.end_checks()
    return Outcome(origin.text)


def warn(message: Message, origin: Origin, argument: str) -> Outcome:
    """Log a warning."""
    report(message, origin, "warning", argument)
    return Outcome(origin.text)


def inform(message: Message, origin: Origin, argument: str) -> Outcome:
    """Log."""
    report(message, origin, "info", argument)
    return Outcome(origin.text)


HANDLERS: dict[str, Callable[[Message, Origin, str], Outcome]] = {
    "REJECT": reject,
    "WARN": warn,
    "INFO": inform,
    "FILTER": choose_filter,
    "PASS": skip,
    "DISCARD": discard,
    "HOLD": hold,
    "PREPEND": prepend,
    "REPLACE": replace,
    "REDIRECT": redirect,
    "BCC": copy,
    "STRIP": strip,
    "IGNORE": lambda message, origin, argument: Outcome(None),
    "DUNNO": lambda message, origin, argument: Outcome(origin.text),
    "OK": lambda message, origin, argument: Outcome(origin.text),
}
MILTER_HANDLERS: dict[str, Callable[[Message, Origin, str], Outcome] | None] = {
    "PASS": None,
    "PREPEND": prepend_to_milter,
}
