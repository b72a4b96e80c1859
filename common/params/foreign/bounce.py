"""bounce - reports of failures and delays

SEE ALSO
    bounce(8)
"""

from common.params.parameter import Params, Seconds, Words, parameter


class Bounce(Params):
    """Read by Postfix's bounce, and whoever asks it for reports."""

    disable_verp_bounces: bool = parameter(
        "no", "One bounce for a VERP message in place of one per recipient."
    )
    bounce_size_limit: int = parameter(
        "50000", "Bytes of the original message in a bounce.", least=1
    )
    bounce_template_file: str = parameter("", "Own bounce texts.")
    notify_classes: Words = parameter(
        "resource, software",
        "Events reported to the postmaster: resource, software, bounce, 2bounce, delay, policy,"
        " protocol, data.",
    )
    bounce_notice_recipient: str = parameter(
        "postmaster", "Gets copies of bounces (class bounce).", least=1
    )
    second_bounce_notice_recipient: str = parameter(
        "postmaster",
        "Gets undeliverable bounces (class 2bounce).",
        least=1,
        name="2bounce_notice_recipient",
    )
    delay_notice_recipient: str = parameter("postmaster", "Gets copies of delay warnings.", least=1)
    error_notice_recipient: str = parameter(
        "postmaster", "Gets protocol, resource and software notices.", least=1
    )
    backwards_bounce_logfile_compatibility: bool = parameter(
        "yes", "Write bounce logs that old versions read."
    )
    enable_threaded_bounces: bool = parameter(
        "no", "Add References and In-Reply-To to bounces (3.6 and later).", later="no"
    )
    deliver_lock_attempts: int = parameter(
        "20", "Tries for an exclusive lock on a mailbox or bounce log.", least=1
    )
    deliver_lock_delay: Seconds = parameter("1s", "Time between those tries.", least=1)
    stale_lock_time: Seconds = parameter(
        "500s", "Age at which a mailbox lock file counts as forgotten.", least=1
    )
