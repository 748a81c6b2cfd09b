"""Which process is which, and whether it lives. A number alone is given again."""

import functools
import os

import psutil

CLOCK_S = 10.0  # by which a clock that is set moves the start of a process


@functools.cache
def this_process() -> str:
    """A name of this one."""
    return f"{os.getpid()}-{psutil.Process().create_time():.2f}"


def lives(name: str) -> bool:
    """Whether the process of that name is there."""
    number, _, started = name.partition("-")
    try:
        return abs(psutil.Process(int(number)).create_time() - float(started)) < CLOCK_S
    except psutil.Error:
        return False
