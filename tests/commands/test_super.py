"""super: what it does to a queue in disorder is what Debian's postsuper does to the same."""

import os
import re
import shutil
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import pytest

from commands.repair import MARK, PURGE_AGE, QUEUES
from common.queue_id import encode_long
from tests.commands.queue_instance import QueueInstance, queue_instance
from tests.suite import peers
from tests.suite.instance import run

OLD = PURGE_AGE + 86400
MOMENT = 1795177943, 350604  # seconds, microseconds: 0x5598C
SHORT, LONG = "5598C{inode:X}", "{long}"
LOGS = ("defer/", "bounce/", "trace/")
OTHER_LONG = "4jWF8l2TfNzJTgF"  # of some other inode


@dataclass(frozen=True, slots=True)
class Broken:
    """One entry of the queue: where, what, and since when (seconds ago)."""

    path: str  # {inode:X} and {long} stand for the right names of this file
    mode: int = 0o700
    age: float = 0.0
    kind: str = "file"

    def make(self, instance: QueueInstance, number: int) -> None:
        """Make it; the number is its content, by which it is known afterwards."""
        made = instance.put(f"saved/{number}", b"%d" % number, self.mode)
        if self.kind != "file":
            made.unlink()
            made.symlink_to("/etc/passwd") if self.kind == "link" else os.mkfifo(made)
        inode = made.lstat().st_ino
        path = instance.spool / self.path.format(inode=inode, long=encode_long(*MOMENT, inode))
        for folder in reversed(path.parents):
            if not folder.exists():
                folder.mkdir()
                os.chown(folder, made.lstat().st_uid, -1)
        made.rename(path)
        then = time.time() - self.age
        os.utime(path, (then, then), follow_symlinks=False)


AGES = [
    Broken(f"{queue}/{number:05X}{{inode:X}}", mode, age)
    for queue in ("incoming", "hold", "maildrop", "active")
    for number, (mode, age) in enumerate(
        [(0o600, 0.0), (0o600, OLD - 2 * 86400), (0o700, OLD)]
        + [(mode, OLD) for mode in (0o600, 0o400, 0o500, 0o640, 0o744, 0o710, 0o755)]
    )
]
NAMES = [
    *(Broken(f"incoming/{name}") for name in ("AAAAA1", "AAAAA", "zzzzz12", "A" * 21, "A-B", ".x")),
    *(Broken(f"incoming/{name}") for name in ("A" * 22, "A" * 99, "123456.78")),
    *(Broken("incoming/" + name, 0o600, OLD) for name in (".y", "123457.78", "C-D")),
    *(Broken(f"{queue}/BBBBB1") for queue in ("maildrop", "active", "hold")),
    Broken("deferred/CCCCC1"),
    Broken("deferred/C/CCCCC2"),
    Broken("defer/C/CCCCC2", 0o600),
    Broken("bounce/CCCCC2", 0o600),
    Broken("defer/C/CCCCC1", 0o600),
    Broken("incoming/DDDDD1", 0o600),  # somebody may be writing it
    Broken("incoming/" + SHORT),
    *(Broken(f"{log}/{name}", 0o600) for log in ("bounce", "defer") for name in ("A-B", "A" * 22)),
    Broken("defer/E/EEEEE1", 0o600, OLD),  # nobody's log
    Broken("flush/example_test", 0o600, OLD),
    Broken("corrupt/FFFFF1"),
    Broken("saved/FFFFF2"),
]
LONG_NAMES = [
    Broken("incoming/" + OTHER_LONG),
    Broken("deferred/5/4jWF8l2TfNzJTgG"),
    Broken("deferred/4/4jWF8l2TfNzJTgH"),
    Broken("hold/" + LONG),
]
PLACES = [
    Broken("deferred/" + SHORT),
    Broken("deferred/5/" + SHORT),
    Broken("deferred/A/" + SHORT),
    Broken("deferred/5/5/" + SHORT),
    Broken("incoming/5/" + SHORT),
    Broken("hold/5/5/5/" + SHORT),
    Broken("defer/AAAAA1", 0o600),
    Broken("bounce/A/AAAAA1", 0o600),
    Broken("deferred/long/AAAAA9"),
]
MARKED = [
    Broken("incoming/" + SHORT + MARK),
    Broken("incoming/AAAAB1" + MARK),
    Broken("incoming/4jWF8l2TfNzJTgK" + MARK),
    Broken("deferred/" + SHORT + MARK),
    Broken("defer/Q/QQQQQ1" + MARK, 0o600),
]
STRANGE = [
    Broken(f"{queue}/{name}", kind=kind)
    for queue in ("incoming", "active", "hold", "maildrop", "defer", "bounce")
    for name, kind in (("AAAAC1", "link"), ("AAAAC2", "fifo"))
]


