"""Master's own log."""

import contextlib
import os
from pathlib import Path

import pytest

from common import log as log_module
from common.config import Entry, MainCf
from common.errors import ConfigError
from common.params import SuiteParams
from master.events import Loop
from master.journal import Journal, open_own_log


def params(log: Path, **settings: str) -> SuiteParams:
    settings |= {"maillog_file": str(log), "maillog_file_prefixes": "/", "myhostname": "mx.test"}
    entries = {name: Entry(text, "test") for name, text in settings.items()}
    return MainCf(Path("main.cf"), entries).load(SuiteParams)


def test_a_reload_opens_the_file_anew(tmp_path: Path) -> None:
    log = tmp_path / "mail.log"
    journal = Journal(params(log))
    journal.log.info("before")
    log.rename(tmp_path / "mail.log.1")
    before = journal.descriptor
    journal.replace(open_own_log(params(log)))
    journal.log.info("after")
    assert "before" in (tmp_path / "mail.log.1").read_text()
    assert log.read_text().endswith(f" mx postfix/master[{os.getpid()}]: after\n")
    assert before != journal.descriptor


def test_a_new_name_shows_at_once(tmp_path: Path) -> None:
    log = tmp_path / "mail.log"
    journal = Journal(params(log))
    journal.replace(open_own_log(params(log, syslog_name="relay")))
    journal.log.info("after")
    assert f" relay/master[{os.getpid()}]: after" in log.read_text()


def test_under_a_new_name_nothing_is_forgotten(tmp_path: Path) -> None:
    log = tmp_path / "pipe"
    os.mkfifo(log)
    reader = os.open(log, os.O_RDONLY | os.O_NONBLOCK)
    target = {"syslog_network_target": "tcp:127.0.0.1:9"}
    journal = Journal(params(log, **target))
    while not journal.log.unsent().lines:
        journal.log.info("x" * 200)
    journal.log.dropped = 3
    kept = [one.unsent() for one in (journal.log, journal.log.copy) if one]
    journal.replace(open_own_log(params(log, **target, syslog_name="relay")))
    assert [one.unsent() for one in (journal.log, journal.log.copy) if one] == kept
    os.close(reader)


def test_a_logger_that_does_not_read_is_looked_after_by_one_timer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "pipe"
    os.mkfifo(log)
    reader = os.open(log, os.O_RDONLY | os.O_NONBLOCK)
    journal = Journal(params(log))
    while not journal.log.unsent().lines:
        journal.log.info("x" * 200)
    loop, calls = Loop(), []
    monkeypatch.setattr(loop, "call_at", lambda when, callback: calls.append(callback))
    for _ in range(3):
        journal.flush(loop)
    assert len(calls) == 1
    calls[0]()
    journal.flush(loop)
    assert len(calls) == 2
    os.close(reader)


def test_a_log_that_cannot_be_opened_goes_on_where_the_program_before_wrote(tmp_path: Path) -> None:
    """As after an upgrade, when nothing may fail any more."""
    log = tmp_path / "gone/mail.log"
    with (tmp_path / "mail.log").open("ab") as before:
        journal = Journal(params(log), before.fileno())
        journal.log.info("after")
        assert journal.descriptor == before.fileno()
        text = (tmp_path / "mail.log").read_text()
        assert text.endswith(f" mx postfix/master[{os.getpid()}]: after\n")
    with pytest.raises(ConfigError, match="No such file"):
        Journal(params(log))


def test_lines_for_a_collector_are_kept_over_a_reload(tmp_path: Path) -> None:
    log = tmp_path / "mail.log"
    target = {"syslog_network_target": "tcp:127.0.0.1:9"}
    journal = Journal(params(log, **target))
    journal.log.info("kept")
    journal.replace(open_own_log(params(log, **target)))
    assert journal.log.copy
    assert [line.endswith(b": kept") for _, line in journal.log.copy.unsent().lines] == [True]


def test_what_a_full_pipe_does_not_take_is_written_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "RETRY_SECONDS", 0.02)
    log = tmp_path / "pipe"
    os.mkfifo(log)
    reader = os.open(log, os.O_RDONLY | os.O_NONBLOCK)
    journal = Journal(params(log))
    loop = Loop()
    for number in range(1000):
        journal.log.info(f"line {number} {'x' * 200}")
    journal.flush(loop)
    loop.after_turn = lambda: journal.flush(loop)
    read = b""

    def drain() -> None:
        nonlocal read
        with contextlib.suppress(BlockingIOError):
            read += os.read(reader, 1 << 20)
        if b"line 999 " in read:
            loop.stop()
        else:
            loop.call_later(0.01, drain)

    loop.call_later(0.0, drain)
    loop.call_later(10.0, loop.stop)
    loop.run()
    assert all(b"line %d " % number in read for number in range(1000))
    os.close(reader)
