"""disk - a disk that records what is written to it, and what a power cut leaves of that

SYNOPSIS
    python -P -m tests.suite.disk IMAGE LOG POINT

DESCRIPTION
    As a program it shows IMAGE at POINT, an existing file, through FUSE; a
    loop device on that is a disk. Every write and every flush is appended to
    LOG before it is answered, so whoever notes the length of LOG knows what the
    disk had been given by then. It ends when POINT is unmounted.

    A Replay makes the disk of any moment in LOG: what was flushed is there, and
    of the writes behind the last flush each is kept, cut within, or dropped.

SEE ALSO
    fuse(4), loop(4); linux/fuse.h, for the layout of requests
"""

import ctypes
import enum
import errno
import os
import random
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tests.suite.waiting import wait_for

SECTOR = 512  # bytes; a disk writes one whole or not at all
KEPT, CUT = 0.5, 0.1  # shares of the writes that nobody had flushed; the rest is dropped

# A log entry: what was asked for, where, and how many bytes follow.
ENTRY = struct.Struct("<BQI")
START_SECONDS = 10.0


class Act(enum.IntEnum):
    """What a log entry tells of."""

    WRITE = 1
    FLUSH = 2


class Entry(NamedTuple):
    """One act; end is where the next one begins in the log."""

    act: Act
    offset: int  # on the disk
    data: bytes
    end: int


def entries(log: Path) -> Iterator[Entry]:
    """Yield the acts of a log in order."""
    with log.open("rb") as file:
        while head := file.read(ENTRY.size):
            act, offset, length = ENTRY.unpack(head)
            data = file.read(length)
            yield Entry(Act(act), offset, data, file.tell())


class Replay:
    """The disk at one moment after the other."""

    def __init__(self, base: Path, log: Path, image: Path) -> None:
        """Begin with the disk as it was before the log; image is a place to work at."""
        copy_sparse(base, image)
        self._image = image
        self._entries = entries(log)
        self._unflushed: list[Entry] = []
        self._next: Entry | None = next(self._entries, None)

    def cut(self, position: int, result: Path, chance: random.Random) -> None:
        """Make the disk as a cut leaves it when the log is that long; positions never fall."""
        with self._image.open("r+b", buffering=0) as image:
            while self._next and self._next.end <= position:
                if self._next.act is Act.FLUSH:
                    for one in self._unflushed:
                        os.pwrite(image.fileno(), one.data, one.offset)
                    self._unflushed = []
                else:
                    self._unflushed.append(self._next)
                self._next = next(self._entries, None)
        copy_sparse(self._image, result)
        with result.open("r+b", buffering=0) as image:
            for one in self._unflushed:
                os.pwrite(image.fileno(), survivor(one.data, chance), one.offset)


