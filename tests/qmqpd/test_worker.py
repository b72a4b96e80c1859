"""Promises of qmqpd.worker, kept by a process of its own.

SEE ALSO
    spec/master-protocol.md, section 3
"""

import contextlib
import os
import resource
import select
import signal
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import pytest

from common import cleanup_client
from common import log as log_module
from common.child import AVAILABLE, TAKEN, Child
from common.netstring import encode
from common.params import QmqpdParams
from common.sandbox import needs
from qmqpd import __main__ as daemon
from qmqpd import capacity, local_names
from qmqpd import connection as connection_module
from qmqpd import service as service_module
from qmqpd import worker as worker_module
from qmqpd.lookups import Answer
from qmqpd.session import Limits, Session, Submission
from qmqpd.worker import Worker
from tests.common.fake_cleanup import QUEUE_ID, FakeCleanup
from tests.common.forked import Forked, lose_line
from tests.common.settings import load
from tests.qmqpd.service import PACKET, make_service
from tests.suite.waiting import wait_for

ACCEPTED = encode(b"KOk: queued as " + QUEUE_ID.encode())
LARGE = b"9000000:"  # the beginning of a packet
GOOD, BAD = "127.0.0.1", "127.0.0.66"  # BAD is not among the authorised clients


class Client:
    """A QMQP client, its bytes under the test's control."""

    def __init__(self, server: socket.socket, address: str = GOOD) -> None:
        self.socket = socket.socket(server.family)
        self.socket.settimeout(5)
        if server.family == socket.AF_INET:
            self.socket.bind((address, 0))
        self.socket.connect(server.getsockname())

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *rest: object) -> None:
        self.socket.close()

    def say(self, data: bytes) -> "Client":
        self.socket.sendall(data)
        return self

    def hear(self) -> bytes:
        """Return all that comes until the server closes."""
        found = b""
        with contextlib.suppress(ConnectionResetError):
            while data := self.socket.recv(65536):
                found += data
        return found

    def hears_nothing_yet(self) -> bool:
        return not select.select([self.socket], [], [], 0)[0]


@dataclass
class Setup:
    """What a worker of these tests is made of."""

    server: socket.socket
    cleanup: FakeCleanup
    constants: dict[tuple[ModuleType, str], object] = field(default_factory=dict)

    def start(
        self, settings: Mapping[str, str] | None = None, times: Mapping[str, float] | None = None
    ) -> Forked:
        texts = {"qmqpd_authorized_clients": GOOD, **(settings or {})}

        def run(child: Child) -> None:
            for (module, name), value in self.constants.items():
                setattr(module, name, value)
            names = {GOOD: "localhost", BAD: "bad.test"}
            Worker(child, make_service(child.log, texts, names=names, times=times)).run()

        return Forked(run, [self.server])

    def client(self, address: str = GOOD) -> Client:
        return Client(self.server, address)

    def submit(self) -> bytes:
        """Submit one message; return the reply."""
        with self.client() as client:
            client.say(PACKET)
            self.cleanup.serve()
            return client.hear()


@pytest.fixture
def setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Setup]:
    monkeypatch.chdir(tmp_path)
    with FakeCleanup() as cleanup, socket.create_server(("127.0.0.1", 0), backlog=1000) as server:
        yield Setup(server, cleanup)


def served(process: Forked) -> None:
    """Wait for the reports of the first finished connection."""
    assert process.report() == (process.pid, 4, TAKEN)
    assert process.report() == (process.pid, 4, AVAILABLE)


def parked(process: Forked, setup: Setup, count: int, data: bytes = b"") -> list[Client]:
    """Return clients that the worker has accepted and that say no more than this."""
    clients = []
    for number in range(count):
        clients.append(setup.client().say(data))
        wait_for_lines(process, "connect from localhost", number + 1)
    return clients


def wait_for_lines(process: Forked, text: str, count: int) -> None:
    """Wait until so many lines of the log begin like this."""
    while sum(line.startswith(text) for line in process.log()) < count:
        assert select.select([process._log], [], [], 10)[0], process.log()


