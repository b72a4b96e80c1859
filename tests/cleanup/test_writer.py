"""Promises of cleanup.writer, with every system call failing in turn.

SEE ALSO
    ARCHITECTURE.md, the states of a queue file
    spec/queue-file.md, sections 7 to 9
"""

import contextlib
import errno
import fcntl
import os
import resource
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from cleanup.writer import HIDDEN_SECONDS, PENDING_LIMIT, QueueFile, create_temporary
from common.claim import Claim
from common.errors import QueueError
from common.queue_id import is_long, is_valid

SIZE, REST = b"size record", b" and the rest of the file"
LARGE = REST + b"x" * PENDING_LIMIT  # more than is kept in memory
rests = pytest.mark.parametrize("rest", [REST, LARGE], ids=["small", "large"])


@pytest.fixture(autouse=True)
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The queue directory, which the daemon works in."""
    for folder in ("incoming", "hold", "defer", "bounce", "trace"):
        (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def files() -> list[Path]:
    return [path for path in Path().rglob("*") if not path.is_dir()]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def locked(path: Path) -> bool:
    """Tell whether another process would find the file locked."""
    with open(path, "rb") as other:
        try:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def create(rest: bytes = REST) -> QueueFile:
    made = QueueFile.create(long_ids=False)
    made.write(b"." * len(SIZE) + rest)
    return made


# The life of a file.


def test_a_file_is_born_empty_private_and_locked() -> None:
    made = QueueFile.create(long_ids=False)
    (path,) = files()
    assert str(path) == made.path == f"incoming/{made.queue_id}"
    assert (path.read_bytes(), mode(path), locked(path)) == (b"", 0o600, True)
    made.discard()


def test_a_file_stays_private_and_locked_while_it_grows() -> None:
    made = create(LARGE)
    (path,) = files()
    assert path.read_bytes() == b"." * len(SIZE) + LARGE
    assert (mode(path), locked(path)) == (0o600, True)
    made.discard()


def test_a_file_takes_little_memory_however_it_grows() -> None:
    made = create(b"")
    for number in range(500):
        made.write(b"%1000d" % number)
        size = Path(made.path).stat().st_size
        assert len(SIZE) + 1000 * (number + 1) - size <= PENDING_LIMIT
    made.write(b"end")  # does not fill a write of its own
    made.commit(SIZE)
    expected = SIZE + b"".join(b"%1000d" % number for number in range(500)) + b"end"
    assert Path(made.path).read_bytes() == expected


@rests
def test_a_committed_file_is_whole_executable_and_free(rest: bytes) -> None:
    before = descriptors()
    made = create(rest)
    made.commit(SIZE)
    (path,) = files()
    assert path.read_bytes() == SIZE + rest
    assert (mode(path), locked(path)) == (0o700, False)
    assert descriptors() == before


@rests
def test_a_discarded_file_is_gone(rest: bytes) -> None:
    before = descriptors()
    create(rest).discard()
    assert files() == []
    assert descriptors() == before


def test_a_held_file_lies_in_the_hold_queue_before_it_is_whole() -> None:
    made = create()
    made.hold()
    (path,) = files()
    assert (str(path), mode(path)) == (f"hold/{made.queue_id}", 0o600)
    made.commit(SIZE)
    assert (path.read_bytes(), mode(path)) == (SIZE + REST, 0o700)


def test_a_held_file_can_be_discarded() -> None:
    made = create()
    made.hold()
    made.discard()
    assert files() == []


def test_a_committed_file_of_which_nobody_heard_can_be_withdrawn() -> None:
    made = create()
    made.hold()
    made.commit(SIZE)
    made.withdraw()
    assert files() == []


@rests
def test_a_file_that_is_whole_lies_in_the_future_until_it_was_accepted(
    rest: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The queue manager passes over such files, and so cannot take one that is withdrawn."""
    times = []

    def chmod(descriptor: int, mode: int) -> None:
        times.append(os.fstat(descriptor).st_mtime)
        fchmod(descriptor, mode)

    fchmod = os.fchmod
    monkeypatch.setattr(os, "fchmod", chmod)
    made = create(rest)
    made.commit(SIZE)
    made.release()
    times.append(os.stat(made.path).st_mtime)
    assert min(times) > time.time() + HIDDEN_SECONDS / 2
    made.reveal()
    assert os.stat(made.path).st_mtime <= time.time()


class Killed(BaseException):
    """What no code expects: the process is gone."""


