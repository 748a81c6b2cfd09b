"""Numbers as people type them: factors, shares and amounts of memory."""

import math
import re
from typing import Literal

from rgtsr.errors import UsageError

FACTOR = re.compile(r"x?\s*(\d+(?:[.,]\d+)?)\s*x?", re.IGNORECASE)
LEAST_BYTES = 1000  # less is a number without its unit
MEMORY = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?", re.IGNORECASE)


def factor(text: str) -> float:
    """The number in ``2``, ``2.5``, ``2,5``, ``2x`` or ``x2``.

    Raises:
        UsageError: for anything else.
    """
    found = FACTOR.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"--scale={text} is no factor: write 2, 3, 4, or any number such as 2.5.")
    return float(found[1].replace(",", "."))


def share(text: str) -> float | Literal["auto"]:
    """How far pictures are restored: ``auto``, or a number from 0 to 1.

    Raises:
        UsageError: for anything else.
    """
    if text.strip().lower() == "auto":
        return "auto"
    try:
        number = float(text.replace(",", "."))
    except ValueError:
        number = math.nan
    if not 0 <= number <= 1:
        raise UsageError(f"--restore={text} is none: auto, or a number from 0 to 1.")
    return number


def size_bytes(text: str, option: str = "--max-memory") -> int:
    """Bytes of ``2GiB`` or ``2g`` (of 1024 each), ``1500MB`` (of 1000), or of a plain number.

    Raises:
        UsageError: for anything else.
    """
    found = MEMORY.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"{option}={text} is no size: write for example 2GiB or 800MiB.")
    number, unit, binary = found.groups()
    decimal = not binary and text.strip().lower().endswith("b")
    factor = 1000 if decimal else 1024
    size = float(number) * factor ** " kmgt".index(unit.lower() or " ")
    if not LEAST_BYTES <= size < math.inf:
        raise UsageError(f"{option}={text} is out of range: write for example 2GiB or 800MiB.")
    return int(size)
