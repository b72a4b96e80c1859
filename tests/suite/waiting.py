"""waiting - for a condition, with a deadline

DESCRIPTION
    A test never sleeps for luck: it waits for what it needs to see, looks
    again in short turns, and fails with a sentence when the time is over.
"""

import time
from collections.abc import Callable
from typing import TypeVar

import pytest

POLL = 0.01  # seconds between two looks

T = TypeVar("T")


def wait_for(condition: Callable[[], T], seconds: float, what: str) -> T:
    """Return the first true value of condition, or fail the test."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            pytest.fail(f"waited {seconds:g} s in vain for {what}")
        time.sleep(POLL)


def holds_within(condition: Callable[[], object], seconds: float) -> bool:
    """Tell whether condition becomes true before the time is over."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(POLL)
    return True
