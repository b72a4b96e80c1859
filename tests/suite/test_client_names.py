"""test_client_names - name servers that answer rightly, wrongly, endlessly, or never

DESCRIPTION
    Real processes in a network of the test's own, with a DNS server and a
    hosts file of the test's making. The real Postfix looks up the same names
    there, and must come to the same names and warnings.
"""

import contextlib
import re
import struct
from collections.abc import Callable, Iterable, Iterator

import pytest

from tests.suite import peers
from tests.suite.instance import Instance, Postroom
from tests.suite.name_server import ANSWER, HEADER, PTR, NameServer, Question, encode_name
from tests.suite.network import private_network
from tests.suite.qmqp import Connection, packet, submit
from tests.suite.queue_file import read_records
from tests.suite.reference import Postfix

CLIENTS = "10.66.0.0/16"
# What the resolver may take for a question; its own default is five seconds, twice.
IMPATIENT = "nameserver 127.0.0.53\noptions timeout:1 attempts:1\n"
PACKET = packet(b"Subject: x\n\nb\n")
SELF = "self"  # in place of the client's own address
LONG = ".".join(["y" * 60] * 4)

NOWHERE = "hostname {} does not resolve to address {}: Name or service not known"
ELSEWHERE = "hostname {} does not resolve to address {}"
NO_ADDRESS = "hostname {} does not resolve to address {}: No address associated with hostname"

# What the server says: names of the client's address, addresses of its name; then the name that
# the client has for us, and the warning.
TOLD: list[tuple[str, list[str], dict[str, list[str]], str, str]] = [
    ("no name", [], {}, "unknown", ""),
    ("a name that leads back", ["good.test"], {"good.test": [SELF]}, "good.test", ""),
    ("in any case", ["UP.Test"], {"up.test": [SELF]}, "UP.Test", ""),
    ("a name of others", ["a.test"], {"a.test": ["10.66.9.9"]}, "unknown", ELSEWHERE),
    ("a name of ours, though", ["mx.good.test"], {}, "unknown", NOWHERE),
    ("a name without address", ["b.test"], {"b.test": []}, "unknown", NO_ADDRESS),
    ("one of another kind", ["c.test"], {"c.test": ["fd00::1"]}, "unknown", NO_ADDRESS),
    ("our own name", ["localhost"], {"localhost": [SELF]}, "unknown", ELSEWHERE),
    ("an address", ["10.66.1.2"], {}, "unknown", "numeric hostname: 10.66.1.2"),
    ("a hyphen too many", ["a-.test"], {}, "unknown", "valid_hostname: misplaced hyphen: {}"),
    ("the root", ["."], {}, "unknown", "valid_hostname: misplaced delimiter: ."),
    ("a blank", ["a b.test"], {"a b.test": [SELF]}, "unknown", ""),
    ("a newline", ["a\nb.test"], {"a\nb.test": [SELF]}, "unknown", ""),
    ("a NUL", ["a\0b.test"], {"a\0b.test": [SELF]}, "unknown", ""),
    ("8-bit", ["caf\xe9.test"], {"caf\xe9.test": [SELF]}, "unknown", ""),
    ("a bracket", ["a]b.test"], {"a]b.test": [SELF]}, "unknown", ""),
    ("an underscore", ["a_b.test"], {"a_b.test": [SELF]}, "a_b.test", ""),
    ("a long name", [LONG], {LONG: [SELF]}, LONG, ""),
    ("several names", ["d.test", "e.test"], {"d.test": [SELF], "e.test": [SELF]}, "d.test", ""),
    (
        *("more names than fit into a datagram", [f"h{each}.test" for each in range(2000)]),
        *({"h0.test": [SELF]}, "h0.test", ""),
    ),
    (
        "more addresses than fit into a datagram",
        ["many.test"],
        {"many.test": [*(f"10.70.{each // 250}.{each % 250}" for each in range(3000)), SELF]},
        *("many.test", ""),
    ),
    ("the word for none", ["unknown"], {"unknown": [SELF]}, "unknown", ""),
]

# The same for names in the hosts file, which nobody looks through beforehand.
LISTED = [
    ("in-hosts.test", "in-hosts.test", ""),
    ("a..b", "unknown", "valid_hostname: misplaced delimiter: {}"),
    (".a", "unknown", "valid_hostname: misplaced delimiter: {}"),
    ("a.", "unknown", "valid_hostname: misplaced delimiter: {}"),
    ("-a.test", "unknown", "valid_hostname: misplaced hyphen: {}"),
    ("a/b", "unknown", "valid_hostname: invalid character 47(decimal): {}"),
    ("a\x1bb", "unknown", "valid_hostname: invalid character 27(decimal): a?b"),
    ("[10.66.1.1]", "unknown", "valid_hostname: invalid character 91(decimal): {}"),
    ("4711", "unknown", "valid_hostname: numeric hostname: {}"),
    ("::1", "unknown", "numeric hostname: {}"),
    ("x" * 64 + ".test", "unknown", "valid_hostname: hostname label too long: {}"),
    (f"{LONG}.{LONG}", "unknown", f"valid_hostname: bad length 487 for {LONG[:100]}..."),
]


