"""macro_syntax - what a text with references consists of

DESCRIPTION
    parse() takes a text apart into plain pieces, references and comparisons.
    What stands in their braces is taken apart when it is needed.

SEE ALSO
    common.macro, which puts values in their place
    spec/config-syntax.md, section 2
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

SHOWN = 20  # letters of what follows a mistake
BLANKS = " \t\n\v\f\r"  # as C sees them
CLOSERS = {"{": "}", "(": ")"}

NAME = re.compile(r"[A-Za-z0-9_]+")
COMPARATOR = re.compile(r"[<>!=?+*/~&|%-]*")
SUFFIX = re.compile(r"[A-Za-z0-9]*")
COMPARATORS = ("==", "!=", "<", "<=", ">", ">=")
# With the quotes as the reference has them: people search for this line.
COMPARATOR_EXPECTED = '"==" or "!="" or "<"" or "<="" or ">="" or ">" expected'


class MacroError(Exception):
    """The text cannot be expanded; str() says where it broke."""

    name: str | None = None  # that a reference begins with, if what follows it is wrong


class Choice(NamedTuple):
    """The texts for true and for false; None where none is given."""

    yes: str | None = None
    no: str | None = None

    def texts(self) -> tuple[str, ...]:
        """Return those that are there."""
        return tuple(text for text in (self.yes, self.no) if text is not None)

    def __bool__(self) -> bool:
        return self.yes is not None or self.no is not None


class Reference(NamedTuple):
    """$name, perhaps as a condition."""

    body: str  # all that stands in the brackets
    name: str
    choice: Choice = Choice()


class Comparison(NamedTuple):
    """${{left} OP {right}}, perhaps as a condition."""

    body: str
    left: str
    comparator: str
    by_level: bool
    right: str
    choice: Choice


Piece = str | Reference | Comparison


def parse(text: str) -> Iterator[Piece]:
    """Yield plain texts, references and comparisons, in order.

    Raises:
        MacroError: bad syntax; what stands before it has been yielded.
    """
    position, plain = 0, ""
    while (dollar := text.find("$", position)) >= 0:
        plain += text[position:dollar]
        position = dollar + 1
        opener = text[position : position + 1]
        if opener == "$":
            plain += "$"
            position += 1
            continue
        if plain:
            yield plain
            plain = ""
        if opener in CLOSERS:
            end = _end_of_group(text, position)
            if end < 0:
                raise MacroError(f'truncated macro reference: "{text}"')
            body = text[position + 1 : end - 1]
            if not body:
                raise MacroError(f'empty macro name: "{text}"')
            yield _parse_body(body)
        elif match := NAME.match(text, position):
            yield Reference(match[0], match[0])
            end = match.end()
        else:
            raise MacroError(f'empty macro name: "{text}"')
        position = end
    if plain := plain + text[position:]:
        yield plain


def _parse_body(body: str) -> Reference | Comparison:
    """Return what stood between the brackets."""
    text = body.lstrip(BLANKS)
    if text.startswith("{"):
        return _parse_comparison(text)
    match = NAME.match(text)
    if not match and text[:1] not in ("", "?", ":"):
        raise _unexpected("attribute name syntax error", "", text)
    name = match[0] if match else ""
    rest = text[len(name) :]
    if rest.lstrip(BLANKS)[:1] not in ("", "?", ":"):
        raise _unexpected("attribute name syntax error", name, rest)
    try:
        return Reference(body, name, _parse_choice(rest.lstrip(BLANKS)))
    except MacroError as error:
        error.name = name
        raise


def _parse_comparison(body: str) -> Comparison:
    left, rest = _take_group(body)
    rest = rest.lstrip(BLANKS)
    comparator = COMPARATOR.match(rest)[0]  # type: ignore[index]  # it matches nothing, too
    if comparator not in COMPARATORS:
        raise _unexpected(COMPARATOR_EXPECTED, f"{left}}}", rest)
    rest = rest[len(comparator) :]
    suffix = SUFFIX.match(rest)[0]  # type: ignore[index]
    if suffix not in ("", "level"):
        raise _unexpected("bad operator suffix", comparator, suffix)
    rest = rest[len(suffix) :]
    if not rest.lstrip(BLANKS).startswith("{"):
        raise _unexpected('"{expression}" expected', f"{{{left}}} {comparator}", rest)
    right, rest = _take_group(rest.lstrip(BLANKS))
    rest = rest.lstrip(BLANKS)
    if rest[:1] not in ("", "?", ":"):
        raise _unexpected('"?" or ":" expected', "}", rest)
    return Comparison(body, left, comparator, bool(suffix), right, _parse_choice(rest))


def _parse_choice(text: str) -> Choice:
    """Return the choice of ?yes, :no, ?{yes}:{no}, or none."""
    if not text:
        return Choice()
    condition, plain = text[0], text[1:]
    text = plain.lstrip(BLANKS)
    if not text.startswith("{"):
        return Choice(yes=plain) if condition == "?" else Choice(no=plain)
    first, rest = _take_group(text)
    rest = rest.lstrip(BLANKS)
    if condition == ":":
        _require_end(first, rest)
        return Choice(no=first)
    if not rest:
        return Choice(yes=first)
    if rest[0] != ":":
        raise _unexpected('":" expected', f"{first}}}", rest)
    second = rest[1:]
    if second.lstrip(BLANKS).startswith("{"):
        second, rest = _take_group(second.lstrip(BLANKS))
        _require_end(second, rest.lstrip(BLANKS))
    return Choice(first, second)


def _require_end(group: str, rest: str) -> None:
    if rest:
        raise _unexpected("unexpected input", f"{group}}}", rest)


def _take_group(text: str) -> tuple[str, str]:
    """Return what stands in the braces that text begins with, and what stands behind them."""
    end = _end_of_group(text, 0)
    if end < 0:
        raise MacroError(f'unbalanced {{}} in attribute expression: "{text}"')
    return text[1 : end - 1], text[end:]


def _end_of_group(text: str, start: int) -> int:
    """Return the place behind the bracket that closes the one at start, -1 if there is none."""
    opener, closer = text[start], CLOSERS[text[start]]
    depth = 0
    for position in range(start, len(text)):
        depth += (text[position] == opener) - (text[position] == closer)
        if depth == 0:
            return position + 1
    return -1


def _unexpected(what: str, before: str, rest: str) -> MacroError:
    return MacroError(f'{what} at: "...{before}>>>{rest[:SHOWN]}"')
