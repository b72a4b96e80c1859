"""address_list - the addresses in a header, and putting them back

DESCRIPTION
    parse() finds the addresses in the value of a header, among phrases,
    comments and separators; AddressList.format() writes all of it again,
    folded. A header in which no address changed is never written again: its
    sender's own bytes stay.

SEE ALSO
    RFC 822, section 6; RFC 5322, section 3.4
    spec/cleanup-behaviour.md, section 5
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from cleanup.address_tokens import Token, tokenize
from common import address

FOLD_COLUMN = 70  # lines are folded before it

# Lists in which every mailbox is "user@some.domain" or "Some Words <user@some.domain>", with
# nothing in it that a rule could change: most headers are, and need not be taken apart.
ATEXT = rb"[\w+=/#$&'*?^`{|}~-]++"
WORDS = rb"(?>(?:(?:[\w.!#$%&'*+/=?^`{|}~-]++|\"[^\"\\]*+\")[ \t\n]++)*)"


def complete_address(*, dotless: bool) -> bytes:
    """Return a pattern for an address that needs no quotes, and that no completion would change.

    dotless: a domain of one label is complete too.
    """
    labels = b"*" if dotless else b"+"
    return rb"%b(?>(?:\.%b)*)@[\w-]++(?>(?:\.[\w-]++)%b)" % (ATEXT, ATEXT, labels)


def complete_list(*, dotless: bool) -> re.Pattern[bytes]:
    """Return a pattern for header values that no completion would change.

    dotless: as for an address. No match decides nothing.
    """
    address = complete_address(dotless=dotless)
    mailbox = rb"(?:%b|%b<%b>)" % (address, WORDS, address)
    return re.compile(rb"[ \t\n]*+%b(?>(?:,[ \t\n]*+%b)*)[ \t\n]*+\Z" % (mailbox, mailbox))


# Returns another address for a full one, and whether it was ever another on the way there.
Mapping = Callable[[bytes], tuple[bytes, bool]]


class Rule(Protocol):
    """Completes an address; bare_local: all of it is a local part, whatever it holds."""

    def __call__(self, internal: bytes, *, bare_local: bool = False) -> bytes:
        """Return the full address."""


@dataclass(slots=True, eq=False, repr=False)
class Mailbox:
    """An address among the other things in a list."""

    internal: bytes
    bare_local: bool  # it has no domain, though it may hold a quoted @
    written: bytes  # as it came, without blanks

    @property
    def lacks_quotes(self) -> bool:
        """Whether it came without the quotes that it needs."""
        return self.written == self.internal != address.quote(self.internal)


Item = Mailbox | Token
COMMA = Token("special", b",", b",", spaced=False)
GROUP = Token("group", b":", b":", spaced=False)  # the colon behind a group's name
SEPARATORS = (b",", b";", b">")  # what no address outside of angle brackets holds


@dataclass(slots=True, eq=False, repr=False)
class AddressList:
    """What a header holds, in order."""

    items: list[Item]

    @property
    def mailboxes(self) -> list[Mailbox]:
        """The addresses alone."""
        return [item for item in self.items if isinstance(item, Mailbox)]

    def rewrite(self, rule: Rule) -> bool:
        """Put each address through rule; tell whether any changed."""
        changed = False
        for mailbox in self.mailboxes:
            rewritten = rule(mailbox.internal, bare_local=mailbox.bare_local)
            changed = changed or rewritten != mailbox.internal or mailbox.lacks_quotes
            mailbox.internal = rewritten
        return changed

    def apply(self, mapping: Mapping) -> bool:
        """Put each full address through mapping; tell whether any changed."""
        changed = False
        for mailbox in self.mailboxes:
            mailbox.internal, this_changed = mapping(mailbox.internal)
            changed = changed or this_changed
        return changed

    def format(self, name: bytes, limit: int) -> bytes:
        """Return the whole header, folded with newline and tab behind commas.

        At limit bytes it ends, wherever that is; folding is not counted.
        """
        whole = name + b": " + self._text()
        first, *pieces = whole[:limit].split(b"\0")
        out, column = [first], len(first)
        for piece in pieces:
            column += 1 + len(piece)
            if column >= FOLD_COLUMN:
                column = len(piece)  # the tab does not count
                out.append(b"\n\t")
            else:
                out.append(b" ")
            out.append(piece)
        return b"".join(out)

    def _text(self) -> bytes:
        """Return the list in external form, a NUL in place of the blank behind each comma."""
        out = b""
        wordy = False  # a word is the last that was written
        for item in self.items:
            is_word = isinstance(item, Mailbox) or item.is_word
            opens = not isinstance(item, Mailbox) and item.text == b"<"
            if (wordy and is_word) or (opens and out and out[-1:] not in (b"\0", b" ")):
                out += b" "
            if isinstance(item, Mailbox):
                out += address.quote(item.internal)
            else:
                out += item.text
                out += b"\0" if item is COMMA else b" " if item is GROUP else b""
            wordy = is_word
        return out


def parse(value: bytes, token_limit: int) -> AddressList:
    """Return the addresses of a header's value; what is behind token_limit tokens is lost."""
    return AddressList(Parser(tokenize(value, token_limit)).items())


