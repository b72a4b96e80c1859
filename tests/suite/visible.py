"""visible - reloads whose effect is seen by the next connection"""

import re

from tests.suite.instance import Postroom
from tests.suite.qmqp import submit


def check_one_reload(instance: Postroom, number: int) -> None:
    """Toggle qmqpd_client_port_logging; the first connection after the reload must show it."""
    shown = number % 2 == 0
    instance.configure({"qmqpd_client_port_logging": "yes" if shown else "no"})
    done = instance.reload()
    assert done.returncode == 0, (number, done)
    source = f"127.2.{number // 250 + 1}.{number % 250 + 1}"
    position = instance.log_position()
    assert submit(instance.port, source=source).verdict == "K", number
    client = re.escape(f"[{source}]")
    instance.wait_for_log(rf"disconnect from \S*{client}", position)
    lines = [line for line in instance.log_lines(position) if f"[{source}]" in line]
    assert len(lines) == 3, lines  # connect, client=, disconnect
    assert all(bool(re.search(rf"{client}:\d+$", line)) == shown for line in lines), lines
