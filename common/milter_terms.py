"""milter_terms - the letters and flags of the Milter protocol

SEE ALSO
    common.milter, which puts them into packets
    https://www.ietf.org/archive/id/draft-adams-milter-protocol-00.html
"""

import enum


class Event(bytes, enum.Enum):
    """The letter of a packet that the server sends."""

    NEGOTIATE = b"O"
    MACROS = b"D"
    CONNECT = b"C"
    HELO = b"H"
    MAIL = b"M"
    RECIPIENT = b"R"
    DATA = b"T"
    HEADER = b"L"
    END_OF_HEADER = b"N"
    BODY = b"B"
    END_OF_BODY = b"E"
    ABORT = b"A"
    QUIT = b"Q"


class Reply(bytes, enum.Enum):
    """The letter of a packet that ends the wait for the filter."""

    CONTINUE = b"c"
    ACCEPT = b"a"
    REJECT = b"r"
    TEMPFAIL = b"t"
    DISCARD = b"d"
    CUSTOM = b"y"  # an SMTP reply of the filter's own
    SKIP = b"s"  # no more events of this kind
    SHUTDOWN = b"4"
    CONNECTION_FAIL = b"f"


class Change(bytes, enum.Enum):
    """The letter of a packet behind the end of the body that is no reply."""

    ADD_HEADER = b"h"
    INSERT_HEADER = b"i"
    CHANGE_HEADER = b"m"
    ADD_RECIPIENT = b"+"
    ADD_RECIPIENT_ARGUMENTS = b"2"
    DELETE_RECIPIENT = b"-"
    CHANGE_SENDER = b"e"
    REPLACE_BODY = b"b"
    QUARANTINE = b"q"
    PROGRESS = b"p"


class Action(enum.IntFlag):
    """What a filter may want to change."""

    ADD_HEADERS = 0x01
    CHANGE_BODY = 0x02
    ADD_RECIPIENTS = 0x04
    DELETE_RECIPIENTS = 0x08
    CHANGE_HEADERS = 0x10
    QUARANTINE = 0x20
    CHANGE_SENDER = 0x40
    ADD_RECIPIENTS_ARGUMENTS = 0x80
    CHOOSE_MACROS = 0x100


ALL_ACTIONS = 0x1FF


class Step(enum.IntFlag):
    """What a filter may ask of the dialogue."""

    NO_CONNECT = 0x01
    NO_HELO = 0x02
    NO_MAIL = 0x04
    NO_RECIPIENT = 0x08
    NO_BODY = 0x10
    NO_HEADER = 0x20
    NO_END_OF_HEADER = 0x40
    NO_REPLY_HEADER = 0x80
    NO_UNKNOWN = 0x100
    NO_DATA = 0x200
    SKIP = 0x400
    REJECTED_RECIPIENTS = 0x800
    NO_REPLY_CONNECT = 0x1000
    NO_REPLY_HELO = 0x2000
    NO_REPLY_MAIL = 0x4000
    NO_REPLY_RECIPIENT = 0x8000
    NO_REPLY_DATA = 0x10000
    NO_REPLY_UNKNOWN = 0x20000
    NO_REPLY_END_OF_HEADER = 0x40000
    NO_REPLY_BODY = 0x80000
    LEADING_SPACE = 0x100000  # of a header's value is part of it


# All that each version knows.
STEPS = {2: 0x7F, 3: 0x17F, 4: 0x37F, 6: 0x1FFFFF}
DATA_VERSION = 4  # the first that has the event

NOT_WANTED = {
    Event.CONNECT: Step.NO_CONNECT,
    Event.HELO: Step.NO_HELO,
    Event.MAIL: Step.NO_MAIL,
    Event.RECIPIENT: Step.NO_RECIPIENT,
    Event.DATA: Step.NO_DATA,
    Event.HEADER: Step.NO_HEADER,
    Event.END_OF_HEADER: Step.NO_END_OF_HEADER,
    Event.BODY: Step.NO_BODY,
}
NOT_ANSWERED = {
    Event.CONNECT: Step.NO_REPLY_CONNECT,
    Event.HELO: Step.NO_REPLY_HELO,
    Event.MAIL: Step.NO_REPLY_MAIL,
    Event.RECIPIENT: Step.NO_REPLY_RECIPIENT,
    Event.DATA: Step.NO_REPLY_DATA,
    Event.HEADER: Step.NO_REPLY_HEADER,
    Event.END_OF_HEADER: Step.NO_REPLY_END_OF_HEADER,
    Event.BODY: Step.NO_REPLY_BODY,
}

# A filter names the macros that it wants by the number of a stage, which may be that of events.
STAGES: tuple[tuple[Event, ...], ...] = (
    (Event.CONNECT,),
    (Event.HELO,),
    (Event.MAIL,),
    (Event.RECIPIENT,),
    (Event.DATA,),
    (Event.BODY, Event.END_OF_BODY),
    (Event.HEADER, Event.END_OF_HEADER),
)
