"""super - look after the queue directory, as postsuper does

SYNOPSIS
    postroom super [-p] [-s | -S] [-v] [directory ...]

DESCRIPTION
    -p removes unfinished files that are older than a week: what is left over
    from processes and machines that died.

    -s gives queue files the names that their inodes ask for, as is needed
    after a queue was restored or moved, and puts them into the subdirectories
    where they belong (hash_queue_names, hash_queue_depth). Names of the long
    form become short ones where enable_long_queue_ids is off. -S compares the
    long form with the inode as well.

    Without options both are done: in maildrop, incoming, active, deferred and
    hold, and with the logs in defer, bounce and trace. With -v each change is
    shown. The mail system may run, but -s may then move mail under its hands:
    what is renamed is delivered at the next look into the queue.

DIAGNOSTICS
    Trouble with a file is named, the others are looked after, and the exit
    status is 1. All lines go to the mail log as well.

SEE ALSO
    postsuper(1)
    commands.repair, which does it
"""

import getopt
import os
import sys
from pathlib import Path

from commands.repair import QUEUES, Repair, Wish
from common.child import Identity
from common.config import MainCf
from common.errors import ConfigError
from common.log import Log, open_log
from common.params import CleanupParams
from common.queue import QueueDirectory, QueueName

PROGRAM = "postsuper"  # as log tools know it
USAGE = "usage: postroom super [-p] [-s | -S] [-v] [directory ...]"
MESSAGE_OPTIONS = "d:e:f:h:H:r:"  # of postsuper, for single messages


def main(config_dir: Path, verbose: int, arguments: list[str]) -> int:
    """Do what is asked for; return the exit status."""
    try:
        options, names = getopt.getopt(arguments, "c:psSv" + MESSAGE_OPTIONS)
        flags = [flag for flag, _ in options]
        for flag in flags:
            if f"{flag[1:]}:" in MESSAGE_OPTIONS:
                raise ConfigError(f"{flag} is not done here yet; postsuper {flag} works")
        config_dir = Path(dict(options).get("-c", config_dir))
        wish = Wish(
            purge="-p" in flags or not {"-s", "-S"} & set(flags),
            structure=bool({"-s", "-S"} & set(flags)) or "-p" not in flags,
            redundant="-S" in flags,
            verbose=bool(verbose) or "-v" in flags,
        )
        return look_after(config_dir, wish, [queue_name(name) for name in names])
    except (ConfigError, getopt.GetoptError) as error:
        hint = f". {USAGE}" if isinstance(error, getopt.GetoptError) else ""
        print(f"postroom super: fatal: {error}{hint}", file=sys.stderr)
        return 1


def queue_name(name: str) -> QueueName:
    """Return the directory that the operator means.

    Raises:
        ConfigError: there is no such directory of messages or logs.
    """
    if name not in QUEUES:
        raise ConfigError(f"invalid directory name: {name}")
    return QueueName(name)


def look_after(config_dir: Path, wish: Wish, queues: list[QueueName]) -> int:
    """Repair the queue of an instance; return the exit status.

    Raises:
        ConfigError: the configuration, the queue or the caller is not what it has to be.
    """
    params = MainCf.read(config_dir).load(CleanupParams)
    directory = QueueDirectory.of(params)
    voice = Voice(open_log(params, PROGRAM))
    try:
        os.chdir(params.queue_directory)
        become(os.stat(QueueName.INCOMING).st_uid, params)
    except OSError as error:
        raise ConfigError(f"queue directory {params.queue_directory}: {error.strerror}") from None
    repair = Repair(directory, wish, params.enable_long_queue_ids, voice)
    repair.run(queues or list(QUEUES))
    voice.finish()
    return int(repair.failed)


def become(owner: int, params: CleanupParams) -> None:
    """Go on under the account that the queue belongs to: what lies in it is not root's.

    Raises:
        ConfigError: the caller is neither that account nor root.
    """
    if os.geteuid() == owner:
        return
    if os.geteuid() != 0:
        raise ConfigError("use of this command is reserved for the superuser")
    Identity.of(params.mail_owner).assume()


class Voice:
    """What operators see and the log keeps."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def info(self, text: str) -> None:
        """Tell what was done."""
        self._log.info(text)
        print(f"postroom super: {text}", file=sys.stderr)

    def warning(self, text: str) -> None:
        """Tell what should be looked at."""
        self._log.warning(text)
        print(f"postroom super: warning: {text}", file=sys.stderr)

    def finish(self) -> None:
        """Send what the log still keeps."""
        self._log.finish()
