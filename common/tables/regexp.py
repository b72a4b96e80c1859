"""regexp - regexp:/file, regexp:{{rule}...}: POSIX patterns, as the C library matches them

DESCRIPTION
    regcomp() and regexec() of the GNU C library, in the C locale: each byte is
    a character. A search cannot be stopped; without back-references its time
    grows with the length of the subject only.

SEE ALSO
    regexp_table(5), regex(3), regex(7)
"""

import ctypes
import re

from common.errors import ConfigError
from common.tables.patterns import PatternTable
from common.tables.replacement import Groups
from common.tables.rules import (
    Dialect,
    Matcher,
    MatchError,
    Pattern,
    PatternError,
    Shape,
    shape_of,
)
from common.tables.table import Options, Table

# <regex.h>
REG_EXTENDED, REG_ICASE, REG_NEWLINE, REG_NOSUB = 1, 2, 4, 8
REG_NOMATCH = 1

# <locale.h>
LC_ALL_MASK = 0x1FBF
MESSAGE_LIMIT = 256  # bytes of an error message

# What an extended pattern may be made of to be one of several alternatives: no
# back-reference, no odd brace, no repetition of nothing, no bracket that closes nothing.
PIECES = re.compile(
    rb"\\[^0-9]"
    rb"|\[\^?\]?(?>\[:[a-z]*:\]|\[\.[^.]*\.\]|\[=[^=]*=\]|[^\]])*\]"
    rb"|\{[0-9]+(?:,[0-9]*)?\}"
    rb"|(?P<open>\((?![*+?{]))|(?P<close>\))|(?P<bar>\|(?![*+?{]))"
    rb"|\^(?![*+?{])|[^\\\[{()|^]",
    re.DOTALL,
)
BACK_REFERENCE = re.compile(rb"(?:[^\\]|\\[^1-9])*\\[1-9]", re.DOTALL)


class RegexT(ctypes.Structure):
    """regex_t of the GNU C library."""

    _fields_ = (
        ("buffer", ctypes.c_void_p),
        ("allocated", ctypes.c_size_t),
        ("used", ctypes.c_size_t),
        ("syntax", ctypes.c_ulong),
        ("fastmap", ctypes.c_void_p),
        ("translate", ctypes.c_void_p),
        ("groups", ctypes.c_size_t),
        ("bits", ctypes.c_ulong),
        ("spare", ctypes.c_ulong * 8),  # should the library's own grow
    )


class RegmatchT(ctypes.Structure):
    """regmatch_t: where a group begins and ends."""

    _fields_ = (("start", ctypes.c_int), ("end", ctypes.c_int))


libc = ctypes.CDLL(None, use_errno=False)
libc.regcomp.argtypes = (ctypes.POINTER(RegexT), ctypes.c_char_p, ctypes.c_int)
libc.regexec.argtypes = (
    *(ctypes.POINTER(RegexT), ctypes.c_char_p, ctypes.c_size_t),
    *(ctypes.c_void_p, ctypes.c_int),
)
libc.regerror.argtypes = (
    *(ctypes.c_int, ctypes.POINTER(RegexT)),
    *(ctypes.c_char_p, ctypes.c_size_t),
)
libc.regerror.restype = ctypes.c_size_t
libc.regfree.argtypes = (ctypes.POINTER(RegexT),)
libc.regfree.restype = None
libc.newlocale.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
libc.newlocale.restype = ctypes.c_void_p
libc.uselocale.argtypes = (ctypes.c_void_p,)
libc.uselocale.restype = ctypes.c_void_p

C_LOCALE = libc.newlocale(LC_ALL_MASK, b"C", None)


class PosixPattern:
    """A compiled pattern; the library's memory is given back with it."""

    def __init__(self, pattern: bytes, flags: int, wanted: int) -> None:
        """Compile it; wanted: how many groups search() is to return.

        Raises:
            PatternError: the library does not accept it.
        """
        self._regex = RegexT()
        self._compiled = False
        # The locale of that moment counts: the pattern keeps it.
        before = libc.uselocale(C_LOCALE)
        try:
            error = libc.regcomp(self._regex, pattern, flags | (0 if wanted else REG_NOSUB))
        finally:
            libc.uselocale(before)
        if error:
            raise PatternError(self._reason(error))
        self._compiled = True
        self.groups = self._regex.groups
        self._wanted = min(wanted, self.groups)  # a rule may ask for any number
        self._spans = (RegmatchT * (self._wanted + 1))() if wanted else None

    def search(self, subject: bytes) -> Groups | None:
        """Return the groups wanted, None if there is no match."""
        count = self._wanted + 1 if self._spans else 0
        error = libc.regexec(self._regex, subject, count, self._spans, 0)
        if error == REG_NOMATCH:
            return None
        if error:
            raise MatchError(self._reason(error))
        if self._spans is None:
            return []
        return [
            None if span.start < 0 else subject[span.start : span.end] for span in self._spans[1:]
        ]

    def _reason(self, error: int) -> str:
        message = ctypes.create_string_buffer(MESSAGE_LIMIT)
        libc.regerror(error, self._regex, message, MESSAGE_LIMIT)
        return message.value.decode("ascii", "replace")

    def __del__(self) -> None:
        if self._compiled:
            libc.regfree(self._regex)


def has_back_reference(pattern: bytes) -> bool:
    """Tell whether a pattern refers to a group of its own: such a search may take for ever."""
    return BACK_REFERENCE.match(pattern) is not None


def compile_pattern(pattern: bytes, flags: int, wanted: int) -> Matcher:
    """Return a compiled pattern."""
    return PosixPattern(pattern, flags, wanted)


def shape(pattern: Pattern) -> Shape | None:
    """Return the shape of a pattern that may be one of several, None for others."""
    return shape_of(pattern.text, PIECES) if pattern.flags & REG_EXTENDED else None


DIALECT = Dialect(
    kind="regexp",
    flags={"i": REG_ICASE, "m": REG_NEWLINE, "x": REG_EXTENDED},
    default=REG_EXTENDED | REG_ICASE,
    compile=compile_pattern,
    shape=shape,
    group=b"(%b)",
    unclosed="skipping",
    zero="out-of-range",
    pairs=True,
)


class RegexpTable(PatternTable):
    """Rules with POSIX patterns."""

    def cautions(self) -> list[str]:
        """Name the patterns that refer to groups of their own."""
        return [
            f"{rule.origin}: a pattern with back-references: a search may take for ever"
            for rule in self.rules
            if has_back_reference(rule.pattern.text)
        ]


def open_regexp(name: str, options: Options) -> Table:
    """Read a table of POSIX patterns."""
    check_library()
    return RegexpTable.read(DIALECT, name, options)


def check_library() -> None:
    """See that regex_t is what we take it for.

    Raises:
        ConfigError: this is another C library.
    """
    try:
        pattern = PosixPattern(b"(a)(b)", REG_EXTENDED, 2)
        fits = pattern.groups == 2 and pattern.search(b"ab") == [b"a", b"b"]
    except (PatternError, MatchError):
        fits = False
    if not fits:
        raise ConfigError("unsupported dictionary type: regexp: not the GNU C library")
