"""whole - scenarios of parameters that concern an instance as a whole

DESCRIPTION
    Some take effect with a reload: they are changed one after the other in a
    running instance. Some only at the start: they are all changed at once in
    a second instance. The rest is for commands, which read a configuration of
    their own.
"""

import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.suite import peers, processes
from tests.suite.instance import Postroom, run
from tests.suite.parameters.stand import PATIENCE, SET_BY_COMMAND, Look, Stand, When, Whole
from tests.suite.qmqp import submit
from tests.suite.reference import Postfix
from tests.suite.waiting import holds_within, wait_for

SHORT_PATIENCE = 3.0  # seconds after which something is taken not to happen
QUEUE_ID = "ABCDEF012345"
FOREIGN = "flush unix n - n - - flush\n"  # a service of Postfix's


def workers(*programs: str) -> Look:
    """How many processes of these programs there are when nobody needs any."""
    return lambda stand: [len(stand.instance.children(program)) for program in programs]


def accepts(host: str = "127.0.0.1", *, every: bool = False) -> Look:
    """Whether a service takes connections on an address."""

    def look(stand: Stand) -> bool:
        port = stand.every_port if every else stand.instance.port
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family) as client:
            return client.connect_ex((host, port)) == 0

    return look


def is_ours(program: str) -> Look:
    """Whether a daemon is our own program, not the one of Postfix."""

    def look(stand: Stand) -> bool:
        accepts()(stand)
        found = stand.instance.children(program)
        return any("python" in (processes.PROC / f"{one.pid}/exe").readlink().name for one in found)

    return look


def has(library: str) -> Look:
    """Whether a worker has a library in its memory."""

    def look(stand: Stand) -> bool:
        accepts()(stand)
        found = stand.instance.children("cleanup")
        return any(library in (processes.PROC / f"{one.pid}/maps").read_text() for one in found)

    return look


def filtered() -> Look:
    """Whether the kernel filters system calls of all qmqpd processes."""

    def look(stand: Stand) -> bool:
        accepts()(stand)
        paths = [processes.PROC / f"{one.pid}/status" for one in stand.instance.children("qmqpd")]
        return all(re.search(r"^Seccomp:\t2$", path.read_text(), re.MULTILINE) for path in paths)

    return look


def title(pattern: str) -> Look:
    """Whether the command line of a qmqpd process holds the pattern."""

    def look(stand: Stand) -> bool:
        submit(stand.instance.port)
        return any(re.search(pattern, one.command()) for one in stand.instance.children("qmqpd"))

    return look


def path_of_the_killed() -> Look:
    """The program's path in the line about a worker that was killed."""

    def look(stand: Stand) -> str:
        submit(stand.instance.port)
        position = stand.instance.log_position()
        stand.instance.children("qmqpd")[0].kill(signal.SIGKILL)
        line = stand.instance.wait_for_log(r"qmqpd pid \d+ killed by signal 9", position)
        found = re.search(r"process (\S+) pid", line)
        assert found
        return found[1]

    return look


def log_file() -> Look:
    """The files that hold lines about a message."""

    def look(stand: Stand) -> list[str]:
        queue_id = submit(stand.instance.port).queue_id
        folder = stand.instance.log_path.parent

        def files() -> list[str]:
            return [one.name for one in folder.iterdir() if queue_id in one.read_text()]

        wait_for(files, PATIENCE, "a line about the message")
        return files()

    return look


def tries_again() -> Look:
    """Whether a service that has failed at its start is tried again within a moment."""

    def look(stand: Stand) -> bool:
        instance = stand.instance

        def failures(since: int = 0) -> int:
            return sum("nosuchuser" in line for line in instance.log_lines(since))

        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(instance.spool / "private/broken"))
            wait_for(failures, PATIENCE, "the service that fails to be started")
            # By then all is logged that its process had to say.
            instance.wait_for_log("-- throttling$")
            position = instance.log_position()
            return holds_within(lambda: failures(position), SHORT_PATIENCE)

    return look


