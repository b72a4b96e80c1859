"""macro - $name and its relatives in configuration values

DESCRIPTION
    expand() replaces $name, ${name}, $(name), ${name?yes}, ${name:no},
    ${name?{yes}:{no}} and ${{a} OP {b} ? {yes} : {no}} by their values, which
    are expanded in turn; $$ is one dollar. An undefined name is empty. A text
    that is not chosen is not looked into.

    names() tells what a text refers to, whatever is chosen in the end.

SEE ALSO
    spec/config-syntax.md, section 2
    postconf(5)
"""

import operator
import re
from collections.abc import Callable, Iterator
from typing import Any

from common.macro_syntax import BLANKS, SHOWN, Comparison, MacroError, Piece, Reference, parse

__all__ = ["BLANKS", "NESTING_LIMIT", "MacroError", "expand", "level", "names"]

Lookup = Callable[[str], str | None]

NESTING_LIMIT = 100  # deeper references can only be a value that names itself
REFERENCE_LIMIT = 10_000  # in one text: twenty values that each name the next twice make a million
LARGEST_NUMBER = 2**63 - 1
LARGEST_LEVEL = (2**43 - 1, 1023, 1023)

NUMBER = re.compile(r"[0-9]+\Z")
LEVEL_PART = re.compile(r"[ \t\n\v\f\r]*[+-]?[0-9]+\Z")  # what strtol() takes
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def expand(text: str, lookup: Lookup, depth: int = 0) -> str:
    """Return text with every reference replaced by lookup's answer.

    Raises:
        MacroError: bad syntax, a value that refers to itself, or references without end.
    """
    if "$" not in text and depth <= NESTING_LIMIT:
        return text
    return _expand(text, _limited(lookup), depth)


def _limited(lookup: Lookup) -> Lookup:
    """Return a lookup that can be asked so often only."""
    left = iter(range(REFERENCE_LIMIT))

    def answer(name: str) -> str | None:
        if next(left, None) is None:
            raise MacroError(f'unreasonable macro call nesting: "{name}"')
        return lookup(name)

    return answer


def _expand(text: str, lookup: Lookup, depth: int) -> str:
    if "$" not in text and depth <= NESTING_LIMIT:
        return text
    return "".join(_evaluate(piece, lookup, depth) for piece in parse(text))


def names(text: str) -> Iterator[str]:
    """Yield each name that a text refers to.

    Raises:
        MacroError: bad syntax; what stands before it has been yielded.
    """
    try:
        yield from _all_names(text)
    except MacroError as error:
        if error.name is not None:
            yield error.name
        raise


def _all_names(text: str) -> Iterator[str]:
    pending = [(text, 0)]
    while pending:
        text, depth = pending.pop(0)
        for piece in parse(text) if "$" in text else ():
            if isinstance(piece, str):
                continue
            if depth > NESTING_LIMIT:
                raise MacroError(f'unreasonable macro call nesting: "{piece.body}"')
            if isinstance(piece, Reference):
                yield piece.name
                inner: tuple[str, ...] = piece.choice.texts()
            else:
                inner = (piece.left, piece.right, *piece.choice.texts())
            pending += [(one, depth + 1) for one in inner]


def level(text: str) -> tuple[int, ...]:
    """Return a release-like version for comparison part by part: 3.10 is above 3.9.

    Raises:
        MacroError: it is none.
    """
    parts = text.split(".")
    if len(parts) <= len(LARGEST_LEVEL) and all(map(LEVEL_PART.match, parts)):
        numbers = [int(part) if len(part) < SHOWN else -1 for part in parts]
        numbers += [0] * (len(LARGEST_LEVEL) - len(numbers))
        if all(0 <= one <= most for one, most in zip(numbers, LARGEST_LEVEL, strict=True)):
            return tuple(numbers)
    raise MacroError(f'malformed compatibility level syntax: "{text}"')


def _evaluate(piece: Piece, lookup: Lookup, depth: int) -> str:
    if depth > NESTING_LIMIT:
        body = piece if isinstance(piece, str) else piece.body
        raise MacroError(f'unreasonable macro call nesting: "{body}"')
    if isinstance(piece, str):
        return piece
    if isinstance(piece, Reference):
        value = lookup(piece.name) or ""  # whether it has one is told by the text, not expanded
        if not piece.choice:
            return _expand(value, lookup, depth + 1)
    else:
        value = "true" if _holds(piece, lookup, depth + 1) else ""
        if not piece.choice:
            return value
    return _expand((piece.choice.yes if value else piece.choice.no) or "", lookup, depth + 1)


def _holds(piece: Comparison, lookup: Lookup, depth: int) -> bool:
    sides = [_expand(side, lookup, depth) for side in (piece.left, piece.right)]
    keys: list[Any] = sides
    if piece.by_level:
        keys = [level(side) for side in sides]
    elif all(map(NUMBER.match, sides)):
        keys = [_number(side) for side in sides]
    else:  # bytes: their order is the reference's
        keys = [side.encode("utf-8", "surrogateescape") for side in sides]
    return COMPARE[piece.comparator](*keys)


def _number(text: str) -> int:
    digits = text.lstrip("0") or "0"
    if len(digits) >= SHOWN or int(digits) > LARGEST_NUMBER:
        raise MacroError(f"bad conversion: {text}")
    return int(digits)
