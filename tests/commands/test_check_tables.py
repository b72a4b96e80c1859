"""Promises of commands.check_tables."""

from pathlib import Path

import pytest

from commands.check_tables import complaints
from tests.common.settings import main_cf


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("10.0.0.1, static:all", []),
        ("hash:/no/such/table", ["open database /no/such/table.db: No such file or directory"]),
        ("10.0.0.1 !texthash:/no/such", ["open database /no/such: No such file or directory"]),
        (
            "cidr:{{10.0.0.1/8 x}}",
            [
                'cidr map {{10.0.0.1/8 x}}, line 1: non-null host address bits in "10.0.0.1/8",'
                ' perhaps you should use "10.0.0.0/8" instead: skipping this rule'
            ],
        ),
        (
            "regexp:{{/(a)\\1/ x}}",
            [
                "regexp map {{/(a)\\1/ x}}, line 1: a pattern with back-references:"
                " a search may take for ever"
            ],
        ),
        ("pcre:{{/(a)\\1/ x}}", []),
        (
            "127.0.0.1/8",
            [
                'non-null host address bits in "127.0.0.1/8",'
                ' perhaps you should use "127.0.0.0/8" instead'
            ],
        ),
        ("!/no/such/list", ["open file /no/such/list: No such file or directory"]),
        ("static:{x} static:{x}", []),
    ],
)
def test_the_tables_in_a_setting_are_opened(value: str, expected: list[str]) -> None:
    cf = main_cf(qmqpd_authorized_clients=value.replace("$", "$$"))
    assert list(complaints(cf)) == [
        f"test: parameter qmqpd_authorized_clients: {text}" for text in expected
    ]


def test_files_that_daemons_make_for_themselves_need_not_be_there(tmp_path: Path) -> None:
    cf = main_cf(
        data_directory=str(tmp_path),
        smtp_tls_session_cache_database="btree:${data_directory}/smtp_scache",
        address_verify_map="btree:$data_directory/verify_cache",
    )
    assert list(complaints(cf)) == []


def test_addresses_of_services_are_no_tables() -> None:
    value = "unix:/run/some/socket inet:localhost:8891 smtp:[127.0.0.1]:25"
    assert list(complaints(main_cf(smtpd_milters=value))) == []


def test_a_list_of_another_kind_is_no_list_of_files() -> None:
    assert list(complaints(main_cf(maillog_file_prefixes="/no/such/list"))) == []


def test_a_service_has_tables_of_its_own_and_no_fault_is_told_twice(tmp_path: Path) -> None:
    suite = main_cf(qmqpd_authorized_clients="nosuch:x")
    service = suite.override({"debug_peer_list": f"nosuch:x, texthash:{tmp_path}/t"}, "service")
    reason = "unsupported dictionary type: nosuch"
    assert list(complaints(suite, suite, service)) == [
        f"test: parameter qmqpd_authorized_clients: {reason}",
        f"service: parameter debug_peer_list: {reason}",
        f"service: parameter debug_peer_list: open database {tmp_path}/t:"
        " No such file or directory",
    ]
