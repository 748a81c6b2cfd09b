"""The loop that hands out, where what is heard comes in an order that real workers seldom make."""

from dataclasses import dataclass, field

from batches import Told
from rgtsr.batch import Item, Row, State
from rgtsr.batch.drive import Died, Drive, Ended, Heard, Ready

SLOW_ONE = Item("a", "a")


@dataclass
class Script:
    """Hands of whom is heard what stands there, one look after the other."""

    looks: list[list[Heard]]
    given: list[tuple[int, Item]] = field(default_factory=list)
    count: int = 0

    def hire(self) -> int:
        self.count += 1
        return self.count

    def give(self, worker: int, item: Item) -> None:
        self.given.append((worker, item))

    def dismiss(self, worker: int) -> None:
        raise AssertionError(worker)

    def hear(self, wait_s: float) -> list[Heard]:
        return self.looks.pop(0)

    def close(self) -> None:
        assert not self.looks


def test_what_two_workers_had_ends_once() -> None:
    """One of them dies with it: the other's row is the only one."""
    heard = [
        [Ready(1), Ready(2)],
        [],  # both have it by now
        [Died(1, "its process died")],
        [Ended(2, SLOW_ONE, Row(source="a", output="a", state=State.DONE, key=""))],
    ]
    script = Script(heard)
    told = Told()
    drive = Drive(script, 2, on_row=told.rows.append, say=told.lines.append, slow_s=0.0)
    drive.run([SLOW_ONE])
    assert script.given == [(1, SLOW_ONE), (2, SLOW_ONE)]
    assert told.states() == {"a": "done"}
