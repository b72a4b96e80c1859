"""Debian's postmap and ours: the same tables and questions, the same answers.

SEE ALSO
    tests.commands.map_cases, for what is asked
"""

import os
from pathlib import Path
from random import Random

import pytest

from tests.commands import map_cases
from tests.commands.both import Script, Step, compare

# Scripts of each family; a longer run finds what is rarer.
COUNT = int(os.environ.get("POSTROOM_MAP_CASES", "60"))


@pytest.mark.parametrize("family", sorted(map_cases.FAMILIES))
def test_both_say_the_same(family: str, tmp_path: Path) -> None:
    make = map_cases.FAMILIES[family]
    scripts = [make(Random(f"{family} {number}")) for number in range(COUNT)]
    assert compare(scripts, tmp_path) >= COUNT


SOURCE = {"t": b"a 1\nA 2\nB two words\nlone\n", "dir/x": b""}
# Command lines, a bar between two.
BY_HAND = """\
hash:t | -w hash:t | -r hash:t | -rw hash:t | -wr hash:t | -f hash:t | -nN hash:t | -Nn cdb:t
-nN cdb:t | texthash:t | fail:t | fail:none | nosuch:t | hash:none | t | -q a texthash:t
-rq a texthash:t | -wq a texthash:t | -fq A texthash:t | -q a texthash:none | -q a cidr:none
-q a regexp:none | -q a hash:none | -q a cdb:none | -s texthash:t | -s static:x | -s cidr:{}
-s fail:x | -s internal:x | -s unix:group.byname | -d a static:x | -d a texthash:t | -d a fail:x
-d a internal:x | -d a environ:x | -q root unix:passwd.byname | -q ROOT unix:group.byname
-q x unix:none | -q none unix:passwd.byname | -q greeting environ:x | -q SHOUT environ:x
-fq SHOUT environ:x | -fq LANG environ:x | -q a inline:{} | -q a inline:{a=} | -q a inline:{=1}
-q a fail:x | -q a randmap:{a} | -hq a static:x | -bq - -s static:x | -mq - static:x | -ss | -s
-q a -- | -- -q | -x | -q | --foo | -c none -q a static:x | -sq a static:x | -q a -s static:x
-q a -d b static:x | -q a static: | -q a : | -q a static | -q a nis | -d a nosuch:x | -i pcre:t
-i nosuch:x | -q a pipemap:{static:} | -q a unionmap:{nosuch:x}
-q a socketmap:x | -Fq root unix:passwd.byname | -Fq a static:none | -Fq a static:t | -U hash:t
-q a sqlite:q | -q a sqlite:/none | -q a mysql:q | -q a pgsql:q | -q a cidr:{{1 x} | -i hash:n
"""


def test_both_say_the_same_to_what_was_thought_of(tmp_path: Path) -> None:
    scripts = []
    for line in BY_HAND.replace("\n", " | ").split(" | ")[:-1]:
        step = Step(tuple(line.split(" ")), b"a 7\nnew 8\n")
        scripts.append(Script((Step(("hash:t",)), step, Step(("-s", "hash:t"))), SOURCE))
    compare(scripts, tmp_path)
