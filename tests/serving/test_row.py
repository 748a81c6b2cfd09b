"""The row of what waits: in turn among clients."""

from hypothesis import given
from hypothesis import strategies as st

from rgtsr.serving.row import Row

WAITING = st.lists(st.sampled_from("abc"), min_size=1, max_size=12)


def test_clients_take_turns() -> None:
    row: Row[str] = Row()
    for item in ("a1", "a2", "a3", "b1", "c1", "b2"):
        row.put(item[0], item)
    assert [item for _, item in zip(range(6), row, strict=False)] == [
        *("a1", "b1", "c1"),
        *("a2", "b2"),
        "a3",
    ]


@given(WAITING)
def test_a_position_is_the_number_of_those_that_are_taken_before(clients: list[str]) -> None:
    row: Row[int] = Row()
    for number, client in enumerate(clients):
        row.put(client, number)
    positions = {number: row.position(client, number) for number, client in enumerate(clients)}
    taken = [number for _, number in zip(range(len(clients)), row, strict=False)]
    assert positions == {number: place for place, number in enumerate(taken)}
    assert len(row) == 0


@given(WAITING, st.data())
def test_what_is_removed_is_not_taken(clients: list[str], data: st.DataObject) -> None:
    row: Row[int] = Row()
    for number, client in enumerate(clients):
        row.put(client, number)
    gone = data.draw(st.integers(0, len(clients) - 1))
    assert row.remove(clients[gone], gone)
    assert not row.remove(clients[gone], gone)
    assert row.position(clients[gone], gone) is None
    left = [number for _, number in zip(range(len(clients) - 1), row, strict=False)]
    assert sorted([*left, gone]) == list(range(len(clients)))


def test_a_closed_row_ends() -> None:
    row: Row[int] = Row()
    row.put("a", 1)
    row.close()
    assert list(row) == []
