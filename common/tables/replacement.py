"""replacement - what a rule gives back: text with $1, ${1}, $(1), and $$ for a dollar

SEE ALSO
    regexp_table(5), "TEXT SUBSTITUTION"
"""

import re

from common.config import decoded

NAME = re.compile(r"[A-Za-z0-9_]*", re.ASCII)
NUMBER = re.compile(r"[0-9]+\Z", re.ASCII)
DIGITS_LIMIT = 1000  # of some thousands Python makes no number
C_LONG_MAX = 2**63 - 1  # a longer index counts as -1

Groups = list[bytes | None]  # of a match, the first one first
Result = tuple[bytes | int, ...]  # text and the numbers of groups, as they follow each other


class MacroError(Exception):
    """A dollar that begins nothing; str() says where."""


def parse_result(text: str, *, zero: str) -> Result:
    """Return the parts of a replacement text whose letters stand for a byte each.

    zero: what is wrong with group 0.

    Raises:
        MacroError: bad syntax.
        IndexError: a name that is no number of a group; str() is the complaint.
    """
    parts: list[bytes | int] = []
    place = 0
    while (dollar := text.find("$", place)) >= 0:
        parts.append(text[place:dollar].encode("latin-1"))
        if text.startswith("$", dollar + 1):
            parts.append(b"$")
            place = dollar + 2
            continue
        name, place = macro_name(text, dollar + 1)
        parts.append(group_number(name, zero))
    parts.append(text[place:].encode("latin-1"))
    return tuple(part for part in parts if part != b"")


def macro_name(text: str, start: int) -> tuple[str, int]:
    """Return the name behind a dollar, and the place behind the name.

    Raises:
        MacroError: there is none, or its bracket is not closed.
    """
    opener = text[start : start + 1]
    if not opener or opener not in "{(":
        end = NAME.match(text, start).end()  # type: ignore[union-attr]  # matches always
        name = text[start:end]
    else:
        end = closing(text, start, opener, "})"["{(".index(opener)])
        if end < 0:
            raise MacroError(f'truncated macro reference: "{text}"')
        name = text[start + 1 : end]
        end += 1
    if not name:
        raise MacroError(f'empty macro name: "{text}"')
    return name, end


def closing(text: str, start: int, opener: str, closer: str) -> int:
    """Return where the bracket closes that opens at start, -1 if it does not."""
    level = 0
    for place in range(start, len(text)):
        level += (text[place] == opener) - (text[place] == closer)
        if level == 0:
            return place
    return -1


def group_number(name: str, zero: str) -> int:
    """Return the group that a name stands for.

    Raises:
        IndexError: it stands for none.
    """
    if not NUMBER.match(name):
        raise IndexError(f'non-numeric replacement index "{name}"')
    number = int(name) if len(name) <= DIGITS_LIMIT else C_LONG_MAX
    if number == 0:
        raise IndexError(f'{zero} replacement index "0"')
    return number if number < C_LONG_MAX else -1


def expanded(result: Result, groups: Groups) -> str:
    """Return a rule's value with the groups of its match in place."""
    parts = [part if isinstance(part, bytes) else groups[part - 1] or b"" for part in result]
    return decoded(b"".join(parts))