LIFE = ("open", "rename", "write", "pwrite", "utime", "fchmod", "fsync", "close")


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("held", [False, True])
@rests
def test_wherever_a_process_is_killed_its_claim_leads_to_its_file(
    rest: bytes, held: bool, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before and after each system call of a file's life, until it counts."""
    calls, fatal = 0, 0

    def mortal(real: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **options: object) -> object:
            nonlocal calls
            calls += 1
            if calls == fatal and moment == "before":
                raise Killed
            result = real(*arguments, **options)
            if calls == fatal:
                raise Killed
            return result

        return call

    for name in LIFE:
        monkeypatch.setattr(os, name, mortal(getattr(os, name)))
    monkeypatch.setattr(fcntl, "flock", mortal(fcntl.flock))
    while True:
        calls, fatal = 0, fatal + 1
        claim = Claim()
        try:
            made = QueueFile.create(long_ids=False, claim=claim)
            made.write(b"." * len(SIZE) + rest)
            if held:
                made.hold()
            made.commit(SIZE)
            made.release()
        except Killed:
            calls = fatal  # whatever is called now is not the process'
            claim.remove()
            assert files() == [], fatal
        else:
            break
    assert fatal > 8
    assert claim.remove() == []
    assert len(files()) == 1


def test_a_file_that_was_refused_is_claimed_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    claim = Claim()
    QueueFile.create(long_ids=False, claim=claim).discard()
    assert claim.paths() == []
    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(QueueError):
        QueueFile.create(long_ids=False, claim=claim)
    assert claim.paths() == []


def refuse(*arguments: object, **options: object) -> NoReturn:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_once_committed_a_file_is_not_touched_any_more() -> None:
    made = create()
    made.commit(SIZE)
    made.discard()
    (path,) = files()
    assert (path.read_bytes(), mode(path)) == (SIZE + REST, 0o700)


def test_discarding_twice_is_discarding_once() -> None:
    made = create()
    made.discard()
    other = os.open("/dev/null", os.O_RDONLY)  # takes the number of the closed one
    made.discard()
    os.fstat(other)
    os.close(other)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o177])
def test_the_modes_do_not_depend_on_the_umask(umask: int) -> None:
    before = os.umask(umask)
    try:
        made = create()
        assert mode(Path(made.path)) == 0o600
        made.commit(SIZE)
        assert mode(Path(made.path)) == 0o700
    finally:
        os.umask(before)


def test_a_large_write_is_not_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = os.write
    monkeypatch.setattr(os, "writev", lambda fd, parts: plain(fd, b"".join(parts)[:7]))
    for rest in (REST, LARGE):
        made = create(rest[:10])
        made.write(rest[10:])
        made.commit(SIZE)
        assert Path(made.path).read_bytes() == SIZE + rest


@pytest.mark.parametrize("count", [1_000, 1_023, 1_024, 5_000])
def test_a_file_may_come_in_any_number_of_small_pieces(count: int) -> None:
    """The kernel takes 1,024 in one call."""
    pieces = [b"N\x04%04d" % number for number in range(count)]
    made = create(b"")
    for piece in pieces:
        made.write(piece)
    made.commit(SIZE)
    assert Path(made.path).read_bytes() == SIZE + b"".join(pieces)


@rests
def test_the_steps_of_a_commit_follow_each_other(
    monkeypatch: pytest.MonkeyPatch, rest: bytes
) -> None:
    steps: list[str] = []

    def note(module: Any, name: str) -> None:
        plain = getattr(module, name)

        def noted(*arguments: Any) -> Any:
            steps.append(name)
            return plain(*arguments)

        monkeypatch.setattr(module, name, noted)

    made = create(rest)
    for name in ("writev", "pwrite", "utime", "fchmod", "fsync", "close", "rename"):
        note(os, name)
    note(fcntl, "flock")
    made.commit(SIZE)
    # A small file goes to the disk in one write, its size record in front.
    first = "writev" if rest is REST else "pwrite"
    assert steps == [first, "flock", "utime", "fchmod", "fsync", "close"]


# Names.


def test_a_name_is_made_of_the_time_and_the_inode() -> None:
    made = QueueFile.create(long_ids=False)
    inode = os.stat(made.path).st_ino
    assert is_valid(made.queue_id)
    assert int(made.queue_id[5:], 16) == inode
    assert 0 <= int(made.queue_id[:5], 16) < 1_000_000
    assert abs(made.created - time.time()) < 60
    made.discard()


def test_a_long_name_is_made_where_the_operator_wants_it() -> None:
    made = QueueFile.create(long_ids=True)
    assert is_long(made.queue_id)
    assert made.queue_id in os.listdir("incoming")
    made.discard()


def test_no_two_files_share_a_name() -> None:
    made = [QueueFile.create(long_ids=bool(number % 2)) for number in range(200)]
    assert len({one.queue_id for one in made}) == len(files()) == 200
    for one in made:
        one.discard()


def test_a_temporary_name_that_is_taken_is_not_overwritten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    times = iter([5_000_000_123_000, 5_000_000_123_000, 5_000_000_123_000, 5_000_000_124_000])
    monkeypatch.setattr(time, "time_ns", lambda: next(times))
    first, name = create_temporary(Claim())
    other, another = create_temporary(Claim())
    assert (name, another) == (f"incoming/123.{os.getpid()}", f"incoming/124.{os.getpid()}")
    os.close(first)
    os.close(other)


def test_a_temporary_name_that_stays_taken_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 5_000_000_123_000)
    descriptor, _ = create_temporary(Claim())
    with pytest.raises(QueueError, match="too many files of that name"):
        create_temporary(Claim())
    os.close(descriptor)


