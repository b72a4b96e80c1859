"""aliases - the recipients that a recipient stands for

DESCRIPTION
    Each answer of virtual_alias_maps is looked up again, until an address
    stands for itself or for nothing. Where that has no end, or too many ends,
    the message is one to be tried again.

SEE ALSO
    virtual(5)
    spec/cleanup-behaviour.md, section 2
"""

from typing import NamedTuple

from cleanup.mapping import AddressMaps, folded
from cleanup.message import Message
from common.config import decoded
from common.params import AddressParams
from common.status import Status
from common.tables import TableError

REASON = b"4.6.0 Alias expansion error"
SHOWN = 300  # bytes of an address that is too long, in the log


class ExpansionError(Exception):
    """There is no end to it; str() is what the log says."""


class Aliases(NamedTuple):
    """virtual_alias_maps, and how far they may lead."""

    maps: AddressMaps
    params: AddressParams

    def recipients(self, message: Message, recipient: bytes) -> list[bytes]:
        """Return the recipients in place of one; on failure it is that one, the message refused."""
        name, shown = self.maps.parameter, decoded(recipient)
        try:
            return self._expanded(recipient)
        except ExpansionError as error:
            status = Status.DEFERRED
            message.warn(f"unreasonable {name} {error} -- message not accepted, try again later")
        except TableError:
            status = Status.WRITE_FAILED
            message.warn(
                f"{name} map lookup problem for {shown} -- message not accepted, try again later"
            )
        message.refuse(status, REASON)
        return [recipient]

    def _expanded(self, recipient: bytes) -> list[bytes]:
        """Return what the tables make of a recipient, in the order of Postfix.

        Raises:
            ExpansionError: there is no end to it.
            TableError: nobody can tell now.
        """
        found = [recipient]
        final: set[str] = set()  # addresses that stand for themselves
        place = 0
        while place < len(found):
            if len(found) > self.params.virtual_alias_expansion_limit:
                raise ExpansionError(f"map expansion size for {decoded(recipient)}")
            depth = 0
            while not final or folded(found[place]) not in final:
                if depth >= self.params.virtual_alias_recursion_limit:
                    raise ExpansionError(f"map nesting for {decoded(recipient)}")
                answers = self.maps.addresses(found[place])
                if answers is None:
                    break
                self._check_length(answers)
                if folded(found[place]) in map(folded, answers):
                    final.add(folded(found[place]))
                found[place] = answers[0]
                found += answers[1:]
                depth += 1
            place += 1
        return found

    def _check_length(self, answers: list[bytes]) -> None:
        for answer in answers:
            if len(answer) > self.params.virtual_alias_address_length_limit:
                raise ExpansionError(f"result {decoded(answer[:SHOWN])}...")
