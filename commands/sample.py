"""sample - etc/main.cf: every parameter with its default

SYNOPSIS
    python -P -m commands.sample > etc/main.cf

DESCRIPTION
    A test compares the file with the table of parameters, so that it cannot
    fall behind.
"""

import textwrap

from common.params import READERS, Parameter, declared

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
        parts += [entry(one) for one in fresh]
    return "".join(parts)


def entry(parameter: Parameter) -> str:
    """Return meaning and default of one parameter."""
    note = " Not in Postfix." if parameter.ours else ""
    lines = textwrap.wrap(parameter.doc + note, WIDTH)
    comment = "".join(f"#   {line}\n" for line in lines)
    default = parameter.default
    shown = default if isinstance(default, str) else f"({default.__name__.replace('_', ' ')})"
    return f"\n{comment}#{parameter.name} = {shown}".rstrip() + "\n"


if __name__ == "__main__":
    print(main_cf(), end="")