def test_a_link_in_the_way_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 5_000_000_123_000)
    Path(f"incoming/123.{os.getpid()}").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(QueueError):
        create_temporary(Claim())
    assert not (tmp_path / "elsewhere").exists()


# Trouble.


@pytest.mark.parametrize(
    ("replaced_by_file", "reason"),
    [(False, "No such file or directory"), (True, "Not a directory")],
)
def test_a_queue_without_incoming_takes_nothing(replaced_by_file: bool, reason: str) -> None:
    Path("incoming").rmdir()
    if replaced_by_file:
        Path("incoming").touch()
    before = descriptors()
    with pytest.raises(QueueError, match=f"create file incoming/.*: {reason}"):
        QueueFile.create(long_ids=False)
    assert descriptors() == before


def test_a_queue_without_hold_gives_the_file_back() -> None:
    Path("hold").rmdir()
    made = create()
    with pytest.raises(QueueError, match="hold"):
        made.hold()
    assert str(files()[0]) == made.path == f"incoming/{made.queue_id}"
    made.discard()
    assert files() == []


class Fault:
    """Makes the n-th of the watched system calls fail."""

    CALLS = (
        *((os, name) for name in ("open", "writev", "pwrite", "fsync", "fchmod", "rename")),
        *((os, name) for name in ("fstat", "unlink", "close", "utime")),
        (fcntl, "flock"),
    )

    def __init__(self, monkeypatch: pytest.MonkeyPatch, place: int, number: int) -> None:
        self.place, self.number = place, number
        self.count = 0
        self.hit = ""
        self.armed = True
        for module, name in self.CALLS:
            monkeypatch.setattr(module, name, self._watched(name, getattr(module, name)))

    def _watched(self, name: str, plain: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **more: Any) -> Any:
            if self.armed:
                self.count += 1
                if self.count == self.place:
                    self.hit = name
                    if name == "close":  # what the kernel does: it fails and closes all the same
                        plain(*arguments)
                    raise OSError(self.number, os.strerror(self.number))
            return plain(*arguments, **more)

        return call


def message_into_the_queue(rest: bytes, *, hold: bool) -> str:
    """Do what the daemon does with a file; return its path."""
    made = QueueFile.create(long_ids=False)
    try:
        made.write(b"." * len(SIZE))
        made.write(rest)
        if hold:
            made.hold()
        made.commit(SIZE)
    except QueueError:
        made.discard()
        raise
    return made.path


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EROFS])
@pytest.mark.parametrize("hold", [False, True])
@rests
def test_whichever_call_fails_the_file_is_whole_or_gone(
    monkeypatch: pytest.MonkeyPatch, number: int, hold: bool, rest: bytes
) -> None:
    for place in range(1, 30):
        with monkeypatch.context() as patch:
            fault = Fault(patch, place, number)
            before = descriptors()
            path, reason = "", ""
            try:
                path = message_into_the_queue(rest, hold=hold)
            except QueueError as error:
                reason = str(error)
            fault.armed = False
            assert descriptors() == before, f"{fault.hit}: a descriptor is left open"
        left = files()
        if path:
            assert left == [Path(path)], f"{fault.hit}: accepted, but not in the queue"
            assert (left[0].read_bytes(), mode(left[0])) == (SIZE + rest, 0o700)
            left[0].unlink()
        else:
            assert os.strerror(number) in reason
            assert left == [], f"{fault.hit}: refused, but it stays"
        if not fault.hit:
            assert path
            assert place > 8
            return
    pytest.fail("the fault never stopped hitting")


def test_a_failing_fsync_is_final(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def fsync(descriptor: int) -> None:
        calls.append(descriptor)
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fsync)
    made = create()
    with pytest.raises(QueueError, match="Input/output error"):
        made.commit(SIZE)
    assert (files(), len(calls)) == ([], 1)


@rests
def test_a_file_that_cannot_even_be_removed_is_refused_and_not_whole_before_its_time(
    monkeypatch: pytest.MonkeyPatch, rest: bytes
) -> None:
    def fail(*arguments: Any) -> None:
        raise OSError(errno.EIO, "Input/output error")

    made = create(rest)
    with monkeypatch.context() as patch:
        patch.setattr(os, "writev", fail)
        patch.setattr(os, "pwrite", fail)
        patch.setattr(os, "unlink", fail)
        with pytest.raises(QueueError):
            made.commit(SIZE)
    assert [mode(path) for path in files()] == [0o600]


@contextlib.contextmanager
def full_disk() -> Iterator[None]:
    """Set a limit on file sizes, which the system reports as it does a full disk.

    It holds for the test's own report too, so it must end before the test does.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_write_that_does_not_fit_whole_is_an_error() -> None:
    made = QueueFile.create(long_ids=False)
    with full_disk(), pytest.raises(QueueError, match="File too large"):
        made.write(LARGE)
    made.discard()
    assert files() == []


def test_a_small_file_that_does_not_fit_is_an_error_when_it_is_committed() -> None:
    made = create()
    with full_disk(), pytest.raises(QueueError, match="File too large"):
        made.commit(SIZE)
    assert files() == []
