"""tools - paths, instances and who may run commands

SEE ALSO
    postfix(1), postmulti(1), sendmail(1)
"""

from common.params.parameter import Params, Words, parameter


class Tools(Params):
    """Read by Postfix's commands and scripts."""

    shlib_directory: str = parameter("/usr/lib/postfix", "Where loadable tables are.", least=1)
    meta_directory: str = parameter(
        "/etc/postfix", "Where postfix-files and dynamicmaps.cf are.", least=1
    )
    debugger_command: str = parameter("", "Run by a daemon started with -D.")
    maillog_file_compressor: str = parameter("gzip", "Used by postfix logrotate.", least=1)
    maillog_file_rotate_suffix: str = parameter(
        "%Y%m%d-%H%M%S", "strftime suffix of rotated logs.", least=1
    )
    maillog_file_permissions: str = parameter(
        "0600", "Mode of a new logfile (3.9 and later).", releases="from 3.9 on"
    )
    alternate_config_directories: Words = parameter(
        "", "Extra configuration directories allowed for set-gid tools."
    )
    multi_instance_enable: bool = parameter("no", "postmulti control.")
    authorized_flush_users: Words = parameter(
        "static:anyone", "Local users who may flush the queue."
    )
    authorized_mailq_users: Words = parameter(
        "static:anyone", "Local users who may list the queue."
    )
    authorized_submit_users: Words = parameter(
        "static:anyone", "Local users who may submit mail with sendmail."
    )
    html_directory: str = parameter(
        "/usr/share/doc/postfix/html", "Where the documentation in HTML is."
    )
    mail_release_date: str = parameter(
        "20240304", "Date of the release that this suite behaves like.", least=1
    )
    mailq_path: str = parameter("/usr/bin/mailq", "Where the mailq command is.")
    manpage_directory: str = parameter("/usr/share/man", "Where the manual pages are.")
    multi_instance_directories: Words = parameter(
        "", "Configuration directories of further instances."
    )
    multi_instance_group: str = parameter("", "Group of instances that this one belongs to.")
    multi_instance_wrapper: str = parameter("", "Command that manages several instances.")
    newaliases_path: str = parameter("/usr/bin/newaliases", "Where the newaliases command is.")
    postmulti_control_commands: Words = parameter(
        "reload flush", "Commands of postmulti that start and stop nothing."
    )
    postmulti_start_commands: Words = parameter(
        "start", "Commands of postmulti that start instances, in order."
    )
    postmulti_stop_commands: Words = parameter(
        "stop abort drain quick-stop",
        "Commands of postmulti that stop instances, in reverse order.",
    )
    readme_directory: str = parameter("/usr/share/doc/postfix", "Where the README files are.")
    sample_directory: str = parameter("/etc/postfix", "Where sample files are.")
    sendmail_fix_line_endings: str = parameter(
        "always", "When sendmail makes LF of CRLF: always, strict or never."
    )
    sendmail_path: str = parameter("/usr/sbin/sendmail", "Where the sendmail command is.")
