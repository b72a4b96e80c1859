"""rules - the text of pattern tables: "/pattern/flags result", if, endif

DESCRIPTION
    What regexp and pcre tables have in common. A Dialect tells them apart:
    its flags, its compiler, a few words of its complaints. A bad rule is
    complained about and skipped.

SEE ALSO
    regexp_table(5), pcre_table(5)
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from common.config import BLANKS, decoded, encoded
from common.errors import ConfigError
from common.tables import source
from common.tables.replacement import Groups, MacroError, Result, parse_result
from common.tables.source import SourceLine
from common.tables.table import Options
from common.tables.values import encode_files

NARROW = "latin-1"


class Matcher(Protocol):
    """A compiled pattern."""

    groups: int  # how many it has

    def search(self, subject: bytes) -> Groups | None:
        """Return the text of as many groups as are wanted, None if there is no match.

        Raises:
            MatchError: the library gave up.
        """


class PatternError(Exception):
    """A pattern that cannot be compiled; str() says why."""


class MatchError(Exception):
    """A search that found no end; str() says why."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """What is special about one kind of pattern."""

    kind: str
    flags: dict[str, int]  # what each letter toggles
    default: int
    compile: Callable[[bytes, int, int], Matcher]  # pattern, flags, groups wanted
    shape: "Callable[[Pattern], Shape | None]"  # None: it must stand alone
    group: bytes  # a group that is not counted, or need not be
    unclosed: str  # what becomes of a rule whose pattern has no end
    zero: str  # what is wrong with $0
    pairs: bool = False  # "/one/!/two/": one matches and two does not
    obsolete: str = ""  # flags without effect


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern as written."""

    text: bytes
    flags: int
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Shape:
    """What a pattern looks like that means the same as one of some alternatives."""

    anchored: bool  # matches at the beginning only


@dataclass(slots=True)
class Rule:
    """A line of the table, ready to be tried."""

    origin: str
    pattern: Pattern
    matcher: Matcher
    exception: Matcher | None = None  # must not match
    result: Result | None = None  # None: if
    end: int = 0  # of an if: the place of the rule behind its endif


class SkipError(Exception):
    """A rule that is left out; str() is the complaint."""


