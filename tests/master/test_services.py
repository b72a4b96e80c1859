"""master.cf: every column, every mistake, every command line."""

from pathlib import Path

import pytest

from common.errors import ConfigError
from master import services
from master.services import Defaults, Service, Transport

FILE = Path("/etc/postfix/master.cf")


def parse(text: str, defaults: Defaults | None = None) -> list[Service]:
    return list(services.parse(text, FILE, defaults or Defaults()).services)


def only(line: str, defaults: Defaults | None = None) -> Service:
    (service,) = parse(line + "\n", defaults)
    return service


def test_a_line_becomes_a_service() -> None:
    assert only("628 inet n n y 60? 7 qmqpd -o content_filter=a:b -v") == Service(
        name="628",
        transport=Transport.INET,
        private=False,
        unprivileged=False,
        chroot=True,
        wakeup=60,
        wakeup_if_used=True,
        process_limit=7,
        command="qmqpd",
        arguments=("-o", "content_filter=a:b", "-v"),
        origin="/etc/postfix/master.cf, line 1",
    )


@pytest.mark.parametrize("chroot", [False, True])
def test_a_dash_means_the_default(chroot: bool) -> None:
    service = only("cleanup unix - - - - - cleanup", Defaults(process_limit=33, chroot=chroot))
    assert (service.private, service.unprivileged, service.chroot) == (True, True, chroot)
    assert (service.wakeup, service.wakeup_if_used, service.process_limit) == (0, False, 33)


@pytest.mark.parametrize("transport", list(Transport))
def test_every_type_is_known(transport: Transport) -> None:
    assert only(f"1 {transport.value} n - - - - x").transport is transport


def test_lines_continue_and_comments_are_passed_over() -> None:
    first, second = parse("a unix n - - - 0 x\n# a comment\n  -o b=c\n\nb unix - - - - - y\n")
    assert first.arguments == ("-o", "b=c")
    assert second.origin == "/etc/postfix/master.cf, line 5"


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("a unix n - - - -", "bad field count"),
        ("a", "bad field count"),
        ("a foo n - - - - x", 'invalid type field "foo" in "a foo n - - - - x"'),
        ("a unix x - - - - x", 'invalid private field "x" in "a unix x - - - - x"'),
        ("a unix n yes - - - x", 'invalid unprivileged field "yes" in "a unix n yes - - - x"'),
        ("a unix n - Y - - x", 'invalid chroot field "Y" in "a unix n - Y - - x"'),
        ("a unix n - - 60x - x", 'invalid wakeup field "60x" in "a unix n - - 60x - x"'),
        ("a unix n - - - -1 x", 'invalid process_limit field "-1" in "a unix n - - - -1 x"'),
        (
            f"a unix n - - {'9' * 5000} - x",
            f'invalid wakeup field "{"9" * 5000}" in "a unix n - - {"9" * 5000} - x"',
        ),
        (
            f"a unix n - - - {'9' * 5000} x",
            f'invalid process_limit field "{"9" * 5000}" in "a unix n - - - {"9" * 5000} x"',
        ),
        ("a unix n - - - ١ x", 'invalid process_limit field "١" in "a unix n - - - ١ x"'),
        ("a  unix n - - -  - -", 'invalid command field "-" in "a unix n - - - - -"'),
        ("/a unix n - - - - x", 'invalid service name field "/a" in "/a unix n - - - - x"'),
        ("../a unix n - - - - x", 'invalid service name field "../a" in "../a unix n - - - - x"'),
        ("1 inet y - - - - x", "inet service 1 cannot be private"),
        ("1 inet - - - - - x", "inet service 1 cannot be private"),
        ("a unix n - - - - x -o { a = b", "missing '}' in \"{ a = b\""),
        ("a unix n - - - - x -o {a=b}c", "syntax error after '}' in \"{a=b}c\""),
    ],
)
def test_a_mistake_names_file_and_line(line: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(f"# one\ngood unix n - - - - x\n\n{line}\n")
    assert str(caught.value) == f"/etc/postfix/master.cf, line 4: {complaint}"


def test_of_two_entries_for_one_service_the_last_counts() -> None:
    found = services.parse("a unix n - - - 1 x\na unix n - - - 2 x\n", FILE, Defaults())
    assert [one.process_limit for one in found.services] == [2]
    assert found.warnings == (
        '/etc/postfix/master.cf, line 2: duplicate entry for service "a" (public/a):'
        " this one is used",
    )


def test_public_and_private_services_of_one_name_are_two() -> None:
    assert len(parse("a unix n - - - 1 x\na unix y - - - 2 x\na fifo y - - - 2 x\n")) == 3


def test_a_continuation_of_nothing_is_ignored_with_a_warning() -> None:
    found = services.parse("  a unix n\n", FILE, Defaults())
    assert found.services == ()
    assert found.warnings == (
        '/etc/postfix/master.cf, line 1: logical line must not start with whitespace: "  a unix n"',
    )


def test_a_service_that_moves_in_the_file_stays_the_same() -> None:
    assert parse("a unix n - - - 1 x\n") == parse("# new\n\na unix n - - - 1 x\n")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("cleanup unix n - n - 0 cleanup", "cleanup -z -t unix -u"),
        ("qmgr unix n n n - 1 qmgr", "qmgr -l -t unix"),
        ("1.2.3.4:5 inet n - y - - qmqpd", "qmqpd -n 1.2.3.4:5 -t inet -u -c"),
        ("a unix n - n - - x -o {b = c d}", "x -n a -t unix -u -o|b = c d"),
        ("a pass n - n - - x", "x -n a -t pass -u"),
    ],
)
def test_arguments_are_what_postfix_would_pass(line: str, words: str) -> None:
    first, _, last = words.partition("|")
    assert only(line).words() == [*first.split(), *([last] if last else [])]


def test_a_remote_service_is_told_of_stress_and_of_its_sockets() -> None:
    service = only("628 inet n - n - - qmqpd -v")
    expected = "qmqpd -n 628 -t inet -v -u -o stress=yes -s 2 -v"
    assert service.words(sockets=2, verbose=True, stress="yes") == expected.split()


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        ((), False),
        (("inet",), True),
        (("unix",), False),
        (("628/inet",), True),
        (("629/inet",), False),
        (("!628/inet", "inet"), False),
        (("!629/inet", "inet"), True),
    ],
)
def test_services_can_be_disabled(patterns: tuple[str, ...], expected: bool) -> None:
    assert services.disabled(only("628 inet n - n - - qmqpd"), patterns) is expected


def test_only_blanks_of_c_end_a_column() -> None:
    """A letter that other programs take for a blank is part of its word."""
    line = "smtp\u00a0x unix - - n - - smtp -o a=b\u2003c\n"
    [service] = services.parse(line, Path("master.cf"), Defaults()).services
    assert service.name == "smtp\u00a0x"
    assert service.arguments == ("-o", "a=b\u2003c")
