"""Programs of the tests can be imported like those of the suite."""

import sys

from tests.master.running import DAEMONS

sys.path.insert(0, str(DAEMONS))
