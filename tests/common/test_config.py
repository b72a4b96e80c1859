"""Promises of common.config.

SEE ALSO
    spec/config-syntax.md, sections 1 and 2
"""

import os
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.config import (
    MainCf,
    Stamp,
    logical_lines,
    parse_assignment,
    parse_overrides,
)
from common.errors import ConfigError
from common.params import (
    CleanupParams,
    HostName,
    LongInt,
    Parameter,
    QmqpdParams,
    Seconds,
    SuiteParams,
    Words,
)
from common.values import CONVERTERS, split_words

SAMPLES = {
    one.name: one
    for one in (
        Parameter("flag", bool, "no", "A bool."),
        Parameter("free", int, "5", "An int without bounds."),
        Parameter("large", LongInt, "5", "A long int."),
        Parameter("host", HostName, "a.b", "A host name.", least=1),
        Parameter("count", int, "5", "An int.", least=1, most=512),
        Parameter("pause", Seconds, "4h", "A time.", least=1, most=1_000_000),
        Parameter("wait", Seconds, "7", "A time whose default has no unit."),
        Parameter("word", str, "abc", "A string.", least=2),
        Parameter("mode", str, "fast", "A choice.", choices=("fast", "slow")),
        Parameter("many", Words, "a, b", "A list."),
        Parameter("versions", Words, "all", "Choices.", choices=("all", "ipv4", "ipv6")),
    )
}


def convert(name: str, text: str) -> object:
    return CONVERTERS[SAMPLES[name].kind](SAMPLES[name], text)


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    return tmp_path


def read(etc: Path, text: str) -> MainCf:
    (etc / "main.cf").write_bytes(text.encode("utf-8", "surrogateescape"))
    return MainCf.read(etc)


def entries(found: MainCf) -> dict[str, str]:
    """Return the settings of a file, without the one that every file has."""
    return {name: entry.text for name, entry in found.entries.items() if name != "config_directory"}


# Logical lines.


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", []),
        ("\n \n\t\n", []),
        ("# comment\n  # indented\n", []),
        ("a = 1", [(1, "a = 1")]),
        ("a = 1\n", [(1, "a = 1")]),
        ("a = 1\nb = 2\n", [(1, "a = 1"), (2, "b = 2")]),
        ("a = 1\n  2\n\t3\n", [(1, "a = 1  2\t3")]),
        ("a = 1\n# not the end\n  2\nb\n", [(1, "a = 1  2"), (4, "b")]),
        ("a = 1\n   # not the end\n\n \n  2\n", [(1, "a = 1  2")]),
        ("\n\na = 1 # part of it\n", [(3, "a = 1 # part of it")]),
        ("a = 1\\\nb = 2", [(1, "a = 1\\"), (2, "b = 2")]),
    ],
)
def test_a_logical_line_goes_on_over_comments_and_blank_lines(
    text: str, lines: list[tuple[int, str]]
) -> None:
    assert [(line.number, line.text) for line in logical_lines(text)] == lines


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text("ab=# \t", max_size=8), max_size=8))
def test_comments_and_blank_lines_change_nothing_anywhere(lines: list[str]) -> None:
    plain = [line for line in lines if line.strip() and not line.strip().startswith("#")]
    found = [line.text for line in logical_lines("\n".join(lines))]
    assert found == [line.text for line in logical_lines("\n".join(plain))]
    assert "".join(found) == "".join(plain)


# The file.


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("a = 1", {"a": "1"}),
        ("a=1", {"a": "1"}),
        ("a =", {"a": ""}),
        ("  a = 1", {}),
        ("  a = 1\nb = 2", {"b": "2"}),
        ("a = 1\n  2  \n", {"a": "1  2"}),
        ("a = b = c", {"a": "b = c"}),
        ("a = 1\r\n", {"a": "1"}),
        ("a = caf\udce9", {"a": "caf\udce9"}),
        ("A = 1\na = 2", {"A": "1", "a": "2"}),
    ],
)
def test_a_line_is_a_name_and_a_trimmed_value(
    etc: Path, text: str, settings: dict[str, str]
) -> None:
    assert entries(read(etc, text)) == settings