class Parser:
    """Groups tokens from the right to the left, as Postfix does.

    Two words beside each other are two addresses, wherever no angle bracket follows.
    """

    def __init__(self, tokens: list[Token]) -> None:
        self._left = tokens  # that are not grouped yet
        self._items: list[Item] = []  # the last one first
        self._in_group = False

    def items(self) -> list[Item]:
        """Return the list."""
        while self._left:
            token = self._left[-1]
            if token.kind == "comment":
                self._move_comment()
            elif token.is_special(b","):
                self._left.pop()
                self._items.append(COMMA)
            elif token.is_special(b";"):
                self._end_group()
            elif token.is_special(b">"):
                self._bracketed()
            elif token.is_special(b":") and self._in_group:
                self._name_group()
            else:
                self._bare()
        self._items.reverse()
        return self._items

    def _move_comment(self) -> None:
        """Put a comment behind the address that it stands before, or leave it."""
        place = len(self._items)
        if self._items and isinstance(self._items[-1], Mailbox):
            place -= 1
        self._items.insert(place, self._left.pop())

    def _end_group(self) -> None:
        self._separate()
        self._items.append(self._left.pop())
        self._in_group = True

    def _name_group(self) -> None:
        self._left.pop()
        self._items.append(GROUP)
        self._in_group = False
        self._words((b",",))

    def _bracketed(self) -> None:
        """Take an address in angle brackets, and the words in front of it."""
        self._separate()
        self._items.append(self._left.pop())
        start = len(self._left)
        while start and not self._left[start - 1].is_special(b"<"):
            start -= 1
        inner = self._left[start:]
        del self._left[start:]
        self._items += [token for token in reversed(inner) if token.kind == "comment"]
        spec = [token for token in inner if token.kind != "comment"]
        if spec:
            self._items.append(mailbox(spec))
        if self._left:
            self._items.append(self._left.pop())
        self._words((b",", b";", b":", b">"))
        if self._left and self._left[-1].is_special(b":") and not self._in_group:
            self._items.append(self._left.pop())

    def _words(self, ends: tuple[bytes, ...]) -> None:
        """Take words as they are, up to one of these."""
        while self._left and not any(map(self._left[-1].is_special, ends)):
            self._items.append(self._left.pop())

    def _bare(self) -> None:
        """Take an address that stands alone: words with specials between them."""
        self._separate()
        spec: list[Token] = []
        comments: list[Item] = []
        while self._left:
            token = self._left[-1]
            if any(map(token.is_special, SEPARATORS)):
                break
            if token.is_special(b":") and self._in_group:
                break
            if spec and spec[-1].is_word and token.is_word and token.kind != "comment":
                break
            (comments if token.kind == "comment" else spec).append(self._left.pop())
        self._items += [*comments, mailbox(spec[::-1])]

    def _separate(self) -> None:
        """Put a comma in front of an address that nothing separates from what is coming."""
        if self._items and isinstance(self._items[-1], Mailbox):
            self._items.append(COMMA)


def mailbox(tokens: list[Token]) -> Mailbox:
    """Return the address that tokens make."""
    bare_local = not any(token.is_special(b"@") for token in tokens)
    return Mailbox(internal(tokens), bare_local, b"".join([token.text for token in tokens]))


def internal(tokens: list[Token]) -> bytes:
    """Return tokens without quotes and blanks, but for those that a comma or bracket brings."""
    out = b""
    for token in tokens:
        if token.is_special(b"<") and out:
            out += b" "
        out += token.value
        if token.is_special(b","):
            out += b" "
    return out
