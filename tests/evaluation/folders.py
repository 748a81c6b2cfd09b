"""What the tests of evaluation share: the type of the fixture that writes pictures."""

from collections.abc import Callable
from pathlib import Path

Put = Callable[..., Path]
