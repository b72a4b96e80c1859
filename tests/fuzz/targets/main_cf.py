"""main_cf - the text of main.cf, and what its settings become"""

from pathlib import Path

from common import macro
from common.config import MainCf, Stamp, decoded, encoded
from common.errors import ConfigError
from common.params import find
from tests.fuzz.bug import Bug

TOKENS = (
    *(b"\n ", b"\n#", b" = ", b"$", b"${", b"$(", b"?{", b":{", b"}}", b"{", b"}", b"==", b"<="),
    *(b"message_size_limit = ", b"mynetworks = ", b"qmqpd_timeout = ", b"myhostname = "),
    *(b"$myhostname", b"$mydomain", b"inet_protocols = ", b"compatibility_level = 3.6\n"),
    *(b"${{", b"} == {", b"} <=level {", b"yes", b"300s", b"1d", b"hash_queue_names = "),
)
BUG = Bug("common.macro", "_evaluate", "if depth > NESTING_LIMIT:", "if False:")

PATH = Path("/nowhere/main.cf")
OWN_NETWORKS = "mynetworks = 127.0.0.0/8\n"  # else this host would be looked at
MOST = 5  # settings that are looked at


def check(data: bytes) -> None:
    """Read the text; expand and convert what it sets."""
    text = decoded(data)
    assert encoded(text) == data
    text = OWN_NETWORKS + text
    try:
        main_cf = MainCf.parse(PATH, text, Stamp())
    except ConfigError as error:
        assert str(PATH) in str(error)
        return
    check_again(main_cf)
    for name in list(main_cf.entries)[:MOST]:
        check_parameter(main_cf, name)


def check_again(main_cf: MainCf) -> None:
    """Check that the same settings written again are the same."""
    text = "".join(f"{name} = {entry.text}\n" for name, entry in main_cf.entries.items())
    again = MainCf.parse(PATH, text, Stamp())
    assert {name: entry.text for name, entry in again.entries.items()} == {
        name: entry.text for name, entry in main_cf.entries.items()
    }


def check_parameter(main_cf: MainCf, name: str) -> None:
    """Expand a setting, and convert it if it is one that we know."""
    parameter = find(name)
    try:
        main_cf.text(name)
        if parameter:
            main_cf.value(parameter)
        list(macro.names(main_cf.entries[name].text))
    except (ConfigError, macro.MacroError) as error:
        assert str(error)
