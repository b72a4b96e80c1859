"""values - what the texts of parameters become

DESCRIPTION
    CONVERTERS turn the text of a parameter, its references expanded, into a
    value of the declared kind, and check bounds and choices. Each raises
    ValueError with a text for the operator.

SEE ALSO
    spec/config-syntax.md, section 2
"""

import re
from collections.abc import Callable

from common import host_name
from common.macro import BLANKS
from common.params import HostName, LongInt, Parameter, Seconds, Words

UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
INTEGER = re.compile(r"[+-]?[0-9]+\Z", re.ASCII)
TIME = re.compile(r"\+?([0-9]+)(?:([a-z]).*)?\Z", re.ASCII | re.DOTALL)
# What the reference keeps a value in.
DIGITS = 40  # more are no number, however many of them are zeros
LARGEST: dict[object, int] = {int: 2**31 - 1, LongInt: 2**63 - 1, Seconds: 2**31 - 1}


def split_words(text: str) -> Words:
    """Return list elements: separated by blanks or commas, {...} protecting both."""
    words: list[str] = []
    word, level = "", 0
    for letter in text:
        if level == 0 and (letter in BLANKS or letter == ","):
            if word:
                words.append(word)
            word = ""
            continue
        level += (letter == "{") - (letter == "}" and level > 0)
        word += letter
    if word:
        words.append(word)
    return Words(tuple(words))


def parse_bool(parameter: Parameter, text: str) -> bool:
    """Return yes or no, in any case."""
    if text.lower() not in ("yes", "no"):
        raise ValueError(f"bad boolean configuration: {parameter.name} = {text}")
    return text.lower() == "yes"


def parse_int(parameter: Parameter, text: str) -> int:
    """Return a decimal number within the parameter's bounds."""
    name, largest = parameter.name, LARGEST[parameter.kind]
    if not INTEGER.match(text) or len(text) > DIGITS or not -largest <= int(text) <= largest:
        raise ValueError(f"bad numerical configuration: {name} = {text}")
    value = int(text)
    if parameter.least is not None and value < parameter.least:
        raise ValueError(f"invalid {name} parameter value {value} < {parameter.least}")
    if parameter.most is not None and value > parameter.most:
        raise ValueError(f"invalid {name} parameter value {value} > {parameter.most}")
    return value


def parse_time(parameter: Parameter, text: str) -> Seconds:
    """Return seconds; a number without unit has the unit of the default.

    Of a longer unit only the first letter counts, as in Postfix.
    """
    match = TIME.match(text)
    unit = (match[2] if match else None) or default_unit(parameter)
    if not match or unit not in UNIT_SECONDS or len(match[1]) > DIGITS:
        raise ValueError(f"parameter {parameter.name}: bad time value or unit: {text}")
    value = int(match[1]) * UNIT_SECONDS[unit]
    if value > LARGEST[Seconds]:
        raise ValueError(f"parameter {parameter.name}: bad time value or unit: {text}")
    if parameter.least is not None and value < parameter.least:
        raise ValueError(f"invalid {parameter.name}: {value} (min {parameter.least})")
    if parameter.most is not None and value > parameter.most:
        raise ValueError(f"invalid {parameter.name}: {value} (max {parameter.most})")
    return Seconds(float(value))


def default_unit(parameter: Parameter) -> str:
    """Return the unit letter of a time parameter's default, s if it has none."""
    text = parameter.default if isinstance(parameter.default, str) else ""
    return text[-1] if text[-1:] in UNIT_SECONDS else "s"


def parse_string(parameter: Parameter, text: str) -> str:
    """Return the text; a parameter with choices takes only those, in any case."""
    if parameter.choices and text.lower() not in parameter.choices:
        raise ValueError(f"parameter {parameter.name}: unrecognized value: {text}")
    if parameter.least is not None and len(text) < parameter.least:
        raise ValueError(
            f"bad string length {len(text)} < {parameter.least}: {parameter.name} = {text}"
        )
    return text.lower() if parameter.choices else text


def parse_host_name(parameter: Parameter, text: str) -> HostName:
    """Return the name of a host or domain."""
    parse_string(parameter, text)
    if trouble := host_name.trouble(text.encode("utf-8", "surrogateescape")):
        raise ValueError(f"parameter {parameter.name}: bad parameter value: {text}: {trouble}")
    return HostName(text)


def parse_words(parameter: Parameter, text: str) -> Words:
    """Return a list; where the parameter has choices each element must be one."""
    words = split_words(text)
    for word in words if parameter.choices else ():
        if word.lower() not in parameter.choices:
            raise ValueError(f'unknown {parameter.name} value "{word}" in "{text}"')
    return Words(tuple(word.lower() for word in words)) if parameter.choices else words


CONVERTERS: dict[object, Callable[[Parameter, str], object]] = {
    bool: parse_bool,
    int: parse_int,
    LongInt: parse_int,
    Seconds: parse_time,
    str: parse_string,
    HostName: parse_host_name,
    Words: parse_words,
}