@pytest.mark.parametrize(
    ("text", "number", "complaint"),
    [
        ("a", 1, "missing '=' after attribute name: \"a\""),
        ("a = 1\n\nnonsense here", 3, "missing '=' after attribute name: \"nonsense here\""),
        ("two words = 1", 1, "missing '=' after attribute name: \"two words = 1\""),
        ("= value", 1, 'missing attribute name: "= value"'),
        ("# c\nb = 1\n  2\n = 3\n=x\n", 5, 'missing attribute name: "=x"'),
    ],
)
def test_a_line_that_is_no_setting_is_named_by_file_and_line(
    etc: Path, text: str, number: int, complaint: str
) -> None:
    with pytest.raises(ConfigError) as found:
        read(etc, text)
    assert str(found.value) == f"{etc}/main.cf, line {number}: {complaint}"


def test_the_last_of_two_settings_counts_and_the_operator_is_told(etc: Path) -> None:
    found = read(etc, "a = 1\nb = 2\na = 3\na = 4\n")
    assert entries(found) == {"a": "4", "b": "2"}
    assert found.warnings == (
        f"{etc}/main.cf, line 3: overriding earlier entry: a=1",
        f"{etc}/main.cf, line 4: overriding earlier entry: a=3",
    )


def test_a_missing_file_is_an_error_of_its_own(etc: Path) -> None:
    with pytest.raises(ConfigError, match=f"open {etc}/main.cf: No such file or directory"):
        MainCf.read(etc)


def test_the_directory_is_where_the_file_was_found(etc: Path) -> None:
    found = read(etc, "config_directory = /elsewhere\n")
    assert found.text("config_directory") == str(etc)
    assert found.directory == etc


def test_a_file_that_was_edited_or_replaced_has_changed(etc: Path) -> None:
    found = read(etc, "a = 1\n")
    assert not found.changed()
    path = etc / "main.cf"
    os.utime(path, ns=(0, found.stamp.mtime_ns + 1))
    assert found.changed()
    os.utime(path, ns=(0, found.stamp.mtime_ns))
    assert not found.changed()
    other = etc / "new"
    other.write_text("a = 2\n")
    os.utime(other, ns=(0, found.stamp.mtime_ns))
    other.rename(path)
    assert found.changed()
    path.unlink()
    assert found.changed()
    assert Stamp.of(path) == Stamp()


