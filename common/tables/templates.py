"""templates - %s, %u, %d and %1 to %9 in queries and results

DESCRIPTION
    %s is the key (in a result: the value), %u its local part, %d its domain,
    %1 the last label of the domain, %2 the one before. In a result, %S, %U,
    %D and the numbers are about the key. What a key does not have makes the
    whole lookup find nothing.

SEE ALSO
    sqlite_table(5), "SQLITE PARAMETERS"
"""

import re
from collections.abc import Callable

from common.errors import ConfigError

FIELD = re.compile(r"%(.?)", re.DOTALL)
LETTERS = "%sudSUD123456789"

Quote = Callable[[str], str]


class Template:
    """A text with fields."""

    def __init__(self, text: str, where: str) -> None:
        """Take a template.

        Raises:
            ConfigError: a field that there is not; where: which text of which table has it.
        """
        if not all(match[1] and match[1] in LETTERS for match in FIELD.finditer(text)):
            raise ConfigError(f"{where} template: {text}")
        self.text = text
        self.fields = {match[1] for match in FIELD.finditer(text)}

    def about(self, key: str, quote: Quote = str) -> str | None:
        """Return the text for a key, None if the key has not all that it needs."""
        return self.about_value(key, key, quote)

    def about_value(self, value: str, key: str, quote: Quote = str) -> str | None:
        """Return the text for a value found under a key, None if one has not all it needs."""
        parts = {
            letter: "%" if letter == "%" else part_of(letter, value if letter.islower() else key)
            for letter in self.fields
        }
        if None in parts.values():
            return None
        quoted = {letter: quote(part or "") for letter, part in parts.items() if letter != "%"}
        return FIELD.sub(lambda match: quoted.get(match[1], "%"), self.text)

    def can_be_about(self, key: str) -> bool:
        """Tell whether a key has all that the fields about keys need."""
        letters = self.fields & set("SUD123456789")
        return all(part_of(letter, key) is not None for letter in letters)


def part_of(letter: str, text: str) -> str | None:
    """Return the part of a key or value that a field stands for, None if it has none."""
    local, at, domain = text.rpartition("@")
    if letter in "sS":
        return text
    if letter in "uU":
        return (local or None) if at else text
    if letter in "dD":
        return domain or None if at else None
    labels = [label for label in domain.split(".") if label] if at else []
    return labels[-int(letter)] if int(letter) <= len(labels) else None
