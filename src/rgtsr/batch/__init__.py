"""Pictures by the million: read and written wherever fsspec reaches, by processes or a cluster.

Paths travel, never pixels. Knows no terminal.
"""

from rgtsr.batch import places
from rgtsr.batch.failures import Patience
from rgtsr.batch.item import Item, Row, State
from rgtsr.batch.manifest import Manifest
from rgtsr.batch.processes import Processes
from rgtsr.batch.run import Batch, Count
from rgtsr.batch.sources import Shard, Source
from rgtsr.batch.worker import Task

__all__ = [
    "Batch",
    "Count",
    "Item",
    "Manifest",
    "Patience",
    "Processes",
    "Row",
    "Shard",
    "Source",
    "State",
    "Task",
    "places",
]