@pytest.fixture(scope="module")
def instance() -> Iterator[QueueInstance]:
    with queue_instance() as made:
        (made.top / "log").mkdir(exist_ok=True)
        (made.top / "log").chmod(0o777)  # postsuper opens the log without privileges
        yield made


@dataclass(frozen=True, slots=True)
class Result:
    """What a run left, and said; inodes look alike in it."""

    status: int
    files: Mapping[str, tuple[str, str]]  # by content: path and mode
    lines: set[str]

    @classmethod
    def of(cls, instance: QueueInstance, status: int, output: str) -> "Result":
        found = {path: path.lstat() for path in instance.spool.rglob("*")}
        inodes = [one.st_ino for one in found.values() if not stat.S_ISDIR(one.st_mode)]
        files = {}
        for path, one in found.items():
            if not stat.S_ISDIR(one.st_mode):
                place = alike(str(path.relative_to(instance.spool)), *inodes)
                if place.startswith(LOGS):
                    place = place.removesuffix(MARK)  # which postsuper forgets in some of them
                number = path.read_text() if stat.S_ISREG(one.st_mode) else str(path)
                files[number] = place, f"{one.st_mode:o}"
        lines = {alike(re.sub(r"^[a-z ]+: ", "", line), *inodes) for line in output.splitlines()}
        return cls(status, files, lines)


def alike(text: str, *inodes: int) -> str:
    """Return text with the names that inodes give replaced."""
    for inode in sorted(inodes, reverse=True):
        text = text.replace(f"{inode:X}", "INODE").replace(
            encode_long(0, 0, inode).rpartition("z")[2], "INODE"
        )
    return text


Tool = Callable[[QueueInstance, list[str]], tuple[int, str]]


def ours(instance: QueueInstance, options: list[str]) -> tuple[int, str]:
    done = run([str(peers.postroom()), "-c", str(instance.config_dir), "super", *options])
    assert done.stdout == ""
    return done.returncode, done.stderr


def debians(instance: QueueInstance, options: list[str]) -> tuple[int, str]:
    done = instance.debians("postsuper", *options)
    return done.returncode, done.stderr.decode()


def play(
    tool: Tool,
    instance: QueueInstance,
    entries: list[Broken],
    options: str = "",
    settings: Mapping[str, str] | None = None,
) -> Result:
    """Make a queue, let a tool look after it, tell what became of it."""
    empty(instance)
    main_cf = instance.config_dir / "main.cf"
    before = main_cf.read_text()
    instance.configure(**(settings or {}))
    try:
        for number, entry in enumerate(entries, 1):
            entry.make(instance, number)
        return Result.of(instance, *tool(instance, options.split()))
    finally:
        main_cf.write_text(before)


def empty(instance: QueueInstance) -> None:
    """Take everything out of the queue."""
    for queue in (*QUEUES, "flush", "corrupt", "saved"):
        folder = instance.spool / queue
        for path in folder.iterdir():
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


@pytest.mark.parametrize(
    ("long_ids", "options"),
    [(long_ids, options) for long_ids in ("no", "yes") for options in ("", "-p", "-S")]
    + [("yes", "-s"), ("no", "-s incoming"), ("no", "-p hold active")],
)
def test_a_queue_in_disorder_becomes_what_postsuper_makes_of_it(
    instance: QueueInstance, long_ids: str, options: str
) -> None:
    peers.superuser("postsuper")
    peers.program("postsuper")
    settings = {"enable_long_queue_ids": long_ids}
    entries = AGES + NAMES + LONG_NAMES + MARKED + STRANGE
    if long_ids == "yes":  # else postsuper counts it twice
        entries = [*entries, Broken("hold/" + LONG + MARK)]
    if "-p" not in options:  # with that alone postsuper dies of subdirectories
        entries = entries + PLACES
    theirs = play(debians, instance, entries, options, settings)
    mine = play(ours, instance, entries, options, settings)
    assert mine.files == theirs.files
    assert mine.lines ^ theirs.lines == set()
    assert mine.status == theirs.status


@pytest.mark.parametrize(
    ("names", "depth"),
    [("defer", "1"), ("deferred", "4"), ("incoming, deferred, hold, defer", "2")],
)
def test_files_go_where_the_configuration_wants_them(
    instance: QueueInstance, names: str, depth: str
) -> None:
    peers.superuser("postsuper")
    settings = {"hash_queue_names": names, "hash_queue_depth": depth}
    theirs, mine = (play(tool, instance, PLACES, "-s", settings) for tool in (debians, ours))
    assert mine.files == theirs.files
    assert mine.lines ^ theirs.lines == set()


# What postsuper does in another way, or not at all.


def sound(instance: QueueInstance, entries: list[Broken], options: str = "") -> Result:
    """Let our tool repair a queue; it must succeed."""
    result = play(ours, instance, entries, options)
    assert result.status == 0, result.lines
    return result


