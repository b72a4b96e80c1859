"""powercut - the power fails at a thousand moments: what is in the queue then

SYNOPSIS
    unshare --net --mount --pid --fork --kill-child --mount-proc \\
        python -P -m tests.suite.powercut [--kinds KIND,...] [--cuts N] [--rounds N] [--messages N]
        [--mistake NAME] [--seed N]

DESCRIPTION
    An instance lives on a file system on a disk that records. Clients submit
    numbered messages, and note with each K how much the disk had been given by
    then. Afterwards the disk is made as a power cut would have left it at some
    moment, half of these at random and half just after a K; it is mounted, and
    must hold each message that had been acknowledged, once, byte for byte.

    Takes root and namespaces of its own, in which all mounts and processes end
    with it. Prints what each kind of file system cost, as JSON, one line each,
    and exits with 1 if that is more than nothing. Without options: a thousand
    cuts on each of ext4 and XFS, of four rounds of mail, in ten minutes.

SEE ALSO
    ARCHITECTURE.md, the states of a queue file
    tests.suite.disk
"""

import argparse
import contextlib
import json
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.suite import mistakes
from tests.suite.disk import Disk, Replay, copy_sparse, entries, recording
from tests.suite.instance import COMPLETE, Postroom
from tests.suite.load import Load, Sent, numbered, stored_number
from tests.suite.queue_file import read_records
from tests.suite.system_host import bring_up, mount
from tests.suite.waiting import holds_within

MEBIBYTE = 1 << 20
# What makes a file system of a kind, and the least size that it makes sense of.
KINDS = {
    "ext4": (["mkfs.ext4", "-q", "-F", "-E", "nodiscard,lazy_itable_init=0"], 192 * MEBIBYTE),
    "xfs": (["mkfs.xfs", "-q", "-f", "-K"], 320 * MEBIBYTE),
}
MISTAKES = {
    "": "",
    "nothing synced": mistakes.NOTHING_SYNCED,
    "answered too soon": mistakes.ANSWERED_TOO_SOON,
}
CLIENTS = 4
SETTLE_SECONDS = 10.0
LARGE = 10_000  # lines of every sixteenth message: more than is written at once


@dataclass(slots=True)
class Toll:
    """What the cuts cost."""

    kind: str
    cuts: int = 0
    checked: int = 0  # messages that had been acknowledged, over all cuts
    lost: int = 0
    torn: int = 0
    twice: int = 0
    strange: int = 0  # whole by mode and END record, not acknowledged, and not what was sent
    hollow: int = 0  # not acknowledged, and marked as whole by the mode alone; no reader takes it
    unmountable: int = 0

    def bad(self) -> bool:
        """Tell whether a promise was broken."""
        return any((self.lost, self.torn, self.twice, self.strange, self.unmountable))


@dataclass(frozen=True, slots=True)
class Recording:
    """A round of mail, as the disk and its clients saw it."""

    folder: Path
    incoming: Path  # below the mount point
    base: Path  # the disk before
    disk: Disk
    first: int  # position at which clients began
    last: int
    noted: dict[int, int]  # number of each acknowledged message: position
    texts: dict[int, bytes]  # its queue file


class Witness(Load):
    """A load of messages of many sizes that notes when each was acknowledged."""

    def __init__(self, port: int, disk: Disk, messages: int) -> None:
        super().__init__(port, threads=CLIENTS, limit=messages)
        self._disk = disk
        self.noted: dict[int, int] = {}

    def message(self, number: int) -> bytes:
        return numbered(number, body(number))

    def _submit(self, number: int) -> Sent:
        sent = super()._submit(number)
        if sent.verdict == "K":
            self.noted[number] = self._disk.position()
        return sent


def body(number: int) -> bytes:
    """Return what the message of this number says, and no other does."""
    return b"this is %08d\n" % number * (LARGE if number % 16 == 5 else number % 7 * 30)


def record(kind: str, folder: Path, messages: int, mistake: str = "") -> Recording:
    """Let an instance take so many messages on a disk of its own."""
    base, image, point = folder / "base", folder / "image", folder / "point"
    command, size = KINDS[kind]
    with base.open("wb") as file:
        file.truncate(size)
    subprocess.run([*command, str(base)], check=True)
    copy_sparse(base, image)
    point.mkdir()
    with (
        recording(image, folder) as disk,
        mounted(disk.path, point),
        living_at(point),
        Postroom({"smtpd_peername_lookup": "no"}) as instance,
    ):
        if mistake:
            mistakes.make(instance, mistake)
        instance.start()
        first = disk.position()
        with Witness(instance.port, disk, messages) as load:
            load.join()
        last = disk.position()
        # A daemon that answers too soon is not ready when its clients are.
        holds_within(lambda: load.noted.keys() <= read_queue(instance).keys(), SETTLE_SECONDS)
        texts = read_queue(instance)
        assert texts.keys() >= load.noted.keys()
        assert mistake or len(texts) == len(load.noted) == messages, load.failed()[:3]
        instance.stop()
        incoming = (instance.spool / "incoming").relative_to(point)
    return Recording(folder, incoming, base, disk, first, last, load.noted, texts)


