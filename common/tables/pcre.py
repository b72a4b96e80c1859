"""pcre - pcre:/file, pcre:{{rule}...}: Perl's patterns, as the PCRE2 library matches them

DESCRIPTION
    The system's libpcre2-8, each byte a character. A search that would take
    too many steps is given up: the lookup fails, and the client comes back
    later.

SEE ALSO
    pcre_table(5), pcre2pattern(3), pcre2api(3)
"""

import ctypes
import functools
import re
from ctypes import POINTER, byref, c_char_p, c_int, c_size_t, c_uint32, c_void_p

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

LIBRARY = "libpcre2-8.so.0"

# <pcre2.h>
CASELESS, DOLLAR_ENDONLY, DOTALL, EXTENDED = 0x8, 0x10, 0x20, 0x80
MULTILINE, UNGREEDY, ANCHORED = 0x400, 0x40000, 0x80000000
JIT_COMPLETE, NO_JIT = 1, 0x2000
INFO_CAPTURECOUNT = 4
ERROR_NOMATCH, ERROR_JIT_STACKLIMIT = -1, -46
UNSET = c_size_t(-1).value
MESSAGE_LIMIT = 256  # bytes of an error message

# Steps of one search, 50 ms at worst; the library's own limit is 10,000,000. Searches by
# compiled code take few steps; only those that run out of stack are done again without it.
MATCH_LIMIT = 3_000_000

# What a pattern may be made of to be one of several alternatives: no reference to a group
# or to the pattern, no settings, no verbs, no quoted stretch.
PIECES = re.compile(
    rb"\\(?:[^0-9A-Za-z]|[dDwWsSbBhHvVAzZnrtfea])"
    rb"|\[\^?\]?(?>\\[^0-9QEc]|\[:\^?[a-z]*:\]|[^\]\\])*\]"
    rb"|(?P<open>\((?:\?(?:[:=!>]|<[=!])|(?![?*])))|(?P<close>\))|(?P<bar>\|)"
    rb"|[^\\\[()|]",
    re.DOTALL,
)

FUNCTIONS = {
    "compile": (c_void_p, (c_char_p, c_size_t, c_uint32, c_void_p, c_void_p, c_void_p)),
    "code_free": (None, (c_void_p,)),
    "jit_compile": (c_int, (c_void_p, c_uint32)),
    "pattern_info": (c_int, (c_void_p, c_uint32, c_void_p)),
    "match_context_create": (c_void_p, (c_void_p,)),
    "set_match_limit": (c_int, (c_void_p, c_uint32)),
    "match_data_create_from_pattern": (c_void_p, (c_void_p, c_void_p)),
    "match_data_free": (None, (c_void_p,)),
    "match": (
        c_int,
        (c_void_p, c_char_p, c_size_t, c_size_t, c_uint32, c_void_p, c_void_p),
    ),
    "get_ovector_pointer": (POINTER(c_size_t), (c_void_p,)),
    "get_error_message": (c_int, (c_int, c_char_p, c_size_t)),
}


@functools.cache
def library() -> ctypes.CDLL:
    """Return the library, its functions under the names above.

    Raises:
        ConfigError: it is not there.
    """
    try:
        loaded = ctypes.CDLL(LIBRARY)
    except OSError:
        raise ConfigError(
            f"unsupported dictionary type: pcre. Is the library {LIBRARY} installed?"
        ) from None
    for name, (result, arguments) in FUNCTIONS.items():
        function = getattr(loaded, f"pcre2_{name}_8")
        function.restype, function.argtypes = result, arguments
        setattr(loaded, name, function)
    return loaded


@functools.cache
def match_context() -> int:
    """Return the limits of a search."""
    context: int = library().match_context_create(None)
    library().set_match_limit(context, MATCH_LIMIT)
    return context


class PerlPattern:
    """A compiled pattern; the library's memory is given back with it."""

    def __init__(self, pattern: bytes, flags: int, wanted: int) -> None:
        """Compile it; wanted: how many groups search() is to return.

        Raises:
            PatternError: the library does not accept it.
        """
        self._library = library()
        self._data = None
        error, offset = c_int(), c_size_t()
        self._code = self._library.compile(
            pattern, len(pattern), flags, byref(error), byref(offset), None
        )
        if not self._code:
            raise PatternError(
                f"error in regex at offset {offset.value}: {error_message(error.value)}"
            )
        # Where it cannot be compiled to machine code, the library does without.
        self._library.jit_compile(self._code, JIT_COMPLETE)
        count = c_uint32()
        self._library.pattern_info(self._code, INFO_CAPTURECOUNT, byref(count))
        self.groups = count.value
        self._wanted = wanted
        self._data = self._library.match_data_create_from_pattern(self._code, None)
        self._places = self._library.get_ovector_pointer(self._data)
        self._match = self._library.match
        self._context = match_context()

    def search(self, subject: bytes) -> Groups | None:
        """Return the groups wanted, None if there is no match."""
        found = self._search(subject, 0)
        if found == ERROR_NOMATCH:
            return None
        if found == ERROR_JIT_STACKLIMIT:
            found = self._search(subject, NO_JIT)
        if found < 0 and found != ERROR_NOMATCH:
            raise MatchError(error_message(found))
        if found == ERROR_NOMATCH:
            return None
        return [self._group(subject, number) for number in range(1, self._wanted + 1)]

    def _search(self, subject: bytes, options: int) -> int:
        found: int = self._match(
            self._code, subject, len(subject), 0, options, self._data, self._context
        )
        return found

    def _group(self, subject: bytes, number: int) -> bytes | None:
        start, end = self._places[2 * number], self._places[2 * number + 1]
        return None if start == UNSET else subject[start:end]

    def __del__(self) -> None:
        if self._data:
            self._library.match_data_free(self._data)
        if self._code:
            self._library.code_free(self._code)


def error_message(number: int) -> str:
    """Return the library's words for an error."""
    message = ctypes.create_string_buffer(MESSAGE_LIMIT)
    library().get_error_message(number, message, MESSAGE_LIMIT)
    return message.value.decode("ascii", "replace")


def compile_pattern(pattern: bytes, flags: int, wanted: int) -> Matcher:
    """Return a compiled pattern."""
    return PerlPattern(pattern, flags, wanted)


def shape(pattern: Pattern) -> Shape | None:
    """Return the shape of a pattern that may be one of several, None for others."""
    return None if pattern.flags & EXTENDED else shape_of(pattern.text, PIECES)


DIALECT = Dialect(
    kind="pcre",
    flags={
        "i": CASELESS, "m": MULTILINE, "s": DOTALL, "x": EXTENDED,
        "A": ANCHORED, "E": DOLLAR_ENDONLY, "U": UNGREEDY,
    },
    default=CASELESS | DOTALL,
    compile=compile_pattern,
    shape=shape,
    group=b"(?:%b)",
    unclosed="ignoring",
    zero="out of range",
    obsolete="X",
)  # fmt: skip


def open_pcre(name: str, options: Options) -> Table:
    """Read a table of Perl's patterns."""
    library()  # first: without it no rule is worth reading
    return PatternTable.read(DIALECT, name, options)
