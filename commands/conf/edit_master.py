"""edit_master - change master.cf

DESCRIPTION
    -M replaces whole services, adds, removes or comments them out; -F changes
    a field, -P a parameter that an "-o" option sets. All other lines stay as
    they are. A service that -F or -P changes is written anew, behind the
    comments that stand inside and after it.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from commands.conf import entries
from commands.conf.edit_main import assignment, refuse_lines
from commands.conf.entries import FIELDS, Entry, check_field, command_words, matching
from commands.conf.request import Request
from commands.conf.rewriting import rewrite
from common.config import BLANKS
from common.errors import ConfigError

NEEDED = {
    "M": "-Me, -MX or -M# requires service_name/type",
    "F": "-Fe or -FX requires service_name/type/field_name",
    "P": "-Pe or -PX requires service_name/type/parameter",
}

Warn = Callable[[str], None]


@dataclass(slots=True)
class Change:
    """One argument: which services, and what happens to them."""

    text: str
    name: str
    kind: str
    part: str = ""  # a field or a parameter
    value: str | None = None  # None: it is to go
    entry: Entry | None = None  # what takes their place
    found: bool = False

    def concerns(self, entry: Entry) -> bool:
        """Tell whether a service is meant."""
        return bool(matching([entry], self.name, self.kind))


def edit(request: Request, warn: Warn) -> None:
    """Change the file.

    Raises:
        ConfigError: a wrong argument or file.
    """
    letter = next(iter(request.letters & set("MFP")))
    changes = [parse(text, letter, request, warn) for text in request.arguments]
    path = request.config_dir / "master.cf"
    blocks = partial(changed, changes=changes, letter=letter, request=request, warn=warn)
    rewrite(path, blocks)
    for one in changes:
        if letter != "M" and not one.found:
            warn(f'unmatched service_name/type: "{one.text}"')


def parse(text: str, letter: str, request: Request, warn: Warn) -> Change:
    """Return what an argument asks for.

    Raises:
        ConfigError: it asks for nothing that can be done.
    """
    refuse_lines(text, "-Me, -Fe, -Pe, -X, or -#", "accept")
    target, value = assignment(text) if "e" in request else (text, None)
    parts = target.split("/")
    if len(parts) != (2 if letter == "M" else 3) or not all(parts):
        raise ConfigError(NEEDED[letter])
    change = Change(text, parts[0], parts[1], "".join(parts[2:]), value)
    if letter == "M" and value is not None:
        change.entry = entries.parse(value, f'bad field count: "{text}"', warn)
    elif letter == "F":
        require_field(change.part)
        check_value(change, warn)
    elif letter == "P" and value is not None and any(blank in value for blank in BLANKS):
        raise ConfigError("-Pe does not accept whitespace in parameter value")
    return change


def require_field(name: str, *, wild: bool = False) -> None:
    """Check that a field exists.

    Raises:
        ConfigError: it does not.
    """
    if name not in FIELDS and not (wild and name == "*"):
        raise ConfigError(f'invalid service attribute name: "{name}"')


def check_value(change: Change, warn: Warn) -> None:
    """Check the new text of a field.

    Raises:
        ConfigError: master would not understand it.
    """
    value = change.value or ""
    if change.part != "command" and any(blank in value for blank in BLANKS):
        raise ConfigError("-Fe does not accept whitespace in non-command field")
    check_field(change.part, value, value)


def changed(
    lines: list[str], *, changes: list[Change], letter: str, request: Request, warn: Warn
) -> Iterator[str]:
    """Yield the new lines."""
    for block in blocks(lines):
        entry = entry_of(block, request, warn)
        concerned = [one for one in changes if entry and one.concerns(entry)]
        if not concerned or entry is None:
            yield from block
        elif letter == "M":
            yield from replaced(block, concerned[-1], comment="#" in request)
        else:
            yield from (line for line in block if is_comment(line))
            for one in concerned:
                apply(one, letter, entry, warn)
            yield f"{entry.shown(fold=True)}\n"
        for one in concerned:
            one.found = True
    for one in changes:
        if one.entry and not one.found:
            yield f"{one.entry.shown(fold=True)}\n"


def blocks(lines: list[str]) -> Iterator[list[str]]:
    """Yield a service's lines with the comments and empty lines behind them, as one."""
    block: list[str] = []
    for line in lines:
        if block and line[0] not in BLANKS and not is_comment(line):
            yield block
            block = []
        block.append(line)
    if block:
        yield block


def is_comment(line: str) -> bool:
    """Tell whether a line belongs to no service; an empty one does not either."""
    stripped = line.strip(BLANKS)
    return not stripped or stripped.startswith("#")


def entry_of(block: list[str], request: Request, warn: Warn) -> Entry | None:
    """Return the service that a block is about; what stands in front of the first is about none.

    Raises:
        ConfigError: it is no service.
    """
    if is_comment(block[0]) or block[0][0] in BLANKS:
        return None
    text = "".join(line.rstrip("\n") for line in block if not is_comment(line))
    if "M" in request:  # a line that is wrong can be replaced or removed
        name, kind, *_ = [*re.split(f"[{BLANKS}]+", text.strip(BLANKS)), ""]
        return Entry([name, kind], [""])
    return entries.parse(text, f'bad field count: "{text.strip(BLANKS)}"', warn)


def replaced(block: list[str], change: Change, *, comment: bool) -> Iterator[str]:
    """Yield the lines of a service that is replaced, removed or commented out."""
    if change.entry and not change.found:
        yield f"{change.entry.shown(fold=True)}\n"
    for line in block:
        if is_comment(line):
            yield line
        elif comment:
            yield f"#{line}"


def apply(change: Change, letter: str, entry: Entry, warn: Warn) -> None:
    """Change a field or a parameter."""
    if letter == "P" and change.value is None:
        entry.remove_parameter(change.part)
    elif letter == "P":
        entry.set_parameter(change.part, change.value or "")
    elif change.part == "command":
        entry.words = list(command_words(change.value or "", warn))
    else:
        entry.fields[FIELDS.index(change.part)] = change.value or ""
