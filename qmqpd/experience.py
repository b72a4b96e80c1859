"""experience - how the lookup of an address went, known to all workers

DESCRIPTION
    A worker leaves after max_use clients: too early to learn which lookups
    are in vain. The workers of a master share a little memory in which they
    note the addresses whose names were found, and those whose name server
    keeps silent. It tells who is asked about first, and whom to wait for;
    names are not in it: each worker looks them up itself.

    A note may be lost, when another address has the same place. Nobody
    depends on one.
"""

import mmap
import struct

PLACES = 16_384
NOTE = struct.Struct("=Qdd")  # whose it is; found until, silent until: monotonic, 0 is never
DIGEST = 2**64 - 1
FOUND_SECONDS = 3600.0
SILENT_SECONDS = 10.0  # for so long nobody asks again
FORGOTTEN_SECONDS = 60.0  # after which silence counts as new


class Experience:
    """The notes; to be made before the workers are forked."""

    def __init__(self) -> None:
        self._notes = mmap.mmap(-1, PLACES * NOTE.size)  # shared with what is forked later

    def note_found(self, address: str, now: float) -> None:
        """Keep that the address has a name, and a server that tells it."""
        self._write(address, now + FOUND_SECONDS, 0.0)

    def note_silence(self, address: str, now: float) -> None:
        """Keep that asking about the address is in vain, for now."""
        self._write(address, 0.0, now + SILENT_SECONDS)

    def found(self, address: str, now: float) -> bool:
        """Tell whether the address had a name lately."""
        return self._read(address)[0] > now

    def silent_until(self, address: str, now: float) -> float:
        """Return until when it is in vain to ask, a time in the past if that is over, 0: never."""
        until = self._read(address)[1]
        return until if now - FORGOTTEN_SECONDS < until <= now + SILENT_SECONDS else 0.0

    def _write(self, address: str, found_until: float, silent_until: float) -> None:
        # Two workers may write to one place at a time: at worst an address is asked about late.
        digest = hash(address) & DIGEST
        NOTE.pack_into(self._notes, digest % PLACES * NOTE.size, digest, found_until, silent_until)

    def _read(self, address: str) -> tuple[float, float]:
        # The same in all processes of one master: they were forked with its secret of hashing.
        digest = hash(address) & DIGEST
        owner, found_until, silent_until = NOTE.unpack_from(
            self._notes, digest % PLACES * NOTE.size
        )
        return (found_until, silent_until) if owner == digest else (0.0, 0.0)