def close(clients: list[Client]) -> None:
    for client in clients:
        client.socket.close()


# Serving.


def test_a_message_is_served_and_the_first_one_reported_as_a_pair(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        cleanup_client, "PATIENCE", 10.0
    )  # for which a worker does not count as busy
    with setup.start() as process:
        assert setup.submit() == ACCEPTED
        served(process)
        for _ in range(3):
            assert setup.submit() == ACCEPTED
        process.wait_for_log("disconnect")
        assert not process.reported()


def test_slow_clients_do_not_delay_others(setup: Setup) -> None:
    with setup.start() as process:
        silent = parked(process, setup, 200, PACKET[:30])
        assert setup.submit() == ACCEPTED
        silent[100].say(PACKET[30:])
        setup.cleanup.serve()
        assert silent[100].hear() == ACCEPTED
        assert process.running()
        close(silent)


def test_who_sends_more_than_a_packet_hears_the_reply_all_the_same(setup: Setup) -> None:
    with setup.start(), setup.client() as client:
        client.say(PACKET)
        conversation = setup.cleanup.accept()
        conversation.greet()
        conversation.read_message()
        client.say(b"\r\n")  # which nobody reads: the connection is reset after the reply
        conversation.finish()
        assert client.hear() == ACCEPTED


def test_a_client_byte_by_byte_is_served_among_others(setup: Setup) -> None:
    with setup.start(), setup.client() as slow:
        slow.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for place in range(len(PACKET)):
            slow.say(PACKET[place : place + 1])
            if place % 20 == 10:
                assert setup.submit() == ACCEPTED
        setup.cleanup.serve()
        assert slow.hear() == ACCEPTED


def test_a_local_listener_serves_this_host(tmp_path: Path, setup: Setup) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("service")
        server.listen()
        setup.server = server
        with setup.start() as process:
            assert setup.submit() == ACCEPTED
            assert process.wait_for_log("connect from localhost[127.0.0.1]")


def test_a_cleanup_that_lets_one_client_wait_lets_the_others_be_served(setup: Setup) -> None:
    with setup.start() as process, setup.client() as first:
        first.say(PACKET)
        conversation = setup.cleanup.accept()
        assert process.report() == (process.pid, 4, TAKEN)  # we would not take the next at once
        assert setup.submit() == ACCEPTED
        conversation.greet()
        conversation.read_message()
        conversation.finish()
        assert first.hear() == ACCEPTED
        states = [TAKEN]
        while states[-1] != AVAILABLE or len(states) < 2 or process.reported():
            report = process.report()
            assert report is not None
            states.append(report[2])
        assert states[-1] == AVAILABLE


