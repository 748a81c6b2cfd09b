"""Short runs of the benchmark of the service; the long ones are in its result file."""

import service as benchmark


def test_many_clients_at_once_get_their_pictures() -> None:
    row = benchmark.load(clients=8, minutes=0.1)
    assert (row["errors"], row["files_left"]) == (0, 0)
    assert isinstance(row["pictures"], int) and row["pictures"] >= 8


def test_broken_uploads_are_answered_and_break_nothing() -> None:
    row = benchmark.mutated(120)
    assert (row["errors_500"], row["tracebacks"], row["files_left"]) == (0, 0, 0)
    assert isinstance(row["answers"], dict) and sum(row["answers"].values()) == 120
