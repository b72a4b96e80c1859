"""Promises of qmqpd.access.

SEE ALSO
    spec/config-syntax.md, section 4
    spec/logging.md, section 2
"""

import socket
from pathlib import Path

import pytest

from common.client import Client
from common.lists import HostList
from common.params import QmqpdParams
from qmqpd.access import Access
from tests.common.journal import Journal
from tests.common.settings import load, main_cf
from tests.common.tables.servers import ReplayServer

LOCAL = Client(socket.AF_INET, "127.0.0.1", 1, "localhost")
HOST = Client(socket.AF_INET, "192.0.2.7", 1, "mail.example.test")


def access(**settings: str) -> tuple[Access, Journal]:
    journal = Journal()
    return Access(load(QmqpdParams, **settings), main_cf(**settings), journal), journal


@pytest.mark.parametrize(
    ("clients", "client", "answer"),
    [
        ("", LOCAL, False),
        ("localhost", LOCAL, True),
        ("example.test", LOCAL, False),
        ("!127.0.0.1, 127.0.0.0/8", LOCAL, False),
        ("127.0.0.0/8, !127.0.0.1", LOCAL, True),
        ("$mynetworks", LOCAL, True),  # by default: this host's own
        ("$none", LOCAL, False),
        ("inline:{{127.0.0.1=ok}}", LOCAL, True),
        ("cidr:{{127.0.0.0/8 ok}}", LOCAL, True),
        ("static:all", HOST, True),
        ("[127.0.0.1]", LOCAL, True),
        ("example.test", HOST, True),
        (".example.test", HOST, False),
    ],
)
def test_the_list_says_who_may_come_in(clients: str, client: Client, answer: bool) -> None:
    found, journal = access(qmqpd_authorized_clients=clients)
    assert found.standing(client).permitted is answer
    assert journal.lines() == []


@pytest.mark.parametrize(
    ("clients", "answer"),
    [
        ("192.0.2.0/24", True),
        ("198.51.100.0/24", False),
        ("example.test", None),
        ("fail:x", None),
        ("/no/such/file", None),
    ],
)
def test_an_address_may_decide_without_a_name(clients: str, answer: bool | None) -> None:
    found, journal = access(qmqpd_authorized_clients=clients)
    assert found.permits_address(HOST.address) is answer
    assert journal.lines() == []  # complaints come with the client's name


def test_a_broken_table_is_complained_about_once_a_client() -> None:
    found, journal = access(qmqpd_authorized_clients="nosuch:x")
    assert found.standing(HOST).permitted is None
    said = journal.lines()
    assert found.permits_address(HOST.address) is None
    assert journal.lines() == said
    assert found.standing(HOST).permitted is None
    assert len(journal.lines()) > len(said)


def test_parents_count_only_where_the_operator_says_so() -> None:
    settings = {"parent_domain_matches_subdomains": "debug_peer_list"}
    plain, _ = access(qmqpd_authorized_clients="example.test", **settings)
    dotted, _ = access(qmqpd_authorized_clients=".example.test", **settings)
    assert (plain.standing(HOST).permitted, dotted.standing(HOST).permitted) == (False, True)


@pytest.mark.parametrize(
    ("clients", "lines"),
    [
        ("fail:x", ["warning: qmqpd_authorized_clients: fail:x: table lookup problem"]),
        (
            "127.0.0.1/8",
            [
                'warning: qmqpd_authorized_clients: non-null host address bits in "127.0.0.1/8",'
                ' perhaps you should use "127.0.0.0/8" instead'
            ],
        ),
        (
            "nosuch:x",
            [
                "error: unsupported dictionary type: nosuch",
                "warning: nosuch:x is unavailable. unsupported dictionary type: nosuch",
                "warning: qmqpd_authorized_clients: nosuch:x: table lookup problem",
            ],
        ),
    ],
)
def test_a_broken_list_lets_nobody_in_and_says_so(clients: str, lines: list[str]) -> None:
    found, journal = access(qmqpd_authorized_clients=clients)
    assert found.standing(LOCAL).permitted is None
    assert journal.lines() == lines


def test_a_missing_file_lets_nobody_in_and_is_named() -> None:
    found, journal = access(qmqpd_authorized_clients="/no/such/file")
    assert found.standing(LOCAL).permitted is None
    assert journal.lines()[0] == "error: open file /no/such/file: No such file or directory"


def test_what_is_broken_is_complained_about_once_a_process_but_warned_of_each_time() -> None:
    found, journal = access(qmqpd_authorized_clients="nosuch:x")
    for _ in range(3):
        assert found.standing(LOCAL).permitted is None
    errors = [line for line in journal.lines() if line.startswith("error: ")]
    assert (len(errors), len(journal.lines())) == (1, 1 + 3 * 2)


def test_a_client_before_the_broken_element_is_let_in() -> None:
    found, journal = access(qmqpd_authorized_clients="localhost fail:x")
    assert found.standing(LOCAL).permitted is True
    assert found.standing(HOST).permitted is None
    assert len(journal.warnings()) == 1


def test_a_client_may_be_watched_more_closely() -> None:
    found, _ = access(debug_peer_list="192.0.2.0/24", debug_peer_level="3")
    assert [found.standing(one).verbosity for one in (HOST, LOCAL)] == [3, 0]


def test_a_broken_list_of_watched_clients_watches_nobody() -> None:
    found, journal = access(qmqpd_authorized_clients="static:all", debug_peer_list="fail:x")
    assert found.standing(LOCAL) == (True, 0)
    assert journal.warnings() == ["warning: debug_peer_list: fail:x: table lookup problem"]


def test_a_server_is_asked_about_each_client_anew() -> None:
    with ReplayServer(b"500 no\n", b"500 no\n", b"200 yes\n") as server:
        found, _ = access(qmqpd_authorized_clients=f"tcp:127.0.0.1:{server.port}")
        assert [found.standing(LOCAL).permitted, found.standing(LOCAL).permitted] == [False, True]


@pytest.mark.parametrize("parameter", ["qmqpd_authorized_clients", "debug_peer_list"])
def test_a_table_that_changed_makes_the_process_outdated(tmp_path: Path, parameter: str) -> None:
    path = tmp_path / "clients"
    path.write_text("127.0.0.1 ok\n")
    found, journal = access(**{parameter: f"texthash:{path}"})
    assert not found.outdated()
    path.write_text("127.0.0.1 ok\n192.0.2.7 ok\n")
    assert found.outdated()
    assert journal.lines() == [f"table texthash:{path} has changed -- restarting"]


def test_lists_that_stay_as_they_are_are_asked_once_about_a_client(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found, _ = access(qmqpd_authorized_clients="192.0.2.0/24 localhost")
    asked = []
    contains = HostList.contains

    def note(hosts: HostList, name: str, address: str) -> bool:
        asked.append((name, address))
        return contains(hosts, name, address)

    monkeypatch.setattr(HostList, "contains", note)
    strange = Client.of(socket.AF_INET, ("203.0.113.9", 1))
    for _ in range(3):
        standings = [found.standing(one).permitted for one in (HOST, LOCAL, strange)]
        assert standings == [True, True, False]
    assert len(asked) == 3 * 2  # two lists
    renamed = LOCAL.named("other.test")
    assert found.standing(renamed).permitted is False
