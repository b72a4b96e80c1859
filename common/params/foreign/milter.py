"""milter - what only smtpd does with Milters, or Postfix's cleanup

SEE ALSO
    cleanup(8), smtpd(8)
"""

from common.params.parameter import Params, Words, parameter


class Milter(Params):
    """Read where Milters are spoken to."""

    milter_unknown_command_macros: Words = parameter("", "Macros sent for unknown commands.")