# Values.


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("flag", "yes", True),
        ("flag", "YES", True),
        ("flag", "No", False),
        ("count", "7", 7),
        ("count", "010", 10),
        ("count", "+3", 3),
        ("count", "512", 512),
        ("count", "1", 1),
        ("pause", "1", 3600.0),
        ("pause", "1s", 1.0),
        ("pause", "2m", 120.0),
        ("pause", "2h", 7200.0),
        ("pause", "2d", 172800.0),
        ("pause", "1w", 604800.0),
        ("pause", "5minutes", 300.0),
        ("pause", "5m7", 300.0),
        ("pause", "+5m", 300.0),
        ("large", "9223372036854775807", 2**63 - 1),
        ("host", "relay-1.example.com", "relay-1.example.com"),
        ("pause", "5months", 300.0),
        ("pause", "0010s", 10.0),
        ("wait", "3", 3.0),
        ("wait", "0", 0.0),
        ("word", "xy", "xy"),
        ("mode", "SLOW", "slow"),
        ("many", "", ()),
        ("many", "a b,c\t, d", ("a", "b", "c", "d")),
        ("many", "x, {y z, {1}} w", ("x", "{y z, {1}}", "w")),
        ("versions", "IPv4, ipv6", ("ipv4", "ipv6")),
    ],
)
def test_a_text_is_converted_by_the_kind_of_its_parameter(
    name: str, text: str, value: object
) -> None:
    assert convert(name, text) == value


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("flag", "1", "bad boolean configuration: flag = 1"),
        ("flag", "", "bad boolean configuration: flag = "),
        ("flag", "maybe", "bad boolean configuration: flag = maybe"),
        ("count", "2x", "bad numerical configuration: count = 2x"),
        ("count", "", "bad numerical configuration: count = "),
        ("count", "1 0", "bad numerical configuration: count = 1 0"),
        ("count", "0x10", "bad numerical configuration: count = 0x10"),
        ("count", "\u0663", "bad numerical configuration: count = \u0663"),
        ("count", "0", "invalid count parameter value 0 < 1"),
        ("count", "-5", "invalid count parameter value -5 < 1"),
        ("count", "513", "invalid count parameter value 513 > 512"),
        (
            "large",
            "9223372036854775808",
            "bad numerical configuration: large = 9223372036854775808",
        ),
        ("free", "2147483648", "bad numerical configuration: free = 2147483648"),
        ("free", "-2147483648", "bad numerical configuration: free = -2147483648"),
        ("pause", "2147483648", "parameter pause: bad time value or unit: 2147483648"),
        ("pause", "4000w", "parameter pause: bad time value or unit: 4000w"),
        (
            "host",
            "a..b",
            "parameter host: bad parameter value: a..b: valid_hostname: misplaced delimiter: a..b",
        ),
        ("host", "", "bad string length 0 < 1: host = "),
        ("pause", "5 m", "parameter pause: bad time value or unit: 5 m"),
        ("pause", "5x", "parameter pause: bad time value or unit: 5x"),
        ("pause", "1.5h", "parameter pause: bad time value or unit: 1.5h"),
        ("pause", "-1s", "parameter pause: bad time value or unit: -1s"),
        ("pause", "0x1", "parameter pause: bad time value or unit: 0x1"),
        ("pause", "", "parameter pause: bad time value or unit: "),
        ("pause", "m", "parameter pause: bad time value or unit: m"),
        ("pause", "5M", "parameter pause: bad time value or unit: 5M"),
        ("pause", "5Minutes", "parameter pause: bad time value or unit: 5Minutes"),
        ("pause", "0", "invalid pause: 0 (min 1)"),
        ("pause", "9999999s", "invalid pause: 9999999 (max 1000000)"),
        ("word", "x", "bad string length 1 < 2: word = x"),
        ("mode", "brisk", "parameter mode: unrecognized value: brisk"),
        ("versions", "ipv4 ipv5", 'unknown versions value "ipv5" in "ipv4 ipv5"'),
    ],
)
def test_a_bad_value_is_named(name: str, text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(complaint)}$"):
        convert(name, text)


def test_the_recorded_complaints_come_word_for_word(etc: Path) -> None:
    for line, kind, complaint in (
        ("soft_bounce = 1", QmqpdParams, "bad boolean configuration: soft_bounce = 1"),
        ("ipc_timeout = 0", QmqpdParams, "invalid ipc_timeout: 0 (min 1)"),
        (
            "line_length_limit = 100",
            CleanupParams,
            "invalid line_length_limit parameter value 100 < 512",
        ),
        (
            "ipc_timeout = 5 m",
            CleanupParams,
            "parameter ipc_timeout: bad time value or unit: 5 m",
        ),
    ):
        with pytest.raises(ConfigError) as found:
            read(etc, f"# one\na = 1\n{line}\n").load(kind)
        assert str(found.value) == f"{etc}/main.cf, line 3: {complaint}"


def test_only_who_uses_a_parameter_minds_its_value(etc: Path) -> None:
    found = read(etc, "max_use = many\nmyorigin =\n")
    found.load(SuiteParams)
    for kind in (QmqpdParams, CleanupParams):
        with pytest.raises(ConfigError, match="line 1: bad numerical"):
            found.load(kind)


def test_a_number_of_any_length_is_judged(etc: Path) -> None:
    for name in ("max_use", "ipc_timeout"):
        with pytest.raises(ConfigError, match=f"main.cf, line 1: .*{name}"):
            read(etc, f"{name} = {'9' * 5000}x\n").load(QmqpdParams)


# References.


def test_order_does_not_matter_to_references(etc: Path) -> None:
    found = read(etc, "myorigin = $mydomain\nmydomain = $top.test\ntop = example\n")
    assert found.text("myorigin") == "example.test"
    assert found.text("empty_address_recipient") == "MAILER-DAEMON"
    assert found.text("no_such_name") == ""
    assert found.expand("<$myorigin>", "here") == "<example.test>"


