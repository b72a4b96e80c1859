"""What smtpd's Milters make of mail with our cleanup is what they make of it with Postfix's.

DESCRIPTION
    Debian's smtpd shows its Milters the envelope and hands them over to
    cleanup, once to Postfix's, once to ours. smtpd_milters may stand in
    master.cf alone: cleanup learns of them by the message.
"""

import contextlib
import smtplib
from collections.abc import Iterator

import pytest

from tests.suite.instance import Instance, Postroom, free_port
from tests.suite.milter import CLOSE, Script, Scripted, negotiation, packet, texts
from tests.suite.milter_plays import CHOOSES_MACROS, MAIL, SETTINGS, Stand, at_end, header
from tests.suite.reference import Postfix

SERVICES = """\
127.0.0.1:{port} inet n - n - - smtpd
    -o {{ smtpd_milters = {milters} }}
127.0.0.1:{other} inet n - n - - smtpd
    -o {{ smtpd_milters = {milters} }}
    -o cleanup_service_name=cleanup2
cleanup2  unix  n       -       n       -       0       cleanup
    -o non_smtpd_milters=inet:127.0.0.1:9
anvil     unix  -       -       n       -       1       anvil
rewrite   unix  -       -       n       -       -       trivial-rewrite
"""
ALL_MACROS = (
    "i j v _ {daemon_name} {daemon_addr} {client_name} {client_addr} {client_ptr}"
    " {client_resolve} {client_connections} {mail_addr} {mail_host} {mail_mailer} {rcpt_addr}"
    " {auth_type} {tls_version} {a} {bb}"
)
SETTINGS_BY_SMTP = {
    **SETTINGS,
    "smtpd_relay_restrictions": "check_client_access static:OK, reject",
    "smtpd_authorized_xclient_hosts": "127.0.0.1",
    "smtpd_peername_lookup": "no",
    "milter_end_of_data_macros": ALL_MACROS,
    "milter_macro_defaults": "a=1, {bb}=2",
    "virtual_alias_maps": "inline:{{r@to.test=one@to.test, two@to.test}}",
    "milter_header_checks": "regexp:{{/^X-New: v1/ WARN seen}}",
}
SENDER, RECIPIENTS = "s@from.test", ("r@to.test", "q@to.test")


class SmtpStand(Stand):
    """A stand whose mail comes by SMTP and is shown to two Milters."""

    def __init__(self, instance: Instance, milters: list[Scripted]) -> None:
        super().__init__(instance, milters[0])
        self.milters = milters
        self.port, self.other_port = free_port(), free_port()
        services = ", ".join(milter.service for milter in milters)
        with (instance.config_dir / "master.cf").open("a") as master_cf:
            ports = {"port": self.port, "other": self.other_port}
            master_cf.write(SERVICES.format(milters=services, **ports))

    def play_both(
        self,
        first: Script,
        second: Script,
        mail: bytes = MAIL,
        *,
        name: str = "r.test",
        port: int = 0,
    ) -> list[str]:
        """Return what is seen when the Milters do this; name: of the client, if that is sure."""
        instance = self.instance
        for milter, script in zip(self.milters, (first, second), strict=True):
            milter.script = dict(script)
            milter.conversations.clear()
        position = instance.log_position()
        with smtplib.SMTP("127.0.0.1", port or self.port, "me.test", timeout=30) as client:
            client.docmd("XCLIENT", f"NAME={name} REVERSE_NAME=r.test ADDR=192.0.2.1 PORT=7")
            client.ehlo()
            answers = [client.mail(SENDER), *map(client.rcpt, RECIPIENTS)]
            assert [code for code, _ in answers] == [250] * 3, answers
            answers.append(client.data(mail))
        instance.wait_for_log("disconnect from", position)
        return self.outcome(f"replies {answers}", position, *self.milters)


@pytest.fixture(scope="module")
def stands() -> Iterator[list[SmtpStand]]:
    """Return our stand and Postfix's."""
    with contextlib.ExitStack() as stack:
        found = []
        for kind in (Postroom, Postfix):
            milters = [stack.enter_context(Scripted()) for _ in range(2)]
            found.append(SmtpStand(stack.enter_context(kind(SETTINGS_BY_SMTP)), milters))
            found[-1].instance.start()
        yield found


NEW = packet("h", texts(b"X-New", b"v1"))
PLAYS: dict[str, tuple[Script, Script]] = {
    "plain": ({}, {}),
    "both change": (
        at_end(NEW, packet("+", texts(b"<r@to.test>")), packet("e", texts(b"<n@from.test>"))),
        at_end(header("m", 1, b"X-New", b"v2"), packet("b", b"new\r\n")),
    ),
    "one accepts early": ({"M": packet("a")}, at_end(NEW)),
    "both accept early": ({"M": packet("a")}, {"C": packet("a")}),
    "one wants its own macros": (CHOOSES_MACROS, at_end(NEW)),
    "leading space, no body": ({"O": negotiation(steps=0x100010)}, at_end(NEW)),
    "an old version": ({"O": negotiation(version=2, actions=0x3F)}, at_end(NEW)),
    "rejects": (at_end(NEW), {"E": packet("r")}),
    "rejects in words": ({"E": packet("y", texts(b"554 5.7.9 no such luck"))}, {}),
    "defers": ({"N": packet("t")}, {}),
    "discards": ({"E": packet("d")}, {}),
    "quarantines": (at_end(packet("q", texts(b"because"))), at_end(NEW)),
    "closes": ({"E": CLOSE}, {}),
    "closes in the middle": ({"L": CLOSE}, {}),
}


@pytest.mark.parametrize("play", PLAYS.values(), ids=PLAYS)
def test_smtpd_s_milters_have_the_effect_that_they_have_with_postfix(
    play: tuple[Script, Script], stands: list[SmtpStand]
) -> None:
    ours, postfixs = (stand.play_both(*play) for stand in stands)
    assert ours == postfixs


@pytest.mark.parametrize("name", ["c.test", "[UNAVAILABLE]", "R.test"])
def test_milters_hear_of_a_client_whose_name_is_in_doubt(
    name: str, stands: list[SmtpStand]
) -> None:
    ours, postfixs = (stand.play_both({}, {}, name=name) for stand in stands)
    assert ours == postfixs


def test_who_is_to_see_other_mail_does_not_see_smtpd_s(stands: list[SmtpStand]) -> None:
    script = at_end(NEW)
    ours, postfixs = (stand.play_both(script, {}, port=stand.other_port) for stand in stands)
    assert ours == postfixs
    assert "X-New: v1" in ours


def test_a_header_beyond_the_limit_is_cut_for_smtpd_s_milters_too(stands: list[SmtpStand]) -> None:
    mail = b"X-L: " + b"\n ".join([b"y" * 900] * 80) + b"\nSubject: x\n\nb\n"
    ours, postfixs = (stand.play_both({}, {}, mail) for stand in stands)
    assert ours == postfixs
