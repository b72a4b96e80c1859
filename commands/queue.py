"""queue - list the mail queue, as postqueue does

SYNOPSIS
    postroom queue -p | -j

DESCRIPTION
    -p prints the traditional listing: each message with its size, arrival
    time, sender and the recipients still to be served, under the reason why
    they wait. The id of a message in delivery is marked *, on hold !, and one
    that is to be returned at its next attempt #.

    -j prints one JSON object a line and message.

    The queue directory is read directly: no daemon needs to run, but the
    caller must be root or mail_owner. A damaged or misplaced file is named on
    standard error and the listing goes on.

DIAGNOSTICS
    Exit status 69 if the queue cannot be read, or for wrong usage.

SEE ALSO
    postqueue(1)
    spec/queue-file.md, section 12, for the logs of delays
"""

import contextlib
import getopt
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from common import address
from common.config import MainCf, encoded
from common.errors import ConfigError
from common.params import CleanupParams
from common.queue import LISTED, Place, QueueDirectory, QueueName
from common.queue_file import DamageError, Summary, split_attribute, text_of

USAGE = "usage: postroom queue -j | postroom queue -p"
UNAVAILABLE = 69  # EX_UNAVAILABLE, which postqueue gives for any trouble

# What is shown as a question mark; group 1 is let through. showq judges UTF-8 as loosely.
NOT_ASCII = re.compile(rb"()[^ -~]")
NOT_UTF8 = re.compile(rb"([\xc2-\xfe][\x80-\xbf]+)|[^ -~]")

REASON_WIDTH = 76  # columns that a reason is moved right to
OLD_DELAY = re.compile(rb"<(.*?)>: +(.*)", re.DOTALL)
NO_REASON = b"reason unavailable"


def main(config_dir: Path, verbose: int, arguments: list[str]) -> int:
    """Print the listing asked for; return the exit status."""
    try:
        options, rest = getopt.getopt(arguments, "c:jpv")
        config_dir = Path(dict(options).get("-c", config_dir))
        modes = [flag for flag, _ in options if flag in FORMATS]
        if rest or len(modes) != 1:
            raise getopt.GetoptError("exactly one of -j and -p is needed")
        print_queue(config_dir, FORMATS[modes[0]])
    except getopt.GetoptError as error:
        complain(f"fatal: {error}. {USAGE}")
    except ConfigError as error:
        complain(f"fatal: {error}")
    except BrokenPipeError:
        pass  # the reader has seen enough
    except OSError as error:
        complain(f"fatal: queue report unavailable: {error.filename}: {error.strerror}")
    else:
        return os.EX_OK
    return UNAVAILABLE


def print_queue(config_dir: Path, layout: "Layout") -> None:
    """Write the listing to standard output, message by message."""
    params = MainCf.read(config_dir).load(CleanupParams)  # they show as cleanup writes them
    os.stat(params.queue_directory)  # else a queue that is not there would be an empty one
    shown = Shown(
        null_address=encoded(params.empty_address_recipient),
        utf8=params.smtputf8_enable,
    )
    messages = read_queue(QueueDirectory.of(params), shown)
    # A stream of our own: one that a closed pipe stopped is not flushed again at exit.
    with open(sys.stdout.fileno(), "wb", closefd=False) as output:
        for piece in layout(messages, params.enable_long_queue_ids):
            output.write(piece)


class Waiting(NamedTuple):
    """A recipient as shown, and why it waits."""

    address: bytes
    reason: bytes  # empty if no attempt was logged


@dataclass(frozen=True, slots=True)
class Message:
    """One message as a listing shows it: external addresses, nothing unprintable."""

    place: Place
    summary: Summary
    sender: bytes
    recipients: list[Waiting]


def read_queue(directory: QueueDirectory, shown: "Shown") -> Iterator[Message]:
    """Yield the messages of all queues; complain about files that cannot be read."""
    for queue in LISTED:
        for place in directory.scan(queue):
            try:
                summary = directory.summary(place)
                if summary is not None:
                    yield message(directory, place, summary, shown)
            except DamageError as error:
                complain(f"warning: {place.path}: {error}")
            except OSError as error:
                complain(f"warning: open {place.path}: {error.strerror}")


def message(directory: QueueDirectory, place: Place, summary: Summary, shown: "Shown") -> Message:
    """Return a message with logged recipients first, then those without a log entry."""
    if summary.damage:
        complain(f"warning: {place.path}: {summary.damage}")
    log = directory.open_log(QueueName.DEFER, place.queue_id)
    recipients: list[Waiting] = []
    if log is not None:
        with log:
            recipients += read_delays(log, shown)
    logged = {one.address for one in recipients}
    others = (shown.external(one.address) for one in summary.recipients)
    recipients += [Waiting(one, b"") for one in others if one not in logged]
    return Message(place, summary, shown.external(summary.sender), recipients)


@dataclass(frozen=True, slots=True)
class Shown:
    """How addresses and texts from files are shown."""

    null_address: bytes
    utf8: bool

    def external(self, internal: bytes) -> bytes:
        """Return an address quoted as in a header, printable."""
        return self.printable(address.quote(internal or self.null_address))

    def printable(self, text: bytes) -> bytes:
        """Return text with each byte replaced by "?" that is not ASCII or UTF-8 text."""
        return (NOT_UTF8 if self.utf8 else NOT_ASCII).sub(lambda found: found[1] or b"?", text)


