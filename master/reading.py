"""reading - what stood in main.cf and master.cf at one time

DESCRIPTION
    Both files are read once and kept as they were. A new program that takes
    over in an upgrade gets the very texts that were checked before, whatever
    has become of the files.
"""

from dataclasses import dataclass
from pathlib import Path

from common.config import MainCf, Stamp, read_text


@dataclass(frozen=True, slots=True)
class Reading:
    """The texts; any byte is kept as common.config.read_text() does."""

    directory: str
    main_cf: str
    master_cf: str
    stamp: Stamp  # of main.cf

    @classmethod
    def of(cls, directory: Path) -> "Reading":
        """Read both files.

        Raises:
            ConfigError: one cannot be read.
        """
        stamp = Stamp.of(directory / "main.cf")  # before the text: a change in between shows
        main_cf = read_text(directory / "main.cf")
        return cls(str(directory), main_cf, read_text(directory / "master.cf"), stamp)

    def parse_main_cf(self) -> MainCf:
        """Return what main.cf says.

        Raises:
            ConfigError: a line that is no "name = value".
        """
        return MainCf.parse(Path(self.directory, "main.cf"), self.main_cf, self.stamp)

    @property
    def services_path(self) -> Path:
        """Where master.cf was read."""
        return Path(self.directory, "master.cf")
