"""stage - the parts of the record stream, each the business of one class

DESCRIPTION
    A stage takes records from the reader until it has seen the one that ends
    its part, and returns the stage that follows: EnvelopeStage, HeaderStage,
    BodyStage, ExtractedStage, Finished. After an error that refuses the
    message, DiscardStage reads the rest: the client writes all of it before
    it asks for the verdict.
"""

from typing import Protocol

from common.record import Reader, RecordType

END = RecordType.END[0]


class Stage(Protocol):
    """One part of the stream."""

    def advance(self, records: Reader) -> "Stage | None":
        """Take what is there; return the stage that follows, None when bytes are missing."""


class Finished:
    """Behind the end record nothing is expected."""

    def advance(self, records: Reader) -> Stage | None:
        """Take nothing."""
        return None


class DiscardStage:
    """Takes everything up to the end record."""

    def advance(self, records: Reader) -> Stage | None:
        """Drop records."""
        while (found := records.next_record()) is not None:
            if found[0] == END:
                return Finished()
        return None


def discard_from(kind: int) -> Stage:
    """Return the stage behind a lethal error that was found in a record of this kind."""
    return Finished() if kind == END else DiscardStage()
