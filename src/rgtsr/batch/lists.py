"""Lists of pictures in Parquet."""

# pyarrow is typed in part:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportMissingTypeStubs=false

from collections.abc import Iterator

from rgtsr.batch.failures import reason
from rgtsr.batch.places import Place
from rgtsr.errors import RgtsrError

COLUMNS = ("path", "uri", "url")  # of a list, the first that is there


def names(place: Place) -> Iterator[str | None]:
    """What stands in the column of a list that tells where pictures are; None for nothing.

    Raises RgtsrError.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with place.open() as file:
            table = parquet.ParquetFile(file, pre_buffer=False)
            there = [name for name in COLUMNS if name in table.schema_arrow.names]
            if not there:
                raise RgtsrError(f"{place}: has no column {', '.join(COLUMNS)}: name one so.")
            for rows in table.iter_batches(columns=there[:1], use_threads=False):
                yield from (str(name) if name else None for name in rows.column(0).to_pylist())
    except FileNotFoundError as error:
        raise RgtsrError(f"{place}: no such file: check the name.") from error
    except (pa.ArrowException, OSError) as error:  # the latter of a page that is damaged, too
        raise RgtsrError(f"{place}: cannot be read as Parquet ({reason(error)}).") from error
