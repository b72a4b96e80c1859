"""Promises of common.params.foreign.

SEE ALSO
    spec/parameters.md
"""

import subprocess
import sys

import pytest

from common.params import PARAMETERS, Parameter, Seconds, every, find
from common.params.foreign import FOREIGN, READERS, legacy
from common.params.parameter import declared
from common.values import CONVERTERS
from tests.common.settings import main_cf

# Those of Postfix's releases after 3.7, and of one before it.
OTHER_RELEASES = {
    "enable_errors_to",
    "force_mime_input_conversion",
    "full_name_encoding_charset",
    "maillog_file_permissions",
    "non_empty_end_of_header_action",
    "requiretls_esmtp_header",
    "requiretls_redact_dsn",
    "tls_required_enable",
}


def test_a_parameter_is_declared_once() -> None:
    names = [one.name for reader in READERS for one in declared(reader)]
    assert len(names) == len(set(names))
    assert not set(FOREIGN) & set(PARAMETERS)


def test_former_names_belong_to_parameters() -> None:
    for former, present in legacy.FORMER.items():
        assert present in every()
        assert FOREIGN[former].legacy


@pytest.mark.parametrize("name", sorted(FOREIGN))
def test_every_parameter_says_what_it_is_for(name: str) -> None:
    doc = FOREIGN[name].doc
    assert len(doc.split()) >= 2
    assert doc.endswith(".")
    assert not FOREIGN[name].ours


def test_every_default_is_a_value_of_its_kind() -> None:
    found = main_cf()
    for one in FOREIGN.values():
        if not one.legacy and one.name != "virtual_mailbox_base":  # who needs it must set it
            CONVERTERS[one.kind](one, found.text(one.name))


def test_what_other_releases_have_is_marked() -> None:
    assert {one.name for one in every().values() if one.releases} == OTHER_RELEASES


def test_twins_follow_their_originals() -> None:
    assert FOREIGN["lmtp_lhlo_timeout"].default == FOREIGN["smtp_helo_timeout"].default
    assert FOREIGN["lmtp_lhlo_name"].default == "$myhostname"
    assert FOREIGN["lmtp_tls_cert_file"].kind == FOREIGN["smtp_tls_cert_file"].kind
    assert FOREIGN["tlsproxy_tls_cert_file"].default == "$smtpd_tls_cert_file"


def test_a_setting_may_refer_to_what_is_foreign() -> None:
    assert main_cf(myorigin="$smtp_tcp_port").text("myorigin") == "smtp"
    assert find("no_such_parameter") is None


def test_bounds_and_units_are_those_of_the_parameter() -> None:
    lifetime = FOREIGN["maximal_queue_lifetime"]
    assert lifetime.kind is Seconds
    assert CONVERTERS[Seconds](lifetime, "5") == 5 * 86400
    with pytest.raises(ValueError, match=r"invalid maximal_queue_lifetime: .* \(max 8640000\)"):
        CONVERTERS[Seconds](lifetime, "101d")


@pytest.mark.parametrize("daemon", ["master", "qmqpd", "cleanup", "postlogd"])
def test_a_daemon_starts_without_them(daemon: str) -> None:
    """They would cost it ten milliseconds and a megabyte."""
    code = (
        f"import sys, {daemon}.__main__; from pathlib import Path;"
        "from common.config import MainCf; from common.params import READERS;"
        "main_cf = MainCf(Path('main.cf')); [main_cf.load(one) for one in READERS];"
        "sys.exit('common.params.foreign' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-P", "-c", code], check=False).returncode == 0


def kinds() -> set[object]:
    return {one.kind for one in FOREIGN.values()}


def test_every_kind_can_be_converted() -> None:
    assert kinds() <= set(CONVERTERS)
    assert all(isinstance(one, Parameter) for one in FOREIGN.values())


def test_what_is_raw_is_left_to_its_reader() -> None:
    found = main_cf(default_rbl_reply="$x ${y}")
    assert found.text("default_rbl_reply") == "$x ${y}"
