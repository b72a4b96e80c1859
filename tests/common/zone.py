"""zone - the local time zone of a test, in the form that needs no zone files"""

import contextlib
import os
import time
from collections.abc import Iterator

from common.date import format_date


@contextlib.contextmanager
def local_zone(name: str) -> Iterator[None]:
    """Live in another time zone, as "UTC0" or "CET-1", for a while."""
    before = os.environ.get("TZ")
    _change(name)
    try:
        yield
    finally:
        _change(before)


def _change(name: str | None) -> None:
    if name is None:
        os.environ.pop("TZ", None)
    else:
        os.environ["TZ"] = name
    time.tzset()
    format_date.cache_clear()
