"""executable - a daemon of ours as a program that Postfix's master starts

SYNOPSIS
    qmqpd | cleanup  [-cdDlSuvVz] [-i time] [-m count] [-n service]
        [-o name=value] [-s sockets] [-t type]

DESCRIPTION
    main() is all that the programs in native_daemon_directory call. It takes
    nothing for granted that a caller could have prepared: the interpreter
    ignores PYTHON* variables and the working folder, modules come from two
    folders that were written down at installation, and root runs nothing that
    others may write to. Then it becomes what a child of our own master is
    after its fork, and serves.

    Whatever is wrong before is one fatal line in the log and on standard
    error, and exit status 1 after a second, as Postfix's programs do.

    The accept lock in pid/ is not taken, and needs not be: it keeps idle
    processes of Postfix's from being woken for one client all together, and
    the kernel does so for ours. Where both serve one socket, between the
    exchange of a program and the reload, who comes late accepts nothing and
    goes on waiting.

SEE ALSO
    spec/master-protocol.md
    commands.daemons, which makes the programs
"""

import fcntl
import gc
import os
import signal
import socket
import stat
import sys
import time
from contextlib import suppress
from typing import NoReturn

from common import environment, guard, one_shot
from common.child import (
    DESCRIPTOR_LIMIT,
    FLOW_READ_FD,
    FLOW_WRITE_FD,
    LISTEN_FD,
    STATUS_FD,
    Child,
    wait_for_turn,
)
from common.config import MainCf
from common.errors import ConfigError
from common.log import Log, log_end, open_log
from common.options import Options
from common.params import SuiteParams
from common.program import Program, own_settings
from common.sinks import FileSink, PostlogSink, Sink, SyslogSink

BY_HAND = "do not run this command by hand"
UMASK = 0o077
FATAL_PAUSE = 1.0  # seconds; a master that starts us again at once gets no faster than this


def main(program: Program) -> NoReturn:
    """Be this daemon, from its arguments to the end of the process."""
    name = os.path.basename(sys.argv[0])
    log = first_log(name)
    status = 1
    try:
        options = Options.parse(sys.argv[1:])
        take_descriptors(options)
        child = start(program, name, options)
        log = child.log
        program.serve(child)
        status = 0
    except BaseException as error:
        complain(log, error)
    finally:
        log.finish()
        os._exit(status)


def start(program: Program, name: str, options: Options) -> Child:
    """Return what the daemon is started with, everything it will need imported and open.

    Raises:
        ConfigError: it cannot serve.
    """
    main_cf = read_main_cf(name, options)
    if options.transport not in program.transports:
        raise ConfigError(f"our {name} does not serve type {options.transport}")
    params = main_cf.load(program.params)
    refuse_exposed(params)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    wait_for_turn()
    os.umask(UMASK)
    enter(params.queue_directory)
    prepared, shelter = program.made_ready(params)
    child = Child(
        command=name,
        service=options.service or name,
        transport=options.transport,
        generation=generation(),
        listener_count=0 if options.one_shot else options.sockets,
        title=" ".join([name, *sys.argv[1:]]),
        main_cf=main_cf,
        log=own_log(main_cf, params, name, options),
        unprivileged=options.unprivileged,
        chroot=options.chroot,
        prepared=prepared,
        shelter=shelter,
        verbose=options.verbose or "MAIL_VERBOSE" in os.environ,
        one_shot=options.one_shot,
    )
    for warning in main_cf.warnings:
        child.log.warning(warning)
    if options.debug or "MAIL_DEBUG" in os.environ:
        run_debugger(child)
    child.set_title()
    environment.adopt(params, main_cf.text("postlog_service_name"))
    gc.freeze()
    gc.enable()
    return child


