"""What Debian's postconf says and does, ours does.

SEE ALSO
    docs/differences.md
"""

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from commands.conf import postconf
from common.params import every
from tests.commands import conf_cases
from tests.commands.both import Outcome, Script, Step, ours, play
from tests.commands.conf_cases import Case, words
from tests.suite import peers

OURS = {one.name for one in every().values() if one.ours}
OWN_LINE = re.compile(rb"^(?:%s)(?: =.*)?\n" % "|".join(sorted(OURS)).encode(), re.MULTILINE)
NESTING = b"unreasonable macro call nesting"
PID = re.compile(rb"(process_id = |sbin/postconf )\d+")


def scripts_of(one: Case) -> list[Script]:
    """Return a script for each command line: Debian's program sleeps after a mistake."""
    files = {
        "etc/master.cf": one.master_cf.encode(),
        "etc/extra.cf": b"hosts = a\nfoo = $x\n  bar\nhosts = b\nsearch_base=c\n",
    }
    return [Script((Step(words(command)),), files, one.main_cf) for command in one.commands]


def comparable(theirs: Outcome, mine: Outcome, any_loop: bool = False) -> tuple[Outcome, Outcome]:
    """Return outcomes without what chance did: the order of complaints, of PIDs."""
    if any(b": fatal: " in line for line in theirs.stderr):
        # Debian's program forgets what it has not written yet.
        mine = mine._replace(stdout=mine.stdout[: len(theirs.stdout)])
    if b"postconf: fatal: macro processing error" in theirs.stderr:
        # It looks at the values in an order of chance, up to the mistake.
        if any_loop and all(any(NESTING in line for line in one.stderr) for one in (theirs, mine)):
            # Where it meets a loop first is chance, too.
            theirs, mine = (
                one._replace(stderr=[line for line in one.stderr if NESTING not in line])
                for one in (theirs, mine)
            )
        mine = mine._replace(stderr=[line for line in mine.stderr if line in theirs.stderr])
    return without_chance(theirs), without_chance(mine)


def without_chance(outcome: Outcome) -> Outcome:
    lines = PID.sub(rb"\1", OWN_LINE.sub(b"", outcome.stdout))
    lines = lines.replace(b"Postroom", b"Postfix")
    return outcome._replace(stdout=lines, stderr=sorted(set(outcome.stderr)))


def difference(cases: Iterable[Case], top: Path, *, any_loop: bool = False) -> list[str]:
    """Return what the two programs do differently."""
    found = []
    scripts = [one for case in cases for one in scripts_of(case)]
    for one, folder, [outcome] in play(str(peers.program("postconf")), scripts, top):
        [step] = one.steps
        theirs, mine = comparable(outcome, ours(step, folder / "ours", postconf), any_loop)
        files = [contents(folder / side) for side in ("theirs", "ours")]
        if theirs.status < 0:  # it crashed: it keeps too much on its stack
            assert mine.status == 1
            assert b"postconf: fatal: macro processing error" in mine.stderr
        elif theirs != mine or files[0] != files[1]:
            what = f"theirs {theirs} {files[0]}\n  ours   {mine} {files[1]}"
            found.append(f"{one.readable()}\n{step.arguments}\n  {what}")
    return found


def contents(folder: Path) -> dict[str, bytes]:
    """Return both files; temporary ones, which Debian's program leaves behind, do not count."""
    return {name: (folder / "etc" / name).read_bytes() for name in ("main.cf", "master.cf")}


def test_questions_have_the_same_answers(tmp_path: Path) -> None:
    found = difference(conf_cases.queries(), tmp_path)
    assert not found, "\n\n".join(found)


def test_edits_make_the_same_files(tmp_path: Path) -> None:
    found = difference(conf_cases.edits(), tmp_path)
    assert not found, "\n\n".join(found)


def test_configurations_made_by_chance_are_read_alike(tmp_path: Path) -> None:
    found = difference(conf_cases.generated(), tmp_path, any_loop=True)
    assert not found, "\n\n".join(found)


def test_configurations_made_by_chance_are_changed_alike(tmp_path: Path) -> None:
    found = difference(conf_cases.generated_edits(), tmp_path)
    assert not found, "\n\n".join(found)


@pytest.mark.parametrize("reason", conf_cases.KNOWN)
def test_known_differences_are_what_they_are_said_to_be(reason: str, tmp_path: Path) -> None:
    for number, known in enumerate(conf_cases.KNOWN[reason]):
        [script] = scripts_of(known.case)
        [(_, folder, [theirs])] = play(
            str(peers.program("postconf")), [script], tmp_path / str(number)
        )
        mine = ours(script.steps[0], folder / "ours", postconf)
        seen = [
            everything(outcome, script, folder / side)
            for outcome, side in ((theirs, "theirs"), (mine, "ours"))
        ]
        assert known.theirs in seen[0]
        assert known.theirs not in seen[1]
        assert known.ours in seen[1]
        assert known.ours not in seen[0]


def test_there_are_at_most_five_known_differences() -> None:
    assert len(conf_cases.KNOWN) <= 5


def everything(outcome: Outcome, script: Script, folder: Path) -> bytes:
    """Return all that came of a step as one text: output, changed files, exit status."""
    before = [script.main_cf.encode(), *script.files.values()]
    changed = [data for data in contents(folder).values() if data not in before]
    parts = [outcome.stdout, *outcome.stderr, *changed]
    return b"\n".join([*parts, f"[({outcome.status})]".encode()])


# Debian's own configurations, as far as they are installed.
SAMPLES = (
    *("/usr/share/postfix/main.cf.*", "/etc/postfix/main.cf*"),
    "/usr/share/doc/postfix/**/main.cf*",
)


def test_debians_own_configurations_are_read_alike(tmp_path: Path) -> None:
    program = peers.program("postconf")
    top = Path("/")
    found = [one for pattern in SAMPLES for one in sorted(top.glob(pattern[1:])) if one.is_file()]
    assert len(found) >= 2
    master_cf = Path("/usr/share/postfix/master.cf.dist").read_text()
    cases = [
        Case(one.read_text(), master_cf, ("-n", "-nx", "-nf", "-M", "-Mf", "-P", "-F", "-C user"))
        for one in found
    ]
    assert not (wrong := difference(cases, tmp_path)), "\n\n".join(wrong)
    assert program.exists()
