"""Lines as Postfix's programs send them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.log import CONTROL, CRITICAL, ERROR, INFO, WARNING
from postlogd.line import Line

HEAD = "Nov  2 12:47:22 mx "


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        ("postfix/smtpd[12]: connect from localhost[127.0.0.1]", INFO),
        ("postfix/smtpd[12]: warning: odd", WARNING),
        ("postfix/relay/smtp[12]: error: odd", ERROR),
        ("postfix/qmgr[1]: fatal: odd", CRITICAL),
        ("postfix/qmgr[1]: panic: odd", CRITICAL),
        ("postfix/smtp[1]: ABC: to=<warning: x>", INFO),
        ("warning: x", INFO),
    ],
)
def test_a_line_has_a_head_a_text_and_a_severity(text: str, severity: int) -> None:
    assert Line.parse((HEAD + text).encode()) == Line(HEAD, text, severity)


@pytest.mark.parametrize(
    "head", ["Nov 20 12:47:22 mx ", "Jan  1 00:00:00 a-b.c ", "Dec 31 23:59:59 [::1] "]
)
def test_heads_of_any_day_are_known(head: str) -> None:
    assert Line.parse(f"{head}x[1]: y".encode()).head == head


@pytest.mark.parametrize(
    "data",
    [b"", b"x", b"Nov", b"Nov  2 12:47 mx x", b"NOV  2 12:47:22 mx x", b"x Nov  2 12:47:22 mx x"],
)
def test_what_has_no_head_is_all_text(data: bytes) -> None:
    assert Line.parse(data) == Line("", data.decode(), INFO)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"one\ntwo\n", "one?two"),
        (b"nul\0esc\x1b[1mtab\t", "nul?esc?[1mtab?"),
        (b"caf\xc3\xa9 \xff \xc2\x85", "caf\xe9 ? ?"),
    ],
)
def test_a_line_stays_one_line(data: bytes, text: str) -> None:
    assert Line.parse(HEAD.encode() + data).text == text


@given(st.binary(max_size=300))
def test_no_bytes_make_anything_but_a_line(data: bytes) -> None:
    line = Line.parse(data)
    assert not CONTROL.search(line.head + line.text)
    assert len(line.head + line.text) <= len(data)
