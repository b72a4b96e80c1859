"""tables - scenarios of the parameters of lookup tables, and of the command that makes them

SEE ALSO
    postmap(1)
"""

import os
import random
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.suite import peers
from tests.suite.instance import run
from tests.suite.parameters.scenario import StandIn
from tests.suite.parameters.stand import Look, Stand, When, Whole
from tests.suite.processes import PROC
from tests.suite.reference import Postfix

MAP_SIZE_PLACE = 32  # in the first page of an LMDB file
ENTRIES = 20_000  # in a table of more than a megabyte
MUCH = 20_000_000  # bytes moved; a table that fits into memory moves a tenth of it
BOUNDARY = "Content-Type: multipart/mixed; boundary=%s\n\n--%s\n"

Prepare = Callable[[Path], tuple[str, ...]]  # makes files, returns the arguments of a command


def command(stand: Stand, *arguments: str) -> list[str]:
    """Return a command line that makes tables or asks them."""
    configuration = ["-c", str(stand.configuration())]
    if isinstance(stand.instance, Postfix):
        return [str(peers.postmap()), *configuration, *arguments]
    return [str(peers.postroom()), *configuration, "map", *arguments]


def asked(text: str, *arguments: str) -> Look:
    """What is found for keys from standard input."""
    return lambda stand: run(command(stand, *arguments), text).stdout.splitlines()


def folder(stand: Stand) -> Path:
    """Return a folder for tables."""
    path = stand.instance.top / "tables"
    path.mkdir(exist_ok=True)
    return path


def default_type() -> Look:
    """What a table whose type is not named says."""

    def look(stand: Stand) -> str:
        path = folder(stand) / "plain"
        path.write_text("key value\n")
        return run(command(stand, "-q", "key", str(path))).stdout.strip()

    return look


def map_size() -> Look:
    """The size in a new LMDB file, in bytes."""

    def look(stand: Stand) -> int:
        path = folder(stand) / "lightning"
        path.write_text("key value\n")
        made = path.with_name("lightning.lmdb")
        made.unlink(missing_ok=True)
        run(command(stand, f"lmdb:{path}")).check_returncode()
        data = made.read_bytes()
        return int(struct.unpack_from("<Q", data, MAP_SIZE_PLACE)[0])

    return look


def moves_much(counter: str, arguments: Callable[[Path], tuple[str, ...]]) -> Look:
    """Whether a command for a large hash table moves far more bytes than are in it.

    counter: "rchar" for those it reads, "wchar" for those it writes.
    """

    def look(stand: Stand) -> bool:
        peers.table_library("hash")
        path = folder(stand) / "large"
        keys = [f"key{number}" for number in range(ENTRIES)]
        random.Random(1).shuffle(keys)
        path.write_text("".join(f"{key} a value of {key}\n" for key in keys))
        run(command(stand, f"hash:{path}")).check_returncode()
        questions = path.with_name("keys")
        questions.write_text("\n".join(keys))
        return moved(command(stand, *arguments(path)), questions, counter) > MUCH

    return look


def moved(command_line: list[str], text: Path, counter: str) -> int:
    """Return how many bytes a command has read or written, as the system counted them."""
    with (
        text.open() as keys,
        subprocess.Popen(command_line, stdin=keys, stdout=subprocess.DEVNULL) as process,
    ):
        # The counters stay until somebody waits for the process.
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        lines = (PROC / f"{process.pid}/io").read_text().splitlines()
    assert process.returncode == 0
    return int(dict(line.split(": ") for line in lines)[counter])


def meets(service: str) -> Look:
    """Whether a lookup by way of proxymap goes to a service, which here speaks another protocol."""

    def look(stand: Stand) -> bool:
        with StandIn(stand.instance.spool / f"private/{service}", greets=True):
            done = run(command(stand, "-q", "key", "proxy:inline:{key=value}"))
        return "unexpected protocol" in done.stderr

    return look


def headers_found(text: str) -> Look:
    """Which lines of a message are found as headers, those of its parts too."""
    return asked(text, "-h", "-m", "-q", "-", "regexp:{{/^(A):/ $1}}")


SCENARIOS = (
    Whole("default_database_type", "texthash", When.COMMAND, default_type(), "", "value"),
    Whole("lmdb_map_size", "65536", When.COMMAND, map_size(), 16777216, 65536),
    Whole(
        "berkeley_db_create_buffer_size",
        "65536",
        When.COMMAND,
        moves_much("wchar", lambda path: (f"hash:{path}",)),
        False,
        True,
    ),
    Whole(
        "berkeley_db_read_buffer_size",
        "16777216",
        When.COMMAND,
        moves_much("rchar", lambda path: ("-q", "-", f"hash:{path}")),
        True,
        False,
    ),
    Whole(
        "mime_boundary_length_limit",
        "2",
        When.COMMAND,
        headers_found(BOUNDARY % ("abc", "abx") + "A: b\n\n"),
        [],
        ["A: b\tA"],
    ),
    Whole(
        "mime_nesting_limit",
        "1",
        When.COMMAND,
        headers_found("".join(BOUNDARY % (name, name) for name in "abcd") + "A: b\n\n"),
        ["A: b\tA"],
        [],
    ),
    Whole(
        "proxymap_service_name",
        "other",
        When.COMMAND,
        meets("other"),
        False,
        True,
        reference=False,  # its postmap waits for ever
    ),
)
