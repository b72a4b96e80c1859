"""jail - what a daemon finds of the system's files after chroot

DESCRIPTION
    A daemon with "y" in the chroot column of master.cf sees nothing but the
    queue directory. To look up hosts, ports, accounts and certificates there,
    it needs copies of some of the system's files. refresh() makes them when
    the mail system starts; a file that has not changed is left as it is, and
    one that has is exchanged as a whole. Nothing is ever removed.

SEE ALSO
    chroot(2), nss(5)
    postconf(5): smtp_tls_CApath, smtpd_tls_CApath
"""

import glob
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from common.config import MainCf
from master.plan import Plan

FILES = (
    *("/etc/resolv.conf", "/etc/hosts", "/etc/host.conf", "/etc/nsswitch.conf"),
    *("/etc/services", "/etc/localtime"),
)
# What the C library loads when it looks something up, from wherever the machine keeps it.
LIBRARY_FOLDERS = ("/lib/*-linux-*", "/lib64", "/lib")
LIBRARIES = ("libnss_*.so.*", "libresolv.so.*", "libgcc_s.so.*")
CERTIFICATES = ("smtp_tls_CApath", "smtpd_tls_CApath")  # read when a connection needs them

TEMPORARY = ".new"


def refresh(jail: Path, plans: Iterable[Plan], main_cf: MainCf) -> list[str]:
    """Bring the copies up to date if any service needs them; return a line for each failure."""
    if os.geteuid() != 0 or not any(plan.service.chroot for plan in plans):
        return []
    complaints = []
    for source in sources(main_cf):
        try:
            copy(source, jail / source.relative_to("/"))
        except OSError as error:
            complaints.append(f"copy {source} below {jail}: {error.strerror}")
    return complaints


def sources(main_cf: MainCf) -> Iterator[Path]:
    """Yield the files that exist."""
    patterns = [
        *FILES,
        *(f"{folder}/{name}" for folder in LIBRARY_FOLDERS for name in LIBRARIES),
        *(f"{glob.escape(folder)}/*" for folder in map(main_cf.text, CERTIFICATES) if folder),
    ]
    found = (name for pattern in patterns for name in glob.glob(pattern))
    return (Path(name) for name in dict.fromkeys(found) if os.path.isfile(name))


def copy(source: Path, target: Path) -> None:
    """Make target a copy of source, links followed, unless it is one.

    Raises:
        OSError: one cannot be read or the other not written.
    """
    from shutil import copy2  # here: it brings compressors, which every master would carry along

    if target.is_file() and same(os.stat(source), os.lstat(target)):
        return
    make_folder(target.parent)
    fresh = target.with_name(target.name + TEMPORARY)
    fresh.unlink(missing_ok=True)
    copy2(source, fresh)
    fresh.replace(target)


def make_folder(folder: Path) -> None:
    """Make a folder that others than root can use, whatever our mask, and those above it."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir()
        folder.chmod(0o755)


def same(one: os.stat_result, other: os.stat_result) -> bool:
    """Tell whether two files have one size and age."""
    return (one.st_size, one.st_mtime_ns) == (other.st_size, other.st_mtime_ns)
