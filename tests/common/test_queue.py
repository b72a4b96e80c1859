"""The queue directory: where files are, what is taken for one, what a damaged one does."""

import io
import os
import pwd
import stat
from contextlib import suppress
from io import BufferedReader
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.params import SuiteParams
from common.queue import LISTED, Place, QueueDirectory, QueueName
from common.queue_file import (
    DamageError,
    Recipient,
    RecordFile,
    Summary,
    leading_number,
    read_summary,
    split_attribute,
)
from common.queue_id import QueueId
from common.record import RecordType, encode
from tests.common.queue_files import ARRIVAL, put, queue_file, recipient, text
from tests.common.settings import load

SHORT, LONG = QueueId("C3A92216044"), QueueId("4jWF8l2TfNzJTgF")
WHOLE = queue_file()


def directory(root: Path, *, depth: int = 1, owner: int | None = None) -> QueueDirectory:
    """Return a queue directory of our own, hashed as by default."""
    hashed = frozenset({"deferred", "defer"})
    return QueueDirectory(str(root), hashed, depth, os.geteuid() if owner is None else owner)


def summary_of(root: Path, data: bytes, mode: int = 0o700) -> Summary | None:
    """Return the summary of an incoming message."""
    put(root / "incoming" / SHORT, data, mode)
    return directory(root).summary(Place(QueueName.INCOMING, SHORT, f"incoming/{SHORT}"))


def found(root: Path, data: bytes) -> Summary:
    """Return the summary of a file that has one."""
    summary = summary_of(root, data)
    assert summary is not None
    return summary


def records(root: Path, data: bytes) -> RecordFile:
    """Return the records of a file; it stays open as long as they are looked at."""
    path = put(root / "records", data)
    return RecordFile(BufferedReader(path.open("rb", buffering=0)))


def test_the_directory_is_as_the_parameters_say(tmp_path: Path) -> None:
    account = pwd.getpwall()[1]
    params = load(SuiteParams, queue_directory=str(tmp_path), mail_owner=account.pw_name)
    assert QueueDirectory.of(params) == directory(tmp_path, owner=account.pw_uid)


@pytest.mark.parametrize(
    ("queue", "queue_id", "depth", "path"),
    [
        (QueueName.INCOMING, SHORT, 1, "incoming/C3A92216044"),
        (QueueName.DEFERRED, SHORT, 1, "deferred/C/C3A92216044"),
        (QueueName.DEFER, SHORT, 2, "defer/C/3/C3A92216044"),
        (QueueName.DEFERRED, LONG, 1, "deferred/5/4jWF8l2TfNzJTgF"),
        (QueueName.DEFERRED, QueueId("A"), 3, "deferred/A/_/_/A"),
    ],
)
def test_a_hashed_queue_has_a_folder_for_each_first_letter(
    queue: QueueName, queue_id: QueueId, depth: int, path: str, tmp_path: Path
) -> None:
    assert directory(tmp_path, depth=depth).path(queue, queue_id) == path


def test_a_scan_finds_files_at_any_depth_and_nothing_else(tmp_path: Path) -> None:
    for name in ("AB1", "A/A1", "A/B/AB2", "AB-1", "no.dot", "X", "AB-2/C3"):
        put(tmp_path / "deferred" / name, WHOLE)
    (tmp_path / "elsewhere").mkdir()
    put(tmp_path / "elsewhere/D1", WHOLE)
    (tmp_path / "deferred/D").symlink_to(tmp_path / "elsewhere")
    places = list(directory(tmp_path).scan(QueueName.DEFERRED))
    assert {one.path.removeprefix("deferred/") for one in places} == {"AB1", "A/A1", "A/B/AB2"}


def test_a_queue_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert [list(directory(tmp_path).scan(queue)) for queue in LISTED] == [[]] * len(LISTED)


