"""journal - a Log whose lines a test can read"""

from common.log import ERROR, INFO, WARNING, Log


class ListSink:
    """A sink that keeps lines in memory."""

    wants_time = False

    def __init__(self) -> None:
        self.lines: list[tuple[int, str]] = []

    def write(self, severity: int, line: bytes) -> None:
        """Keep the line."""
        self.lines.append((severity, line.decode("utf-8", "surrogateescape")))

    def fileno(self) -> int:
        """Return no descriptor: nothing ever waits."""
        return -1

    def close(self) -> None:
        pass


class Journal(Log):
    """Logs to a list; lines() shows the texts, without tag and pid."""

    def __init__(self) -> None:
        self.kept = ListSink()
        super().__init__("postfix/test", self.kept)

    def lines(self) -> list[str]:
        """Return every text so far."""
        return [line.partition("]: ")[2] for _, line in self.kept.lines]

    def warnings(self) -> list[str]:
        """Return the texts of warnings and errors, their first word included."""
        return self._of(WARNING) + self._of(ERROR)

    def notes(self) -> list[str]:
        """Return the texts of ordinary events."""
        return self._of(INFO)

    def _of(self, wanted: int) -> list[str]:
        return [
            line.partition("]: ")[2] for severity, line in self.kept.lines if severity == wanted
        ]
