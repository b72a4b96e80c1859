"""What of its environment master keeps."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from common import environment
from common.config import Entry, MainCf
from common.params import MasterParams


def params(**settings: str) -> MasterParams:
    entries = {name: Entry(text, "test") for name, text in settings.items()}
    return MainCf(Path("main.cf"), entries).load(MasterParams)


def selected(inherited: Mapping[str, str], params: MasterParams) -> dict[str, str]:
    return environment.selected(inherited, params, params.postlog_service_name)


def test_only_what_is_listed_stays() -> None:
    inherited = {
        "TZ": "UTC",
        "PATH": "/bin",
        "PYTHONPATH": "/tmp",
        "LANG": "de",
        "MAIL_CONFIG": "/x",
    }
    assert selected(inherited, params(config_directory="/etc/postfix")) == {
        "TZ": "UTC",
        "LANG": "C",
        "MAIL_CONFIG": "/etc/postfix",
        "MAIL_LOGTAG": "postfix",
    }


def test_the_list_is_a_parameter() -> None:
    found = selected({"A": "1", "B": "2"}, params(import_environment="A, C=3=4"))
    assert (found["A"], found["C"], "B" in found) == ("1", "3=4", False)


@pytest.mark.parametrize(
    ("value", "expected"), [("/tmp/x", "/tmp/x"), ("", "/etc/postfix"), (None, "/etc/postfix")]
)
def test_the_configuration_directory_has_a_default(
    monkeypatch: pytest.MonkeyPatch, value: str | None, expected: str
) -> None:
    monkeypatch.delenv("MAIL_CONFIG", raising=False)
    if value is not None:
        monkeypatch.setenv("MAIL_CONFIG", value)
    assert environment.config_directory() == Path(expected)


def test_programs_are_told_of_the_log_file_or_of_none() -> None:
    inherited = {"POSTLOG_SERVICE": "/old", "POSTLOG_HOSTNAME": "old"}
    assert "POSTLOG_SERVICE" not in selected(inherited, params())
    assert "POSTLOG_HOSTNAME" not in selected(inherited, params())
    settings = {"maillog_file": "/var/log/x", "queue_directory": "/q", "myhostname": "mx.test"}
    found = selected(inherited, params(**settings, postlog_service_name="lg"))
    assert (found["POSTLOG_SERVICE"], found["POSTLOG_HOSTNAME"]) == ("/q/public/lg", "mx.test")
