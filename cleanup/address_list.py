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
from dataclasses import dataclass
from typing import Protocol

from common import address

FOLD_COLUMN = 70  # lines are folded before it

TOKEN = re.compile(
    rb"""
      (?P<blank> [ \t\r\n]+ )
    | (?P<quoted> "(?> (?: [^"\\] | \\. )*) (?:"|\\?\Z) )
    | (?P<literal> \[(?> (?: [^\]\\] | \\. )*) (?:\]|\\?\Z) )
    | (?P<special> [(),:;<>@.] )
    | (?P<atom> (?> (?: [^ \t\r\n"\[(),:;<>@.\\] | \\. )+) | [\\] )
    """,
    re.VERBOSE | re.DOTALL,
)
# Lists in which every mailbox is "user@some.domain" or "Some Words <user@some.domain>", with
# nothing in it that a rule could change: most headers are, and need not be taken apart.
ATEXT = rb"[\w+=/#$&'*?^`{|}~-]++"
WORDS = rb"(?>(?:(?:[\w.!#$%&'*+/=?^`{|}~-]++|\"[^\"\\]*+\")[ \t\n]++)*)"


def complete_list(*, dotless: bool) -> re.Pattern[bytes]:
    """Return a pattern for header values that no completion would change.

    dotless: a domain of one label is complete too. No match decides nothing.
    """
    labels = b"*" if dotless else b"+"
    address = rb"%b(?>(?:\.%b)*)@[\w-]++(?>(?:\.[\w-]++)%b)" % (ATEXT, ATEXT, labels)
    mailbox = rb"(?:%b|%b<%b>)" % (address, WORDS, address)
    return re.compile(rb"[ \t\n]*+%b(?>(?:,[ \t\n]*+%b)*)[ \t\n]*+\Z" % (mailbox, mailbox))


ESCAPED = re.compile(rb"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Token:
    """A word, a comment or a special; text is as written, value without quotes."""

    kind: str
    text: bytes
    value: bytes
    spaced: bool  # blank space stood before it

    def is_special(self, character: bytes) -> bool:
        """Tell whether this is that separator."""
        return self.kind == "special" and self.text == character


class Rule(Protocol):
    """Completes an address; bare_local: all of it is a local part, whatever it holds."""

    def __call__(self, internal: bytes, *, bare_local: bool = False) -> bytes:
        """Return the full address."""


@dataclass(slots=True)
class Mailbox:
    """What stands between two separators."""

    group: bytes = b""  # "name:" in front of the first member
    before: bytes = b""  # words in front of the angle brackets
    internal: bytes | None = None  # the address, None if there is none
    bare_local: bool = False  # the address has no domain, though it may hold a quoted @
    bracketed: bool = False
    behind: bytes = b""  # comments, or what follows the brackets
    end: bytes = b""  # separators: "," ";" ";,"

    def format(self) -> bytes:
        """Return the mailbox in external form."""
        parts = [self.group, self.before]
        external = address.quote(self.internal) if self.internal else b""
        if self.bracketed:
            parts.append(b"<%b>%b" % (external, self.behind))
        else:
            parts += [external, self.behind]
        text = b" ".join([part for part in parts if part])
        return text + (b" " if text == self.group != b"" else b"") + self.end


@dataclass(slots=True)
class AddressList:
    """A header's mailboxes in order."""

    mailboxes: list[Mailbox]

    def rewrite(self, rule: Rule) -> bool:
        """Put each address through rule; tell whether any changed."""
        changed = False
        for mailbox in self.mailboxes:
            if mailbox.internal:
                rewritten = rule(mailbox.internal, bare_local=mailbox.bare_local)
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
    tokens = tokenize(value, token_limit)
    last_bracket = max(
        (at for at, token in enumerate(tokens) if token.is_special(b">")), default=-1
    )
    mailboxes: list[Mailbox] = []
    pending: list[Token] = []
    group = b""
    closer = -1  # place of the bracket that ends the address we are in
    for place, token in enumerate(tokens):
        special = token.text if token.kind == "special" else b""
        if place <= closer or special not in (b":", b",", b";", b"<"):
            pending.append(token)
        elif special == b"<":
            closer = _index(tokens, b">", place) if place < last_bracket else -1
            pending.append(token)
        elif special == b":" and pending[:1] and pending[0].is_special(b"@"):
            pending.append(token)  # of a route, not of a group
        elif special == b":":
            group, pending = _words(pending) + b":", []
        elif (
            special == b","
            and not pending
            and not group
            and mailboxes[-1:]
            and (mailboxes[-1].end == b";")
        ):
            mailboxes[-1].end += b","  # behind a group
        else:
            _append(mailboxes, _mailbox(pending, group, special))
            group, pending = b"", []
    if pending or group or (mailboxes and mailboxes[-1].end.endswith(b",")):
        _append(mailboxes, _mailbox(pending, group, b""))
    return AddressList(mailboxes)


def _append(mailboxes: list[Mailbox], mailbox: Mailbox) -> None:
    """Add a mailbox; behind a group there is a comma, whether it was written or not."""
    if mailboxes and mailboxes[-1].end == b";":
        mailboxes[-1].end += b","
    mailboxes.append(mailbox)


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


def _mailbox(tokens: list[Token], group: bytes, end: bytes) -> Mailbox:
    """Make one mailbox of the tokens between two separators."""
    mailbox = Mailbox(group=group, end=end)
    opener = _index(tokens, b"<")
    closer = _index(tokens, b">", opener)
    if 0 <= opener < closer:
        mailbox.before = _words(tokens[:opener])
        mailbox.behind = _words(tokens[closer + 1 :])
        mailbox.bracketed = True
        tokens = tokens[opener + 1 : closer]
    else:
        mailbox.behind = _words([token for token in tokens if token.kind == "comment"])
    spec = [token for token in tokens if token.kind != "comment"]
    if spec or mailbox.bracketed:
        mailbox.internal = _internal(spec)
        mailbox.bare_local = not any(token.is_special(b"@") for token in spec)
    return mailbox


def _index(tokens: list[Token], special: bytes, start: int = 0) -> int:
    """Return the place of a special character, -1 if there is none."""
    for place in range(max(start, 0), len(tokens)):
        if tokens[place].is_special(special):
            return place
    return -1


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


def _words(tokens: list[Token]) -> bytes:
    """Return words as they were written, a blank between them but none beside a special."""
    out: list[bytes] = []
    previous = "special"
    for token in tokens:
        if "special" not in (previous, token.kind):
            out.append(b" ")
        out.append(token.text)
        previous = token.kind
    return b"".join(out)
