"""Waiting for conditions. The time limits only bound how long a failing test takes."""

import time

from .places import SANITIZED

LIMIT_S = 60 if SANITIZED else 20


def wait_until(condition, what: str, limit_s: float = LIMIT_S):
    """Calls condition until it returns something true, which is returned."""
    deadline = time.monotonic() + limit_s
    pause = 0.001
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {limit_s} s in vain until {what}; last value: {value!r}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)


def wait_until_steady(value, what: str, times: int = 8, pause_s: float = 0.05):
    """Calls value until it has returned the same several times in a row."""
    last, seen = value(), 0

    def is_steady():
        nonlocal last, seen
        time.sleep(pause_s)
        now = value()
        seen = seen + 1 if now == last else 0
        last = now
        return seen >= times

    wait_until(is_steady, f"{what} stays the same")
    return last
