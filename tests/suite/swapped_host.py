"""swapped_host - a Debian relay host on which daemons are swapped as README.md says

SYNOPSIS
    unshare --net --mount --pid --fork --kill-child --mount-proc \\
        python -P -m tests.suite.swapped_host FOLDER

DESCRIPTION
    Postfix runs in namespaces of its own, as system_host has it, and with a
    copy of its programs and of dpkg's records. The commands of README.md swap
    cleanup, then qmqpd, and then swap them back; after each, mail goes in by
    QMQP and out to a sink. What happened is printed as JSON.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

from tests.suite import peers
from tests.suite.relay import sink
from tests.suite.system_host import SINK_PORT, bring_up, count, mount, replace_places
from tests.suite.waiting import holds_within

COPIED = ("/usr/lib/postfix/sbin", "/var/lib/dpkg")
QMQP_SERVICE = "628 inet n - y - - qmqpd\n"
QMQP_CLIENTS = "qmqpd_authorized_clients = 127.0.0.1\n"
MESSAGES = 20
SOURCE = ("-m", str(MESSAGES), "-s", "4", "-f", "s@away.test", "-t", "r@away.test")
COMMANDS = re.compile(r"```sh\n((?:dpkg-divert|rm) .*?)```", re.DOTALL)


def main() -> int:
    """Live a short life as a mail host."""
    top = Path(sys.argv[1])
    bring_up("lo")
    shutil.copytree("/etc/postfix", top / "postfix", symlinks=True)  # what its scripts look for
    replace_places(top)
    shutil.copytree(top / "postfix", "/etc/postfix", dirs_exist_ok=True, ignore=configuration)
    for place in COPIED:
        own = top / place.replace("/", "_")
        shutil.copytree(place, own, symlinks=True)
        mount("--bind", str(own), place)
    with Path("/etc/postfix/master.cf").open("a") as services:
        services.write(QMQP_SERVICE)
    with Path("/etc/postfix/main.cf").open("a") as parameters:
        parameters.write(QMQP_CLIENTS)
    # What Debian's start script of the service copies into the jail.
    shutil.copytree("/etc", "/var/spool/postfix/etc", symlinks=True, ignore=all_but_hosts)
    there, back = swaps()
    steps = [("cleanup", there), ("qmqpd", there), ("cleanup", back), ("qmqpd", back)]
    facts: dict[str, object] = {}
    with sink(SINK_PORT, top / "sink") as folder:
        facts["start"] = run("postfix", "start")
        if facts["start"] != [0, ""]:
            steps = []
        for number, (name, commands) in enumerate(steps, 1):
            step = f"{name} {'there' if commands is there else 'back'}"
            facts[step] = run("sh", "-ec", commands.replace("cleanup", name))
            facts[f"{step}: source"] = run("qmqp-source", *SOURCE, "127.0.0.1:628")
            arrived = holds_within(partial(reached, folder, number * MESSAGES), 20)
            facts[f"{step}: arrived"] = arrived and count(folder)
            facts[f"{step}: ours"] = sorted(ours())
        facts["check"] = run("postfix", "check")
        facts["stop"] = run("postfix", "stop")
    facts["programs"] = [path.name for path in Path(COPIED[0]).iterdir() if "distrib" in path.name]
    facts["log"] = Path("/var/log/mail.log").read_text()
    print(json.dumps(facts))
    return 0


def reached(folder: Path, messages: int) -> bool:
    """Tell whether so many messages have arrived."""
    return count(folder) >= messages


def swaps() -> tuple[str, str]:
    """Return the commands of README.md, there and back, for this checkout."""
    there, back = COMMANDS.findall((peers.ROOT / "README.md").read_text())
    return there.replace("/opt/postroom", str(peers.ROOT)), back


def run(*command: str) -> list[object]:
    """Run a command; return its status and what it said."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return [done.returncode, done.stdout + done.stderr]


def configuration(folder: str, names: list[str]) -> set[str]:
    """Tell shutil not to copy what has been written."""
    return {"main.cf", "master.cf"}


def all_but_hosts(folder: str, names: list[str]) -> set[str]:
    """Tell shutil what not to copy."""
    return set(names) - {"hosts", "nsswitch.conf", "resolv.conf"}


def ours() -> set[str]:
    """Return the names of the daemons that run in our interpreter."""
    found = set()
    for path in Path("/proc").glob("[0-9]*"):
        if int(path.name) not in (os.getpid(), os.getppid()) and path.name != "1":
            try:
                if "python" in os.readlink(path / "exe"):
                    found.add((path / "comm").read_text().strip())
            except OSError:
                continue
    return found


if __name__ == "__main__":
    sys.exit(main())
