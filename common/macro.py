"""macro - $name and its relatives in configuration values

DESCRIPTION
    expand() replaces $name, ${name}, $(name), ${name?yes}, ${name:no},
    ${name?{yes}:{no}} and ${{a} OP {b} ? {yes} : {no}} by their values, which
    are expanded in turn; $$ is one dollar. An undefined name is empty.

SEE ALSO
    spec/config-syntax.md, section 2
    postconf(5)
"""

import operator
import re
from collections.abc import Callable
from typing import Any

Lookup = Callable[[str], str | None]

NESTING_LIMIT = 100  # deeper references can only be a value that names itself

NAME = re.compile(r"[A-Za-z0-9_]+")
COMPARISON = re.compile(r"\s*(==|!=|<=|>=|<|>)(level)?\s*(?=\{)")
OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class MacroError(Exception):
    """The text cannot be expanded; str() says where it broke."""


def expand(text: str, lookup: Lookup, depth: int = 0) -> str:
    """Return text with every reference replaced by lookup's answer.

    Raises:
        MacroError: bad syntax, or a value that refers to itself.
    """
    if "$" not in text:
        return text
    if depth > NESTING_LIMIT:
        raise MacroError(f'unreasonable macro call nesting: "{text[:60]}"')
    out = []
    position = 0
    while (dollar := text.find("$", position)) >= 0:
        out.append(text[position:dollar])
        position = dollar + 1
        opener = text[position : position + 1]
        if opener == "$":
            out.append("$")
            position += 1
        elif opener and opener in "{(":
            body, position = _group(text, position, "})"["{(".index(opener)])
            out.append(_reference(body, lookup, depth + 1))
        elif match := NAME.match(text, position):
            out.append(_value(match[0], lookup, depth + 1))
            position = match.end()
        else:
            raise MacroError(f'empty macro name: "{text[:60]}"')
    out.append(text[position:])
    return "".join(out)


def _value(name: str, lookup: Lookup, depth: int) -> str:
    return expand(lookup(name) or "", lookup, depth)


def _group(text: str, start: int, closer: str) -> tuple[str, int]:
    """Return what stands between the bracket at start and its partner, and the place behind."""
    opener = text[start]
    level = 0
    for position in range(start, len(text)):
        if text[position] == opener:
            level += 1
        elif text[position] == closer:
            level -= 1
            if level == 0:
                return text[start + 1 : position], position + 1
    raise MacroError(f'truncated macro reference: "{text[:60]}"')


def _reference(body: str, lookup: Lookup, depth: int) -> str:
    """Expand what stood inside ${...}."""
    body = body.strip()
    if body.startswith("{"):
        truth, rest = _comparison(body, lookup, depth)
        value = "true" if truth else ""
    elif match := NAME.match(body):
        value = _value(match[0], lookup, depth)
        truth, rest = bool(value), body[match.end() :]
    else:
        raise MacroError(f'empty macro name: "{body[:60]}"')
    rest = rest.lstrip()
    if not rest:
        return value
    if rest[0] not in "?:":
        seen = body[: len(body) - len(rest)].rstrip()
        raise MacroError(f'attribute name syntax error at: "...{seen}>>>{rest}"')
    yes, no = _branches(rest, body)
    return expand(yes if truth else no, lookup, depth)


def _comparison(body: str, lookup: Lookup, depth: int) -> tuple[bool, str]:
    left, end = _group(body, 0, "}")
    match = COMPARISON.match(body, end)
    if not match:
        raise MacroError(
            f'"==" or "!=" or "<" or "<=" or ">" or ">=" expected at: '
            f'"...{left}}}>>>{body[end:].lstrip()[:20]}"'
        )
    right, end = _group(body, match.end(), "}")
    sides = expand(left, lookup, depth), expand(right, lookup, depth)
    return _compare(sides, match[1], by_level=bool(match[2])), body[end:]


def _compare(sides: tuple[str, str], symbol: str, *, by_level: bool) -> bool:
    keys: tuple[Any, Any] = sides
    if by_level:
        keys = level(sides[0]), level(sides[1])
    elif all(side.isascii() and side.isdigit() for side in sides):
        keys = int(sides[0]), int(sides[1])
    return OPERATORS[symbol](*keys)


def level(text: str) -> tuple[int, ...]:
    """Return a release-like version for comparison part by part: 3.10 is above 3.9."""
    parts = text.split(".")
    if not all(part.isascii() and part.isdigit() for part in parts) or len(parts) > 3:
        raise MacroError(f'bad compatibility level: "{text}"')
    numbers = [int(part) for part in parts]
    return tuple(numbers + [0] * (3 - len(numbers)))


def _branches(rest: str, body: str) -> tuple[str, str]:
    """Return the texts for true and false out of ?yes, :no, ?{yes}:{no}."""
    mark, text = rest[0], rest[1:].lstrip()
    if not text.startswith("{"):
        plain = rest[1:]
        return (plain, "") if mark == "?" else ("", plain)
    first, end = _group(text, 0, "}")
    tail = text[end:].lstrip()
    if mark == ":":
        if tail:
            raise MacroError(f'attribute name syntax error at: "...{body}>>>{tail}"')
        return "", first
    if not tail:
        return first, ""
    if tail[0] != ":":
        raise MacroError(f'attribute name syntax error at: "...{body}>>>{tail}"')
    second = tail[1:].lstrip()
    if second.startswith("{"):
        second, end = _group(second, 0, "}")
    return first, second
