"""mistakes - that daemons could make, put into them as they start

DESCRIPTION
    Each is the text of a sitecustomize.py, which every Python of an instance
    runs first. A test of faults that does not notice them proves nothing.
"""

from tests.suite.instance import Instance

ANSWERED_TOO_SOON = """
from cleanup.__main__ import Cleanup

complete, answer = Cleanup._complete, Cleanup._answer
Cleanup._complete = lambda self, session: None

def too_soon(self, connection, session):
    connection.sendall(session.verdict())
    complete(self, session)
    self.file.release()
    self.file.reveal()
    self.file = None

Cleanup._answer = too_soon
"""
NOBODY_TAKES_BACK = """
from common.claim import Claim

Claim.remove = lambda self: []
"""
NOBODY_CLOSES = """
import os
from master.pool import Pool

wind_up = Pool._wind_up

def forgetful(self, pid):
    os.pidfd_open(os.getpid())
    wind_up(self, pid)

Pool._wind_up = forgetful
"""
NOTHING_SYNCED = """
import os

os.fsync = lambda descriptor: None
"""
ERRORS_PASSED_OVER = """
import os

plain = os.fsync

def fsync(descriptor):
    try:
        plain(descriptor)
    except OSError:
        pass

os.fsync = fsync
"""
NOTHING_REMOVED = """
from cleanup.writer import QueueFile

QueueFile.withdraw = lambda self: self._claim.strike()
"""

# No mistake: what would take a minute takes a second.
HURRY = """
from master import leftovers

leftovers.AGE, leftovers.LOOK_AFTER = 0.5, 1.0
"""


def make(instance: Instance, mistake: str) -> None:
    """Let the programs of an instance that is started from now on make a mistake."""
    folder = instance.top / "mistakes"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(mistake)
    instance.within = ["env", f"PYTHONPATH={folder}"]
