"""report - results for people and for programs"""

import json
import os
import platform
from collections.abc import Iterable, Iterator
from dataclasses import asdict

from bench.contest import Result

HEAD = f"{'case':24} {'side':12} {'msg/s':>8} {'spread':>6} {'CPU us':>9} {'rate':>7} {'CPU':>6}"


def rows(result: Result) -> Iterator[str]:
    """Yield a line of the table for each side."""
    for score in result.scores:
        line = f"{result.case.name:24} {score.side:12} {score.rate:8.1f} {score.spread:6.0%}"
        line += f" {score.cpu:9.0f}"
        if score is not result.scores[0]:
            line += f" {result.rate_ratio(score):6.2f}x {result.cpu_ratio(score):5.2f}x"
        yield line


def as_json(results: Iterable[Result]) -> str:
    """Return everything, single rounds too."""
    return json.dumps({"machine": machine(), "cases": [one(each) for each in results]}, indent=1)


def machine() -> dict[str, object]:
    """Return what the figures depend on."""
    system = f"{platform.system()} {platform.release()}"
    return {"cpus": os.cpu_count(), "system": system, "python": platform.python_version()}


def one(result: Result) -> dict[str, object]:
    """Return a result: rates in messages a second, CPU in microseconds a message."""
    sides = [
        {
            "side": score.side,
            "rate": score.rate,
            "cpu": score.cpu,
            "spread": score.spread,
            "rate_ratio": result.rate_ratio(score),
            "cpu_ratio": result.cpu_ratio(score),
            "rounds": [asdict(each) for each in score.rounds],
        }
        for score in result.scores
    ]
    return {"case": result.case.name, **asdict(result.case.shape), "sides": sides}
