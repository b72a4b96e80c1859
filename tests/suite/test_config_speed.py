"""test_config_speed - what reading the configuration costs

DESCRIPTION
    In processes of their own, in CPU time, so that other load does not count
    much; the best of a few.
"""

import os
import subprocess
import sys
from pathlib import Path

from common.params import PARAMETERS, every

LIMIT = 0.015  # seconds of CPU for both files
ROUNDS = 5
MAIN_CF_LINES = 200
MASTER_CF_LINES = 60

PROGRAM = """
import sys, time
from pathlib import Path
from common.config import MainCf, read_text
from common.params import CleanupParams, MasterParams, QmqpdParams
from master.services import Defaults, parse
directory = Path(sys.argv[1])
begun = time.process_time()
main_cf = MainCf.read(directory)
for reader in (MasterParams, QmqpdParams, CleanupParams):
    main_cf.load(reader)
path = directory / "master.cf"
services = parse(read_text(path), path, Defaults()).services
print(time.process_time() - begun, len(main_cf.entries), len(services))
"""


def files(directory: Path) -> None:
    """Write a large configuration: settings with references, comments, lists over many lines."""
    ours = [one for one in PARAMETERS.values() if isinstance(one.default, str) and not one.fixed]
    foreign = [one for name, one in every().items() if name not in PARAMETERS and not one.legacy]
    lines = [f"{one.name} = {one.default}" for one in ours]
    lines += [f"own_{number} = $myhostname ${{own_{number - 1}?x}}" for number in range(1, 20)]
    lines.append("qmqpd_authorized_clients = $own_19 " + "\n  ".join(["192.0.2.0/24"] * 20))
    lines += [f"{one.name} = {one.default}" for one in foreign if isinstance(one.default, str)]
    (directory / "main.cf").write_text("\n".join(lines[:MAIN_CF_LINES]) + "\n")
    service = "service{} unix n - n 60? 10 smtp -o syslog_name=x -o {{ relayhost = a b }}\n"
    services = [service.format(number) for number in range(MASTER_CF_LINES)]
    (directory / "master.cf").write_text("".join(services))


def test_both_files_are_read_in_fifteen_milliseconds(tmp_path: Path) -> None:
    files(tmp_path)
    costs = []
    for _ in range(ROUNDS):
        # As installed: modules are compiled once, here by the first round.
        command = [sys.executable, "-P", "-X", f"pycache_prefix={tmp_path}/cache", "-c", PROGRAM]
        done = subprocess.run(
            [*command, str(tmp_path)],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": ""},
        )
        cost, settings, services = done.stdout.split()
        assert int(settings) >= MAIN_CF_LINES * 9 // 10
        assert int(services) == MASTER_CF_LINES
        costs.append(float(cost))
    assert min(costs) <= LIMIT, costs
