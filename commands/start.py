"""start - bring the mail system up, in the background or the foreground

SYNOPSIS
    postroom start
    postroom start-fg

DESCRIPTION
    start checks the configuration, becomes a daemon, and returns when the
    listeners are open and the workers started: 0, or 1 and the reason. Where
    programs of Postfix work on the queue, its postsuper looks at that first.

    start-fg stays: for a terminal, for a service manager, or as process 1 of
    a container. With maillog_file = /dev/stdout it logs there.

SEE ALSO
    ARCHITECTURE.md
    master.life, what runs in the end
"""

import argparse
import gc
import os
import select
from contextlib import suppress
from pathlib import Path
from typing import NoReturn, TextIO

from commands.instance import lenient_main_cf
from commands.script import Script
from common.child import DESCRIPTOR_LIMIT
from common.errors import ConfigError
from master import guard, lock, spool
from master.__main__ import hold_standard_streams, stay_in_foreground
from master.configuration import Configuration, executable
from master.endpoints import Names
from master.foreign import DEFAULT_SIGNALS
from master.life import UMASK, run
from master.lock import LockedError

STARTING = "starting the Postfix mail system"
STANDARD_OUTPUT = "/dev/stdout"
READY = "\0"  # what the daemon writes when it serves; anything else is the reason why not
READY_SECONDS = 100.0


def main(config_dir: Path, verbose: int, arguments: list[str]) -> int:
    """Start in the background."""
    argparse.ArgumentParser(prog="postroom start").parse_args(arguments)
    hold_standard_streams()
    script = Script(lenient_main_cf(config_dir))
    names = Names()
    try:
        configuration = check(config_dir, names)
        if configuration.params.maillog_file == STANDARD_OUTPUT:
            raise ConfigError("to log to standard output, use start-fg")
        repair_queue(configuration, script)
    except (ConfigError, LockedError) as error:
        return script.fatal(str(error))
    script.info(STARTING)
    reader, writer = os.pipe()
    intermediate = os.fork()
    if intermediate == 0:
        os.close(reader)
        detach(configuration, names, os.fdopen(writer, "w"), verbose=bool(verbose))
    os.close(writer)
    os.waitpid(intermediate, 0)
    reason = await_daemon(reader)
    return script.fatal(reason) if reason else 0


def foreground(config_dir: Path, verbose: int, arguments: list[str]) -> int:
    """Run until the mail system is stopped."""
    argparse.ArgumentParser(prog="postroom start-fg").parse_args(arguments)
    stay_in_foreground()
    script = Script(lenient_main_cf(config_dir))
    names = Names()
    try:
        configuration = check(config_dir, names)
        repair_queue(configuration, script)
        script.info(STARTING)
        run(configuration, names, verbose=bool(verbose), ready=lambda: None)
    except (ConfigError, LockedError) as error:
        return script.fatal(str(error))
    return 0


def check(config_dir: Path, names: Names) -> Configuration:
    """Return the configuration; all of it can be used, and no other master runs.

    Raises:
        ConfigError: it cannot be used.
        LockedError: there is another master.
    """
    configuration = Configuration.load(config_dir, names)
    params = configuration.params
    spool.require_queue(params)
    pid_file = Path(params.queue_directory, params.process_id_directory, "master.pid")
    if lock.holder(pid_file) is not None:
        raise LockedError
    return configuration


def repair_queue(configuration: Configuration, script: Script) -> None:
    """Let postsuper give queue files their right names, as after a restored backup.

    Without programs of Postfix nobody needs that, and the tool is for root alone.

    Raises:
        ConfigError: others than root could have changed the tool, or the queue cannot be used.
    """
    tool = f"{configuration.params.command_directory}/postsuper"
    if os.geteuid() != 0 or not configuration.foreign or not executable(tool):
        return
    guard.check(configuration)
    spool.prepare(configuration.params, spool.mail_owner(configuration.params))
    # Not by subprocess: it brings threading, of which a master shall know nothing.
    pid = os.posix_spawn(
        tool,
        [tool, "-c", str(configuration.directory)],
        os.environ,
        file_actions=[(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)],
        setsigdef=DEFAULT_SIGNALS,
    )
    _, ended = os.waitpid(pid, 0)
    if status := os.waitstatus_to_exitcode(ended):
        script.warning(f"{tool}: exit status {status}: the queue may not be in order")


def detach(configuration: Configuration, names: Names, pipe: TextIO, *, verbose: bool) -> NoReturn:
    """Become the daemon, and report through the pipe how that went."""
    from daemon import DaemonContext  # only here: no other command needs it

    status = 1
    # What the command leaves behind must not be collected: its descriptors' numbers are reused.
    gc.freeze()
    try:
        DaemonContext(
            working_directory=configuration.params.queue_directory,
            umask=UMASK,
            prevent_core=False,  # the limits of a program are those that we were started with
            detach_process=True,
            files_preserve=[pipe],
            signal_map={},
        ).open()
        # The context leaves us in the session of a process that is gone. Signals to the whole
        # mail system, as "postfix stop" sends them, need a group that has our number.
        os.setsid()
        # It also leaves the descriptors behind by which it came to /dev/null.
        os.closerange(3, pipe.fileno())
        os.closerange(pipe.fileno() + 1, DESCRIPTOR_LIMIT)
        run(configuration, names, verbose=verbose, ready=lambda: report(pipe, READY))
        status = 0
    except (ConfigError, LockedError) as error:
        report(pipe, str(error))
    except Exception as error:
        report(pipe, f"{type(error).__name__}: {error}")
    finally:
        os._exit(status)


def report(pipe: TextIO, text: str) -> None:
    """Tell the waiting command, once; it may have given up."""
    if not pipe.closed:
        with suppress(OSError), pipe:
            pipe.write(text)


def await_daemon(reader: int) -> str:
    """Return why the daemon did not start, nothing if it serves."""
    if not select.select([reader], [], [], READY_SECONDS)[0]:
        return f"the mail system is not ready after {READY_SECONDS:g} seconds"
    text = os.read(reader, select.PIPE_BUF).decode(errors="replace")
    return "" if text == READY else text or "the mail system ended at once; see the log"
