"""source - the text files that tables are made of

DESCRIPTION
    SourceFile holds a file open, so that a change shows even in a process
    that can no longer see its path. lines() cuts text into logical lines with
    their origins; entries() reads "key value" lines, as postmap does.

SEE ALSO
    spec/config-syntax.md, sections 1 and 5
    postmap(1), "INPUT FILE FORMAT"
"""

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from common.config import BLANKS, decoded, logical_lines
from common.errors import ConfigError
from common.tables.table import Options, is_utf8
from common.tables.values import encode_files

WORD = re.compile(rf"[^{BLANKS}]*")
STATEMENT = re.compile(r"(endif|if)(?![0-9A-Za-z])", re.IGNORECASE | re.ASCII)

NEW_FILE_MODE = 0o644  # less what the umask takes


class SourceFile:
    """A file that a table was read from."""

    def __init__(self, path: str, *, what: str = "open", flags: int = os.O_RDONLY) -> None:
        """Open the file.

        what: the complaint's first words if that fails.

        Raises:
            ConfigError: it cannot be opened.
        """
        self.path = path
        self.descriptor = -1
        self._jailed = False
        try:
            self.descriptor = os.open(path, flags | os.O_CLOEXEC, NEW_FILE_MODE)
        except OSError as error:
            raise ConfigError(f"{what} {path}: {error.strerror}") from None
        # Before anything is read: a change while we read must show later.
        self._first = os.fstat(self.descriptor)
        self._root = os.stat("/").st_ino

    def text(self) -> str:
        """Return all of the file, whatever bytes it has.

        Raises:
            ConfigError: it cannot be read.
        """
        try:
            with open(self.descriptor, "rb", closefd=False) as file:
                return decoded(file.read())
        except OSError as error:
            raise ConfigError(f"read {self.path}: {error.strerror}") from None

    def identity(self) -> tuple[int, int]:
        """Return what tells this file from all others: device and inode."""
        return self._first.st_dev, self._first.st_ino

    def changed(self, *, content: bool = True) -> bool:
        """Tell whether the path leads to something else now, or with content: holds another."""
        now = self._at_path()
        if now is None:
            now = os.fstat(self.descriptor)
            if now.st_nlink == 0 and stat.S_ISREG(now.st_mode):
                return True
        first = self._first
        if not os.path.samestat(now, first):
            return True
        return content and (now.st_mtime_ns != first.st_mtime_ns or now.st_size != first.st_size)

    def _at_path(self) -> os.stat_result | None:
        """Return what the path leads to, None if that tells nothing."""
        if self._jailed:
            return None
        try:
            found = os.stat(self.path)
        except OSError:
            found = None
        if found is None or not os.path.samestat(found, self._first):
            # In a jail the path means nothing, or some other file.
            self._jailed = os.stat("/").st_ino != self._root
        return None if self._jailed else found

    def close(self) -> None:
        """Close the file, once."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def __del__(self) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class SourceLine:
    """A logical line, and where it stands: "FILE, line N"."""

    origin: str
    text: str


def lines(text: str, path: str, options: Options, *, kind: str = "") -> Iterator[SourceLine]:
    """Yield the logical lines of a table's text; one that continues nothing is passed over.

    kind: what stands before the path in a line's origin, as "cidr map ".
    """
    for line in logical_lines(text):
        plain = line.text.partition("\0")[0]
        if plain.startswith(tuple(BLANKS)):
            options.log.warning(f'{path}: logical line must not start with whitespace: "{plain}"')
        else:
            yield SourceLine(f"{kind}{path}, line {line.number}", plain)


def entries(
    text: str, path: str, options: Options, *, regret: str = ""
) -> Iterator[tuple[SourceLine, str, str]]:
    """Yield line, key and value of each entry; a line that is none is complained about.

    regret: what the complaint about a line without value ends with.
    """
    log = options.log
    for line in lines(text, path, options):
        if options.utf8 and not is_utf8(line.text):
            log.warning(f'{line.origin}: non-UTF-8 input "{line.text}" -- ignoring this line')
            continue
        end = word_end(line.text)
        if end < 0:
            log.warning(f"{line.origin}: unbalanced '\"' in '{line.text}' -- ignoring this line")
            continue
        key, value = line.text[:end], line.text[end:].strip(BLANKS)
        if not value:
            log.warning(f"{line.origin}: expected format: key whitespace value{regret}")
            continue
        if key.endswith(":"):
            log.warning(f'{line.origin}: record is in "key: value" format; is this an alias file?')
        if options.files:
            try:
                value = encode_files(value)
            except ConfigError as error:
                log.warning(f"{line.origin}: {error}: skipping this entry")
                continue
        yield line, key, value


def word_end(text: str, enders: str = BLANKS) -> int:
    """Return where the first word ends; double quotes and backslashes protect enders.

    -1: a quote is not closed.
    """
    plain = re.match(rf'[^"\\{enders}]*', text).end()  # type: ignore[union-attr]  # matches always
    if plain == len(text) or text[plain] in enders:
        return plain  # as nearly always
    quoted = escaped = False
    for place, letter in enumerate(text):
        if escaped:
            escaped = False
        elif letter == "\\":
            escaped = True
        elif letter == '"':
            quoted = not quoted
        elif letter in enders and not quoted:
            return place
    return -1 if quoted else len(text)


def first_word(text: str) -> tuple[str, str]:
    """Return what stands before the first blank, and the rest, its ends trimmed."""
    word = WORD.match(text)[0]  # type: ignore[index]  # matches any text
    return word, text[len(word) :].strip(BLANKS)


def statement(text: str) -> tuple[str, str]:
    """Return IF or ENDIF and what follows in a line of rules; of others "" and the whole line."""
    found = STATEMENT.match(text)
    return (found[1].upper(), text[found.end() :].strip(BLANKS)) if found else ("", text)
