"""settings - parameters for tests, read as a daemon reads them"""

from pathlib import Path
from typing import TypeVar

from common.config import MainCf
from common.params import SuiteParams

P = TypeVar("P")
S = TypeVar("S", bound=SuiteParams)

MAIN_CF = Path("/etc/postfix/main.cf")  # a name only: no test reads it

# The host that the recorded conversations took place on.
BASE = {
    "compatibility_level": "3.6",
    "myhostname": "mx.example.test",
    "mail_name": "Postfix",
    "in_flow_delay": "0",
    "qmqpd_error_delay": "0s",
}


def main_cf(**texts: str) -> MainCf:
    """Return a main.cf with nothing in it but these values."""
    return MainCf(MAIN_CF).override(texts, "test")


def load(kind: type[P], **texts: str) -> P:
    """Return a daemon's parameters on the recorded host, with these values on top."""
    return main_cf(**{**BASE, **texts}).load(kind)


def changed(params: S, **values: object) -> S:
    """Return parameters with other values, of any size: less than main.cf would be allowed."""
    return type(params)(**{**vars(params), **values})
