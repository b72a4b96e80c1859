"""The state: what was written is read, what is none is refused, and formats do not change."""

import dataclasses
import json
import os
import re
import typing
from pathlib import Path

import pytest

from common.config import Stamp
from master import facts, state
from master.channel import Process
from master.endpoints import Endpoint
from master.facts import FactsError
from master.installation import Installation
from master.reading import Reading
from master.services import Transport
from master.state import (
    ChannelState,
    ClientState,
    ListenerState,
    LogState,
    ServiceState,
    State,
    into_memory,
)

DOCUMENT = Path(__file__).parents[2] / "docs/state.md"
WRITTEN = Path(__file__).parent / "state-1.json"  # by the first program that had format 1

PORT = Endpoint(Transport.INET, "127.0.0.1", 628)
READING = Reading("/etc/postfix", "a = \udcff\n", "", Stamp(1, 2, 3))
SERVICE = ServiceState(
    name="628",
    transport=Transport.INET,
    private=False,
    command="qmqpd",
    process_limit=100,
    origin="/etc/postfix/master.cf, line 1",
    program_path="/usr/lib/postfix/sbin/qmqpd",
    endpoints=(PORT,),
    channels=[
        ChannelState(True, 11, None, [Process(1234, 1, 0.5, True, 7)]),
        ChannelState(True, 12, 13, [Process(1235, 2, 1.5)]),
    ],
    throttled_until=5.0,
    stressed_until=6.0,
    warned_at=-1000.0,
)
STATE = State(
    format=1,
    version="0.1.0",
    installation=Installation("/opt/postroom/.venv/bin/python", "/opt/more"),
    pid=1000,
    started=1_700_000_000.5,
    verbose=True,
    fixed={"queue_directory": "/var/spool/postfix"},
    names={"localhost": ("127.0.0.1", "::1")},
    running=READING,
    generation=2,
    flow=[3, 4],
    locks=[5, 6],
    control=7,
    listeners=[ListenerState(PORT, 10)],
    services=[SERVICE],
    clients=[ClientState(14, "upgrade", '{"request": "upgrade"}\n', "")],
    reload=True,
    log_descriptor=8,
    log=LogState([6], ["a line"], 3),
    collector=LogState([4], ["another"], 0),
    notify="/run/systemd/notify",
    watchdog=30.0,
    following=READING,
    refused="why",
)


def test_what_was_written_is_read() -> None:
    data = STATE.encode()
    assert data.endswith(b"}\n")
    assert data.isascii()
    assert State.decode(data) == STATE


def test_the_first_state_of_this_format_is_still_understood() -> None:
    """And by this program written: a field that changes makes a new format."""
    data = WRITTEN.read_bytes()
    assert State.decode(data) == STATE
    assert json.loads(data).items() <= json.loads(STATE.encode()).items()


def test_what_is_not_known_is_passed_over_and_what_is_new_has_a_default() -> None:
    found = json.loads(STATE.encode())
    found["more"] = {"of": "a later release"}
    found["services"][0]["more"] = 1
    for name in ("notify", "watchdog", "collector", "following", "refused"):
        del found[name]
    known = State.decode(json.dumps(found).encode())
    assert (known.notify, known.following, known.services) == ("", None, STATE.services)


def changed(**values: object) -> bytes:
    return json.dumps(json.loads(STATE.encode()) | values).encode()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no JSON"),
        (b"\xff", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"[]", "header: unexpected list"),
        (b"{}", "missing 1 required positional argument: 'format'"),
        (changed(format=2), "state of format 2, where 1 is known"),
        (changed(format="1"), "header.format: unexpected str"),
        (changed(format=True), "header.format: unexpected bool"),
        (changed(pid=None), "state.pid: unexpected NoneType"),
        (changed(flow=[3, "4"]), "state.flow[1]: unexpected str"),
        (changed(fixed=["a"]), "state.fixed: unexpected list"),
        (changed(running={"directory": "/etc"}), "state.running: "),
        (
            changed(listeners=[{"endpoint": {"transport": "x", "host": "", "port": 1}}]),
            "state.listeners[0].endpoint.transport: 'x' is not a valid Transport",
        ),
    ],
)
def test_what_is_no_state_is_refused_with_the_place(data: bytes, reason: str) -> None:
    with pytest.raises(FactsError, match=re.escape(reason)):
        State.decode(data)


def test_the_state_of_another_process_is_refused() -> None:
    with pytest.raises(FactsError, match="the state is that of process 1000"):
        State.read(into_memory(STATE.encode()))
    own = dataclasses.replace(STATE, pid=os.getpid())
    memory = into_memory(own.encode())
    assert not os.get_inheritable(memory)
    assert State.read(memory) == own
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(memory)


def test_every_descriptor_is_named() -> None:
    assert sorted(STATE.descriptors) == [3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14]


def test_every_field_is_documented() -> None:
    text = DOCUMENT.read_text()
    kinds = [one for one in vars(state).values() if dataclasses.is_dataclass(one)]
    assert len(kinds) > 5
    for kind in kinds:
        for one in dataclasses.fields(kind):
            assert f"`{one.name}`" in text, (kind, one.name)


@dataclasses.dataclass
class Odd:
    """A field of a kind that no message has."""

    field: bytes


def test_a_kind_that_cannot_travel_is_refused() -> None:
    with pytest.raises(FactsError, match=r"odd\.field: unexpected str"):
        facts.decode(Odd, b'{"field": "x"}')
    assert typing.get_type_hints(Odd) == {"field": bytes}
