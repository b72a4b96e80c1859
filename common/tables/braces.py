"""braces - tables that stand whole in their name: "type:{...}"

SEE ALSO
    spec/config-syntax.md, section 5
"""

from collections.abc import Iterator

from common.config import BLANKS
from common.errors import ConfigError
from common.values import split_words


def unbraced(text: str) -> str:
    """Return what stands in the braces around a text, its ends trimmed.

    Raises:
        ConfigError: there is no such pair of braces, or something behind it.
    """
    if not text.startswith("{"):
        raise ConfigError(f"no '{{' at start of text in \"{text}\"")
    end = closing_brace(text)
    if end < 0:
        raise ConfigError(f"missing '}}' in \"{text}\"")
    if text[end + 1 :].strip(BLANKS):
        raise ConfigError(f"syntax error after '}}' in \"{text}\"")
    return text[1:end].strip(BLANKS)


def closing_brace(text: str) -> int:
    """Return where the brace closes that opens the text, -1 if it does not."""
    level = 0
    for place, letter in enumerate(text):
        level += (letter == "{") - (letter == "}")
        if level == 0:
            return place
    return -1


def elements(text: str) -> Iterator[str]:
    """Yield the elements of "{one, {t w o} ...}", their own braces kept.

    Raises:
        ConfigError: no braces around the text, or nothing in them.
    """
    if not text.startswith("{") or closing_brace(text) != len(text) - 1 or len(text) == 2:
        raise ConfigError("bad syntax")
    yield from split_words(text[1:-1])


def rule_lines(text: str, kind: str) -> str:
    """Return the rules of "{{rule} {rule}...}", a line each.

    Raises:
        ConfigError: the braces are wrong; kind says what the table is, as "cidr map".
    """
    try:
        return "\n".join(map(unbraced, split_words(unbraced(text))))
    except ConfigError as error:
        raise ConfigError(f"{kind}: {error}") from None
