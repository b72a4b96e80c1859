"""system_host - a whole Debian relay host, for the length of one program

SYNOPSIS
    unshare --net --mount --pid --fork --kill-child --mount-proc \\
        python -P -m tests.suite.system_host FOLDER

DESCRIPTION
    In namespaces of its own, where nothing reaches the machine's own files
    and network: /etc/postfix is Debian's, with the few settings that its
    installer asks for, /var/spool/postfix, /var/lib/postfix and /var/log are
    fresh, port 25 is free. The mail system is started with no other word than
    "start", mail goes in on port 25 and by sendmail and out to a sink, and
    Postfix's commands act on it. What happened is printed as JSON.
"""

import fcntl
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
from pathlib import Path

from tests.suite import peers
from tests.suite.relay import DEBIANS, sink
from tests.suite.waiting import holds_within

SIOCSIFFLAGS, IFF_UP = 0x8914, 0x1  # netdevice(7)
PLACES = ("/etc/postfix", "/var/spool/postfix", "/var/lib/postfix", "/var/log")
SINK_PORT = 2525
MAIN_CF = Path("/usr/share/postfix/main.cf.debian")
ANSWERS = f"""\
myhostname = relay.example.test
mydestination = $myhostname, localhost
relayhost = [127.0.0.1]:{SINK_PORT}
mynetworks = 127.0.0.0/8 [::1]/128
alias_maps = inline:{{}}
inet_interfaces = all
maillog_file = /var/log/mail.log
"""


def main() -> int:
    """Live a short life as a mail host."""
    top = Path(sys.argv[1])
    bring_up("lo")
    replace_places(top)
    facts: dict[str, object] = {}

    def note(name: str, *command: str, text: str = "") -> None:
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        facts[name] = [done.returncode, done.stdout + done.stderr]

    postroom, postfix = str(peers.postroom()), str(peers.program("postfix"))
    # Whoever owns a folder that modules are loaded from would be root.
    loose = top / "loose"
    loose.mkdir()
    os.chown(loose, 65534, 65534)
    note("exposed", "env", f"PYTHONPATH={loose}", postroom, "start")
    with sink(SINK_PORT, top / "sink") as folder:
        note("start", postroom, "start")
        note("status", postfix, "status")
        note("smtp", "smtp-source", "-m", "20", "-s", "4", "-t", "r@away.test", "127.0.0.1:25")
        for number in range(5):
            note("sendmail", "sendmail", "r@away.test", text=f"Subject: {number}\n\nbody\n")
        # All of it before the reload: what a queue manager leaves behind waits for some minutes.
        facts["arrived"] = holds_within(lambda: count(folder) >= 25, 20) and count(folder)
        facts["empty"] = holds_within(queue_is_empty, 10)
        note("reload", postfix, "reload")
        note("exposed upgrade", "env", f"PYTHONPATH={loose}", postroom, "upgrade")
        note("upgrade", postroom, "upgrade")
        facts["programs"] = sorted({one.split()[0] for one in commands()})
        note("stop", postfix, "stop")
        note("gone", postfix, "status")
        facts["left"] = [one for one in commands() if " -t " in one]
    log = Path("/var/log/mail.log")
    facts["log"] = log.read_text() if log.exists() else ""
    print(json.dumps(facts))
    return 0


def bring_up(interface: str) -> None:
    """Switch a network interface on."""
    with socket.socket() as any_socket:
        request = struct.pack("16sh14x", interface.encode(), IFF_UP)
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, request)


def replace_places(top: Path) -> None:
    """Put folders of our own in the place of the host's."""
    mount("--make-rprivate", "/")
    for place in PLACES:
        own = top / place.replace("/", "_")
        own.mkdir()
        shutil.copystat(place, own)
        os.chown(own, os.stat(place).st_uid, os.stat(place).st_gid)
        mount("--bind", str(own), place)
    shutil.copy(DEBIANS, "/etc/postfix/master.cf")
    Path("/etc/postfix/main.cf").write_text(MAIN_CF.read_text() + ANSWERS)


def mount(*arguments: str) -> None:
    """Run mount(8)."""
    subprocess.run(["mount", *arguments], check=True)


def count(folder: Path) -> int:
    """Return how many messages have arrived."""
    return len(list(folder.iterdir()))


def queue_is_empty() -> bool:
    """Tell whether mailq has nothing to say."""
    done = subprocess.run([str(peers.program("postqueue")), "-p"], capture_output=True, check=False)
    return b"Mail queue is empty" in done.stdout


def commands() -> list[str]:
    """Return the command lines of all processes; zombies have none."""
    paths = Path("/proc").glob("[0-9]*/cmdline")
    found = (path.read_bytes().replace(b"\0", b" ").decode().strip() for path in paths)
    return [one for one in found if one]


if __name__ == "__main__":
    sys.exit(main())