def read_queue(instance: Postroom) -> dict[int, bytes]:
    """Return the queue files by number; each must be what was sent."""
    found = {}
    for path in instance.queue_files().values():
        number = stored_number(path)
        assert number is not None
        assert number not in found
        records = read_records(path)
        assert records[-1].kind == "E"
        lines = [one.value.encode("latin-1") for one in records if one.kind == "N"]
        assert b"\n".join([*lines, b""]).endswith(b"\n\n" + body(number))
        found[number] = path.read_bytes()
    return found


def play(made: Recording, toll: Toll, cuts: int, chance: random.Random) -> None:
    """Cut the power so many times, and add to the toll."""
    result, point = made.folder / "cut", made.folder / "point"
    replay = Replay(made.base, made.disk.log, made.folder / "replay")
    for position in moments(made, cuts, chance):
        replay.cut(position, result, chance)
        toll.cuts += 1
        try:
            with mounted(result, point):
                judge(made, position, point / made.incoming, toll)
        except subprocess.CalledProcessError:
            toll.unmountable += 1


def moments(made: Recording, cuts: int, chance: random.Random) -> list[int]:
    """Return where to cut, in order."""
    ends = [one.end for one in entries(made.disk.log) if made.first <= one.end <= made.last]
    answers = list(made.noted.values())
    return sorted(chance.choice(answers if turn % 2 else ends) for turn in range(cuts))


def judge(made: Recording, position: int, incoming: Path, toll: Toll) -> None:
    """Hold the queue that is left against what was acknowledged by then."""
    acknowledged = {number for number, at in made.noted.items() if at <= position}
    toll.checked += len(acknowledged)
    found: Counter[int] = Counter()
    intact = set()
    for path in incoming.iterdir() if incoming.is_dir() else []:
        if path.stat().st_mode & 0o777 != COMPLETE:
            continue
        data, number = path.read_bytes(), stored_number(path)
        if number is not None and data == made.texts.get(number):
            intact.add(number)
        elif number not in acknowledged:
            whole = ends_whole(path)
            toll.strange += whole
            toll.hollow += not whole
            continue
        found[number] += 1
    toll.lost += len(acknowledged - found.keys())
    toll.torn += len(acknowledged & found.keys() - intact)
    toll.twice += sum(count > 1 for count in found.values())


def ends_whole(path: Path) -> bool:
    """Tell whether a reader would take this for a message."""
    try:
        records = read_records(path)
    except (AssertionError, IndexError):
        return False
    return bool(records) and records[-1].kind == "E"


@contextlib.contextmanager
def mounted(disk: Path, point: Path) -> Iterator[None]:
    """Mount a file as a disk; the loop device goes with it."""
    mount("-o", "loop", str(disk), str(point))
    try:
        yield
    finally:
        subprocess.run(["umount", str(point)], check=True)


@contextlib.contextmanager
def living_at(folder: Path) -> Iterator[None]:
    """Let instances live below this folder."""
    tempfile.tempdir = str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = None


def main() -> int:
    """Record and cut, kind by kind; print and judge."""
    options = arguments()
    chance = random.Random(options.seed)
    bring_up("lo")
    bad = False
    with in_memory() as top:
        for kind in options.kinds:
            toll = Toll(kind)
            for turn in range(options.rounds):
                folder = top / f"{kind}{turn}"
                folder.mkdir()
                with contextlib.redirect_stdout(sys.stderr):
                    made = record(kind, folder, options.messages, MISTAKES[options.mistake])
                play(made, toll, options.cuts // options.rounds, chance)
                subprocess.run(["rm", "-r", str(folder)], check=True)
            print(json.dumps(asdict(toll)), flush=True)
            bad |= toll.bad()
    return int(bad)


@contextlib.contextmanager
def in_memory() -> Iterator[Path]:
    """Lend a folder in memory, where a disk of the machine's does not matter."""
    with tempfile.TemporaryDirectory(prefix="pr-") as name:
        mount("-t", "tmpfs", "-o", "mode=755", "memory", name)
        try:
            yield Path(name)
        finally:
            # Also if something is still in use: all of it ends with this host.
            subprocess.run(["umount", "--lazy", name], check=True)


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the command's options."""
    parser = argparse.ArgumentParser(prog="powercut")
    parser.add_argument("--kinds", type=lambda text: text.split(","), default=list(KINDS))
    parser.add_argument("--cuts", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--messages", type=int, default=500)
    parser.add_argument("--mistake", choices=list(MISTAKES), default="")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    return parser.parse_args(given)


if __name__ == "__main__":
    sys.exit(main())