def test_subdirectories_do_not_disturb_a_purge(instance: QueueInstance) -> None:
    entries = [Broken("incoming/5/" + SHORT), Broken("hold/5/AAAAA1", 0o600, OLD)]
    assert sound(instance, entries, "-p").files == {"1": ("incoming/5/5598CINODE", "100700")}


def test_logs_follow_their_messages_into_every_directory_of_logs(instance: QueueInstance) -> None:
    logs = [Broken(f"{log}/AAAAA1", 0o600) for log in ("bounce", "trace")]
    result = sound(instance, [Broken("deferred/A/AAAAA1"), *logs], "-s deferred")
    assert {path for path, _ in result.files.values()} == {
        *("deferred/A/AAAAAINODE", "bounce/AAAAAINODE", "trace/AAAAAINODE")
    }
    assert not list(instance.spool.rglob(f"*{MARK}"))


@pytest.mark.parametrize("name", ["AAAA", "12", "4jWF8l2TfNz", "4jWF8l2TfNzAAA!"])
def test_what_can_be_no_queue_id_is_named_and_left(instance: QueueInstance, name: str) -> None:
    result = sound(instance, [Broken(f"incoming/{name}")], "-s")
    assert result.files == {"1": (f"incoming/{name}", "100700")}
    assert result.lines == {f"warning: bogus file name: incoming/{name}"}


def test_a_mark_of_a_run_under_another_configuration_leads_to_the_right_name(
    instance: QueueInstance,
) -> None:
    result = sound(instance, [Broken("hold/" + LONG + MARK)], "-s")
    assert result.files == {"1": ("hold/5598CINODE", "100700")}


def test_where_a_name_is_taken_nothing_is_overwritten_and_the_next_run_succeeds(
    instance: QueueInstance,
) -> None:
    empty(instance)
    Broken("incoming/5/" + SHORT).make(instance, 1)
    (right,) = (instance.spool / "incoming/5").iterdir()
    Broken(f"incoming/{right.name}").make(instance, 2)
    status, output = ours(instance, ["-s"])
    assert status == 1
    taken = f"rename file incoming/5/{right.name} as incoming/{right.name}: File exists"
    assert taken in output
    assert len(list(instance.spool.glob("incoming/**/5598C*"))) == 2
    assert ours(instance, ["-s"])[0] == 0
    assert (instance.spool / "incoming" / right.name).read_text() == "1"
    assert {path.read_text() for path in (instance.spool / "incoming").iterdir()} == {"1", "2"}


def test_changes_are_shown_if_they_are_asked_for_and_logged(instance: QueueInstance) -> None:
    entries = [Broken("incoming/AAAAA1"), Broken("hold/BBBBB1", 0o600, OLD)]
    lines = sound(instance, entries, "-v").lines
    assert "renamed file incoming/AAAAA1 as incoming/AAAAAINODE#FIX" in lines
    assert "renamed file incoming/AAAAAINODE#FIX as incoming/AAAAAINODE" in lines
    assert "removed file hold/BBBBB1" in lines
    log = (instance.top / "log/mail.log").read_text()
    assert re.search(r" postfix/postsuper\[\d+\]: removed file hold/BBBBB1\n", log)


def test_a_queue_that_cannot_be_read_is_named_and_the_others_are_repaired(
    instance: QueueInstance,
) -> None:
    peers.superuser("directories of others")
    hold = instance.spool / "hold"
    owner = hold.stat().st_uid
    os.chown(hold, 0, 0)
    try:
        result = play(ours, instance, [Broken("incoming/AAAAA1")], "-s")
    finally:
        os.chown(hold, owner, -1)
    assert result.status == 1
    assert "warning: open directory hold: Permission denied" in result.lines
    assert result.files == {"1": ("incoming/AAAAAINODE", "100700")}


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["foo"], "invalid directory name: foo"),
        (["-p", "../incoming"], "invalid directory name: ../incoming"),
        (["saved"], "invalid directory name: saved"),
        (["-d", "ALL"], "-d is not done here yet; postsuper -d works"),
        (["-x"], "option -x not recognized. usage: postroom super [-p] [-s | -S] [-v]"),
    ],
)
def test_what_it_cannot_do_is_refused_with_the_reason(
    instance: QueueInstance, options: list[str], reason: str
) -> None:
    status, output = ours(instance, options)
    assert status == 1
    assert output.startswith(f"postroom super: fatal: {reason}")


def test_only_root_and_the_owner_may(instance: QueueInstance) -> None:
    peers.superuser("another user")
    command = [str(peers.postroom()), "-c", str(instance.config_dir), "super"]
    done = run(command, user=65534, group=65534)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("postroom super: fatal: ")