def read_delays(log: Iterable[bytes], shown: Shown) -> Iterator[Waiting]:
    """Yield recipients and reasons out of a defer log.

    An entry is a group of lines that a blank line ends: name=value, or the
    old form "<recipient>: reason". One without its blank line was not
    written to its end and does not count; nor does a line that makes no sense.
    """
    entry: dict[bytes, bytes] | None = None
    for raw in log:
        line = shown.printable(text_of(raw.removesuffix(b"\n")))
        if line:
            entry = {} if entry is None else entry
            entry.update(parse_delay(line))
        elif entry is not None:
            yield Waiting(
                entry.get(b"recipient") or b"(recipient address unavailable)",
                entry.get(b"reason") or b"(description unavailable)",
            )
            entry = None


def parse_delay(line: bytes) -> dict[bytes, bytes]:
    """Return what one line of a defer log tells: nothing, if it makes no sense."""
    found: dict[bytes, bytes] = {}
    if line[:1].isalnum():
        with contextlib.suppress(DamageError):
            name, value = split_attribute(line)
            found = {name: value}
    elif match := OLD_DELAY.match(line):
        found = {b"recipient": match[1], b"reason": match[2]}
    if found.get(b"recipient") == b"":
        found[b"recipient"] = b"(MAILER-DAEMON)"
    return found


Layout = Callable[[Iterable[Message], bool], Iterator[bytes]]


def as_table(messages: Iterable[Message], long_ids: bool) -> Iterator[bytes]:
    """Lay the messages out as people read them, in wider columns for long queue ids."""
    table = LONG if long_ids else SHORT
    count = total = 0
    for one in messages:
        if not count:
            yield table.heading
        yield table.first_line(one)
        yield from recipient_lines(one.recipients, table)
        yield b"\n"
        count += 1
        total += one.summary.size
    if count:
        plural = b"" if count == 1 else b"s"
        yield b"-- %d Kbytes in %d Request%b.\n" % (total // 1024, count, plural)
    else:
        yield b"Mail queue is empty\n"


@dataclass(frozen=True, slots=True)
class Table:
    """The columns of the traditional listing."""

    id_width: int
    size_width: int
    time_width: int
    heading: bytes

    def first_line(self, one: Message) -> bytes:
        """Return the line of the message itself."""
        mark = {QueueName.ACTIVE: "*", QueueName.HOLD: "!"}.get(one.place.queue, "")
        name = one.place.queue_id + mark + ("#" if one.summary.forced_expire else "")
        arrival = local_time(one.summary.arrival)[: self.time_width]
        head = (
            f"{name:<{self.id_width}} {one.summary.size:>{self.size_width}}"
            f" {arrival:>{self.time_width}} "
        )
        return head.encode() + one.sender + b"\n"

    @property
    def indent(self) -> bytes:
        """Blanks up to the column of addresses."""
        return b" " * (self.id_width + self.size_width + self.time_width + 3)


SHORT = Table(
    11, 7, 20,
    heading=b"-Queue ID-  --Size-- ----Arrival Time---- -Sender/Recipient-------\n",
)  # fmt: skip
LONG = Table(
    17, 8, 19,
    heading=b"----Queue ID----- --Size-- ---Arrival Time---- --Sender/Recipient------\n",
)  # fmt: skip


def recipient_lines(recipients: list[Waiting], table: Table) -> Iterator[bytes]:
    """Yield recipients; a reason stands once above all that share it in a row."""
    above = b""
    for mailbox, reason in recipients:
        if reason != above:
            above = reason
            shown = reason or NO_REASON
            yield b" " * (REASON_WIDTH - len(shown)) + b"(%b)\n" % shown
        yield table.indent + mailbox + b"\n"


def local_time(seconds: int) -> str:
    """Return local time as asctime(3) writes it, with a blank behind."""
    try:
        return time.asctime(time.localtime(seconds)) + " "
    except (OverflowError, OSError, ValueError):
        return "(null)"  # a year that no calendar has


def as_json(messages: Iterable[Message], _long_ids: bool) -> Iterator[bytes]:
    """Lay each message out as one JSON object on a line of its own.

    Written by hand: the keys' order is part of the format, and so are bytes
    that are no valid UTF-8, which json.dumps() cannot pass on.
    """
    for one in messages:
        yield (
            b'{"queue_name": %b, "queue_id": %b, "arrival_time": %d, "message_size": %d,'
            b' "forced_expire": %b, "sender": %b, "recipients": [%b]}\n'
        ) % (
            quoted(one.place.queue.encode()),
            quoted(one.place.queue_id.encode()),
            one.summary.arrival,
            one.summary.size,
            b"true" if one.summary.forced_expire else b"false",
            quoted(one.sender),
            b", ".join(map(json_recipient, one.recipients)),
        )


def json_recipient(one: Waiting) -> bytes:
    """Return a recipient as a JSON object."""
    reason = b', "delay_reason": ' + quoted(one.reason) if one.reason else b""
    return b'{"address": %b%b}' % (quoted(one.address), reason)


def quoted(text: bytes) -> bytes:
    """Return printable text as a JSON string."""
    return b'"%b"' % text.replace(b"\\", b"\\\\").replace(b'"', b'\\"')


FORMATS: dict[str, Layout] = {"-j": as_json, "-p": as_table}


def complain(text: str) -> None:
    """Tell the operator, on standard error."""
    print(f"postroom queue: {text}", file=sys.stderr)
