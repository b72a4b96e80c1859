"""What Debian's postconf says and does, ours does.

SEE ALSO
    docs/differences.md
"""

import re
from collections.abc import Iterable
from pathlib import Path

from commands.conf import postconf
from common.params import every
from tests.commands import conf_cases
from tests.commands.both import Outcome, Program, Script, Step, play
from tests.commands.conf_cases import Case, words
from tests.suite import peers

WATCHED = ("etc/main.cf", "etc/master.cf")
OURS = {one.name for one in every().values() if one.ours}
OWN_LINE = re.compile(rb"^(?:%s)(?: =.*)?\n" % "|".join(sorted(OURS)).encode(), re.MULTILINE)
PID = re.compile(rb"^(process_id = )\d+$", re.MULTILINE)


def program() -> Program:
    return Program(peers.program("postconf"), postconf, WATCHED)


def scripts_of(one: Case) -> list[Script]:
    """Return a script for each command line: Debian's program sleeps after a mistake."""
    files = {
        "etc/main.cf": one.main_cf.encode(),
        "etc/master.cf": one.master_cf.encode(),
        "etc/extra.cf": b"hosts = a\nfoo = $x\n  bar\nhosts = b\nsearch_base=c\n",
    }
    return [Script((Step(words(command)),), files) for command in one.commands]


def comparable(theirs: Outcome, ours: Outcome) -> tuple[Outcome, Outcome]:
    """Return outcomes without what chance did: the order of complaints, of PIDs."""
    if any(b": fatal: " in line for line in theirs.stderr):
        # Debian's program forgets what it has not written yet.
        ours = ours._replace(stdout=ours.stdout[: len(theirs.stdout)])
    return without_chance(theirs), without_chance(ours)


def without_chance(outcome: Outcome) -> Outcome:
    lines = PID.sub(rb"\1", OWN_LINE.sub(b"", outcome.stdout))
    lines = lines.replace(b"mail_name = Postroom\n", b"mail_name = Postfix\n")
    return outcome._replace(stdout=lines, stderr=sorted(set(outcome.stderr)))


def difference(cases: Iterable[Case], top: Path) -> list[str]:
    """Return what the two programs do differently, step by step."""
    found = []
    scripts = [one for case in cases for one in scripts_of(case)]
    for one, step, theirs, ours in play(program(), scripts, top):
        theirs, ours = comparable(theirs, ours)
        if theirs != ours:
            found.append(f"{one.readable()}\n{step.arguments}\n  theirs {theirs}\n  ours   {ours}")
    return found


def test_questions_have_the_same_answers(tmp_path: Path) -> None:
    found = difference(conf_cases.queries(), tmp_path)
    assert not found, "\n\n".join(found)


def test_edits_make_the_same_files(tmp_path: Path) -> None:
    found = difference(conf_cases.edits(), tmp_path)
    assert not found, "\n\n".join(found)