class Parser:
    """Turns lines into rules. Inside, each byte of a line is a letter: delimiters are bytes."""

    def __init__(self, dialect: Dialect, options: Options) -> None:
        self.dialect = dialect
        self.options = options
        self.rules: list[Rule] = []
        self._blocks: list[tuple[Rule, SourceLine]] = []
        self._line = SourceLine("", "")

    def parse(self, lines: Iterable[SourceLine]) -> list[Rule]:
        """Return the rules; complain about bad ones."""
        for self._line in lines:
            try:
                self._parse_line(narrow(self._line.text))
            except SkipError as error:
                self._warn(str(error))
        for rule, line in reversed(self._blocks):
            rule.end = len(self.rules)
            self.options.log.warning(f"{line.origin}: IF has no matching ENDIF")
        return self.rules

    def _warn(self, text: str) -> None:
        self.options.log.warning(f"{self._line.origin}: {wide(text)}")

    def _parse_line(self, text: str) -> None:
        word, rest = source.statement(text)
        if word == "ENDIF":
            self._close_block(rest)
        elif word == "IF":
            self._open_block(rest)
        elif text[:1].isascii() and text[:1].isalnum():
            raise SkipError("ignoring unrecognized request")
        else:
            self._add_rule(text)

    def _open_block(self, text: str) -> None:
        pattern, rest = self._pattern(text)
        rest = rest.strip(BLANKS)
        if rest:
            self._warn(f'ignoring extra text after IF statement: "{rest}"')
            self._warn("do not prepend whitespace to statements between IF and ENDIF")
        rule = Rule(self._line.origin, pattern, self._compile(pattern, 0))
        self._blocks.append((rule, self._line))
        self.rules.append(rule)

    def _close_block(self, rest: str) -> None:
        if not self._blocks:
            raise SkipError("ignoring ENDIF without matching IF")
        if rest:
            self._warn("ignoring extra text after ENDIF")
        rule, _ = self._blocks.pop()
        rule.end = len(self.rules)

    def _add_rule(self, text: str) -> None:
        pattern, rest = self._pattern(text)
        exception = None
        if self.dialect.pairs and rest.startswith("!"):
            exception, rest = self._pattern(rest[1:])
        rest = rest.strip(BLANKS)
        if not rest:
            self._warn("no replacement text: using empty string")
        elif self.options.files:
            try:
                rest = encode_files(wide(rest))
            except ConfigError as error:
                raise SkipError(narrow(f"{error}: skipping this rule")) from None
        result = self._result(rest)
        numbers = [part for part in result if isinstance(part, int)]
        if pattern.negated and numbers:
            raise SkipError("$number found in negative match replacement text: skipping this rule")
        highest = -1 if -1 in numbers else max(numbers, default=0)
        matcher = self._compile(pattern, max(highest, 0))
        if highest > matcher.groups or highest < 0:
            raise SkipError(f'out of range replacement index "{highest}": skipping this rule')
        rule = Rule(self._line.origin, pattern, matcher, result=result)
        if exception:
            rule.exception = self._compile(exception, 0)
        self.rules.append(rule)

    def _result(self, text: str) -> Result:
        try:
            return parse_result(text, zero=self.dialect.zero)
        except MacroError as error:
            self.options.log.warning(wide(str(error)))
        except IndexError as error:
            self._warn(str(error))
        raise SkipError("bad replacement syntax: skipping this rule")

    def _pattern(self, text: str) -> tuple[Pattern, str]:
        """Return the pattern that a text begins with, and what follows right behind it."""
        bare = text.lstrip("!" + BLANKS)
        negated = text[: len(text) - len(bare)].count("!") % 2 == 1
        if not bare:
            raise SkipError("no regexp: skipping this rule")
        end = closing_delimiter(bare)
        if end < 0:
            raise SkipError(
                f'no closing regexp delimiter "{bare[0]}": {self.dialect.unclosed} this rule'
            )
        stoppers = BLANKS + "!" if self.dialect.pairs else BLANKS
        letters = bare[end + 1 :]
        rest = letters.lstrip("".join(set(letters) - set(stoppers)))
        flags = self._flags(letters[: len(letters) - len(rest)])
        pattern = Pattern(bare[1:end].encode(NARROW), flags, negated)
        return pattern, rest

    def _flags(self, letters: str) -> int:
        flags = self.dialect.default
        for letter in letters:
            if letter in self.dialect.obsolete:
                self._warn(f'ignoring obsolete regexp option "{letter}"')
            elif letter not in self.dialect.flags:
                raise SkipError(f'unknown regexp option "{letter}": skipping this rule')
            else:
                flags ^= self.dialect.flags[letter]
        return flags

    def _compile(self, pattern: Pattern, wanted: int) -> Matcher:
        try:
            return self.dialect.compile(pattern.text, pattern.flags, wanted)
        except PatternError as error:
            raise SkipError(str(error)) from None


def shape_of(pattern: bytes, pieces: "re.Pattern[bytes]") -> Shape | None:
    """Return the shape of a pattern that is made of these pieces, None if it has others.

    Groups of the expression: open, close, bar; all else is of no interest.
    """
    place = level = 0
    bars = False
    while place < len(pattern):
        piece = pieces.match(pattern, place)
        if piece is None:
            return None
        place = piece.end()
        level += (piece.lastgroup == "open") - (piece.lastgroup == "close")
        bars |= piece.lastgroup == "bar" and level == 0
        if level < 0:
            return None
    if level or not pattern or pattern[:1] in b"*+?{":
        return None
    return Shape(anchored=pattern.startswith(b"^") and not bars)


def narrow(text: str) -> str:
    """Return a text with one letter for each of its bytes."""
    return encoded(text).decode(NARROW)


def wide(text: str) -> str:
    """Return the text that narrow() was given."""
    return decoded(text.encode(NARROW))


def closing_delimiter(text: str) -> int:
    """Return where the pattern ends whose delimiter opens the text, -1 if it does not."""
    place = 1
    while place < len(text):
        if text[place] == "\\" and place + 1 < len(text):
            place += 1
        elif text[place] == text[0]:
            return place
        place += 1
    return -1