def test_nothing_but_a_file_is_opened(tmp_path: Path) -> None:
    put(tmp_path / "incoming/AAA1", WHOLE)
    (tmp_path / "incoming/LINK").symlink_to(tmp_path / "incoming/AAA1")
    (tmp_path / "linked").symlink_to(tmp_path / "incoming")
    os.mkfifo(tmp_path / "incoming/FIFO")
    (tmp_path / "incoming/FOLDER").mkdir()
    for path, why in (
        ("incoming/LINK", "symbolic links"),
        ("linked/AAA1", "Not a directory"),
        ("incoming/FIFO", "not a regular file"),
        ("incoming/FOLDER", "not a regular file"),
    ):
        with pytest.raises(OSError, match=why):
            directory(tmp_path).open(path)


def test_the_queue_directory_itself_may_be_a_link(tmp_path: Path) -> None:
    put(tmp_path / "spool/incoming/AAA1", WHOLE)
    (tmp_path / "link").symlink_to(tmp_path / "spool")
    with directory(tmp_path / "link").open("incoming/AAA1") as file:
        assert file.read() == WHOLE


def test_a_search_takes_the_first_queue_that_has_the_id(tmp_path: Path) -> None:
    for name in (f"hold/{SHORT}", f"deferred/C/{SHORT}"):
        put(tmp_path / name, WHOLE, 0o600)
    path, file = directory(tmp_path).find(SHORT)
    with file:
        assert path == f"deferred/C/{SHORT}"
    with pytest.raises(FileNotFoundError):
        directory(tmp_path).find(LONG)


def test_a_search_tells_of_a_file_that_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "incoming").mkdir()
    (tmp_path / "incoming" / SHORT).symlink_to("/dev/null")
    with pytest.raises(OSError, match="symbolic links"):
        directory(tmp_path).find(SHORT)


def test_a_summary_has_what_a_listing_shows(tmp_path: Path) -> None:
    summary = found(tmp_path, queue_file(b"me@from.test", [b"a@to.test", b"b@to.test"]))
    assert (summary.arrival, summary.sender, summary.damage) == (ARRIVAL, b"me@from.test", "")
    assert summary.size == len(text((b"Subject: x", b"", b"body")))
    assert [one.address for one in summary.recipients] == [b"a@to.test", b"b@to.test"]
    assert not summary.forced_expire


def test_recipients_keep_their_originals_and_leave_when_they_are_done(tmp_path: Path) -> None:
    data = queue_file(
        recipients=[b"one@to.test", b"two@to.test"], extracted=recipient(b"x@y", b"X")
    )
    data = data.replace(b"R\x0bone@to.test", b"D\x0bone@to.test")
    assert found(tmp_path, data).recipients == [
        Recipient(b"two@to.test", b"two@to.test"),
        Recipient(b"x@y", b"X"),
    ]


def test_the_content_is_jumped_over(tmp_path: Path) -> None:
    data = queue_file(content=b"\xff" * 100)
    assert (found(tmp_path, data).size, found(tmp_path, data).damage) == (100, "")


def test_pointers_lead_to_records_behind_the_end(tmp_path: Path) -> None:
    pointer = encode(RecordType.POINTER, b"%15d" % 0)
    data = queue_file(extracted=pointer)
    end = len(data) - 2
    data = data.replace(pointer, encode(RecordType.POINTER, b"%15d" % len(data)))
    data += encode(RecordType.RECIPIENT, b"late@to.test") + encode(
        RecordType.POINTER, b"%15d" % end
    )
    assert [one.address for one in found(tmp_path, data).recipients][-1] == b"late@to.test"


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o500, 0o000])
def test_an_unfinished_file_has_no_summary(mode: int, tmp_path: Path) -> None:
    assert summary_of(tmp_path, WHOLE, mode) is None


def test_more_mode_bits_do_not_matter_but_one(tmp_path: Path) -> None:
    assert summary_of(tmp_path, WHOLE, 0o744)
    summary = summary_of(tmp_path, WHOLE, 0o710)
    assert summary
    assert summary.forced_expire


def test_a_file_that_is_gone_has_no_summary(tmp_path: Path) -> None:
    (tmp_path / "hold").mkdir()
    assert directory(tmp_path).summary(Place(QueueName.HOLD, SHORT, f"hold/{SHORT}")) is None


