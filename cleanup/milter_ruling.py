"""milter_ruling - what Milters decide, and what is decided where one fails

SEE ALSO
    postconf(5), milter_default_action
"""

import enum
from typing import NamedTuple

from common.milter_terms import Reply


class Fate(enum.Enum):
    """What becomes of a message that a Milter does not simply let pass."""

    REFUSE = enum.auto()
    DISCARD = enum.auto()
    HOLD = enum.auto()


class Ruling(NamedTuple):
    """A Milter's decision; reply: in SMTP's words, of a refusal."""

    fate: Fate
    reply: bytes = b""


UNAVAILABLE = Ruling(Fate.REFUSE, b"451 4.7.1 Service unavailable - try again later")
MISCONFIGURED = Ruling(Fate.REFUSE, b"451 4.3.5 Server configuration problem - try again later")
REJECTED = Ruling(Fate.REFUSE, b"550 5.7.1 Command rejected")
DISCARDED, HELD = Ruling(Fate.DISCARD), Ruling(Fate.HOLD)

DEFAULT_ACTIONS: dict[str, Ruling | None] = {
    "accept": None,
    "reject": Ruling(Fate.REFUSE, b"550 5.5.0 Service unavailable"),
    "tempfail": UNAVAILABLE,
    "shutdown": UNAVAILABLE,
    "quarantine": HELD,
}
RULINGS: dict[Reply, Ruling | None] = {
    Reply.ACCEPT: None,
    Reply.REJECT: REJECTED,
    Reply.TEMPFAIL: UNAVAILABLE,
    Reply.DISCARD: DISCARDED,
    Reply.SHUTDOWN: UNAVAILABLE,
    Reply.CONNECTION_FAIL: UNAVAILABLE,
}