def test_a_busy_cleanup_is_tried_until_it_is_free(
    tmp_path: Path, setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup.cleanup.listener.listen(0)
    with socket.socket(socket.AF_UNIX) as other, setup.start(), setup.client() as client:
        other.connect("public/cleanup")
        client.say(PACKET)
        # Let the worker find the backlog full more than once before there is room.
        assert not select.select([client.socket], [], [], 0.3)[0]
        setup.cleanup.accept()
        setup.cleanup.serve()
        assert client.hear() == ACCEPTED


# Time.


def test_a_silent_client_is_left_when_its_time_is_over(setup: Setup) -> None:
    with setup.start(times={"qmqpd_timeout": 0.1}) as process, setup.client() as silent:
        silent.say(PACKET[:10])
        assert silent.hear() == b""
        timeout = "read/write timeout while receiving message content"
        assert process.wait_for_log(timeout) == f"NOQUEUE: localhost[127.0.0.1]: {timeout}"


def test_a_client_whose_name_never_comes_is_served_as_unknown_and_left_in_time(
    setup: Setup,
) -> None:
    def run(child: Child) -> None:
        times = {"qmqpd_name_timeout": 0.05, "qmqpd_timeout": 0.1}
        Worker(child, make_service(child.log, names={GOOD: None}, times=times)).run()

    with Forked(run, [setup.server]) as process, setup.client() as silent:
        assert process.wait_for_log("connect from unknown[127.0.0.1]")
        assert silent.hear() == b""
        assert process.wait_for_log("read/write timeout while receiving QMQP packet header")


def test_a_refusal_is_delayed_and_delays_nobody_else(setup: Setup) -> None:
    with setup.start(times={"qmqpd_error_delay": 0.5}) as process, setup.client(BAD) as stranger:
        process.wait_for_log("connect from bad.test[127.0.0.66]")
        for _ in range(3):
            assert setup.submit() == ACCEPTED
        assert stranger.hears_nothing_yet()
        text = b"DError: bad.test[127.0.0.66] is not authorized to use this service"
        assert stranger.hear() == encode(text)


def test_a_worker_without_clients_leaves_after_max_idle(setup: Setup) -> None:
    with setup.start(times={"max_idle": 0.1}) as process:
        assert process.wait() == 0
        assert process.states() == []


def test_a_worker_with_a_silent_client_is_not_idle(setup: Setup) -> None:
    times = {"max_idle": 0.05, "qmqpd_timeout": 0.3}
    with setup.start(times=times) as process, setup.client() as silent:
        silent.say(b"5")
        assert silent.hear() == b""
        assert "read/write timeout" in process.wait_for_log("NOQUEUE")
        assert process.wait() == 0


# Use.


def test_a_worker_leaves_after_max_use_finished_connections(setup: Setup) -> None:
    with setup.start({"max_use": "3"}) as process:
        for _ in range(3):
            assert setup.submit() == ACCEPTED
        assert process.wait() == 0
        assert process.states() == [TAKEN, AVAILABLE]


def test_a_worker_past_max_use_goes_on_while_it_holds_a_client(setup: Setup) -> None:
    with setup.start({"max_use": "2"}) as process:
        (silent,) = parked(process, setup, 1)
        for _ in range(4):
            assert setup.submit() == ACCEPTED
        assert process.running()
        silent.socket.close()
        assert process.wait() == 0


# Limits.


def test_at_the_limit_the_client_silent_for_longest_makes_room(setup: Setup) -> None:
    settings = {"qmqpd_worker_connection_limit": "3", "debug_peer_list": GOOD}
    with setup.start(settings) as process:
        first, second, third = parked(process, setup, 3)
        first.say(b"57:")  # now the second one is silent for longest
        process.wait_for_log("3 bytes while")
        assert setup.submit() == ACCEPTED
        assert second.hear() == encode(b"ZError: too many connections, try again later")
        warning = "warning: NOQUEUE: localhost[127.0.0.1]: too many connections"
        assert process.wait_for_log("NOQUEUE") == warning
        assert first.hears_nothing_yet()
        assert third.hears_nothing_yet()
        close([first, second, third])


def test_a_worker_at_its_limit_says_so_and_says_when_it_is_over(setup: Setup) -> None:
    with setup.start({"qmqpd_worker_connection_limit": "2"}) as process:
        first, second = parked(process, setup, 2)
        assert process.report() == (process.pid, 4, TAKEN)
        first.socket.close()
        states = [TAKEN]
        while states[-1] == TAKEN:
            report = process.report()
            assert report is not None
            states.append(report[2])
        second.socket.close()


def test_packets_in_progress_are_bounded_in_all(setup: Setup) -> None:
    setup.constants[capacity, "HELD_BYTES_LEAST"] = 1000
    with setup.start({"message_size_limit": "1000", "debug_peer_list": GOOD}) as process:
        (idle,) = parked(process, setup, 1)
        clients = []
        for _ in range(5):
            clients.append(setup.client().say(b"9999:1000:" + b"x" * 900))
            wait_for_lines(process, "localhost[127.0.0.1]: 910 bytes while", len(clients))
        assert setup.submit() == ACCEPTED  # 4,500 bytes are above 4 messages: one must go
        assert clients[0].hear() == encode(b"ZError: too much unfinished mail, try again later")
        assert all(client.hears_nothing_yet() for client in clients[1:])
        assert idle.hears_nothing_yet(), "it was sent away, and left us no more room than before"
        close([idle, *clients])


def test_fewer_descriptors_mean_fewer_clients_and_no_pause(setup: Setup) -> None:
    def run(child: Child) -> None:
        # Room for three, and what else a worker needs.
        resource.setrlimit(resource.RLIMIT_NOFILE, (6 + capacity.SPARE_DESCRIPTORS, 10_000))
        Worker(child, make_service(child.log)).run()

    with Forked(run, [setup.server]) as process:
        clients = parked(process, setup, 3)
        assert setup.submit() == ACCEPTED
        assert clients[0].hear() == encode(b"ZError: too many connections, try again later")
        assert all(client.hears_nothing_yet() for client in clients[1:])
        close(clients)


def test_clients_that_come_one_by_one_and_stay_are_spread_over_the_workers(setup: Setup) -> None:
    setup.constants[worker_module, "CROWDED"] = 3
    with setup.start() as one, setup.start() as other:
        clients: list[Client] = []
        while len(clients) < 40 and min(held(one), held(other)) < 3:
            wait_for(lambda: asleep(one) and asleep(other), 10, "workers that wait")
            clients.append(setup.client())
            wait_for(lambda: held(one) + held(other) == len(clients), 10, "its welcome")
        assert min(held(one), held(other)) >= 3, (held(one), held(other))
        close(clients)


def asleep(process: Forked) -> bool:
    """Tell whether a process waits for something."""
    stat = Path(f"/proc/{process.pid}/stat").read_text()
    return stat.rpartition(") ")[2].startswith("S")


def held(process: Forked) -> int:
    """Return how many clients a process has accepted."""
    return sum(line.startswith("connect from") for line in process.log())


def test_clients_that_expire_at_one_time_are_all_left(setup: Setup) -> None:
    setup.constants[worker_module, "EXPIRE_LIMIT"] = 2  # in one turn
    with setup.start(times={"qmqpd_timeout": 0.3}) as process:
        clients = parked(process, setup, 5)
        assert [client.hear() for client in clients] == [b""] * 5
        wait_for_lines(process, "disconnect from", 5)
        close(clients)


def test_one_address_may_be_limited_and_others_are_not(setup: Setup) -> None:
    settings = {"qmqpd_client_connection_limit": "2", "qmqpd_authorized_clients": "static:all"}
    with setup.start(settings) as process:
        held = parked(process, setup, 2)
        with setup.client() as third:
            reason = b"too many connections from your address"
            assert third.hear() == encode(b"ZError: %b, try again later" % reason)
        with setup.client(BAD) as other:
            other.say(PACKET)
            setup.cleanup.serve()
            assert other.hear() == ACCEPTED
        held[0].socket.close()
        process.wait_for_log("lost connection")
        assert setup.submit() == ACCEPTED
        close(held)


def test_a_worker_out_of_descriptors_pauses_and_recovers(setup: Setup) -> None:
    def run(child: Child) -> None:
        service = make_service(child.log, {"qmqpd_authorized_clients": "static:all"})
        worker = Worker(child, service)
        worker_module.ACCEPT_PAUSE = 0.1
        spare = os.open("/dev/null", os.O_RDONLY)
        os.close(spare)
        resource.setrlimit(resource.RLIMIT_NOFILE, (spare + 4, 10_000))
        worker.run()

    with Forked(run, [setup.server]) as process:
        clients = [setup.client() for _ in range(6)]
        assert process.wait_for_log("accept connection") == (
            "warning: accept connection: Too many open files"
        )
        assert process.report() == (process.pid, 4, TAKEN)
        # Wait for three pauses: a loop that spins would have logged thousands.
        assert not select.select([clients[5].socket], [], [], 0.3)[0]
        assert 1 <= sum("accept connection" in line for line in process.log()) <= 5
        for client in clients[:5]:
            client.socket.close()
        with clients[5] as last:
            last.say(PACKET)
            setup.cleanup.serve()
            assert last.hear() == ACCEPTED


def test_a_client_for_whom_there_is_no_memory_is_sent_away_alone(setup: Setup) -> None:
    def run(child: Child) -> None:
        def receive(session: Session, data: bytes) -> Submission | None:
            if data.startswith(LARGE):
                raise MemoryError
            return plain(session, data)

        plain = Session.receive_data
        pytest.MonkeyPatch().setattr(Session, "receive_data", receive)
        Worker(child, make_service(child.log)).run()

    with Forked(run, [setup.server]) as process:
        (other,) = parked(process, setup, 1, PACKET[:5])
        with setup.client() as client:
            client.say(LARGE)
            assert client.hear() == encode(b"ZError: out of memory, try again later")
        with other:
            other.say(PACKET[5:])
            setup.cleanup.serve()
            assert other.hear() == ACCEPTED
        assert any("out of memory" in line for line in process.log())


def test_so_is_one_for_whom_there_is_none_when_its_time_has_come(setup: Setup) -> None:
    def run(child: Child) -> None:
        def whole(data: bytes, limits: Limits) -> Submission | None:
            raise MemoryError

        pytest.MonkeyPatch().setattr(connection_module, "whole_packet", whole)
        times = {"qmqpd_name_timeout": 0.05}
        Worker(child, make_service(child.log, names={GOOD: None}, times=times)).run()

    with Forked(run, [setup.server]) as process, setup.client() as client:
        client.say(PACKET)
        assert client.hear() == encode(b"ZError: out of memory, try again later")
        process.status.shutdown(socket.SHUT_WR)
        assert process.wait() == 0


# Leaving.


def test_a_worker_without_clients_leaves_when_master_lets_go(setup: Setup) -> None:
    with setup.start() as process:
        assert setup.submit() == ACCEPTED
        served(process)
        process.status.shutdown(socket.SHUT_WR)
        assert process.wait() == 0
        assert process.states() == [TAKEN]


def test_a_draining_worker_lets_go_of_its_channel_and_serves_who_is_there(setup: Setup) -> None:
    with setup.start() as process:
        (slow,) = parked(process, setup, 1, PACKET[:20])
        process.status.shutdown(socket.SHUT_WR)
        assert process.states() == [TAKEN]  # and end of file: it accepts nobody any more
        assert process.running()
        with setup.client() as late:
            slow.say(PACKET[20:])
            setup.cleanup.serve()
            assert slow.hear() == ACCEPTED
            assert process.wait() == 0
            assert late.hears_nothing_yet()


def test_a_draining_worker_has_patience_for_so_long(setup: Setup) -> None:
    with setup.start(times={"qmqpd_drain_timeout": 0.1}) as process:
        (slow,) = parked(process, setup, 1, PACKET[:20])
        process.status.shutdown(socket.SHUT_WR)
        assert slow.hear() == encode(b"ZError: service is shutting down, try again later")
        assert process.wait() == 0


def test_a_worker_that_is_told_to_end_asks_its_clients_to_come_back(setup: Setup) -> None:
    with setup.start() as process:
        clients = parked(process, setup, 3, PACKET[:20])
        process.signal(signal.SIGTERM)
        for client in clients:
            assert client.hear() == encode(b"ZError: service is shutting down, try again later")
        assert process.wait() == 0


def test_a_draining_worker_can_be_told_to_end(setup: Setup) -> None:
    with setup.start() as process:
        (slow,) = parked(process, setup, 1, PACKET[:20])
        process.status.shutdown(socket.SHUT_WR)
        assert process.states() == [TAKEN]
        process.signal(signal.SIGTERM)
        assert slow.hear() == encode(b"ZError: service is shutting down, try again later")
        assert process.wait() == 0


def test_a_worker_whose_tables_changed_leaves_the_next_client_to_its_successor(
    setup: Setup, tmp_path: Path
) -> None:
    table = tmp_path / "clients"
    table.write_text("127.0.0.1 ok\n")
    with setup.start({"qmqpd_authorized_clients": f"texthash:{table}"}) as process:
        assert setup.submit() == ACCEPTED
        table.write_text("127.0.0.9 ok and more\n")
        with setup.client() as client:
            assert process.wait() == 0
            assert process.log()[-1] == f"table texthash:{table} has changed -- restarting"
            assert client.hears_nothing_yet()


def test_a_worker_that_cannot_see_new_name_servers_leaves_the_next_client_to_its_successor(
    setup: Setup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "resolv.conf"
    path.write_text("nameserver 192.0.2.1\n")
    monkeypatch.setattr(needs, "NAME_FILES", (str(path),))
    monkeypatch.setattr(service_module, "LOOK_SECONDS", 0.0)
    with setup.start() as process:
        assert setup.submit() == ACCEPTED
        path.write_text("nameserver 192.0.2.2\n")  # the same file: the C library reads it again
        assert setup.submit() == ACCEPTED
        (tmp_path / "new").write_text("nameserver 192.0.2.3\n")
        (tmp_path / "new").rename(path)
        with setup.client() as client:
            assert process.wait() == 0
            assert process.log()[-1] == f"file {path} was replaced -- restarting"
            assert client.hears_nothing_yet()


def test_descriptors_are_given_back(setup: Setup) -> None:
    def run(child: Child) -> None:
        service = make_service(child.log, {"qmqpd_authorized_clients": GOOD, "max_use": "60"})
        worker = Worker(child, service)
        before = len(os.listdir("/proc/self/fd"))
        worker.run()
        pipe = 2  # by which it hears of signals
        assert len(os.listdir("/proc/self/fd")) == before + pipe

    with Forked(run, [setup.server]) as process:
        for _ in range(20):
            assert setup.submit() == ACCEPTED
            setup.client(BAD).hear()
            with setup.client() as client:
                client.say(b"x")
                client.hear()
        assert process.wait() == 0, process.log()


@pytest.mark.parametrize("before", [False, True])
def test_a_name_that_is_at_hand_no_thread_looks_up(
    setup: Setup, monkeypatch: pytest.MonkeyPatch, before: bool
) -> None:
    monkeypatch.setattr(local_names, "file_is_first", lambda: True)
    monkeypatch.setattr(local_names, "local_addresses", lambda: [GOOD])
    monkeypatch.setattr(local_names, "verified_name", lambda address: Answer(address, "here.test"))
    prepared = daemon.prepare(load(QmqpdParams, max_use="1"))
    if before:
        prepared.local.look_up()
        monkeypatch.delattr(local_names, "verified_name")

    def run(child: Child) -> None:
        child.unprivileged = False
        child.prepared = prepared
        daemon.serve(child)

    with Forked(run, [setup.server]) as process:
        assert setup.client().say(b"x").hear()
        assert process.wait() == 0, process.log()
        assert process.log()[0] == f"connect from here.test[{GOOD}]"


def test_a_loop_that_hangs_is_ended_and_one_that_idles_is_not(setup: Setup) -> None:
    with setup.start(times={"daemon_timeout": 0.3}) as process:
        assert setup.submit() == ACCEPTED
        with pytest.raises(pytest.fail.Exception, match="did not end"):
            process.wait(1.0)
        assert setup.submit() == ACCEPTED
    setup.constants[worker_module, "accept"] = lambda listener, family: select.select([], [], [])
    with setup.start(times={"daemon_timeout": 0.3}) as process, setup.client():
        assert process.wait() == -signal.SIGALRM


def test_a_process_without_clients_reports_what_it_could_not_log(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "RETRY_SECONDS", 0.1)

    def run(child: Child) -> None:
        lose_line(child.log)
        Worker(child, make_service(child.log, {"qmqpd_authorized_clients": GOOD})).run()

    with Forked(run, [setup.server]) as process:
        process.wait_for_log("warning: log was unavailable: 1 lines lost")
        assert process.running()
