"""control - requests to master"""

from master import control
from tests.fuzz.bug import Bug

TOKENS = (b'"n": 1, ', b'"', b"{", b"[", b"null", b"\\u0000")
BUG = Bug("master.control", "parse_request", " if isinstance(one, str)", "")


def check(data: bytes) -> None:
    """Read a request: names and arguments are texts."""
    try:
        request = control.parse_request(data)
    except ValueError as error:
        assert str(error) == "not a request"
        return
    assert isinstance(request.name, str)
    assert all(isinstance(one, str) for pair in request.arguments.items() for one in pair)
