"""qmgr - the queue manager and its transports

SEE ALSO
    qmgr(8)
"""

from common.params.parameter import Params, Seconds, Words, parameter


class QueueManager(Params):
    """Read by Postfix's qmgr."""

    qmgr_message_active_limit: int = parameter("20000", "Messages in the active queue.", least=1)
    qmgr_message_recipient_limit: int = parameter("20000", "Recipients held in memory.", least=1)
    qmgr_message_recipient_minimum: int = parameter(
        "10", "Recipients held per message at least.", least=1
    )
    default_recipient_limit: int = parameter(
        "20000", "Recipients per transport held in memory.", least=0
    )
    minimal_backoff_time: Seconds = parameter(
        "300s", "Shortest wait before a deferred message is tried again.", least=1
    )
    maximal_backoff_time: Seconds = parameter("4000s", "Longest wait.", least=1)
    queue_run_delay: Seconds = parameter(
        "300s", "Time between scans of the deferred queue.", least=1
    )
    maximal_queue_lifetime: Seconds = parameter(
        "5d",
        "Age at which mail is returned as undeliverable (default unit days). 0 means one try.",
        least=0,
        most=8640000,
    )
    bounce_queue_lifetime: Seconds = parameter(
        "5d", "The same for mail with empty sender.", least=0, most=8640000
    )
    transport_retry_time: Seconds = parameter(
        "60s", "Wait before a broken transport is used again.", least=1
    )
    default_destination_concurrency_limit: int = parameter(
        "20",
        "Parallel deliveries to one destination; transport_destination_concurrency_limit"
        " overrides per transport.",
        least=0,
    )
    initial_destination_concurrency: int = parameter(
        "5", "Parallel deliveries to a new destination.", least=1
    )
    default_destination_recipient_limit: int = parameter("50", "Recipients per delivery.", least=0)
    default_destination_concurrency_failed_cohort_limit: int = parameter(
        "1", "Failures in a row that mark a destination dead.", least=0
    )
    default_destination_rate_delay: Seconds = parameter(
        "0s", "Gap between deliveries to one destination.", least=0
    )
    default_transport_rate_delay: Seconds = parameter(
        "0s", "Gap between deliveries over one transport.", least=0
    )
    defer_transports: Words = parameter("", "Transports whose mail is only deferred.")
    qmgr_daemon_timeout: Seconds = parameter("1000s", "Watchdog of qmgr.", least=1)
    qmgr_ipc_timeout: Seconds = parameter("60s", "Internal I/O limit of qmgr.", least=1)
    qmgr_clog_warn_time: Seconds = parameter(
        "300s", "Gap between warnings about a clogged destination.", least=0
    )
    helpful_warnings: bool = parameter("yes", "Warnings about doubtful settings.")
    confirm_delay_cleared: bool = parameter("no", "Tell the sender when delayed mail went out.")
    default_delivery_slot_cost: int = parameter("5", "Scheduler pre-emption cost.", least=0)
    default_minimum_delivery_slots: int = parameter(
        "3", "Smallest job that may be pre-empted.", least=0
    )
    default_filter_nexthop: str = parameter("", "Next hop for filters without destination.")
    default_verp_delimiters: str = parameter(
        "+=", "Used for VERP asked for without delimiters.", least=2
    )
    default_delivery_slot_discount: int = parameter(
        "50", "Percentage of the slots that must be there for a preemption.", most=100
    )
    default_delivery_slot_loan: int = parameter("3", "Slots that are lent for a preemption.")
    default_destination_concurrency_negative_feedback: str = parameter(
        "1", "How far a failed delivery lowers the concurrency to a destination.", least=1
    )
    default_destination_concurrency_positive_feedback: str = parameter(
        "1", "How far a delivery raises the concurrency to a destination.", least=1
    )
    default_extra_recipient_limit: int = parameter(
        "1000", "Recipients in memory beyond the limit, for messages that overtake."
    )
    default_recipient_refill_delay: Seconds = parameter(
        "5s", "Time after which recipients are read although few have been delivered.", least=1
    )
    default_recipient_refill_limit: int = parameter(
        "100", "Recipients that are read at a time.", least=1
    )
    destination_concurrency_feedback_debug: bool = parameter("no", "Log how concurrency changes.")
    qmgr_fudge_factor: int = parameter(
        "100", "Percentage of a slot that large mailing lists may take.", least=10, most=100
    )
