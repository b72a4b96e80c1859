"""parameter - what is known about one name in main.cf

DESCRIPTION
    A parameter is a field of the class of those who read it: its type tells
    how its text is parsed, parameter() gives default, bounds and meaning.

SEE ALSO
    common.params, the whole table
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple, Never, NewType, dataclass_transform

Seconds = NewType("Seconds", float)
Words = NewType("Words", tuple[str, ...])
LongInt = NewType("LongInt", int)  # of 64 bits, where int has 32
HostName = NewType("HostName", str)

# A default that depends on the machine or on other parameters is computed from their texts.
Text = Callable[[str], str]
Default = str | Callable[[Text], str]


class Parameter(NamedTuple):
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
    """Declare a parameter: an attribute that carries its own description.

    name: where it is no name of an attribute.
    """
    facts = {"default": default, "doc": doc, "choices": choices, "least": least, "most": most}
    facts |= {"ours": ours, "fixed": fixed, "raw": raw, "legacy": legacy}
    return facts | {"later": later, "releases": releases, **({"name": name} if name else {})}


# For who checks types they are dataclasses; dataclass() itself would take a tenth of the time in
# which a program starts.
@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(parameter,))
class Params:
    """Values of the parameters that the class and its bases declare."""

    own: ClassVar[Mapping[str, Parameter]]  # of the class itself, by the names of attributes

    def __init_subclass__(cls) -> None:
        """Take the declarations away: a value that nobody gave must be missed, not be one."""
        hints = vars(cls).get("__annotations__", {})
        facts = {name: vars(cls)[name] for name in hints}
        cls.own = {
            name: Parameter(**{"name": name, "kind": hint, **facts[name]})
            for name, hint in hints.items()
        }
        for name in hints:
            delattr(cls, name)

    def __init__(self, **values: object) -> None:
        self.__dict__.update(values)

    def __setattr__(self, name: str, value: object) -> Never:
        raise AttributeError(f"{name} is as main.cf says")


@functools.cache
def declared(kind: type[Params]) -> tuple[Parameter, ...]:
    """Return the parameters that a class declares, inherited ones first."""
    found: dict[str, Parameter] = {}
    for base in reversed(kind.__mro__):
        found |= getattr(base, "own", {})
    return tuple(found.values())