def test_a_bad_reference_names_file_line_and_parameter(etc: Path) -> None:
    found = read(etc, "\nmyorigin = ${mydomain\n")
    with pytest.raises(ConfigError) as error:
        found.text("myorigin")
    expected = 'parameter myorigin: truncated macro reference: "${mydomain"'
    assert str(error.value) == f"{etc}/main.cf, line 2: {expected}"
    with pytest.raises(ConfigError, match=r'^master.cf, line 9: empty macro name: "\$"$'):
        found.expand("$", "master.cf, line 9")


@pytest.mark.parametrize(
    "text",
    [
        "mydomain = $mydomain",
        "mydomain = $myorigin\nmyorigin = $mydomain",
        "myorigin = x${none:$myorigin}",
    ],
)
def test_a_value_that_needs_itself_is_an_error_of_the_operator(etc: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="unreasonable macro call nesting"):
        read(etc, text).load(CleanupParams)


def test_a_host_name_made_from_the_domain_does_not_go_round_in_circles(etc: Path) -> None:
    # The default of mydomain comes from myhostname.
    assert read(etc, "myhostname = mail.$mydomain\n").text("myhostname").startswith("mail.")


def test_the_domain_is_what_follows_the_first_label_of_the_host(etc: Path) -> None:
    assert read(etc, "myhostname = mx.example.test\n").text("mydomain") == "example.test"
    assert read(etc, "myhostname = mx\n").text("mydomain") == "localdomain"
    assert read(etc, "mydomain = other.test\n").text("mydomain") == "other.test"


# Overrides.


def test_an_override_wins_and_says_where_it_came_from(etc: Path) -> None:
    below = read(etc, "soft_bounce = yes\nmax_use = 7\n")
    above = below.override({"soft_bounce": "no", "max_use": "x"}, "master.cf, line 3")
    assert above.text("soft_bounce") == "no"
    assert below.text("soft_bounce") == "yes"
    assert above.warnings == below.warnings
    assert above.directory == below.directory
    with pytest.raises(ConfigError, match=r"^master.cf, line 3: bad numerical configuration"):
        above.load(QmqpdParams)


def test_an_override_reaches_the_values_that_refer_to_it(etc: Path) -> None:
    found = read(etc, "myorigin = $myhostname\n").override({"myhostname": "a.test"}, "-o")
    assert found.text("myorigin") == "a.test"


@pytest.mark.parametrize(
    ("arguments", "result"),
    [
        ([], {}),
        (["a=1"], {"a": "1"}),
        (["a = with blanks ", "b="], {"a": "with blanks", "b": ""}),
        (["a=1", "a=2"], {"a": "2"}),
    ],
)
def test_overrides_are_assignments(arguments: list[str], result: dict[str, str]) -> None:
    assert parse_overrides(arguments, "-o") == result


@pytest.mark.parametrize("text", ["a", "=1", "a b=1", ""])
def test_an_override_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^master.cf, line 4: missing"):
        parse_overrides(["ok=1", text], "master.cf, line 4")


def test_an_assignment_is_split_at_its_first_equals_sign() -> None:
    assert parse_assignment("a = b=c ", "here") == ("a", "b=c")


# Lists, and what nobody uses.


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text("ab/!.:=$", min_size=1, max_size=6), max_size=6))
def test_words_come_back_however_they_were_separated(words: list[str]) -> None:
    for separator in (" ", ",", ", ", "\t", " ,, \n"):
        assert split_words(separator.join(words)) == tuple(words)
        assert split_words(f" ,{separator.join(words)},") == tuple(words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{a b}", ("{a b}",)),
        ("{a,{b c}} d", ("{a,{b c}}", "d")),
        ("inline:{{a b=c}} x", ("inline:{{a b=c}}", "x")),
        ("a} b", ("a}", "b")),
        ("{a b", ("{a b",)),
    ],
)
def test_braces_keep_a_word_together(text: str, words: tuple[str, ...]) -> None:
    assert split_words(text) == words


def test_what_nobody_can_set_is_what_it_is(etc: Path) -> None:
    found = read(etc, "process_id = 1\nmail_name = $process_id\n")
    for main_cf in (found, found.override({"process_id": "2"}, "-o")):
        assert main_cf.load(SuiteParams).process_id == str(os.getpid())
        assert main_cf.text("mail_name") == str(os.getpid())
