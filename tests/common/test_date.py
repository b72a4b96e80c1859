"""Promises of common.date.

SEE ALSO
    spec/qmqp.md, section 8
"""

import pytest

from common.date import format_date, format_stamp
from tests.common.zone import local_zone

ARRIVAL = 1795177301  # of the recorded message: Fri, 20 Nov 2026 12:21:41 UTC


@pytest.mark.parametrize(
    ("name", "second", "date"),
    [
        ("UTC0", ARRIVAL, "Fri, 20 Nov 2026 12:21:41 +0000 (UTC)"),
        ("UTC0", 0, "Thu,  1 Jan 1970 00:00:00 +0000 (UTC)"),
        ("UTC0", 951782400, "Tue, 29 Feb 2000 00:00:00 +0000 (UTC)"),
        ("CET-1", ARRIVAL, "Fri, 20 Nov 2026 13:21:41 +0100 (CET)"),
        ("IST-5:30", ARRIVAL, "Fri, 20 Nov 2026 17:51:41 +0530 (IST)"),
        ("NST3:30", ARRIVAL, "Fri, 20 Nov 2026 08:51:41 -0330 (NST)"),
        ("NUT11", 1793536200, "Sun,  1 Nov 2026 01:30:00 -1100 (NUT)"),
        ("CET-1CEST,M3.5.0,M10.5.0/3", 1782907200, "Wed,  1 Jul 2026 14:00:00 +0200 (CEST)"),
    ],
)
def test_a_date_shows_local_time_its_offset_and_its_zone(name: str, second: int, date: str) -> None:
    with local_zone(name):
        assert format_date(second) == date


def test_the_names_are_english_and_the_day_is_padded_with_a_blank() -> None:
    with local_zone("UTC0"):
        dates = [format_date(month * 2_678_400) for month in range(12)]
        week = [format_date(86400 * day)[:8] for day in range(7)]
    assert [date.split()[2] for date in dates] == [
        *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
        *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    ]
    assert week == [
        *("Thu,  1 ", "Fri,  2 ", "Sat,  3 ", "Sun,  4 ", "Mon,  5 ", "Tue,  6 ", "Wed,  7 ")
    ]


def test_a_stamp_is_universal_time_wherever_we_are() -> None:
    with local_zone("IST-5:30"):
        assert format_stamp(ARRIVAL) == "20261120122141"
        assert format_stamp(0) == "19700101000000"
