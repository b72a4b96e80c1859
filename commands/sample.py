"""sample - etc/main.cf: every parameter with its default

SYNOPSIS
    python -P -m commands.sample > etc/main.cf

DESCRIPTION
    A test compares the file with the table of parameters, so that it cannot
    fall behind.
"""

import textwrap
from collections.abc import Iterator

from common.params import READERS, HostName, Parameter, declared

WIDTH = 96
HEADER = """\
# Every parameter that Postroom reads, with its default. What stands here changes nothing:
# copy a line into your own main.cf, without the mark in front, and change it there.
"""


def main_cf() -> str:
    """Return the whole file."""
    seen: set[str] = set()
    parts = [HEADER]
    for reader in READERS:
        fresh = [one for one in declared(reader) if one.name not in seen]
        seen |= {one.name for one in fresh}
        parts.append(f"\n# {reader.__doc__}\n")
        parts += map(entry, fresh)
    return "".join(parts)


def entry(parameter: Parameter) -> str:
    """Return meaning, bounds and default of one parameter."""
    lines = textwrap.wrap(" ".join([parameter.doc, *notes(parameter)]), WIDTH)
    comment = "".join(f"#   {line}\n" for line in lines)
    default = parameter.default if isinstance(parameter.default, str) else ""
    return f"\n{comment}#{parameter.name} = {default}".rstrip() + "\n"


def notes(parameter: Parameter) -> Iterator[str]:
    """Yield what the default does not show."""
    if parameter.choices:
        yield f"Possible: {', '.join(parameter.choices)}."
    if parameter.kind not in (
        str,
        HostName,
    ):  # of a text, the bound only says that it may not be empty
        bounds = (("at least", parameter.least), ("at most", parameter.most))
        told = ", ".join(f"{word} {bound}" for word, bound in bounds if bound is not None)
        if told not in ("", "at least 0"):
            yield told.capitalize() + "."
    if not isinstance(parameter.default, str):
        meaning = (parameter.default.__doc__ or "").removeprefix("Return ")
        yield f"By default: {meaning}"
    if parameter.ours:
        yield "Not in Postfix."


if __name__ == "__main__":
    print(main_cf(), end="")