def survivor(data: bytes, chance: random.Random) -> bytes:
    """Return what is left of a write that was not flushed."""
    fate = chance.random()
    if fate < KEPT:
        return data
    if fate < KEPT + CUT:
        return data[: chance.randrange(len(data) // SECTOR + 1) * SECTOR]
    return b""


def copy_sparse(source: Path, target: Path) -> None:
    """Copy a file, its holes left out."""
    with source.open("rb", buffering=0) as old, target.open("wb", buffering=0) as new:
        size = os.fstat(old.fileno()).st_size
        new.truncate(size)
        end = 0
        while (begin := next_data(old.fileno(), end)) < size:
            end = os.lseek(old.fileno(), begin, os.SEEK_HOLE)
            while begin < end:
                begin += os.copy_file_range(old.fileno(), new.fileno(), end - begin, begin, begin)


def next_data(descriptor: int, offset: int) -> int:
    """Return where data begins, from offset on; the size of the file if there is none."""
    try:
        return os.lseek(descriptor, offset, os.SEEK_DATA)
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise
        return os.fstat(descriptor).st_size


@dataclass(frozen=True, slots=True)
class Disk:
    """A disk that records."""

    path: Path  # what a loop device is made of
    log: Path

    def position(self) -> int:
        """Return how much the disk has been given, as the length of the log."""
        return self.log.stat().st_size


@contextmanager
def recording(image: Path, folder: Path) -> Iterator[Disk]:
    """Lend a disk that begins as the image, which will change."""
    disk = Disk(folder / "disk", folder / "log")
    disk.path.touch()
    command = [sys.executable, "-P", "-m", __spec__.name, image, disk.log, disk.path]
    with subprocess.Popen(list(map(str, command))) as process:
        try:
            wait_for(lambda: os.path.ismount(disk.path), START_SECONDS, "the disk")
            yield disk
        finally:
            # Whatever still uses it gets errors; without it nobody waits for ever.
            subprocess.run(["umount", "--lazy", str(disk.path)], check=False)
            try:
                process.wait(START_SECONDS)
            finally:
                process.kill()


# The side of FUSE.

IN = struct.Struct("<IIQQIIIHH")  # length, opcode, unique, node, uid, gid, pid...
OUT = struct.Struct("<IiQ")  # length, error, unique
IO = struct.Struct("<QQIIQII")  # handle, offset, size...
ATTRIBUTES = struct.Struct("<QIIQQQQQQIIIIIIIIII")
SECONDS_VALID = 3600
ROOT = 1  # the node's number
MODE = 0o100600
INIT_REPLY = struct.Struct("<IIIIHHIIHHI28x")
VERSION = (7, 31)
BIG_WRITES, MAX_PAGES = 1 << 5, 1 << 22
PAGE, PAGES = 4096, 64
BUFFER_SIZE = PAGES * PAGE + 64 * 1024
CLONE_NEWNS, MNT_DETACH = 0x20000, 2  # sched.h, sys/mount.h
LIBC = ctypes.CDLL(None, use_errno=True)


class Request(enum.IntEnum):
    """What the kernel asks for; anything else it can do without."""

    FORGET = 2
    GETATTR = 3
    SETATTR = 4
    OPEN = 14
    READ = 15
    WRITE = 16
    STATFS = 17
    RELEASE = 18
    FSYNC = 20
    FLUSH = 25
    INIT = 26
    ACCESS = 34
    INTERRUPT = 36
    DESTROY = 38
    BATCH_FORGET = 42


SILENT = {Request.FORGET, Request.INTERRUPT, Request.BATCH_FORGET}


class Server:
    """The file system of one file."""

    def __init__(self, image: int, log: int) -> None:
        self._image = image
        self._log = log

    def run(self, device: int) -> None:
        """Answer the kernel until it has unmounted us."""
        buffer = bytearray(BUFFER_SIZE)
        while True:
            try:
                length = os.readv(device, [buffer])
            except OSError as error:
                if error.errno == errno.ENODEV:
                    return
                if error.errno in (errno.ENOENT, errno.EINTR):
                    continue  # the request was taken back
                raise
            _, code, unique, *_ = IN.unpack_from(buffer)
            if code in SILENT:
                continue
            try:
                number, data = 0, self._answer(code, memoryview(buffer)[IN.size : length])
            except OSError as error:
                number, data = error.errno or errno.EIO, b""
            os.writev(device, [OUT.pack(OUT.size + len(data), -number, unique), data])

    def _answer(self, code: int, body: memoryview) -> bytes:
        match code:
            case Request.INIT:
                flags, size = BIG_WRITES | MAX_PAGES, PAGES * PAGE
                return INIT_REPLY.pack(*VERSION, 0, flags, 0, 0, size, 1, PAGES, 0, 0)
            case Request.GETATTR | Request.SETATTR:
                size = os.fstat(self._image).st_size
                times = [int(time.time())] * 3 + [0] * 3
                owner = (MODE, 1, 0, 0, 0)  # mode, links, uid, gid, device
                place = (ROOT, size, size // SECTOR)
                return ATTRIBUTES.pack(SECONDS_VALID, 0, 0, *place, *times, *owner, PAGE, 0)
            case Request.OPEN:
                return bytes(16)
            case Request.READ:
                _, offset, size, *_ = IO.unpack_from(body)
                return os.pread(self._image, size, offset)
            case Request.WRITE:
                _, offset, size, *_ = IO.unpack_from(body)
                data = body[IO.size : IO.size + size]
                os.pwrite(self._image, data, offset)
                os.writev(self._log, [ENTRY.pack(Act.WRITE, offset, size), data])
                return struct.pack("<II", size, 0)
            case Request.FSYNC:
                os.write(self._log, ENTRY.pack(Act.FLUSH, 0, 0))
                return b""
            case Request.STATFS:
                return bytes(80)
            case Request.FLUSH | Request.RELEASE | Request.ACCESS | Request.DESTROY:
                return b""
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))


def main() -> int:
    """Be the disk until it is unmounted."""
    image, log, point = sys.argv[1:]
    device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    server = Server(
        os.open(image, os.O_RDWR | os.O_CLOEXEC),
        os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC),
    )
    mount(point, f"fd={device},rootmode={MODE:o},user_id=0,group_id=0")
    leave_mounts(point)
    server.run(device)
    return 0


def mount(point: str, options: str) -> None:
    """Mount a file system of FUSE; mount(8) would want a helper for it."""
    call(LIBC.mount, b"disk", point.encode(), b"fuse", 0, options.encode())


def leave_mounts(point: str) -> None:
    """Have no part in the mounts of others.

    Were they all killed, the last would unmount what is on this disk, and wait for us: that
    must not be ourselves.
    """
    call(LIBC.unshare, CLONE_NEWNS)
    call(LIBC.umount2, point.encode(), MNT_DETACH)


def call(function: "ctypes._NamedFuncPointer", *arguments: int | bytes) -> None:
    """Call a function of the C library, which fails with -1 and errno."""
    if function(*arguments) == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


if __name__ == "__main__":
    sys.exit(main())
