"""control - the socket by which an operator's commands reach master

DESCRIPTION
    pid/control is a stream socket. A client sends one line of JSON, such as
    {"request": "reload"}, and gets one line back, with "ok" and facts or an
    "error". Only root and the account of master itself are heard. What else
    stands in a request, as texts by name, are its arguments.

    Nothing here makes the loop wait: sizes, times and the number of clients
    are bounded, and a client that stalls is dropped.

SEE ALSO
    ARCHITECTURE.md
    commands.control, the other side
"""

import json
import os
import socket
import struct
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from common.log import Log
from master.events import WRITE, Loop
from master.state import ClientState

REQUEST_LIMIT = 4096  # bytes
CLIENT_LIMIT = 32
PATIENCE = 10.0  # seconds for a client to send its request, and to take the reply
CREDENTIALS = struct.Struct("3i")  # pid, uid, gid: struct ucred

Facts = dict[str, object]
Reply = Callable[[Facts], None]


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for."""

    name: str
    arguments: dict[str, str] = field(default_factory=dict)


Handler = Callable[[Request, Reply], None]


def trusted(uid: int, own: int) -> bool:
    """Tell whether that account may give orders."""
    return uid in (0, own)


def parse_request(line: bytes) -> Request:
    """Return the request.

    Raises:
        ValueError: it is none.
    """
    try:
        found = json.loads(line)
        name = found.pop("request")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ValueError("not a request") from None
    if not isinstance(name, str):
        raise ValueError("not a request")
    return Request(name, {key: one for key, one in found.items() if isinstance(one, str)})


class Control:
    """The listening side; a request is passed on together with the way to answer."""

    def __init__(self, loop: Loop, log: Log) -> None:
        self.loop = loop
        self.log = log
        self.handler: Handler = refuse
        self.clients: set[Client] = set()

    def open(self, path: str, handler: Handler) -> None:
        """Hear clients from now on."""
        with suppress(FileNotFoundError):
            os.unlink(path)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.setblocking(False)
        listener.bind(path)  # under umask 077
        os.chmod(path, 0o600)
        listener.listen(CLIENT_LIMIT)
        self._listen(listener, handler)

    def adopt(self, descriptor: int, clients: Iterable[ClientState], handler: Handler) -> None:
        """Go on with what another program has opened and begun.

        Requests that it was carrying out are given to the handler once more.
        """
        self._listen(socket.socket(fileno=descriptor), handler)
        for one in clients:
            client = Client(self, socket.socket(fileno=one.descriptor))
            self.clients.add(client)
            client.go_on(one)

    def fileno(self) -> int:
        """Return the descriptor that clients connect to."""
        return self._socket.fileno()

    def _listen(self, listener: socket.socket, handler: Handler) -> None:
        self._socket, self.handler = listener, handler
        self.loop.watch(listener.fileno(), self._accept)

    def _accept(self) -> None:
        try:
            connection, _ = self._socket.accept()
        except OSError:
            return
        connection.setblocking(False)
        found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size)
        pid, uid, _ = CREDENTIALS.unpack(found)
        if not trusted(uid, os.geteuid()):
            self.log.warning(f"control: process {pid} of user {uid} refused")
            connection.close()
        elif len(self.clients) >= CLIENT_LIMIT:
            self.log.warning(f"control: more than {CLIENT_LIMIT} clients: process {pid} refused")
            connection.close()
        else:
            self.clients.add(Client(self, connection))


class Client:
    """One connection: a request comes in, then a reply goes out."""

    def __init__(self, control: Control, connection: socket.socket) -> None:
        self._control = control
        self._loop = control.loop
        self._socket = connection
        self._data = b""
        self._request = ""  # that is being carried out
        self._replied = False
        self._timer = self._loop.call_later(PATIENCE, self._close)
        self._loop.watch(connection.fileno(), self._read)

    def reply(self, facts: Facts) -> None:
        """Send the answer and close; a client that left misses it."""
        if self._socket.fileno() < 0:
            return
        self._send(json.dumps(facts).encode() + b"\n")

    @property
    def state(self) -> ClientState:
        """How far it is."""
        received, unsent = (b"", self._data) if self._replied else (self._data, b"")
        texts = received.decode("latin-1"), unsent.decode("latin-1")
        return ClientState(self._socket.fileno(), self._request, *texts)

    def go_on(self, state: ClientState) -> None:
        """Continue from there."""
        self._data = state.received.encode("latin-1")
        if state.unsent:
            self._send(state.unsent.encode("latin-1"))
        elif state.request:
            self._answer()

    def _send(self, data: bytes) -> None:
        self._data, self._request, self._replied = data, "", True
        self._timer.cancel()
        self._timer = self._loop.call_later(PATIENCE, self._close)
        self._loop.watch(self._socket.fileno(), self._write, WRITE)
        self._write()

    def _read(self) -> None:
        try:
            data = self._socket.recv(REQUEST_LIMIT + 1)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self._data += data
        if not data:
            self._close()
        elif len(self._data) > REQUEST_LIMIT:
            self.reply({"ok": False, "error": "request too long"})
        elif b"\n" in self._data:
            self._answer()

    def _answer(self) -> None:
        """Pass the request on; the reply may come at once or later."""
        self._timer.cancel()
        self._loop.forget(self._socket.fileno())
        try:
            request = parse_request(self._data)
        except ValueError as error:
            self.reply({"ok": False, "error": str(error)})
            return
        self._request = request.name
        self._control.handler(request, self.reply)

    def _write(self) -> None:
        try:
            sent = self._socket.send(self._data)
        except BlockingIOError:
            return
        except OSError:
            sent = len(self._data)
        self._data = self._data[sent:]
        if not self._data:
            self._close()

    def _close(self) -> None:
        self._timer.cancel()
        if self._socket.fileno() >= 0:
            self._loop.forget(self._socket.fileno())
        self._socket.close()
        self._control.clients.discard(self)


def refuse(request: Request, reply: Reply) -> None:
    """Answer what comes before anybody is there to handle it."""
    reply({"ok": False, "error": "not yet"})
