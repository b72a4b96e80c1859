"""address_list - the addresses in a header, and putting them back

DESCRIPTION
    parse() cuts the value of an address header into mailboxes with their
    phrases, comments and separators; AddressList.format() writes them again,
    folded. A header in which no address changed is never written again: its
    sender's own bytes stay.

SEE ALSO
    RFC 822, section 6; RFC 5322, section 3.4
    spec/cleanup-behaviour.md, section 5
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from common import address

FOLD_COLUMN = 70  # lines are folded before it

TOKEN = re.compile(
    rb"""
      (?P<blank> [ \t\r\n]+ )
    | (?P<quoted> "(?: [^"\\] | \\. )*+ (?:"|\\?\Z) )
    | (?P<literal> \[(?: [^\]\\] | \\. )*+ (?:\]|\\?\Z) )
    | (?P<special> [(),:;<>@.] )
    | (?P<atom> (?: [^ \t\r\n"\[(),:;<>@.\\] | \\. )++ | [\\] )
    """,
    re.VERBOSE | re.DOTALL,
)
# Lists in which every mailbox is "user@some.domain" or "Some Words <user@some.domain>", with
# nothing in it that a rule could change: most headers are, and need not be taken apart.
ATEXT = rb"[\w+=/#$&'*?^`{|}~-]++"
WORDS = rb"(?:(?:[\w.!#$%&'*+/=?^`{|}~-]++|\"[^\"\\]*+\")[ \t\n]++)*+"


def complete_list(*, dotless: bool) -> re.Pattern[bytes]:
    """Return a pattern for header values that no completion would change.

    dotless: a domain of one label is complete too. No match decides nothing.
    """
    address = rb"%b(?:\.%b)*+@[\w-]++(?:\.[\w-]++)%b" % (ATEXT, ATEXT, b"*+" if dotless else b"++")
    mailbox = rb"(?:%b|%b<%b>)" % (address, WORDS, address)
    return re.compile(rb"[ \t\n]*+%b(?:,[ \t\n]*+%b)*+[ \t\n]*+\Z" % (mailbox, mailbox))


ESCAPED = re.compile(rb"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Token:
    """A word, a comment or a special; text is as written, value without quotes."""

    kind: str
    text: bytes
    value: bytes
    spaced: bool  # blank space stood before it


@dataclass(slots=True)
class Mailbox:
    """What stands between two separators."""

    phrase: bytes = b""
    internal: bytes | None = None  # the address, None if there is none
    bracketed: bool = False
    comments: list[bytes] = field(default_factory=list)
    group: bytes = b""  # "name:" in front of the first member
    end: bytes = b""  # separators behind: "," ";" ";,"

    def format(self) -> bytes:
        """Return the mailbox in external form, its comments behind the address."""
        parts = [self.group, self.phrase]
        if self.internal is not None:
            external = address.quote(self.internal) if self.internal else b""
            parts.append(b"<%b>" % external if self.bracketed else external)
        parts += self.comments
        return b" ".join(part for part in parts if part) + self.end


@dataclass(slots=True)
class AddressList:
    """A header's mailboxes in order."""

    mailboxes: list[Mailbox]

    def rewrite(self, rule: Callable[[bytes], bytes]) -> bool:
        """Put each address through rule; tell whether any changed."""
        changed = False
        for mailbox in self.mailboxes:
            if mailbox.internal:
                rewritten = rule(mailbox.internal)
                changed = changed or rewritten != mailbox.internal
                mailbox.internal = rewritten
        return changed

    def format(self, name: bytes, limit: int) -> bytes:
        """Return the whole header, folded with newline and tab.

        At limit bytes it ends, wherever that is; folding is not counted.
        """
        whole = name + b": " + b"\0".join(mailbox.format() for mailbox in self.mailboxes)
        first, *pieces = whole[:limit].split(b"\0")
        out, column = [first], len(first)
        for piece in pieces:
            column += 1 + len(piece)
            if column > FOLD_COLUMN:
                column = 1 + len(piece)
                out.append(b"\n\t")
            else:
                out.append(b" ")
            out.append(piece)
        return b"".join(out)


def parse(value: bytes, token_limit: int) -> AddressList:
    """Return the addresses of a header's value; what is behind token_limit tokens is lost."""
    tokens, complete = tokenize(value, token_limit)
    mailboxes: list[Mailbox] = []
    pending: list[Token] = []
    group = b""
    closer = -1  # place of the bracket that ends the address we are in
    for place, token in enumerate(tokens):
        special = token.text if token.kind == "special" else b""
        if place <= closer or special not in (b":", b",", b";", b"<"):
            pending.append(token)
        elif special == b"<":
            closer = _index(tokens, b">", place)
            pending.append(token)
        elif special == b":":
            group, pending = _phrase(pending) + b":", []
        elif pending or group or not mailboxes:
            mailboxes.append(_mailbox(pending, group, special))
            group, pending = b"", []
        else:  # one more separator, as behind a group
            mailboxes[-1].end += special
    if pending or group or not complete:
        mailboxes.append(_mailbox(pending, group, b""))
    return AddressList(mailboxes)


def tokenize(value: bytes, limit: int) -> tuple[list[Token], bool]:
    """Return at most limit tokens, comments whole, and whether these were all."""
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
            return tokens, False
        tokens.append(Token(kind, text, _plain(kind, text), spaced))
        spaced = False
    return tokens, True


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


def _mailbox(tokens: list[Token], group: bytes, end: bytes) -> Mailbox:
    """Make one mailbox of the tokens between two separators."""
    comments = [token.text for token in tokens if token.kind == "comment"]
    words = [token for token in tokens if token.kind != "comment"]
    mailbox = Mailbox(comments=comments, group=group, end=end)
    opener = _index(words, b"<")
    closer = _index(words, b">", opener)
    if 0 <= opener < closer:
        mailbox.phrase = _phrase(words[:opener] + words[closer + 1 :])
        mailbox.bracketed = True
        mailbox.internal = _internal(_without_route(words[opener + 1 : closer]))
    elif words:
        mailbox.internal = _internal(words)
    return mailbox


def _index(tokens: list[Token], special: bytes, start: int = 0) -> int:
    """Return the place of a special character, -1 if there is none."""
    for place in range(max(start, 0), len(tokens)):
        if tokens[place].kind == "special" and tokens[place].text == special:
            return place
    return -1


def _without_route(tokens: list[Token]) -> list[Token]:
    """Drop "@a,@b:" in front of an address in angle brackets."""
    colon = _index(tokens, b":")
    if tokens and tokens[0].text == b"@" and colon >= 0:
        return tokens[colon + 1 :]
    return tokens


def _internal(tokens: list[Token]) -> bytes:
    """Return the address without quotes; words keep one blank between them."""
    out = b""
    previous: Token | None = None
    for token in tokens:
        if previous and token.spaced and "special" not in (previous.kind, token.kind):
            out += b" "
        out += token.value
        previous = token
    return out


def _phrase(tokens: list[Token]) -> bytes:
    """Return words as they were written, one blank where there was space."""
    out = b""
    for token in tokens:
        out += (b" " if out and token.spaced else b"") + token.text
    return out
