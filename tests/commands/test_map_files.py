"""The files that map makes: read by Debian's programs as theirs by ours, and safely made."""

import os
import pwd
import resource
import stat
import subprocess
import time
from pathlib import Path
from random import Random

import pytest

from tests.commands.both import AGE, Outcome, Step, debians, ours
from tests.suite import peers

KINDS = ["hash", "btree", "lmdb", "cdb"]
SUFFIX = {"hash": "db", "btree": "db", "lmdb": "lmdb", "cdb": "cdb"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with an empty configuration, which other accounts may enter."""
    peers.table_library("hash")
    (tmp_path / "etc").mkdir()
    put(tmp_path / "etc/main.cf", "")
    for one in (tmp_path, *tmp_path.parents):
        if one.owner() == "root" and one != Path("/") and str(one).startswith("/tmp/"):
            one.chmod(one.stat().st_mode | 0o055)
    return tmp_path


def put(path: Path, text: str) -> None:
    """Write a file that is not new: Debian's program waits until one is a second old."""
    path.write_text(text)
    os.utime(path, (time.time() - AGE,) * 2)


def make(folder: Path, *arguments: str, stdin: bytes = b"") -> Outcome:
    """Run our command."""
    return ours(Step(arguments, stdin), folder)


def content(count: int) -> dict[str, str]:
    """Return keys and values of all sorts."""
    random = Random(count)
    letters = "abcdefghijklmnopqrstuvwxyz0123456789@.-_+é"
    keys = {"".join(random.choices(letters, k=random.randint(1, 60))) for _ in range(count)}
    return {key: "v" * random.randint(1, 300) + key for key in sorted(keys)}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("maker", ["theirs", "ours"])
@pytest.mark.parametrize("flag", ["", "-n", "-N"])
def test_a_file_of_one_side_is_read_by_the_other(
    kind: str, maker: str, flag: str, folder: Path
) -> None:
    program = str(peers.postmap())
    entries = content(2000)
    source = "".join(f"{key} {value}\n" for key, value in entries.items())
    put(folder / "t", source)
    options = (flag,) if flag else ()
    made = Step((*options, f"{kind}:t"))
    asked = Step(("-q", "-", f"{kind}:t"), "\n".join([*entries, "absent", "zz@zz"]).encode())
    changed = Step(("-ir", f"{kind}:t"), b"new 1\n")
    steps = [made, asked] if kind == "cdb" else [made, asked, changed, asked]
    for number, step in enumerate(steps):
        # Made and changed by one, asked by the other.
        is_theirs = (maker == "theirs") == (step is not asked)
        done = debians(program, step, folder) if is_theirs else ours(step, folder)
        assert (done.status, done.stderr) == (0, [b""]), (number, done.stderr[:3])
        if step is asked:
            expected = "".join(f"{key}\t{value}\n" for key, value in entries.items())
            assert done.stdout.decode() == expected


@pytest.mark.parametrize("kind", ["hash", "btree", "lmdb"])
def test_both_list_a_file_in_the_same_order(kind: str, folder: Path) -> None:
    program = str(peers.postmap())
    put(folder / "t", "".join(f"{key} {value}\n" for key, value in content(500).items()))
    for maker in (debians(program, Step((f"{kind}:t",)), folder), make(folder, f"{kind}:t")):
        assert maker.status == 0
        listed = Step(("-s", f"{kind}:t"))
        assert ours(listed, folder).stdout == debians(program, listed, folder).stdout != b""


def test_a_cdb_file_is_the_same_byte_for_byte(folder: Path) -> None:
    program = str(peers.postmap())
    put(folder / "t", "".join(f"{key} {value}\n" for key, value in content(500).items()))
    assert debians(program, Step(("cdb:t",)), folder).status == 0
    theirs = (folder / "t.cdb").read_bytes()
    assert make(folder, "cdb:t").status == 0
    assert (folder / "t.cdb").read_bytes() == theirs


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_file_has_its_sources_permissions_to_be_read(kind: str, folder: Path) -> None:
    made = folder / f"t.{SUFFIX[kind]}"
    for mode, option, expected in (
        *((0o640, "", 0o640), (0o600, "", 0o600), (0o444, "", 0o644), (0o777, "", 0o644)),
        *((0o600, "-p", 0o644), (0o640, "-r", 0o640)),
    ):
        made.unlink(missing_ok=True)
        (folder / "t").unlink(missing_ok=True)
        put(folder / "t", "a 1\n")
        (folder / "t").chmod(mode)
        assert make(folder, *filter(None, (option,)), f"{kind}:t").status == 0
        assert stat.S_IMODE(made.stat().st_mode) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_an_existing_file_keeps_owner_and_mode(kind: str, folder: Path) -> None:
    peers.superuser("files of another owner")
    put(folder / "t", "a 1\n")
    made = folder / f"t.{SUFFIX[kind]}"
    assert make(folder, f"{kind}:t").status == 0
    nobody = pwd.getpwnam("nobody")
    os.chown(made, nobody.pw_uid, nobody.pw_gid)
    made.chmod(0o604)
    put(folder / "t", "a 2\n")
    assert make(folder, f"{kind}:t").status == 0
    found = made.stat()
    assert (found.st_uid, found.st_gid) == (nobody.pw_uid, nobody.pw_gid)
    assert stat.S_IMODE(found.st_mode) == 0o604
    assert make(folder, "-q", "a", f"{kind}:t").stdout == b"2\n"


@pytest.mark.parametrize("kind", KINDS)
def test_root_gives_its_rights_up_for_those_of_the_sources_owner(kind: str, folder: Path) -> None:
    peers.superuser("sources of another owner")
    put(folder / "t", "a 1\n")
    nobody = pwd.getpwnam("nobody")
    os.chown(folder / "t", nobody.pw_uid, nobody.pw_gid)
    refused = make(folder, f"{kind}:t")
    assert refused.status == 1
    assert refused.stderr[0].endswith(b": Permission denied")
    assert refused.stderr[0].startswith(b"postmap: fatal: open database t.")
    assert make(folder, "-o", f"{kind}:t").status == 0
    made = folder / f"t.{SUFFIX[kind]}"
    assert made.stat().st_uid == 0
    made.unlink()
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    assert make(folder, f"{kind}:t").status == 0
    assert (made.stat().st_uid, made.stat().st_gid) == (nobody.pw_uid, nobody.pw_gid)


@pytest.mark.parametrize("kind", ["hash", "btree", "cdb"])
def test_a_file_in_a_folder_of_somebody_else_is_written_in_place(kind: str, folder: Path) -> None:
    peers.superuser("folders of another owner")
    put(folder / "t", "a 1\n")
    assert make(folder, f"{kind}:t").status == 0
    nobody = pwd.getpwnam("nobody")
    made = folder / f"t.{SUFFIX[kind]}"
    for one in (folder / "t", made):
        os.chown(one, nobody.pw_uid, nobody.pw_gid)
    put(folder / "t", "a 2\n")
    inode = made.stat().st_ino
    assert make(folder, f"{kind}:t") == Outcome(0, b"", [b""])
    assert (made.stat().st_ino, made.stat().st_uid) == (inode, nobody.pw_uid)
    assert make(folder, "-q", "a", f"{kind}:t").stdout == b"2\n"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bad", ["missing", "folder", "disk"])
def test_a_run_that_fails_leaves_the_old_file_alone(
    kind: str, bad: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(folder / "t", "a 1\n")
    assert make(folder, f"{kind}:t").status == 0
    made = folder / f"t.{SUFFIX[kind]}"
    before = made.read_bytes()
    (folder / "t").unlink()
    if bad == "folder":
        (folder / "t").mkdir()
    elif bad == "disk":
        put(folder / "t", "".join(f"{n} {'x' * 1000}\n" for n in range(1000)))
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 8192, hard))
    try:
        failed = make(folder, f"{kind}:t")
    finally:
        if bad == "disk":
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert failed.status == 1
    assert b"Traceback" not in b"".join(failed.stderr)
    assert any(b"fatal: " in line for line in failed.stderr)
    assert sorted(path.name for path in folder.iterdir() if path.name.startswith((".t", "t."))) == [
        made.name
    ]
    assert make(folder, "-q", "a", f"{kind}:t").stdout == b"1\n"
    if kind != "lmdb":
        assert made.read_bytes() == before


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("damage", ["empty", "rubbish", "short", "folder"])
def test_a_damaged_file_is_an_error_and_never_an_answer(
    kind: str, damage: str, folder: Path
) -> None:
    put(folder / "t", "".join(f"key{n} {'x' * 100}\n" for n in range(500)))
    assert make(folder, f"{kind}:t").status == 0
    made = folder / f"t.{SUFFIX[kind]}"
    whole = made.read_bytes()
    made.unlink()
    if damage == "folder":
        made.mkdir()
    else:
        data = {"empty": b"", "rubbish": Random(1).randbytes(5000), "short": whole[:3000]}[damage]
        made.write_bytes(data)
    asked = make(folder, "-q", "key499", f"{kind}:t")
    assert b"Traceback" not in b"\n".join(asked.stderr)
    assert (asked.status, asked.stdout) == (1, b"")
    assert any(b"fatal: " in line for line in asked.stderr), asked.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_a_link_to_a_table_stays_one(kind: str, folder: Path) -> None:
    put(folder / "t", "a 1\n")
    (folder / "other").mkdir()
    made, target = folder / f"t.{SUFFIX[kind]}", folder / "other/real"
    assert make(folder, f"{kind}:t").status == 0
    made.rename(target)
    made.symlink_to(target)
    put(folder / "t", "a 2\n")
    assert make(folder, f"{kind}:t").status == 0
    assert made.is_symlink()
    assert make(folder, "-q", "a", f"{kind}:t").stdout == b"2\n"


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_older_than_its_source_is_complained_about(kind: str, folder: Path) -> None:
    put(folder / "t", "a 1\n")
    assert make(folder, f"{kind}:t").status == 0
    made = folder / f"t.{SUFFIX[kind]}"
    now = made.stat().st_mtime
    os.utime(folder / "t", (now - 200, now - 200))
    os.utime(made, (now - 300, now - 300))
    complaint = f"postmap: warning: database t.{SUFFIX[kind]} is older than source file t".encode()
    assert make(folder, "-q", "a", f"{kind}:t") == Outcome(0, b"1\n", [complaint, b""])


