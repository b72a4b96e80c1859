"""Copies of the system's files in the jail."""

import os
from pathlib import Path

import pytest

from common.config import Entry, MainCf
from master import jail
from master.configuration import Configuration
from master.endpoints import Names

LINE = "a unix n - {chroot} - - nosuch\n"


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of files that are looked for in the jail."""
    folder = tmp_path / "system"
    folder.mkdir()
    for name in ("hosts", "services"):
        (folder / name).write_text(f"{name} of now\n")
    (folder / "libnss_x.so.2").write_bytes(b"library")
    monkeypatch.setattr(jail, "FILES", [f"{folder}/{one}" for one in ("hosts", "services", "no")])
    monkeypatch.setattr(jail, "LIBRARY_FOLDERS", [str(folder)])
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return folder


def refresh(top: Path, chroot: str = "y", **settings: str) -> list[str]:
    """Refresh the jail of a mail system with one service."""
    entries = {name: Entry(text, "test") for name, text in settings.items()}
    (top / "main.cf").write_text("")
    (top / "master.cf").write_text(LINE.format(chroot=chroot))
    plans = Configuration.load(top, Names()).plans.values()
    (top / "jail").mkdir(exist_ok=True)
    return jail.refresh(top / "jail", plans, MainCf(top / "main.cf", entries))


def copy_of(path: Path, top: Path) -> Path:
    return top / "jail" / path.relative_to("/")


def test_files_are_copied_with_their_age_into_folders_that_all_may_enter(
    system: Path, tmp_path: Path
) -> None:
    previous = os.umask(0o077)
    try:
        assert refresh(tmp_path) == []
    finally:
        os.umask(previous)
    for name in ("hosts", "services", "libnss_x.so.2"):
        found = copy_of(system / name, tmp_path)
        assert found.read_bytes() == (system / name).read_bytes()
        assert found.stat().st_mtime_ns == (system / name).stat().st_mtime_ns
        assert found.stat().st_mode == (system / name).stat().st_mode
        assert found.parent.stat().st_mode & 0o777 == 0o755


def test_only_what_has_changed_is_copied_again_and_as_a_whole(system: Path, tmp_path: Path) -> None:
    refresh(tmp_path)
    hosts, services = (copy_of(system / name, tmp_path) for name in ("hosts", "services"))
    before = hosts.stat().st_ino, services.stat().st_ino
    with hosts.open() as reader:
        (system / "hosts").write_text("hosts of later\n")
        refresh(tmp_path)
        assert reader.read() == "hosts of now\n"
    assert hosts.read_text() == "hosts of later\n"
    assert (hosts.stat().st_ino == before[0], services.stat().st_ino == before[1]) == (False, True)
    assert {path.name for path in hosts.parent.iterdir()} == {"hosts", "services", "libnss_x.so.2"}


def test_links_are_followed(system: Path, tmp_path: Path) -> None:
    (system / "hosts").rename(system / "real")
    (system / "hosts").symlink_to("real")
    refresh(tmp_path)
    found = copy_of(system / "hosts", tmp_path)
    assert not found.is_symlink()
    assert found.read_text() == "hosts of now\n"


def test_certificates_are_copied_from_where_main_cf_says(system: Path, tmp_path: Path) -> None:
    certificates = system / "certificates[1]"
    certificates.mkdir()
    (certificates / "ca.pem").write_text("certificate")
    refresh(tmp_path, smtp_tls_CApath=str(certificates))
    assert copy_of(certificates / "ca.pem", tmp_path).read_text() == "certificate"


@pytest.mark.parametrize("chroot", ["n", "y"])
def test_without_a_service_in_the_jail_or_without_root_there_is_none(
    system: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chroot: str
) -> None:
    if chroot == "y":
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert refresh(tmp_path, chroot) == []
    assert list((tmp_path / "jail").iterdir()) == []


def test_a_file_that_cannot_be_copied_is_told_and_the_others_are(
    system: Path, tmp_path: Path
) -> None:
    blocked = copy_of(system / "hosts", tmp_path)
    blocked.mkdir(parents=True)
    assert refresh(tmp_path) == [f"copy {system}/hosts below {tmp_path}/jail: Is a directory"]
    assert copy_of(system / "services", tmp_path).is_file()
