"""parameter - what is known about one name in main.cf

DESCRIPTION
    A parameter is a field of the class of those who read it: its type tells
    how its text is parsed, parameter() gives default, bounds and meaning.

SEE ALSO
    common.params, the whole table
"""

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NewType

Seconds = NewType("Seconds", float)
Words = NewType("Words", tuple[str, ...])
LongInt = NewType("LongInt", int)  # of 64 bits, where int has 32
HostName = NewType("HostName", str)

# A default that depends on the machine or on other parameters is computed from their texts.
Text = Callable[[str], str]
Default = str | Callable[[Text], str]


@dataclass(frozen=True, slots=True)
class Parameter:
    """What is known about one name in main.cf."""

    name: str
    kind: object  # bool, int, LongInt, str, HostName, Seconds or Words
    default: Default
    doc: str
    least: int | None = None
    most: int | None = None
    choices: tuple[str, ...] = ()
    ours: bool = False  # not in Postfix
    fixed: bool = False  # nobody can set it
    raw: bool = False  # its $names are for those who read it
    later: str = ""  # default of Postfix 3.12, where that is another
    releases: str = ""  # of Postfix that have it, if 3.7 has it not
    legacy: bool = False  # a former name, which is not listed


def parameter(
    default: Default,
    doc: str,
    *,
    name: str = "",
    least: int | None = None,
    most: int | None = None,
    choices: tuple[str, ...] = (),
    ours: bool = False,
    fixed: bool = False,
    raw: bool = False,
    later: str = "",
    releases: str = "",
    legacy: bool = False,
) -> Any:
    """Declare a parameter: a field that carries its own description.

    name: where it is no name of a field.
    """
    facts = {"default": default, "doc": doc, "choices": choices, "least": least, "most": most}
    facts |= {"ours": ours, "fixed": fixed, "raw": raw, "legacy": legacy}
    facts |= {"later": later, "releases": releases, **({"name": name} if name else {})}
    return dataclasses.field(kw_only=True, metadata=facts)


@functools.cache
def declared(kind: type) -> tuple[Parameter, ...]:
    """Return the parameters that a class declares, inherited ones first."""
    if dataclasses.is_dataclass(kind):
        fields = {one.name: (one.type, one) for one in dataclasses.fields(kind)}
    else:
        hints = kind.__annotations__
        fields = {name: (hints[name], vars(kind)[name]) for name in hints}
    return tuple(
        Parameter(**{"name": name, "kind": hint, **one.metadata})
        for name, (hint, one) in fields.items()
    )
