"""Promises of common.params.

SEE ALSO
    spec/parameters.md
"""

import pytest

from common.errors import ConfigError
from common.params import (
    PARAMETERS,
    READERS,
    CleanupParams,
    HostName,
    LongInt,
    Parameter,
    QmqpdParams,
    Seconds,
    SuiteParams,
    Words,
    declared,
)
from tests.common.settings import load, main_cf

NAMES = sorted(PARAMETERS)

# Of the parameters in qmqpd(8) and cleanup(8) that exist here, the defaults of Postfix 3.7.11.
REFERENCE = {
    "qmqpd_authorized_clients": (),
    "qmqpd_timeout": 300.0,
    "qmqpd_error_delay": 1.0,
    "qmqpd_client_port_logging": False,
    "content_filter": "",
    "receive_override_options": (),
    "smtputf8_autodetect_classes": ("sendmail", "verify"),
    "line_length_limit": 2048,
    "hopcount_limit": 50,
    "message_size_limit": 10_240_000,
    "debug_peer_level": 2,
    "debug_peer_list": (),
    "soft_bounce": False,
    "daemon_timeout": 18_000.0,
    "ipc_timeout": 3600.0,
    "max_idle": 100.0,
    "max_use": 100,
    "verp_delimiter_filter": "-=+",
    "queue_directory": "/var/spool/postfix",
    "syslog_facility": "mail",
    "syslog_name": "postfix",
    "undisclosed_recipients_header": "",
    "always_add_missing_headers": False,
    "remote_header_rewrite_domain": "",
    "enable_long_queue_ids": False,
    "message_drop_headers": ("bcc", "content-length", "resent-bcc", "return-path"),
    "cleanup_replace_stray_cr_lf": True,
    "detect_8bit_encoding_header": True,
    "empty_address_recipient": "MAILER-DAEMON",
    "duplicate_filter_limit": 1000,
    "header_size_limit": 102_400,
    "header_address_token_limit": 10_240,
    "queue_file_attribute_count_limit": 100,
    "in_flow_delay": 1.0,
    "delay_warning_time": 0.0,
}

# What a value is at run time.
KINDS: dict[object, type] = {
    bool: bool,
    int: int,
    LongInt: int,
    str: str,
    HostName: str,
    Seconds: float,
    Words: tuple,
}


def readers(name: str) -> list[type]:
    return [kind for kind in READERS if name in {one.name for one in declared(kind)}]


def bounded(bound: str) -> list[Parameter]:
    return [one for one in PARAMETERS.values() if getattr(one, bound) is not None]


@pytest.mark.parametrize("kind", READERS)
def test_every_default_can_be_loaded(kind: type) -> None:
    loaded: object = main_cf().load(kind)
    for one in declared(kind):
        assert type(getattr(loaded, one.name)) is KINDS[one.kind]


@pytest.mark.parametrize("name", sorted(REFERENCE))
def test_defaults_are_those_of_the_reference(name: str) -> None:
    assert getattr(main_cf().load(readers(name)[-1]), name) == REFERENCE[name]


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_says_what_it_is_for(name: str) -> None:
    doc = PARAMETERS[name].doc
    assert doc.strip()
    assert len(doc.split()) >= 3
    assert doc.endswith(".")


@pytest.mark.parametrize("name", NAMES)
def test_every_reader_finds_the_same_description(name: str) -> None:
    for kind in readers(name):
        assert [one for one in declared(kind) if one.name == name] == [PARAMETERS[name]]


def test_a_parameter_is_declared_in_one_place() -> None:
    own = [name for kind in READERS for name in kind.__annotations__]
    assert len(own) == len(set(own))
    assert set(own) == set(PARAMETERS)


@pytest.mark.parametrize("parameter", bounded("least"), ids=lambda one: one.name)
def test_a_value_below_its_least_is_refused_and_the_least_is_not(parameter: Parameter) -> None:
    least, name, kind = parameter.least or 0, parameter.name, readers(parameter.name)[-1]
    if parameter.kind in (str, HostName):
        complaint, below, smallest = "bad string length", "x" * (least - 1), "x" * least
    elif parameter.kind is Seconds:
        complaint, below, smallest = "invalid|bad time value", f"{least - 1}s", f"{least}s"
    else:
        complaint, below, smallest = "invalid", f"{least - 1}", f"{least}"
    with pytest.raises(ConfigError, match=f"(?s)test: .*({complaint}).*"):
        main_cf(**{name: below}).load(kind)
    main_cf(**{name: smallest}).load(kind)


@pytest.mark.parametrize("parameter", bounded("most"), ids=lambda one: one.name)
def test_a_value_above_its_most_is_refused_and_the_most_is_not(parameter: Parameter) -> None:
    most, name, kind = parameter.most or 0, parameter.name, readers(parameter.name)[-1]
    unit = "s" if parameter.kind is Seconds else ""
    with pytest.raises(ConfigError, match=f"invalid {name}"):
        main_cf(**{name: f"{most + 1}{unit}"}).load(kind)
    main_cf(**{name: f"{most}{unit}"}).load(kind)


@pytest.mark.parametrize(
    "parameter", [one for one in PARAMETERS.values() if one.choices], ids=lambda one: one.name
)
def test_a_choice_is_one_of_those_declared(parameter: Parameter) -> None:
    kind = readers(parameter.name)[-1]
    for choice in parameter.choices:
        main_cf(**{parameter.name: choice.upper()}).load(kind)
    with pytest.raises(ConfigError, match=f"{parameter.name}.* value.*nonsense"):
        main_cf(**{parameter.name: "nonsense"}).load(kind)


@pytest.mark.parametrize(
    ("level", "smtputf8", "dots"),
    [("0", False, True), ("0.9", False, True), ("1", True, False), ("3.6", True, False)],
)
def test_old_levels_keep_old_defaults(level: str, smtputf8: bool, dots: bool) -> None:
    params = load(CleanupParams, compatibility_level=level)
    assert (params.smtputf8_enable, params.append_dot_mydomain) == (smtputf8, dots)


def test_the_instance_name_is_the_log_name() -> None:
    assert load(SuiteParams).syslog_name == "postfix"
    assert load(SuiteParams, multi_instance_name="postfix-out").syslog_name == "postfix-out"


def test_parameters_cannot_be_changed_once_loaded() -> None:
    with pytest.raises(AttributeError, match="soft_bounce"):
        load(QmqpdParams).soft_bounce = True  # type: ignore[misc]  # that is the point


def test_a_value_that_nobody_gave_is_missed() -> None:
    with pytest.raises(AttributeError, match="mail_name"):
        _ = SuiteParams().mail_name  # type: ignore[call-arg]  # that is the point
