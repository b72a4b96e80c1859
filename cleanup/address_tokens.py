"""address_tokens - the value of a header, cut into words, comments and separators

SEE ALSO
    RFC 822, section 3.3; RFC 5322, section 3.2
    cleanup.address_list, which makes addresses of them
"""

import re
from typing import NamedTuple

TOKEN = re.compile(
    rb"""
      (?P<blank> [ \t\r\n]+ )
    | (?P<quoted> "(?> (?: [^"\\] | \\. )*) (?:"|\\?\Z) )
    | (?P<literal> \[(?> (?: [^\]\\] | \\. )*) (?:\]|\\?\Z) )
    | (?P<special> [(),:;<>@.%!|] )
    | (?P<atom> (?> (?: [^ \t\r\n"\[(),:;<>@.%!|\\] | \\. )+) | [\\] )
    """,
    re.VERBOSE | re.DOTALL,
)
ESCAPED = re.compile(rb"\\(.)", re.DOTALL)


class Token(NamedTuple):
    """A word, a comment or a special; text is as written, value without quotes."""

    kind: str
    text: bytes
    value: bytes
    spaced: bool  # blank space stood before it

    @property
    def is_word(self) -> bool:
        """Whether it is more than a separator."""
        return self.kind not in ("special", "group")

    def is_special(self, character: bytes) -> bool:
        """Tell whether this is that separator."""
        return self.kind == "special" and self.text == character


def tokenize(value: bytes, limit: int) -> list[Token]:
    """Return at most limit tokens, comments whole."""
    tokens: list[Token] = []
    position, spaced = 0, False
    while position < len(value):
        if value[position : position + 1] == b"(":
            end = _comment_end(value, position)
            kind, text = "comment", value[position:end]
        else:
            match = TOKEN.match(value, position)
            if match is None:  # a lone closing bracket and the like
                kind, text = "atom", value[position : position + 1]
            else:
                kind, text = str(match.lastgroup), match[0]
            end = position + len(text)
        position = end
        if kind == "blank":
            spaced = True
            continue
        if len(tokens) >= limit:
            break
        tokens.append(Token(kind, text, _plain(kind, text), spaced))
        spaced = False
    return tokens


def _plain(kind: str, text: bytes) -> bytes:
    if kind == "quoted":
        inner = text[1:-1] if len(text) > 1 and text.endswith(b'"') else text[1:]
        return ESCAPED.sub(rb"\1", inner)
    return ESCAPED.sub(rb"\1", text) if kind == "atom" else text


def _comment_end(value: bytes, start: int) -> int:
    """Return the place behind the comment that opens at start, nested ones included."""
    level, position = 0, start
    while position < len(value):
        letter = value[position]
        if letter == 0x5C:
            position += 1
        elif letter == 0x28:
            level += 1
        elif letter == 0x29:
            level -= 1
            if level == 0:
                return position + 1
        position += 1
    return len(value)
