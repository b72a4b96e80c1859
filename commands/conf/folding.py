"""folding - lines for people

DESCRIPTION
    A Line grows word by word; where folding is on, it goes on below, with an
    indentation, before it becomes too long.
"""

LIMIT = 80  # of a line; one of master.cf must stay below
INDENT = "    "


class Line:
    """One logical line of output."""

    def __init__(self, start: str, *, fold: bool, limit: int = LIMIT) -> None:
        self._limit = limit
        self._text = start
        self._column = len(start)
        self._fold = fold

    def __str__(self) -> str:
        return self._text

    def add(self, word: str, *, break_before: bool = False) -> None:
        """Append a word, behind a blank or on a new line."""
        if not self._text:
            self._append(word)
        elif self._fold and (break_before or self._column + 1 + len(word) > self._limit):
            self._text += f"\n{INDENT}{word}"
            self._column = len(INDENT) + len(word)
        else:
            self._append(f" {word}")

    def _append(self, text: str) -> None:
        self._text += text
        self._column += len(text)


def setting(name: str, value: str, *, fold: bool = False, names: bool = True) -> str:
    """Return "name = value" or the value alone, blanks made one."""
    line = Line(f"{name} =" if names else "", fold=fold)
    for word in value.split():
        line.add(word)
    return str(line)
