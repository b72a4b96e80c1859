"""arguments - what stands behind the command in master.cf

DESCRIPTION
    split_arguments() makes words. parse_options() reads those of our own
    daemons; what other programs make of theirs is their affair.

SEE ALSO
    spec/config-syntax.md, section 3
    spec/master-protocol.md, section 1.4
"""

from collections.abc import Iterable, Iterator

from common.config import BLANKS, parse_assignment
from common.errors import ConfigError
from common.options import SETTINGS, Options, split_options


def split_arguments(text: str, origin: str) -> list[str]:
    """Return words separated by blanks; braces keep words together and are removed.

    Raises:
        ConfigError: a brace without its partner, or text right behind one.
    """
    return [strip_braces(word, origin) for word in brace_words(text)]


def brace_words(text: str) -> Iterator[str]:
    """Yield words; blanks inside braces do not separate."""
    word, level = "", 0
    for letter in text:
        if letter in BLANKS and level == 0:
            if word:
                yield word
            word = ""
            continue
        level += (letter == "{") - (letter == "}" and level > 0)
        word += letter
    if word:
        yield word


def strip_braces(word: str, origin: str) -> str:
    """Return what "{ ... }" holds, any other word as it is."""
    if not word.startswith("{"):
        return word
    level = 0
    for position, letter in enumerate(word):
        level += (letter == "{") - (letter == "}")
        if level == 0:
            if position + 1 < len(word):
                raise ConfigError(f"{origin}: syntax error after '}}' in \"{word}\"")
            return word[1:-1].strip(BLANKS)
    raise ConfigError(f"{origin}: missing '}}' in \"{word}\"")


def parse_options(words: Iterable[str], where: str) -> Options:
    """Return what the arguments ask for; none is ignored silently.

    Raises:
        ConfigError: an option that our daemons do not have, or no option at all.
    """
    settings: dict[str, str] = {}
    verbose = False
    for letter, text in split_options(words, "v", "o" + "".join(SETTINGS), where):
        if letter == "o":
            name, value = parse_assignment(strip_braces(text, where), where)
            settings[name] = value
        elif letter == "v":
            verbose = True
        else:
            settings[SETTINGS[letter]] = text
    return Options(settings, verbose)
