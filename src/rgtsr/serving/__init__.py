"""Pictures over HTTP: one process, one line of jobs, an API and a page. Knows no terminal.

``Client`` talks to such a service from Python. Both need the extra ``serve``.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rgtsr.errors import Refused
    from rgtsr.serving.client import Client
    from rgtsr.serving.options import Options
    from rgtsr.serving.running import serve

__all__ = ["Client", "Options", "Refused", "serve"]

HOMES = {
    "Client": "rgtsr.serving.client",
    "Refused": "rgtsr.errors",
    "Options": "rgtsr.serving.options",
    "serve": "rgtsr.serving.running",
}


def __getattr__(name: str) -> object:
    """A client needs no server, and a server no client."""
    if name not in __all__:
        raise AttributeError(f"module 'rgtsr.serving' has no attribute {name!r}")
    return getattr(importlib.import_module(HOMES[name]), name)