def place(find: Callable[[Stand], Path]) -> Look:
    """Where something is, below the instance's folder."""
    return lambda stand: stand.below_top(find(stand))


def lock_files(name: str) -> Look:
    """The folders that hold a lock file of this name."""
    return lambda stand: [
        stand.below_top(path.parent) for path in stand.instance.top.rglob(name) if path.is_file()
    ]


def shown_directory() -> Look:
    """The configuration directory that qmqpd tells of in a message, see stand.SETTINGS."""

    def look(stand: Stand) -> str:
        shown = [text for text in stand.records() if text.startswith("Lshown:")]
        return stand.below_top(Path(shown[0].removeprefix("Lshown:")))

    return look


def owner_of_workers() -> Look:
    """The account of a process that serves clients."""

    def look(stand: Stand) -> str:
        submit(stand.instance.port)
        worker = stand.instance.children("qmqpd")[0]
        return (processes.PROC / str(worker.pid)).owner()

    return look


def group_of_sockets() -> Look:
    """The group that may enter the public directory."""
    return lambda stand: (stand.instance.spool / "public").group()


def zone() -> Look:
    """The zone of the date in the trace header."""

    def look(stand: Stand) -> str:
        found = re.search(r"; .* ([+-]\d{4})", "\n".join(stand.records()))
        assert found
        return found[1]

    return look


def complaint(pattern: str, service: str = "") -> Look:
    """Whether a check of the configuration, with one more service, finds this fault."""

    def look(stand: Stand) -> bool:
        folder = stand.configuration()
        with (folder / "master.cf").open("a") as master_cf:
            master_cf.write(service)
        done = ours(stand, "-c", str(folder), "check")
        return re.search(pattern, done.stdout + done.stderr) is not None

    return look


def open_folder_is_found() -> Look:
    """Whether a check complains of a folder of programs into which everybody may write."""

    def look(stand: Stand) -> bool:
        folder = stand.instance.top / "open"
        folder.mkdir(exist_ok=True)
        folder.chmod(0o777)
        return bool(complaint(f"writable: {folder}", FOREIGN)(stand))

    return look


def depth_found(*queues: str) -> Look:
    """At what depths of subdirectories a message is found by its id, in one of these queues."""

    def look(stand: Stand) -> list[int]:
        folder = stand.configuration()
        source = stand.queue_file()
        return [depth for depth in range(3) if found_at(stand, folder, source, queues, depth)]

    return look


def found_at(stand: Stand, folder: Path, source: Path, queues: Sequence[str], depth: int) -> bool:
    """Tell whether a copy of the file is found so deep in any of the queues."""
    copies = [stand.instance.spool.joinpath(one, *QUEUE_ID[:depth], QUEUE_ID) for one in queues]
    for copy in copies:
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, copy)
    command = ["-c", str(folder), "-q", QUEUE_ID]
    if isinstance(stand.instance, Postfix):
        done = run([str(peers.program("postcat")), *command])
    else:
        done = ours(stand, "cat", *command)
    for copy in copies:
        copy.unlink()
    return done.returncode == 0


def makes_programs(stand: Stand) -> bool:
    """Whether our daemons are made as programs in a folder of the instance."""
    done = ours(stand, "-c", str(stand.configuration()), "daemons")
    assert done.returncode == 0, done
    return (stand.instance.top / "programs/qmqpd").exists()