def test_only_maildrop_holds_files_of_others(tmp_path: Path) -> None:
    stranger = directory(tmp_path, owner=os.geteuid() + 1)
    for queue in (QueueName.INCOMING, QueueName.MAILDROP):
        put(tmp_path / queue / SHORT, WHOLE)
    assert stranger.summary(Place(QueueName.MAILDROP, SHORT, f"maildrop/{SHORT}"))
    with pytest.raises(PermissionError, match="owned by uid"):
        stranger.summary(Place(QueueName.INCOMING, SHORT, f"incoming/{SHORT}"))


def test_a_misplaced_file_is_reported(tmp_path: Path) -> None:
    put(tmp_path / "deferred" / SHORT, WHOLE)
    (place,) = directory(tmp_path).scan(QueueName.DEFERRED)
    with pytest.raises(DamageError, match="wrong subdirectory"):
        directory(tmp_path).summary(place)


@pytest.mark.parametrize(
    ("old", "new", "damage"),
    [
        (b"E\0", b"", "missing end record"),
        (b"R\x09r@", b"S\x09r@", "duplicate sender record"),
        (b"C\x5f    ", b"C\x5fx   ", "malformed size record"),
        (b"R\x09r@", b"p\x09r@", "malformed pointer record value: r@to.test"),
        (b"R\x09r@", b"R\xff\xff\xff\xffr@", "too many length bits, record type 82"),
        (b"R\x09r@", b"R\xff\x7fr@", "unexpected EOF in data, record type 82 length 16383"),
    ],
)
def test_a_damaged_file_gives_what_can_be_read_of_it(
    old: bytes, new: bytes, damage: str, tmp_path: Path
) -> None:
    assert WHOLE.count(old) == 1
    summary = found(tmp_path, WHOLE.replace(old, new))
    assert (summary.damage, summary.sender) == (damage, b"s@from.test")


