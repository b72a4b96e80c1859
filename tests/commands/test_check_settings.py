"""Promises of commands.check_settings: what is told, with file and line."""

from pathlib import Path

import pytest

from commands import check_settings
from common.config import MainCf

SERVICE = "smtp unix - - n - - smtp\n"


def complaints(folder: Path, main_cf: str, master_cf: str = SERVICE) -> list[str]:
    """Return what is said, without the folder."""
    (folder / "main.cf").write_text(main_cf)
    (folder / "master.cf").write_text(master_cf)
    found = check_settings.complaints(MainCf.read(folder))
    return [text.replace(f"{folder}/", "") for text in found]


@pytest.mark.parametrize(
    ("main_cf", "expected"),
    [
        ("soft_bounce = no\nrelay_domains = a.b\nsmtp_destination_rate_delay = 1s\n", []),
        ("\ntypo_bounce = yes\n", ["main.cf, line 2: unused parameter: typo_bounce=yes"]),
        ("my_own = 1\nmyorigin = $my_own\ninner = 3\nrelayhost = ${my_own?{$inner}}\n", []),
        ("#\nmyorigin = $none\n", ["main.cf, line 2: undefined parameter: none"]),
        ("process_id = 7\n", ["main.cf, line 1: read-only parameter assignment: process_id=7"]),
        (
            "\n\nsmtpd_tls_auth_only = 1\n",
            ["main.cf, line 3: bad boolean configuration: smtpd_tls_auth_only = 1"],
        ),
        (
            "smtp_connect_timeout = 5x\n",
            ["main.cf, line 1: parameter smtp_connect_timeout: bad time value or unit: 5x"],
        ),
        (
            "relayhost = $x\nx = $relayhost\n",
            ['main.cf, line 1: parameter relayhost: unreasonable macro call nesting: "relayhost"'],
        ),
        ("default_rbl_reply = $rbl_code\nqmqpd_timeout = ${stress?{1}:{2}}s\n", []),
    ],
)
def test_a_mistake_in_main_cf_is_told_with_its_line(
    main_cf: str, expected: list[str], tmp_path: Path
) -> None:
    assert complaints(tmp_path, main_cf) == expected


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("-o smtp_helo_name=x -o max_use=7", []),
        ("-o helo=x", ["master.cf, line 2: unused parameter: helo=x"]),
        ("-o helo=x -o smtp_helo_name=$helo", []),
        ("-o relayhost=$none", ["master.cf, line 2: undefined parameter: none"]),
        (
            "-o smtp_mx_session_limit=many",
            ["master.cf, line 2: bad numerical configuration: smtp_mx_session_limit = many"],
        ),
    ],
)
def test_a_mistake_in_master_cf_is_told_with_its_line(
    options: str, expected: list[str], tmp_path: Path
) -> None:
    assert complaints(tmp_path, "", f"# one\nsmtp unix - - n - - smtp {options}\n") == expected
