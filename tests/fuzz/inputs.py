"""inputs - from the bytes of a fuzzer to what a target takes"""

import os
from functools import cache
from io import BufferedReader
from pathlib import Path
from tempfile import TemporaryDirectory

PIECES_LIMIT = 50
MEMORY = Path("/dev/shm")  # files there cost no disk


def pieces(data: bytes, size: int) -> list[bytes]:
    """Return data in pieces of that size, or larger ones if they would be many; whole for 0."""
    if not size:
        return [data]
    size = max(size, len(data) // PIECES_LIMIT)
    return [data[place : place + size] for place in range(0, len(data), size)] or [data]


def control(data: bytes, count: int) -> tuple[bytes, bytes]:
    """Return so many first bytes, which choose how the rest is used, and the rest."""
    return data[:count].ljust(count, b"\0"), data[count:]


@cache
def _memory() -> int:
    return os.memfd_create("fuzz")


def memory_file(data: bytes) -> BufferedReader:
    """Return a file that holds data; the next one takes its place."""
    os.ftruncate(_memory(), 0)
    os.pwrite(_memory(), data, 0)
    os.lseek(_memory(), 0, os.SEEK_SET)
    return open(_memory(), "rb", closefd=False)


def memory_path(data: bytes) -> str:
    """Return the name of a file that holds data; the next one takes its place."""
    memory_file(data).close()
    return f"/proc/self/fd/{_memory()}"


@cache
def _folder() -> TemporaryDirectory[str]:
    return TemporaryDirectory(prefix="fuzz-", dir=MEMORY if MEMORY.is_dir() else None)


def folder() -> Path:
    """Return a folder that lives as long as this process."""
    return Path(_folder().name)
