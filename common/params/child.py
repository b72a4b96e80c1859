"""child - parameters of every daemon that master starts

SEE ALSO
    spec/parameters.md
"""

from common.params.parameter import LongInt, Seconds, parameter
from common.params.suite import SuiteParams


class ChildParams(SuiteParams):
    """Read by every daemon that master starts."""

    daemon_timeout: Seconds = parameter(
        "18000s", "Longest time for one request or session.", least=1
    )
    ipc_timeout: Seconds = parameter(
        "3600s", "Longest wait for one read or write between daemons.", least=1
    )
    max_idle: Seconds = parameter("100s", "A process leaves after this long without work.", least=1)
    max_use: int = parameter("100", "A process leaves after so many requests.", least=1)
    line_length_limit: int = parameter(
        "2048", "Longest text record, sender and recipient, in bytes.", least=512
    )
    message_size_limit: LongInt = parameter(
        "10240000", "Largest message and queue file, in bytes; 0 is unlimited.", least=0
    )
    verp_delimiter_filter: str = parameter("-=+", "Characters allowed as VERP delimiters.")
    soft_bounce: bool = parameter("no", "Make every refusal temporary, and every bounce.")
