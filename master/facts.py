"""facts - dataclasses as JSON, for what one program of ours tells another

DESCRIPTION
    encode() writes a dataclass with all that is in it; decode() makes it anew
    and checks every value on the way. A field that is not known is passed
    over and one that is missing has its default, so that programs of
    different age understand each other as long as no field changes its
    meaning.

    Fields may be numbers, truth values, texts, enumerations, other
    dataclasses, and lists, tuples of one kind, mappings and options of these.
"""

import dataclasses
import enum
import json
import types
import typing
from typing import Any, TypeVar

T = TypeVar("T")


class FactsError(Exception):
    """What was written is not what is expected."""


def encode(value: Any) -> bytes:
    """Return a dataclass as one line of JSON; it ends with a newline."""
    text = json.dumps(dataclasses.asdict(value), default=lambda one: one.value)
    return text.encode("ascii") + b"\n"


def decode(kind: type[T], data: bytes) -> T:
    """Return the dataclass that was written.

    Raises:
        FactsError: it was another one, or none.
    """
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise FactsError(f"no JSON: {error}") from None
    made = make(kind, value, kind.__name__.lower())
    assert isinstance(made, kind)
    return made


def make(kind: Any, value: Any, where: str) -> Any:
    """Return a value of that kind; where names it in complaints.

    Raises:
        FactsError: the value is of another kind.
    """
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind) and isinstance(value, dict):
        return make_dataclass(kind, value, where)
    if origin in (list, tuple) and isinstance(value, list):
        return origin(make(arguments[0], one, f"{where}[{at}]") for at, one in enumerate(value))
    if origin is dict and isinstance(value, dict):
        return {name: make(arguments[1], one, f"{where}.{name}") for name, one in value.items()}
    if origin in (typing.Union, types.UnionType):
        return None if value is None else make(arguments[0], value, where)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        try:
            return kind(value)
        except ValueError as error:
            raise FactsError(f"{where}: {error}") from None
    if kind is float and type(value) is int:
        return float(value)
    if kind in (bool, int, float, str) and type(value) is kind:
        return value
    raise FactsError(f"{where}: unexpected {type(value).__name__}")


def make_dataclass(kind: Any, values: dict[str, Any], where: str) -> Any:
    """Return a dataclass of these values."""
    hints = typing.get_type_hints(kind)
    known = [one.name for one in dataclasses.fields(kind) if one.name in values]
    try:
        return kind(**{name: make(hints[name], values[name], f"{where}.{name}") for name in known})
    except TypeError as error:
        raise FactsError(f"{where}: {error}") from None