class World:
    """Clients of many addresses, and what they and the log are to be told."""

    def __init__(self) -> None:
        self.server = NameServer()
        self.hosts = "127.0.0.1 localhost\n"
        self.expected: dict[str, tuple[str, str]] = {}
        for number, (_, names, addresses, name, warning) in enumerate(TOLD):
            address = f"10.66.1.{number + 1}"
            self.server.names[address] = names
            for one, found in addresses.items():
                known = self.server.addresses.setdefault(one.lower(), [])
                known += [address if each == SELF else each for each in found]
            self.expect(address, name, warning, names[0] if names else "")
        for number, (listed, name, warning) in enumerate(LISTED):
            address = f"10.66.2.{number + 1}"
            self.hosts += f"{address} {listed}\n"
            self.expect(address, name, warning, listed)

    @contextlib.contextmanager
    def network(self) -> Iterator[None]:
        """Live where all this is so."""
        files = {"hosts": self.hosts, "resolv.conf": IMPATIENT}
        with private_network(files), self.server:
            yield

    def expect(self, address: str, name: str, warning: str, told: str) -> None:
        """Note what is to be seen of a client."""
        self.expected[address] = name, warning.format(told, address)


def seen(instance: Instance, addresses: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Submit a message from each address; return the name and the warning that were logged."""
    found = {}
    for address in addresses:
        position = instance.log_position()
        assert submit(instance.port, b"Subject: x\n\nb\n", source=address).verdict == "K"
        instance.wait_for_log(rf"disconnect from \S+\[{re.escape(address)}\]$", position)
        text = "\n".join(instance.log_lines(position))
        name = re.search(rf"connect from (\S+)\[{re.escape(address)}\]", text)
        warnings = re.findall(r"qmqpd\[\d+\]: warning: (.*)", text)
        found[address] = name[1] if name else "", "\n".join(warnings)
    return found


def test_a_name_counts_only_if_it_is_one_and_leads_back() -> None:
    world = World()
    with world.network(), Postroom({"qmqpd_authorized_clients": CLIENTS}) as instance:
        instance.start()
        assert seen(instance, world.expected) == world.expected
        assert received_from(instance) == {name for name, _ in world.expected.values()}


def received_from(instance: Instance) -> set[str]:
    """Return the names in the trace headers of all messages."""
    found = set()
    for path in instance.queue_files().values():
        texts = [record.value for record in read_records(path) if record.kind == "N"]
        match = re.match(r"Received: from (\S+) \(\1 \[10\.66\.[0-9.]+\]\)\Z", texts[0])
        assert match, texts[0]
        found.add(match[1])
    return found


def test_the_reference_knows_the_same_names_and_warns_in_the_same_words() -> None:
    peers.superuser("the real Postfix")
    world = World()
    with world.network(), Postfix({"qmqpd_authorized_clients": CLIENTS}) as instance:
        instance.start()
        found = seen(instance, world.expected)
    # It names the two the wrong way round where it has no more to say: docs/differences.md.
    swapped = re.compile(r"hostname (10\.\S+) does not resolve to address (\S+)\Z")
    turned = {
        address: (name, swapped.sub(r"hostname \2 does not resolve to address \1", warning))
        for address, (name, warning) in found.items()
    }
    assert turned == world.expected


# Wrong answers.


def record(question: Question, data: bytes, *, kind: int = PTR, length: int | None = None) -> bytes:
    """Return an answer of any kind and length."""
    size = len(data) if length is None else length
    return b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 60, size) + data


def message(question: Question, *records: bytes, count: int | None = None) -> bytes:
    """Return a message that may say more records than it has."""
    number = len(records) if count is None else count
    head = HEADER.pack(question.number, ANSWER, 1, number, 0, 0)
    return head + question.wire + b"".join(records)


NAME = encode_name("good.test")
CNAME = 5
WRONG: list[Callable[[Question], bytes]] = [
    lambda question: b"",
    lambda question: b"\0",
    lambda question: b"\xff" * 512,
    lambda question: HEADER.pack(question.number, ANSWER, 0, 0, 0, 0),
    lambda question: message(question)[:-3],
    lambda question: message(question, count=65535),
    lambda question: message(question, record(question, NAME), count=2),
    lambda question: message(question, record(question, NAME, length=500)),
    lambda question: message(question, record(question, NAME[:-1])),
    lambda question: message(question, record(question, b"\x3fshort")),
    lambda question: message(question, record(question, b"\xff" + NAME)),
    lambda question: message(question, record(question, b"\xc0\x0c")),  # its own question
    lambda question: message(question, record(question, b"\xc0\x2c\xc0\x2a")),  # round in circles
    lambda question: message(question, record(question, b"\xff\xff")),  # far behind the end
    lambda question: message(question, record(question, question.wire[:-4], kind=CNAME)),
    lambda question: message(question, record(question, b"\x01\x02\x03\x04", kind=1)),
    lambda question: message(question, *[record(question, b"\0")] * 20),
    lambda question: HEADER.pack(question.number ^ 1, *(ANSWER, 1, 0, 0, 0)) + question.wire,
    lambda question: question.reply([NAME], flags=0),  # a question
    lambda question: question.reply([NAME], flags=0x8182),  # failure
    lambda question: question.reply([NAME], flags=0x8185),  # refusal
]
CUT_SHORT: list[Callable[[Question], bytes]] = [
    lambda question: b"",
    lambda question: b"\0",
    lambda question: b"\0\0",
    lambda question: b"\xff\xff" + message(question),
    lambda question: struct.pack("!H", 5) + message(question),
    lambda question: struct.pack("!H", 65535) + bytes(65535),
]


def test_wrong_answers_are_none_and_harm_nobody() -> None:
    replies = {f"10.66.1.{number + 1}": reply for number, reply in enumerate(WRONG)}
    by_tcp = {f"10.66.2.{number + 1}": reply for number, reply in enumerate(CUT_SHORT)}

    def truncated(question: Question) -> bytes | None:
        if question.address() in by_tcp:
            return question.reply([], flags=0x8380)
        found = replies.get(question.address())
        return found(question) if found else None

    server = NameServer(
        by_udp=truncated, by_tcp=lambda question: by_tcp[question.address()](question)
    )
    server.knows("10.66.3.1", "good.test")
    network = private_network({"resolv.conf": IMPATIENT})
    with network, server, Postroom({"qmqpd_authorized_clients": CLIENTS}) as instance:
        instance.start()
        clients = [*replies, *by_tcp]
        assert together(instance, clients) == dict.fromkeys(clients, "unknown")
        assert together(instance, ["10.66.3.1"]) == {"10.66.3.1": "good.test"}
        assert "fatal" not in "\n".join(instance.log_lines())


def together(instance: Instance, addresses: list[str]) -> dict[str, str]:
    """Submit from all addresses at a time; return the names that were logged."""
    position = instance.log_position()
    connections = [Connection(instance.port, source=address) for address in addresses]
    for one in connections:
        with one:
            one.send(PACKET)
            assert one.answer().verdict == "K"
    return {
        address: re.search(
            rf"connect from (\S+)\[{re.escape(address)}\]",
            instance.wait_for_log(rf"[: ]connect from \S+\[{re.escape(address)}\]$", position),
        )[1]  # type: ignore[index]  # it has just been found
        for address in addresses
    }


# Answers without end, and none at all.


@pytest.mark.parametrize("how", ["endless", "silent"])
def test_who_waits_for_an_answer_for_ever_is_served_without_a_name(how: str) -> None:
    """Eighty such clients take no thread from those that had a name before."""

    def strange(question: Question) -> bool:
        return question.address().startswith("10.66.1.")

    server = NameServer(**{how: strange})  # type: ignore[arg-type]
    for number in range(1, 6):
        server.knows(f"10.66.3.{number}", f"h{number}.good.test")
    strangers = [f"10.66.1.{number}" for number in range(1, 81)]
    settings = {"qmqpd_authorized_clients": "good.test, 10.66.1.0/24", "qmqpd_name_timeout": "2s"}
    # With one worker all of them meet.
    settings |= {"qmqpd_prefork_count": "1", "max_use": "100000"}
    with private_network(), server, Postroom(settings) as instance:
        instance.start()
        for number in range(1, 6):
            assert submit(instance.port, source=f"10.66.3.{number}").verdict == "K"
        assert instance.reload().returncode == 0  # a worker without any name in its cache
        waiting = [Connection(instance.port, source=address) for address in strangers]
        for one in waiting:
            one.send(PACKET)
        # Those with names are not delayed...
        for number in range(1, 6):
            answer = submit(instance.port, source=f"10.66.3.{number}")
            assert (answer.verdict, answer.seconds < 1.5) == ("K", True), answer
        # ... the others are served in the end, and nothing stands in the way of an end.
        for one in waiting:
            with one:
                answer = one.answer()
                assert (answer.verdict, answer.seconds < 10) == ("K", True), answer
        instance.wait_for_log(r"]: connect from unknown\[10\.66\.1\.1\]$")
        instance.stop()


def test_a_spoofed_name_lets_nobody_in() -> None:
    server = NameServer(names={"10.66.1.1": ["mx.good.test"], "10.66.1.2": ["real.good.test"]})
    server.addresses["mx.good.test"] = ["10.67.0.1"]
    server.addresses["real.good.test"] = ["10.66.1.2"]
    with private_network(), server, Postroom({"qmqpd_authorized_clients": "good.test"}) as instance:
        instance.start()
        answer = submit(instance.port, source="10.66.1.1")
        assert answer.payload == (
            b"DError: unknown[10.66.1.1] is not authorized to use this service"
        )
        assert submit(instance.port, source="10.66.1.2").verdict == "K"
