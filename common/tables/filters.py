"""filters - one search in place of many

DESCRIPTION
    Most keys match no rule of a long table. Patterns with the same flags are
    joined to alternatives of a larger one: if that is not found, none of them
    would be. A pattern is joined only if it means the same among others; one
    that might not, as with back-references, is always tried by itself.

    400 rules for headers cost 20 us a header this way, 300 us without.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from common.tables.replacement import Groups
from common.tables.rules import Dialect, Matcher, MatchError, PatternError, Rule

# Patterns joined to one. More make a miss cheaper and a hit dearer.
GROUP_SIZE = 32
SLOW_SECONDS = 0.1  # a search that takes longer is worth a line in the log
LEAST_SIZE = 4  # fewer are as cheap alone

Search = Callable[[bytes], Groups | None]


@dataclass(frozen=True, slots=True)
class Filter:
    """Rules of which none matches if their joined pattern does not."""

    matcher: Matcher
    members: tuple[int, ...]  # places in the table

    def may_match(self, subject: bytes) -> bool:
        """Tell whether any of the rules might match, or is worth a complaint."""
        begun = time.perf_counter()
        try:
            found = self.matcher.search(subject) is not None
        except MatchError:
            return True  # one of them will say so itself
        return found or time.perf_counter() - begun > SLOW_SECONDS


@dataclass(frozen=True, slots=True)
class Run:
    """Rules that follow each other, with no jump into or out of them."""

    start: int
    end: int  # the place behind the last
    loose: tuple[int, ...]  # those without a filter
    filters: tuple[Filter, ...]

    def candidates(self, subject: bytes) -> list[int]:
        """Return the places of rules that might match, in their order."""
        found = list(self.loose)
        for one in self.filters:
            if one.may_match(subject):
                found += one.members
        found.sort()
        return found


def runs(rules: list[Rule], dialect: Dialect) -> Iterator[Run]:
    """Yield runs that hold all rules of a table, in their order.

    A rule that may jump, an if, is a run of its own.
    """
    targets = {rule.end for rule in rules}
    start = 0
    for place, rule in enumerate(rules):
        if place in targets or rule.result is None:
            if start < place:
                yield make_run(rules, start, place, dialect)
            start = place
        if rule.result is None:
            yield Run(place, place + 1, (place,), ())
            start = place + 1
    if start < len(rules):
        yield make_run(rules, start, len(rules), dialect)


def searches(rules: list[Rule], runs: list[Run]) -> Iterator[Search]:
    """Yield searches of which one finds something if any rule has a result."""
    for run in runs:
        yield from (one.matcher.search for one in run.filters)
        for rule in (rules[place] for place in run.loose):
            if rule.result is not None:
                yield always if rule.pattern.negated else rule.matcher.search


def always(subject: bytes) -> Groups:
    """Find something in any subject."""
    return []


def make_run(rules: list[Rule], start: int, end: int, dialect: Dialect) -> Run:
    """Return a run with its filters."""
    kinds: dict[tuple[int, bool], list[int]] = {}
    loose: list[int] = []
    for place in range(start, end):
        rule = rules[place]
        shape = None if rule.pattern.negated else dialect.shape(rule.pattern)
        if shape is None:
            loose.append(place)
        else:
            # Anchored ones apart: the library sees that one place to try is enough.
            kinds.setdefault((rule.pattern.flags, shape.anchored), []).append(place)
    filters = []
    for (flags, _), places in kinds.items():
        for first in range(0, len(places), GROUP_SIZE):
            members = places[first : first + GROUP_SIZE]
            matcher = joined([rules[place].pattern.text for place in members], flags, dialect)
            if matcher is None:
                loose += members
            else:
                filters.append(Filter(matcher, tuple(members)))
    return Run(start, end, tuple(sorted(loose)), tuple(filters))


def joined(patterns: list[bytes], flags: int, dialect: Dialect) -> Matcher | None:
    """Return the alternatives as one pattern, None if that is not worth while."""
    if len(patterns) < LEAST_SIZE:
        return None
    text = b"|".join(dialect.group % pattern for pattern in patterns)
    try:
        return dialect.compile(text, flags, 0)
    except PatternError:
        return None  # too large, for example
