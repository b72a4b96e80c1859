"""edit_main - change main.cf

DESCRIPTION
    -e replaces the value of each setting with the name, or adds one at the
    end; -X removes settings, -# makes comments of them. All other lines stay,
    comments inside a value too.
"""

import re
from collections.abc import Callable, Iterator
from functools import partial

from commands.conf.request import Request
from commands.conf.rewriting import rewrite
from common.config import BLANKS, parse_assignment
from common.errors import ConfigError

NAME = re.compile(f"[^{BLANKS}=]*")

Warn = Callable[[str], None]


def edit(request: Request, warn: Warn) -> None:
    """Change the file.

    Raises:
        ConfigError: a wrong argument, or the file cannot be replaced.
    """
    values = wanted(request, warn)
    path = request.config_dir / "main.cf"
    counts = dict.fromkeys(values, 0)
    rewrite(path, partial(changed, values=values, counts=counts, comment="#" in request))
    for name, count in counts.items():
        if count > 1:
            warn(f'{path}: multiple entries for "{name}"')


def wanted(request: Request, warn: Warn) -> dict[str, str | None]:
    """Return the new values by name; None for what is to go.

    Raises:
        ConfigError: an argument of another kind.
    """
    values: dict[str, str | None] = {}
    for text in request.arguments:
        refuse_lines(text, "-e, -X, or -#", "accepts")
        if "e" not in request:
            values[text.strip(BLANKS)] = None
            continue
        name, value = assignment(text)
        if name in values:
            warn(f"ignoring earlier request: '{name} = {values[name]}'")
        values[name] = value
    return values


def refuse_lines(text: str, options: str, verb: str) -> None:
    """Check that an argument would be one line, and no comment.

    Raises:
        ConfigError: it would not.
    """
    if "\n" in text:
        raise ConfigError(f"{options} {verb} no multi-line input")
    if text.lstrip(BLANKS).startswith("#"):
        raise ConfigError(f"{options} {verb} no comment input")


def assignment(text: str) -> tuple[str, str]:
    """Return name and value of an argument.

    Raises:
        ConfigError: it is no "name=value".
    """
    try:
        return parse_assignment(text, "")
    except ConfigError as error:
        # The argument as it was given, not as it was understood.
        what = str(error).removeprefix(": ").partition('"')[0]
        raise ConfigError(f'{what}"{text}"') from None


def changed(
    lines: list[str], *, values: dict[str, str | None], counts: dict[str, int], comment: bool
) -> Iterator[str]:
    """Yield the new lines; count the settings that were found."""
    inside = False  # a setting that is to be changed
    for line in lines:
        stripped = line.strip(BLANKS)
        if not stripped or stripped.startswith("#"):
            yield line
            continue
        if line[0] not in BLANKS:
            name = NAME.match(line)[0]  # type: ignore[index]  # it matches nothing, too
            inside = name in values
            if inside:
                counts[name] += 1
                if values[name] is not None:
                    yield f"{name} = {values[name]}\n"
        if not inside:
            yield line
        elif comment:
            yield f"#{line}"
    for name, value in values.items():
        if value is not None and not counts[name]:
            yield f"{name} = {value}\n"
