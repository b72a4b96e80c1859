"""service - a daemon of the host that answers as it is told"""

import contextlib
import socket
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

Visit = Sequence[bytes]  # what one client is told: a greeting, then an answer to each request


@contextlib.contextmanager
def answering(path: Path, *visits: Visit, last: Visit | None = None) -> Iterator[list[bytes]]:
    """Yield what clients say, a text for each thing they say.

    Each client gets the next of visits; those behind them get the last one again and again.
    """
    heard: list[bytes] = []
    peers: list[socket.socket] = []
    path.parent.mkdir(exist_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        path.chmod(0o777)  # clients may have given up their rights
        listener.listen()

        def serve() -> None:
            turns = list(visits)
            while turns or last is not None:
                try:
                    peer = listener.accept()[0]
                except OSError:
                    return
                peers.append(peer)
                with peer:
                    attend(peer, turns.pop(0) if turns else last or ())

        def attend(peer: socket.socket, visit: Visit) -> None:
            with contextlib.suppress(OSError):
                for answer in visit:
                    peer.sendall(answer)
                    if not (data := peer.recv(65536)):
                        return
                    heard.append(data)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield heard
        finally:
            for one in (listener, *peers):
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
            thread.join(10)
            assert not thread.is_alive()
