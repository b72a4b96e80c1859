"""patterns - tables of patterns: the first rule that matches

DESCRIPTION
    regexp and pcre tables. Rules are tried in their order; those that cannot
    match are passed over by a filter, one search for many of them. A search
    that takes long is logged with its rule; one that the library gives up
    makes the lookup fail.

SEE ALSO
    common.tables.rules, for the text of a table
    regexp_table(5), pcre_table(5)
"""

import time
from collections.abc import Collection
from typing import Self

from common.config import encoded
from common.tables import braces, source
from common.tables.filters import SLOW_SECONDS, runs, searches
from common.tables.replacement import Groups, expanded
from common.tables.rules import Dialect, MatchError, Parser, Rule
from common.tables.source import SourceFile
from common.tables.table import Options, Table, TableError


class PatternTable(Table):
    """Rules with patterns."""

    patterns = True
    constant = True

    def __init__(
        self,
        name: str,
        options: Options,
        dialect: Dialect,
        rules: list[Rule],
        file: SourceFile | None = None,
    ) -> None:
        super().__init__(name, options)
        self.rules = rules
        self._runs = list(runs(rules, dialect))
        self._searches = tuple(searches(rules, self._runs))
        self._file = file

    @classmethod
    def read(cls, dialect: Dialect, name: str, options: Options) -> Self:
        """Read rules out of a file, or out of "{{rule} {rule}...}".

        Raises:
            ConfigError: there is no such file, or there are no such braces.
        """
        kind = f"{dialect.kind} map"
        if name.startswith("{"):
            text, file = braces.rule_lines(name, kind), None
        else:
            file = SourceFile(name)
            text = file.text()
        lines = source.lines(text, name, options, kind=f"{kind} ")
        rules = Parser(dialect, options).parse(lines)
        return cls(f"{dialect.kind}:{name}", options, dialect, rules, file)

    def _find(self, key: str) -> str | None:
        subject = encoded(key).partition(b"\0")[0]
        skipped = 0  # rules in front of this one are in an if that is not true
        for run in self._runs:
            if run.start < skipped:
                continue
            for place in run.candidates(subject):
                rule = self.rules[place]
                groups = self._matched(rule, subject)
                if groups is None:
                    skipped = rule.end
                elif rule.result is not None:
                    return expanded(rule.result, groups)
        return None

    def rules_out(self, keys: Collection[bytes]) -> bool:
        """Tell whether no rule matches; an if counts as true. What takes long decides nothing."""
        subjects = [key.partition(b"\0")[0] for key in keys]
        begun = time.perf_counter()
        try:
            for search in self._searches:
                for subject in subjects:
                    if search(subject) is not None:
                        return False
        except MatchError:
            return False
        return time.perf_counter() - begun <= SLOW_SECONDS

    def _matched(self, rule: Rule, subject: bytes) -> Groups | None:
        """Return the groups of a rule that is about the subject, None if it is not."""
        begun = time.perf_counter()
        try:
            groups = rule.matcher.search(subject)
            if rule.pattern.negated:
                groups = [] if groups is None else None
            if groups is not None and rule.exception and rule.exception.search(subject) is not None:
                groups = None
        except MatchError as error:
            self.options.log.warning(f"{rule.origin}: {error}")
            raise TableError from None
        seconds = time.perf_counter() - begun
        if seconds > SLOW_SECONDS:
            self.options.log.warning(
                f"{rule.origin}: slow pattern: {seconds:.1f} s for {len(subject)} bytes"
            )
        return groups

    def changed(self) -> bool:
        """Tell whether the file was replaced or edited."""
        return self._file is not None and self._file.changed()

    def close(self) -> None:
        """Close the file."""
        if self._file:
            self._file.close()