def test_an_lmdb_table_grows_beyond_its_first_size(folder: Path) -> None:
    program = str(peers.postmap())
    put(folder / "etc/main.cf", "lmdb_map_size = 65536\n")
    put(folder / "t", "".join(f"{n} {'x' * 400}\n" for n in range(2000)))
    assert make(folder, "lmdb:t") == Outcome(0, b"", [b""])
    for number in ("0", "1999"):
        asked = Step(("-q", number, "lmdb:t"))
        assert ours(asked, folder).stdout == b"x" * 400 + b"\n"
        assert debians(program, asked, folder).stdout == b"x" * 400 + b"\n"


def test_entries_that_cannot_be_stored_leave_the_old_lmdb_table(folder: Path) -> None:
    put(folder / "t", "a 1\n")
    assert make(folder, "lmdb:t").status == 0
    put(folder / "t", f"a 2\n{'k' * 600} x\n")
    failed = make(folder, "lmdb:t")
    assert failed.status == 1
    assert b"MDB_BAD_VALSIZE" in failed.stderr[0]
    assert make(folder, "-q", "a", "lmdb:t").stdout == b"1\n"


def test_the_command_is_there_under_both_names(folder: Path) -> None:
    postroom = peers.postroom()
    link = folder / "postmap"
    link.symlink_to(postroom)
    environment = {"PATH": os.environ["PATH"], "MAIL_CONFIG": str(folder / "etc")}
    for command, name in (([str(link)], b"postmap"), ([str(postroom), "map"], b"postroom map")):
        found = run([*command, "-q", "x", "inline:{x=y}"], environment)
        assert found == (0, b"y\n", b"")
        status, _, complaint = run([*command, "-vq", "x", "nosuch:x"], environment)
        assert status == 1
        assert complaint == name + b": fatal: unsupported dictionary type: nosuch\n"


def run(command: list[str], environment: dict[str, str]) -> tuple[int, bytes, bytes]:
    """Run a program."""
    done = subprocess.run(command, capture_output=True, check=False, env=environment, timeout=60)
    return done.returncode, done.stdout, done.stderr
