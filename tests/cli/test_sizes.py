"""Numbers as people type them."""

import pytest

from rgtsr.cli.sizes import factor, size_bytes
from rgtsr.errors import UsageError


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2GiB", 2 << 30), ("1.5g", 3 << 29), ("800 MiB", 800 << 20), ("1500MB", 1_500_000_000),
     ("4096", 4096), ("1kb", 1000)],
)  # fmt: skip
def test_memory_is_said_in_the_usual_ways(text: str, expected: int) -> None:
    assert size_bytes(text) == expected


@pytest.mark.parametrize("text", ["", "much", "-1GiB", "2 apples", "GiB"])
def test_what_is_no_amount_of_memory_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write for example 2GiB"):
        size_bytes(text)


@pytest.mark.parametrize(
    ("text", "expected"), [("2", 2), ("2.5", 2.5), ("2,5", 2.5), ("2x", 2), ("x4", 4), (" 3 X", 3)]
)
def test_factors_are_typed_in_many_ways(text: str, expected: float) -> None:
    assert factor(text) == expected


@pytest.mark.parametrize("text", ["two", "", "2:1", "-2", "x"])
def test_what_is_no_factor_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no factor"):
        factor(text)
