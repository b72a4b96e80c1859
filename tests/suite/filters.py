"""filters - real Milters, each with a configuration of its own on a free port of loopback

DESCRIPTION
    A Milter listens when its context is entered and is gone when it is left.
    Nothing of it is outside of its folder.

SEE ALSO
    tests/peers.sh, which installs them
"""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.suite import peers
from tests.suite.instance import free_port
from tests.suite.waiting import wait_for

HOST = "127.0.0.1"
SEARCH = "/usr/sbin:/usr/bin"
START_SECONDS = 30.0
STOP_SECONDS = 10.0

OPENDKIM = """\
Syslog no
Background no
Mode s
Domain {domain}
Selector {selector}
KeyFile {folder}/key
Socket inet:{port}@127.0.0.1
Canonicalization relaxed/simple
InternalHosts 127.0.0.1
RequireSafeKeys no
PidFile {folder}/pid
"""
# Without rules: of all messages it knows only those that tests of such programs agree on.
RSPAMD = """\
options {{
  pidfile = "{folder}/pid"; tempdir = "{folder}"; hs_cache_dir = "{folder}"; filters = [];
  url_tld = "{folder}/domains"; control_socket = "{folder}/control";
  enable_test_patterns = true;
  dns {{ nameserver = ["127.0.0.1:{port}"]; timeout = 0.1s; retransmits = 1; }}
}}
logging {{ type = "file"; filename = "{folder}/log"; }}
actions {{ reject = 15; rewrite_subject = 10; add_header = 6; subject = "*** SPAM *** %s"; }}
worker "rspamd_proxy" {{
  bind_socket = "127.0.0.1:{port}"; milter = yes; count = 1;
  upstream "local" {{ default = yes; self_scan = yes; }}
}}
"""


@contextlib.contextmanager
def opendkim(domain: str, selector: str) -> Iterator[tuple[str, bytes]]:
    """OpenDKIM, which signs mail from a domain: its service, and the record of its key."""
    peers.superuser("opendkim")
    with folder() as top:
        key = top / "key"
        run("openssl", "genrsa", "-traditional", "-out", str(key), "2048")
        shutil.chown(key, "nobody")
        public = run("openssl", "rsa", "-in", str(key), "-pubout")
        lines = public.split("\n")[1:-2]
        port = free_port()
        places = {"folder": top, "port": port, "domain": domain, "selector": selector}
        (top / "conf").write_text(OPENDKIM.format(**places))
        with started("opendkim", "-f", "-x", str(top / "conf"), "-u", "nobody", port=port):
            yield f"inet:{HOST}:{port}", f"v=DKIM1; k=rsa; p={''.join(lines)}".encode()


@contextlib.contextmanager
def rspamd() -> Iterator[str]:
    """Rspamd as a Milter that scans on its own: its service."""
    peers.superuser("rspamd")
    with folder() as top:
        port = free_port()
        (top / "domains").write_text("test\n")
        (top / "conf").write_text(RSPAMD.format(folder=top, port=port))
        places = [f"{name}={top}" for name in ("DBDIR", "RUNDIR", "LOGDIR")]
        options = [part for place in places for part in ("--var", place)]
        account = ("-u", "nobody", "-g", "nogroup")
        with started("rspamd", "-f", "-c", str(top / "conf"), *account, *options, port=port):
            yield f"inet:{HOST}:{port}"


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A folder for one Milter, which may write there."""
    with tempfile.TemporaryDirectory(prefix="pr-") as name:
        os.chmod(name, 0o777)
        yield Path(name)


@contextlib.contextmanager
def started(name: str, *arguments: str, port: int) -> Iterator[None]:
    """A program that runs until the context is left, and listens by now."""
    command = [program(name), *arguments]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        try:
            wait_for(lambda: process.poll() is not None or listens(port), START_SECONDS, name)
            assert process.poll() is None, f"{name} has ended"
            yield
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def listens(port: int) -> bool:
    """Tell whether somebody accepts connections there."""
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def run(name: str, *arguments: str) -> str:
    """Run a program to its end; return its output."""
    done = subprocess.run(
        [program(name), *arguments], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


def program(name: str) -> str:
    """Return where a program is."""
    found = shutil.which(name, path=SEARCH)
    if found is None:
        peers.missing(f"{name} (tests/peers.sh)")
    return found