@pytest.mark.parametrize(
    "data",
    [b"", b"garbage", WHOLE[:120], WHOLE.replace(b"S\x0bs@from", b"F\x0bs@from"), b"E\0"],
)
def test_without_a_sender_there_is_no_summary(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(DamageError):
        summary_of(tmp_path, data)


def test_a_malformed_size_means_the_size_of_the_file(tmp_path: Path) -> None:
    data = WHOLE.replace(b"C\x5f    ", b"C\x5fx   ")
    assert found(tmp_path, data).size == len(data)


def test_a_senseless_arrival_time_means_that_of_the_file(tmp_path: Path) -> None:
    data = WHOLE.replace(b"%d 799325" % ARRIVAL, b"x%d 79932" % ARRIVAL)
    summary = found(tmp_path, data)
    assert summary.arrival == int((tmp_path / "incoming" / SHORT).stat().st_mtime)


def test_a_file_cut_anywhere_is_damaged(tmp_path: Path) -> None:
    for length in range(len(WHOLE)):
        with suppress(DamageError):
            assert found(tmp_path, WHOLE[:length]).damage


@given(st.one_of(st.binary(max_size=300), st.binary(max_size=9).map(lambda end: WHOLE[:-9] + end)))
def test_no_file_breaks_the_reader(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = put(tmp_path_factory.getbasetemp() / "any", data)
    with path.open("rb") as file, suppress(DamageError, OSError):
        read_summary(RecordFile(file), os.fstat(file.fileno()))


def test_a_loop_of_pointers_ends(tmp_path: Path) -> None:
    reader = records(tmp_path, encode(RecordType.POINTER, b"%15d" % 17) * 2)
    with pytest.raises(DamageError, match="too many reverse jump records"):
        reader.next_record()


class Counting(io.BufferedReader):
    """A file that counts how often it is read."""

    reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads += 1
        return super().read(size)


def test_a_loop_of_pointers_ends_when_it_begins_anew(tmp_path: Path) -> None:
    # Else a short file would be gone through ten thousand times, and its recipients kept.
    head = encode(RecordType.TIME, b"1 2") + encode(RecordType.SENDER, b"s")
    back = encode(RecordType.POINTER, b"%15d" % len(head))
    path = put(tmp_path / "loop", head + encode(RecordType.RECIPIENT, b"r") * 500 + back)
    with Counting(io.FileIO(path)) as file:
        summary = read_summary(RecordFile(file), path.stat())
        assert file.reads < 3 * 3 * 500
    assert summary.damage == "too many reverse jump records"
    assert len(summary.recipients) == 1000


def test_pointers_may_lead_back_to_many_places(tmp_path: Path) -> None:
    # As a file has them in which headers were exchanged: each new one stands at the end.
    away, home = len(encode(RecordType.POINTER, b"%15d" % 0)), len(encode(RecordType.TEXT, b"new"))
    count = 50
    there = [
        encode(RecordType.POINTER, b"%15d" % (count * away + 2 + n * (home + away)))
        for n in range(count)
    ]
    back = [
        encode(RecordType.TEXT, b"new") + encode(RecordType.POINTER, b"%15d" % ((n + 1) * away))
        for n in range(count)
    ]
    reader = records(tmp_path, b"".join([*there, encode(RecordType.END), *back]))
    seen = []
    while (one := reader.next_record()) and one.kind != RecordType.END:
        seen.append(one.payload)
    assert seen == [b"new"] * count


@pytest.mark.parametrize("digits", [b"9" * 20, b"9" * 5000, b"0" * 5000 + b"1"])
def test_a_number_may_have_any_count_of_digits(digits: bytes, tmp_path: Path) -> None:
    with pytest.raises(DamageError, match="malformed pointer record value"):
        records(tmp_path, encode(RecordType.POINTER, digits)).next_record()
    data = encode(RecordType.SIZE, digits) + encode(RecordType.TIME, digits)
    data += encode(RecordType.SENDER, b"s")
    assert found(tmp_path, data).damage == "missing end record"


def test_records_have_their_offsets(tmp_path: Path) -> None:
    reader = records(tmp_path, text([b"a", b"b" * 200, b"c"]))
    seen = [reader.next_raw() for _ in range(4)]
    assert [one and (one.offset, len(one.payload)) for one in seen] == [
        (0, 1),
        (3, 200),
        (206, 1),
        None,
    ]


def test_place_holders_and_padding_are_not_shown(tmp_path: Path) -> None:
    fillers = encode(RecordType.POINTER, b" 0") + encode(RecordType.PADDING, b" 0")
    reader = records(tmp_path, fillers + encode(RecordType.SENDER, b"s"))
    record = reader.next_record()
    assert record
    assert (record.kind, record.payload) == (b"S", b"s")


@pytest.mark.parametrize(
    ("attribute", "expected"),
    [
        (b"a=b", (b"a", b"b")),
        (b" a = b c ", (b"a", b"b c")),
        (b"a=", (b"a", b"")),
        (b"a==", (b"a", b"=")),
    ],
)
def test_an_attribute_is_split_without_its_blanks(
    attribute: bytes, expected: tuple[bytes, bytes]
) -> None:
    assert split_attribute(attribute) == expected


@pytest.mark.parametrize("attribute", [b"", b"=b", b" =b", b"a", b"a b=c"])
def test_something_else_is_no_attribute(attribute: bytes) -> None:
    with pytest.raises(DamageError):
        split_attribute(attribute)


@pytest.mark.parametrize(
    ("text_", "number"),
    [(b" 12 5", 12), (b"-3x", -3), (b"+4", 4), (b"x", 0), (b"", 0), (b"9" * 30, 2**63 - 1)],
)
def test_a_number_is_read_as_far_as_it_goes(text_: bytes, number: int) -> None:
    assert leading_number(text_) == number


def test_the_reader_changes_nothing(tmp_path: Path) -> None:
    path = put(tmp_path / "incoming" / SHORT, WHOLE)
    before = path.stat()
    found(tmp_path, WHOLE)
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (WHOLE, 0o700)
    assert path.stat().st_ino == before.st_ino
