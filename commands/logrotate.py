"""logrotate - begin a new log file, and compress the old one

SYNOPSIS
    postroom logrotate

DESCRIPTION
    maillog_file gets the suffix of maillog_file_rotate_suffix, and the mail
    system goes on in a new file: as after a reload, processes with the old
    one finish and leave. When the last of them has gone, the old file is
    given to maillog_file_compressor. While some are still at work it is left
    as it is, since lines may yet come; a warning names it.

    If the mail system cannot be reloaded, the file keeps its name.

SEE ALSO
    postfix(1), logrotate
"""

import argparse
import os
import subprocess
import time
from pathlib import Path

from commands.instance import Instance, SilentError
from commands.script import Script
from common.errors import ConfigError
from common.params import SuiteParams
from common.sinks import check_place

DEVICES = "/dev/"
LEAVE_SECONDS = 30.0  # for processes that write to the old file
LOOK_SECONDS = 0.1


def main(config_dir: Path, verbose: int, arguments: list[str]) -> int:
    """Rotate the log."""
    argparse.ArgumentParser(prog="postroom logrotate").parse_args(arguments)
    instance = Instance.of(config_dir)
    script = Script(instance.main_cf)
    current = log_file(instance)
    suffix = instance.main_cf.text("maillog_file_rotate_suffix")
    old = f"{current}.{time.strftime(suffix)}"
    if os.path.exists(old):
        return script.fatal(f"{old} exists already")
    try:
        os.rename(current, old)
    except OSError as error:
        return script.fatal(f"rename {current} to {old}: {error.strerror}")
    try:
        reload(instance)
    except (ConfigError, SilentError) as error:
        if not os.path.exists(current):
            os.rename(old, current)
        return script.fatal(f"log not rotated: {error}")
    if still_written(instance):
        script.warning(f"{old} is not compressed: processes are at work that log there")
        return 0
    return compress(instance, script, old)


def log_file(instance: Instance) -> str:
    """Return the file's path.

    Raises:
        ConfigError: there is none that can be renamed.
    """
    params = instance.main_cf.load(SuiteParams)
    if not params.maillog_file:
        raise ConfigError("parameter maillog_file: there is no log file to rotate")
    if params.maillog_file.startswith(DEVICES):
        raise ConfigError(f"parameter maillog_file: {params.maillog_file} is no file to rotate")
    check_place(params)
    return params.maillog_file


def reload(instance: Instance) -> None:
    """Let the mail system, if it runs, open a new file.

    Raises:
        ConfigError: its configuration has become unusable.
        SilentError: it does not answer.
    """
    if not instance.runs():
        return
    answer = instance.ask("reload")
    if not answer["ok"]:
        raise ConfigError(f"reload refused: {answer['error']}")


def still_written(instance: Instance) -> bool:
    """Wait for the last process of before to leave; tell whether that was in vain."""
    end = time.monotonic() + LEAVE_SECONDS
    while instance.runs() and old_processes(instance):
        if time.monotonic() >= end:
            return True
        time.sleep(LOOK_SECONDS)
    return False


def old_processes(instance: Instance) -> bool:
    """Tell whether there are any, or may be."""
    try:
        processes = instance.ask("status")["processes"]
    except SilentError:
        return True
    return any(one["state"] == "leaving" for one in processes)


def compress(instance: Instance, script: Script, path: str) -> int:
    """Run the compressor; return the exit status of the command."""
    program = instance.main_cf.text("maillog_file_compressor")
    try:
        status = subprocess.run([program, path], stdin=subprocess.DEVNULL, check=False).returncode
    except OSError as error:
        return script.fatal(f"{program}: {error.strerror}: {path} is not compressed")
    return script.fatal(f"{program} {path}: exit status {status}") if status else 0
