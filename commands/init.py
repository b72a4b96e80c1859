"""init - a mail system of one's own in a directory

SYNOPSIS
    postroom init DIR [--port N] [-o name=value]...

DESCRIPTION
    Makes DIR/etc (main.cf, master.cf), DIR/spool, DIR/data and DIR/log, with
    qmqpd on a port of 127.0.0.1 and whole of 127.0.0.0/8 authorised. By root
    the spool goes to an account without privileges; else everything belongs to
    the one who calls. Postfix's own commands and daemons can use the result.
    A directory that has a configuration is left alone.

SEE ALSO
    etc/main.cf, for all parameters
"""

import argparse
import grp
import os
import pwd
from pathlib import Path

from common.config import MainCf, parse_overrides
from common.errors import ConfigError
from common.params import READERS

DEFAULT_PORT = 10628
# Account and group of the queue, by root: Postfix's own if they are there.
ACCOUNTS = (("postfix", "postdrop"), ("daemon", "mail"))

MAIN_CF = """\
# Parameters of this mail system; see etc/main.cf of the distribution for all of them.
"""
MASTER_CF = """\
# service       type  private unpriv chroot wakeup maxproc command + args
127.0.0.1:{port:<5} inet  n       -      n      -      -       qmqpd
cleanup         unix  n       -      n      -      0       cleanup
"""


def main(config_dir: Path, verbose: int, arguments: list[str]) -> int:
    """Make the directory; nothing is started."""
    options = parse_arguments(arguments)
    top = options.directory.absolute()
    settings = parameters(top, options.port) | parse_overrides(options.settings, "-o")
    check(top / "etc", settings)
    make(top, settings, MASTER_CF.format(port=options.port))
    print(f"made {top}: start it with: postroom -c {top}/etc start")
    return 0


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    """Return the command's options."""
    parser = argparse.ArgumentParser(prog="postroom init")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--port", type=port_number, default=DEFAULT_PORT)
    parser.add_argument("-o", dest="settings", action="append", default=[], metavar="name=value")
    return parser.parse_args(arguments)


def port_number(text: str) -> int:
    """Return a TCP port.

    Raises:
        ValueError: it is none.
    """
    port = int(text)
    if not 0 < port < 65536:
        raise ValueError(text)
    return port


def parameters(top: Path, port: int) -> dict[str, str]:
    """Return what main.cf needs to say of this instance."""
    owner, group = accounts()
    return {
        "compatibility_level": "3.6",
        "queue_directory": f"{top}/spool",
        "data_directory": f"{top}/data",
        "maillog_file": f"{top}/log/mail.log",
        "maillog_file_prefixes": f"{top}/log, /dev/stdout",
        "mail_owner": owner,
        "setgid_group": group,
        "inet_interfaces": "loopback-only",
        "qmqpd_authorized_clients": "127.0.0.0/8",
        # There is no queue manager yet that would count messages.
        "in_flow_delay": "0",
    }


def accounts() -> tuple[str, str]:
    """Return the account that will own the queue, and the group that may enter it.

    Raises:
        ConfigError: this machine has no account that could.
    """
    if os.geteuid() != 0:
        return own_names()
    users = {one.pw_name for one in pwd.getpwall()}
    groups = {one.gr_name for one in grp.getgrall()}
    for owner, group in ACCOUNTS:
        if owner in users and group in groups:
            return owner, group
    raise ConfigError(f"no account to own the queue: looked for {ACCOUNTS}")


def own_names() -> tuple[str, str]:
    """Return our account and group; in a container they may be mere numbers."""
    user, group = os.geteuid(), os.getegid()
    names = {one.pw_uid: one.pw_name for one in pwd.getpwall()}
    groups = {one.gr_gid: one.gr_name for one in grp.getgrall()}
    return names.get(user, str(user)), groups.get(group, str(group))


def check(etc: Path, settings: dict[str, str]) -> None:
    """Refuse to replace a configuration, or to write one that nobody could use.

    Raises:
        ConfigError: a main.cf is there, or a value is wrong.
    """
    if (etc / "main.cf").exists():
        raise ConfigError(f"{etc}/main.cf exists: nothing was changed")
    planned = MainCf(etc / "main.cf").override(settings, "-o")
    for reader in READERS:
        planned.load(reader)


def make(top: Path, settings: dict[str, str], master_cf: str) -> None:
    """Write files and folders.

    Raises:
        ConfigError: the file system refuses.
    """
    try:
        for name in ("etc", "spool", "data", "log"):
            (top / name).mkdir(mode=0o755, parents=True, exist_ok=True)
        if os.geteuid() == 0:
            owner = pwd.getpwnam(settings["mail_owner"])
            os.chown(top / "data", owner.pw_uid, owner.pw_gid)
        lines = [f"{name} = {value}\n" for name, value in settings.items()]
        (top / "etc/master.cf").write_text(master_cf)
        (top / "etc/main.cf").write_text(MAIN_CF + "".join(lines))
    except OSError as error:
        raise ConfigError(f"{error.filename}: {error.strerror}") from None
