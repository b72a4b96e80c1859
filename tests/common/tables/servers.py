"""servers - a table's server that always answers the same"""

import contextlib
import socket
import threading
from types import TracebackType


class ReplayServer:
    """Answers each request on a port of 127.0.0.1, whatever it is, from a list.

    The last reply is given again and again. None hangs up instead.
    """

    def __init__(self, *replies: bytes | None, port: int = 0) -> None:
        self.requests: list[bytes] = []
        self._replies = list(replies)
        self._listener = socket.create_server(("127.0.0.1", port))
        self._connections: list[socket.socket] = []
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def __enter__(self) -> "ReplayServer":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._connections:
            with contextlib.suppress(OSError):  # it may be over
                connection.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            self._converse(connection)
            connection.close()

    def _converse(self, connection: socket.socket) -> None:
        try:
            while request := connection.recv(65536):
                self.requests.append(request)
                reply = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
                if reply is None:
                    return
                connection.sendall(reply)
        except OSError:
            return
