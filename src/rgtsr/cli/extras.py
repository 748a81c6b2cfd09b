"""What a command needs that only an extra installs."""

from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def training() -> Generator[None]:
    """Around imports of torch and its kind: RuntimeUnavailableError names the extra."""
    from rgtsr.errors import RuntimeUnavailableError

    try:
        yield
    except ModuleNotFoundError as error:
        raise RuntimeUnavailableError(
            f"training needs {error.name}: pip install 'rgtsr[train]'."
        ) from error
