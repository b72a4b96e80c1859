"""echod - tells each client who serves it

DESCRIPTION
    A client is greeted with one line of JSON: pid, generation and facts about
    the process. Then it may send a command: "stay" keeps the connection until
    the client closes it, "fail" and "crash" end the process.

    echod_mode says how it behaves: "serve" is well; "exit" and "raise" fail at
    start; "slow" takes its time to notice that it should leave; "deaf" never
    notices; "blocking" serves one client at a time, with eyes for nobody else;
    of the "exclusive" each client wakes one, and who leaves takes a last call
    with it, as a process may that is told to leave and called at one time.
"""

import json
import os
import select
import socket
import time

from common.child import AVAILABLE, STATUS_FD, TAKEN, Child
from common.params import ChildParams, parameter

SLOW_SECONDS = 0.4
EXCLUSIVE_SECONDS = 1.0


class EchodParams(ChildParams):
    """Read by echod; main.cf of a test sets them all."""

    echod_mode: str = parameter("serve", "How to behave.")
    echod_word: str = parameter("", "A word that clients are greeted with.")


PARAMS = EchodParams


def serve(child: Child) -> None:
    """Greet clients until it is time to leave."""
    params = child.main_cf.load(EchodParams)
    child.drop_privileges(params.mail_owner, params.queue_directory)
    if params.echod_mode == "exit":
        raise SystemExit(3)
    if params.echod_mode == "raise":
        raise ValueError("a bug")
    Echo(child, params).run()


class Echo:
    """One process."""

    def __init__(self, child: Child, params: EchodParams) -> None:
        self.child = child
        self.params = params
        self.poll: select.poll | select.epoll = select.poll()
        wanted = select.POLLIN
        if params.echod_mode == "exclusive":
            self.poll, wanted = select.epoll(), select.EPOLLIN | select.EPOLLEXCLUSIVE
        self.listeners = {fd: socket.socket(fileno=fd) for fd in child.listeners}
        self.clients: dict[int, socket.socket] = {}
        self.leaving = False
        if params.echod_mode != "deaf":
            self.poll.register(STATUS_FD, select.POLLIN)
        for listener in self.listeners:
            self.poll.register(listener, wanted)

    def run(self) -> None:
        """Serve until told to leave, and until the last client has gone."""
        while not self.leaving or self.clients:
            ready = {fd for fd, _ in self.poll.poll()}
            if STATUS_FD in ready and not self.leaving:
                self.leave()
            for fd in ready & self.listeners.keys():
                self.greet(self.listeners[fd])
            for fd in ready & self.clients.keys():
                self.obey(self.clients[fd])

    def leave(self) -> None:
        """Stop accepting, and confirm it."""
        if self.params.echod_mode == "slow":
            end = time.monotonic() + SLOW_SECONDS
            while (rest := end - time.monotonic()) > 0:
                if select.select(list(self.listeners), [], [], rest)[0]:
                    self.greet(next(iter(self.listeners.values())))
        self.leaving = True
        if self.params.echod_mode == "exclusive":
            self.poll.unregister(STATUS_FD)
            self.child.set_title("last call")
            self.poll.poll(EXCLUSIVE_SECONDS)
            raise SystemExit
        for fd, listener in self.listeners.items():
            self.poll.unregister(fd)
            listener.close()
        self.listeners.clear()
        self.poll.unregister(STATUS_FD)
        os.close(STATUS_FD)
        self.child.set_title("draining")

    def greet(self, listener: socket.socket) -> None:
        """Accept one client and tell it about us."""
        try:
            client, _ = listener.accept()
        except BlockingIOError:
            return
        client.setblocking(True)
        self.child.report(TAKEN)
        client.sendall(json.dumps(self.facts()).encode() + b"\n")
        self.clients[client.fileno()] = client
        self.poll.register(client, select.POLLIN)
        if self.params.echod_mode == "blocking":
            self.obey(client)
        self.child.report(AVAILABLE)

    def obey(self, client: socket.socket) -> None:
        """Do what a client says."""
        command = client.recv(100).strip()
        if command == b"fail":
            raise SystemExit(1)
        if command == b"log":
            self.child.log.info("a line from echod")
        elif command != b"stay":
            self.poll.unregister(client)
            del self.clients[client.fileno()]
            client.close()

    def facts(self) -> dict[str, object]:
        """Return what tests want to know."""
        return {
            "pid": os.getpid(),
            "parent": os.getppid(),
            "generation": self.child.generation,
            "word": self.params.echod_word,
            "stress": self.child.main_cf.text("stress"),
            "uid": os.getuid(),
            "gid": os.getgid(),
            "cwd": os.getcwd(),
            "umask": os.umask(0o077),
            "environment": dict(os.environ),
            "descriptors": descriptors(),
        }


def descriptors() -> list[int]:
    """Return the numbers of all open descriptors, but for the one that reads this list."""
    found = sorted(int(name) for name in os.listdir("/proc/self/fd"))
    return [fd for fd in found if is_open(fd)]


def is_open(fd: int) -> bool:
    """Tell whether the descriptor is still open."""
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True