def take_descriptors(options: Options) -> None:
    """See that master has given us what it gives to each child, and keep that from our children.

    Raises:
        ConfigError: it has not.
    """
    if os.isatty(0) and not (options.terminal or options.one_shot):
        raise ConfigError(BY_HAND)
    if options.one_shot:
        one_shot.take_descriptors()
    for descriptor in range(FLOW_READ_FD, LISTEN_FD + options.sockets):
        if trouble := unfit(descriptor, one_shot=options.one_shot):
            raise ConfigError(f"{BY_HAND}: descriptor {descriptor} {trouble}")
        fcntl.fcntl(descriptor, fcntl.F_SETFD, fcntl.FD_CLOEXEC)
    os.closerange(LISTEN_FD + options.sockets + options.one_shot, DESCRIPTOR_LIMIT)


def unfit(descriptor: int, *, one_shot: bool) -> str:
    """Return why a descriptor is not what it should be, nothing if it is."""
    try:
        kind = stat.S_IFMT(os.fstat(descriptor).st_mode)
    except OSError:
        return "is not open"
    if descriptor in (FLOW_READ_FD, FLOW_WRITE_FD):
        return "" if kind == stat.S_IFIFO else "is no pipe"
    if kind != stat.S_IFSOCK:
        return "is no socket"
    if descriptor == STATUS_FD or one_shot:
        return ""
    with socket.socket(fileno=os.dup(descriptor)) as found:
        listens = found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    return "" if listens else "does not listen"


def read_main_cf(name: str, options: Options) -> MainCf:
    """Return main.cf with the settings of this service."""
    settings = own_settings(name, options.service or name, options.settings)
    if options.one_shot:
        settings["max_use"] = "1"
    main_cf = MainCf.read(environment.config_directory().absolute())
    return main_cf.override(settings, "command line")


def refuse_exposed(params: SuiteParams) -> None:
    """Refuse to run as root what others may write to, unless the instance is private.

    Raises:
        ConfigError: the first such file or folder.
    """
    if os.geteuid() == 0 and not guard.private(params.config_directory, params.queue_directory):
        for complaint in guard.exposed(guard.with_folders(guard.program_files())):
            raise ConfigError(f"refusing to run as root: {complaint}")


def enter(folder: str) -> None:
    """Work in the queue directory, wherever we were started."""
    try:
        os.chdir(folder)
    except OSError as error:
        raise ConfigError(f"chdir({folder}): {error.strerror}") from None


def generation() -> int:
    """Return which of master's children we are; in octal digits."""
    text = os.environ.get("GENERATION", "0")
    try:
        return int(text, 8) & 0xFFFFFFFF
    except ValueError:
        raise ConfigError(f"bad GENERATION in environment: {text}") from None


def run_debugger(child: Child) -> None:
    """Run debugger_command; it comes back when we may go on."""
    if command := child.main_cf.text("debugger_command"):
        child.log.info(f"running: {command}")
        os.waitpid(os.posix_spawn("/bin/sh", ["sh", "-c", command], os.environ), 0)


# Logs.


def first_log(name: str) -> Log:
    """Return a log for what is wrong before main.cf has been read, by what master says of it."""
    service = os.environ.get("POSTLOG_SERVICE")
    sink: Sink = PostlogSink(service) if service else SyslogSink("mail")
    tag = os.environ.get("MAIL_LOGTAG") or "postfix"
    return Log(f"{tag}/{name}", sink, host=os.environ.get("POSTLOG_HOSTNAME", ""))


def own_log(main_cf: MainCf, params: SuiteParams, name: str, options: Options) -> Log:
    """Return the log that main.cf wants, where Postfix's programs have theirs.

    It is connected here: a jail may have no way to it.
    """
    sink: Sink | None = None
    if options.to_stderr:
        sink = FileSink(2)
    elif params.maillog_file:
        sink = PostlogSink(f"public/{main_cf.text('postlog_service_name')}")
    log = open_log(params, name, inherited=sink)
    if isinstance(log.sink, PostlogSink | SyslogSink):
        with suppress(OSError):
            log.sink.connected()
    return log


def complain(log: Log, error: BaseException) -> None:
    """Say why the process ends, in the log and to whom may be looking."""
    log_end(log, error, verbose=True)
    print(f"{os.path.basename(sys.argv[0])}: fatal: {error}", file=sys.stderr, flush=True)
    time.sleep(FATAL_PAUSE)