def ours(stand: Stand, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the postroom command."""
    assert isinstance(stand.instance, Postroom)
    return stand.instance.tool(*arguments)


SCENARIOS = (
    Whole("fast_short_lines", "yes", When.RELOAD, has("numpy"), False, True, reference=False),
    Whole("default_process_limit", "1", When.RELOAD, title(" -l "), False, True),
    Whole("master_service_disable", "inet", When.RELOAD, accepts(), True, False),
    Whole(
        "native_services",
        "cleanup",
        When.RELOAD,
        is_ours("qmqpd"),
        True,
        False,
        reference=False,
    ),
    Whole(
        "native_daemon_directory",
        "<TOP>/programs",
        When.COMMAND,
        makes_programs,
        False,
        True,
        reference=False,
    ),
    Whole(
        "default_prefork_count",
        "6",
        When.RELOAD,
        workers("qmqpd", "cleanup"),
        [8, 4],
        [12, 6],
        reference=False,
    ),
    Whole("qmqpd_prefork_count", "6", When.RELOAD, workers("qmqpd"), [8], [12], reference=False),
    Whole("cleanup_prefork_count", "6", When.RELOAD, workers("cleanup"), [4], [6], reference=False),
    Whole(
        "postlogd_prefork_count", "1", When.RELOAD, workers("postlogd"), [0], [1], reference=False
    ),
    Whole(
        "daemon_directory",
        "/opt/sbin",
        When.RELOAD,
        path_of_the_killed(),
        "/usr/lib/postfix/sbin/qmqpd",
        "/opt/sbin/qmqpd",
        reference=False,
    ),
    Whole("maillog_file", "<TOP>/log/other", When.RELOAD, log_file(), ["mail.log"], ["other"]),
    Whole("sandbox", "no", When.RELOAD, filtered(), True, False, reference=False, root=True),
    Whole("service_throttle_time", "1s", When.START, tries_again(), False, True, root=True),
    Whole("config_directory", SET_BY_COMMAND, When.START, shown_directory(), "etc", "config"),
    Whole(
        "queue_directory",
        "<TOP>/queue",
        When.START,
        place(lambda stand: stand.queue_file().parent),
        "spool/incoming",
        "queue/incoming",
    ),
    Whole(
        "data_directory",
        "<TOP>/state",
        When.START,
        lock_files("master.lock"),
        ["data"],
        ["state"],
    ),
    # Nobody can set it: it shows the same whatever is tried.
    Whole(
        "process_id_directory",
        "run",
        When.START,
        lock_files("master.pid"),
        ["spool/pid"],
        ["queue/pid"],
    ),
    Whole("mail_owner", "daemon", When.START, owner_of_workers(), "postfix", "daemon", root=True),
    Whole("setgid_group", "mail", When.START, group_of_sockets(), "postdrop", "mail", root=True),
    Whole(
        "inet_interfaces",
        "localhost",
        When.START,
        accepts("127.0.0.5", every=True),
        True,
        False,
    ),
    Whole("inet_protocols", "ipv4", When.START, accepts("::1", every=True), True, False, ipv6=True),
    Whole(
        "import_environment",
        "MAIL_CONFIG MAIL_LOGTAG TZ=JST-9",
        When.START,
        zone(),
        "+0000",
        "+0900",
    ),
    Whole(
        "maillog_file_prefixes",
        "<TOP>",
        When.COMMAND,
        complaint("begins with nothing of maillog_file_prefixes"),
        True,
        False,
        reference=False,
    ),
    Whole(
        "known_tcp_ports",
        "qmqpx=10628",
        When.COMMAND,
        complaint("unknown service: qmqpx/tcp", "127.0.0.1:qmqpx inet n - n - - qmqpd\n"),
        True,
        False,
        reference=False,
    ),
    Whole(
        "postlog_service_name",
        "other",
        When.COMMAND,
        complaint("service other/unix-dgram is missing", FOREIGN),
        False,
        True,
        reference=False,
    ),
    Whole(
        "command_directory",
        "<TOP>/open",
        When.COMMAND,
        open_folder_is_found(),
        False,
        True,
        reference=False,
        root=True,
    ),
    Whole("hash_queue_names", "active", When.COMMAND, depth_found("deferred"), [1], [0]),
    Whole("hash_queue_depth", "2", When.COMMAND, depth_found("deferred"), [1], [2]),
)
