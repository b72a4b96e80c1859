"""delivery - mailboxes and commands

SEE ALSO
    local(8), virtual(8), pipe(8)
"""

from common.params.parameter import LongInt, Params, Seconds, Words, parameter


class Delivery(Params):
    """Read by Postfix's local, virtual and pipe."""

    export_environment: Words = parameter(
        "TZ MAIL_CONFIG LANG", "Environment passed to non-Postfix programs."
    )
    default_privs: str = parameter("nobody", "Account for delivery to commands.", least=1)
    alias_database: Words = parameter("hash:/etc/aliases", "Alias tables that newaliases makes.")
    alias_maps: Words = parameter(
        "hash:/etc/aliases, nis:mail.aliases", "Alias tables for local delivery."
    )
    allow_mail_to_commands: Words = parameter(
        "alias, forward", "Where a |command destination is allowed."
    )
    allow_mail_to_files: Words = parameter(
        "alias, forward", "Where a /file destination is allowed."
    )
    biff: bool = parameter("yes", "Notify local users of new mail.")
    command_execution_directory: str = parameter(
        "", "Working directory of a command that local delivers to.", raw=True
    )
    command_expansion_filter: str = parameter(
        "1234567890!@%-_=+:,./abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "Characters that values in $mailbox_command may have; others become _.",
    )
    command_time_limit: Seconds = parameter(
        "1000s", "Longest run of a command that mail is delivered to.", least=1
    )
    default_delivery_status_filter: str = parameter(
        "", "Edits status codes and texts of deliveries; tables of code and text."
    )
    execution_directory_expansion_filter: str = parameter(
        "1234567890!@%-_=+:,./abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "Characters that values in command_execution_directory may have.",
        least=1,
    )
    expand_owner_alias: bool = parameter("no", "Expand owner-list aliases in the envelope sender.")
    fallback_transport: str = parameter("", "Transport for local users who are unknown.")
    fallback_transport_maps: Words = parameter("", "The same by recipient.")
    forward_expansion_filter: str = parameter(
        "1234567890!@%-_=+:,./abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "Characters that values in forward_path may have; others become _.",
        least=1,
    )
    forward_path: str = parameter(
        "$home/.forward${recipient_delimiter}${extension}, $home/.forward",
        "Where a user's .forward file may be.",
        raw=True,
    )
    frozen_delivered_to: bool = parameter(
        "yes", "Compare Delivered-To: headers with those a message came with only."
    )
    home_mailbox: str = parameter(
        "", "Mailbox below a user's home directory; a name with / at its end is a maildir."
    )
    local_command_shell: str = parameter(
        "", "Shell for commands that local delivers to; empty runs simple ones without."
    )
    local_delivery_status_filter: str = parameter(
        "$default_delivery_status_filter", "Edits status codes and texts of local."
    )
    local_destination_concurrency_limit: int = parameter(
        "2", "Parallel deliveries to one local recipient.", least=0
    )
    local_destination_recipient_limit: int = parameter(
        "1", "Recipients per delivery to local.", least=0
    )
    luser_relay: str = parameter("", "Where mail for unknown local users goes.", raw=True)
    mail_spool_directory: str = parameter("/var/mail", "Directory of the users' mailboxes.")
    mailbox_command: str = parameter(
        "", "Command that local delivers to, instead of a mailbox.", raw=True
    )
    mailbox_command_maps: Words = parameter("", "The same by recipient.")
    mailbox_delivery_lock: str = parameter("fcntl, dotlock", "How mailboxes are locked.", least=1)
    mailbox_size_limit: LongInt = parameter(
        "51200000", "Largest mailbox, in bytes; 0 is unlimited."
    )
    mailbox_transport: str = parameter("", "Transport for all local users.")
    mailbox_transport_maps: Words = parameter("", "The same by recipient.")
    pipe_delivery_status_filter: str = parameter(
        "$default_delivery_status_filter", "Edits status codes and texts of pipe."
    )
    prepend_delivered_header: Words = parameter(
        "command, file, forward", "Deliveries of local that get a Delivered-To: header."
    )
    require_home_directory: bool = parameter(
        "no", "Deliver only to users whose home directory is there."
    )
    reset_owner_alias: bool = parameter(
        "no", "Give mail that an alias expands the sender owner-list of the last alias."
    )
    strict_mailbox_ownership: bool = parameter(
        "yes", "Deliver only to mailboxes that their users own."
    )
    sun_mailtool_compatibility: bool = parameter(
        "no", "Old form of mailbox_delivery_lock = dotlock."
    )
    virtual_delivery_status_filter: str = parameter(
        "$default_delivery_status_filter", "Edits status codes and texts of virtual."
    )
    virtual_gid_maps: Words = parameter("", "Group of a virtual mailbox.")
    virtual_mailbox_base: str = parameter(
        "", "Directory in front of the paths in virtual_mailbox_maps.", least=1
    )
    virtual_mailbox_domains: Words = parameter(
        "$virtual_mailbox_maps", "Domains whose recipients have virtual mailboxes."
    )
    virtual_mailbox_limit: LongInt = parameter(
        "51200000", "Largest virtual mailbox, in bytes; 0 is unlimited."
    )
    virtual_mailbox_lock: Words = parameter("fcntl, dotlock", "How virtual mailboxes are locked.")
    virtual_mailbox_maps: Words = parameter(
        "", "Mailbox of a virtual recipient; a name with / at its end is a maildir."
    )
    virtual_minimum_uid: int = parameter("100", "Lowest user id that virtual accepts.", least=1)
    virtual_uid_maps: Words = parameter("", "User of a virtual mailbox.")
