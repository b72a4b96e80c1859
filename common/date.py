"""date - time as mail headers write it

SEE ALSO
    RFC 5322, section 3.3
    spec/qmqp.md, section 8
"""

import functools
import time

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@functools.lru_cache(maxsize=16)
def format_date(second: int) -> str:
    """Return local time with offset and zone name: "Fri,  2 Jan 2026 12:47:22 +0000 (UTC)".

    Names are English whatever the locale, and the day is padded with a blank.
    """
    now = time.localtime(second)
    sign = "-" if now.tm_gmtoff < 0 else "+"
    hours, minutes = divmod(abs(now.tm_gmtoff) // 60, 60)
    day = f"{DAYS[now.tm_wday]}, {now.tm_mday:2} {MONTHS[now.tm_mon - 1]} {now.tm_year}"
    clock = f"{now.tm_hour:02}:{now.tm_min:02}:{now.tm_sec:02}"
    return f"{day} {clock} {sign}{hours:02}{minutes:02} ({now.tm_zone})"


def format_stamp(second: int) -> str:
    """Return universal time in digits only: "20260102124722"."""
    return time.strftime("%Y%m%d%H%M%S", time.gmtime(second))
