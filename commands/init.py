"""init - a mail system of one's own in a directory

SYNOPSIS
    postroom init DIR [--port N] [-o name=value]...

DESCRIPTION
    Makes DIR/etc (main.cf, master.cf), DIR/spool with all its queues, DIR/data
    and DIR/log, with qmqpd on port N (10628) of 127.0.0.1 and all of
    127.0.0.0/8 authorised. -o puts a parameter into main.cf, in place of ours
    if it is one that we set.

    By root the queue goes to an account without privileges: postfix, or daemon
    where there is none. Else everything belongs to the one who calls. Postfix's
    own commands and daemons can work on the result with -c DIR/etc.

    A directory that has a main.cf is left as it is.

SEE ALSO
    etc/main.cf, for all parameters
"""

import argparse
import grp
import os
import pwd
import re
from pathlib import Path

from common.config import MainCf, parse_overrides
from common.errors import ConfigError
from common.params import READERS, SuiteParams, host_name
from master import spool

DEFAULT_PORT = 10628
SHARED_GROUP = "postdrop"
# Account and group of the queue, by root: Postfix's own if they are there.
ACCOUNTS = (("postfix", SHARED_GROUP), ("daemon", "mail"))
FALLBACK_HOST_NAME = "localhost.localdomain"
HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)(?:\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))*\Z")

DIRECTORY_MODE, FILE_MODE = 0o755, 0o644

MAIN_CF = """\
# Parameters of this mail system. Whatever is not here has its default: etc/main.cf of the
# distribution shows them all. Changes take effect with "postroom -c {directory} reload".

"""
MASTER_CF = """\
# Services of this mail system: one a line; a line that begins with a blank continues the one
# before. "-" is the default of a column.
#
# qmqpd takes mail over the network, cleanup writes the queue files, postlogd the log of Postfix's
# programs; all are Postroom's own. Other programs named here are Postfix's, from daemon_directory.
#
# service        type  private unpriv  chroot  wakeup  maxproc command + args
127.0.0.1:{port:<6} inet  n       -       n       -       -       qmqpd
cleanup          unix  n       -       n       -       0       cleanup
postlog          unix-dgram n  -       n       -       1       postlogd
"""


def main(config_dir: Path, verbose: int, arguments: list[str]) -> int:
    """Make the directory; nothing is started."""
    options = parse_arguments(arguments)
    top = options.directory.absolute()
    settings = parameters(top, options.port) | parse_overrides(options.settings, "-o")
    params = check(top / "etc", settings)
    make_directories(top, params)
    write_configuration(top / "etc", settings, options.port)
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
        "myhostname": valid_host_name(),
        "inet_interfaces": "loopback-only",
        "qmqpd_authorized_clients": "127.0.0.0/8",
        # There is no queue manager yet that would count messages.
        "in_flow_delay": "0",
    }


def valid_host_name() -> str:
    """Return this machine's name; Postfix's programs refuse to run with one that is none."""
    name = host_name(lambda parameter: "")
    return name if HOST_NAME.match(name) else FALLBACK_HOST_NAME


def accounts() -> tuple[str, str]:
    """Return the account that will own the queue, and the group that may enter it.

    Raises:
        ConfigError: this machine has no account that could.
    """
    users = {one.pw_uid: one.pw_name for one in pwd.getpwall()}
    groups = {one.gr_gid: one.gr_name for one in grp.getgrall()}
    if os.geteuid() != 0:
        # In a container they may be mere numbers.
        user = users.get(os.geteuid(), str(os.geteuid()))
        group = groups.get(os.getegid(), str(os.getegid()))
        # Nobody needs that group in a private instance, but Postfix's programs refuse to run
        # if it is the owner's own.
        return user, SHARED_GROUP if SHARED_GROUP in groups.values() else group
    for owner, group in ACCOUNTS:
        if owner in users.values() and group in groups.values():
            return owner, group
    raise ConfigError(f"no account to own the queue: looked for {ACCOUNTS}")


def check(etc: Path, settings: dict[str, str]) -> SuiteParams:
    """Refuse to replace a configuration, or to write one that nobody could use.

    Raises:
        ConfigError: a main.cf is there, or a value is wrong.
    """
    if os.path.lexists(etc / "main.cf"):
        raise ConfigError(f"{etc}/main.cf exists: nothing was changed")
    planned = MainCf(etc / "main.cf").override(settings, "-o")
    for reader in READERS:
        planned.load(reader)
    return planned.load(SuiteParams)


def make_directories(top: Path, params: SuiteParams) -> None:
    """Make the folders, and those of the queue, so that tools work before any start.

    Raises:
        ConfigError: the file system refuses, or there is no such account.
    """
    try:
        for path in (top, *(top / name for name in ("etc", "spool", "log"))):
            if not path.is_dir():
                path.mkdir(parents=True)
                path.chmod(DIRECTORY_MODE)  # whatever the umask: daemons pass through
    except OSError as error:
        raise ConfigError(f"create directory {error.filename}: {error.strerror}") from None
    spool.prepare(params, spool.mail_owner(params))


def write_configuration(etc: Path, settings: dict[str, str], port: int) -> None:
    """Write master.cf and main.cf.

    Raises:
        ConfigError: the file system refuses.
    """
    lines = [f"{name} = {value}".rstrip() + "\n" for name, value in settings.items()]
    main_cf = MAIN_CF.format(directory=etc) + "".join(lines)
    try:
        # main.cf comes last: a directory that has one counts as made.
        for name, text in (("master.cf", MASTER_CF.format(port=port)), ("main.cf", main_cf)):
            (etc / name).write_text(text)
            (etc / name).chmod(FILE_MODE)
    except OSError as error:
        raise ConfigError(f"write {error.filename}: {error.strerror}") from None
