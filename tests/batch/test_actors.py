"""The same on a Ray cluster of two machines, of which one goes while it works."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from batches import expected, killed, make_folder, results, through
from fakes import POISON
from rgtsr.batch import Row, Task
from rgtsr.batch.actors import Actors

ray = pytest.importorskip("ray", reason="ray is not installed")
HERE = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def cluster() -> Iterator[object]:
    """Two machines of one core, as far as Ray is concerned."""
    from ray.cluster_utils import Cluster

    before = os.environ.get("PYTHONPATH", "")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE), before])
    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False}
    )
    yield cluster
    ray.shutdown()
    cluster.shutdown()
    os.environ["PYTHONPATH"] = before


def test_a_machine_that_goes_and_a_picture_that_kills_cost_nothing_else(
    cluster, tmp_path: Path
) -> None:
    folder = make_folder(tmp_path / "in", map("{}.png".format, range(16)))
    second = cluster.add_node(num_cpus=1)
    gone: list[object] = []

    def hands(task: Task) -> Actors:
        return Actors(task, cluster.address, threads=1)

    def take_away(_: Row) -> None:
        if not gone:
            gone.append(second)
            cluster.remove_node(second, allow_graceful=False)

    told = through(folder, tmp_path / "out", killed, hands=hands, on_row=take_away)
    failed = {row.output: row.error for row in told.rows if row.state == "failed"}
    assert list(failed) == [POISON], told.lines
    assert "its process died" in failed[POISON]
    assert len(told.rows) == 16
    alone = expected(folder, tmp_path / "alone")
    del alone[POISON]
    assert results(tmp_path / "out") == alone
