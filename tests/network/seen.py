"""Which of torch's operations a piece of code calls, and on what."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Call:
    """One operation: its name in aten, and the shapes of the tensors that it was given."""

    name: str
    shapes: tuple[Shape, ...]


class _Listening(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Call] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        shapes = tuple(tuple(arg.shape) for arg in args if isinstance(arg, torch.Tensor))
        self.calls.append(Call(func.overloadpacket.__name__, shapes))
        return func(*args, **(kwargs or {}))


@contextmanager
def calls() -> Generator[list[Call]]:
    """What is called inside, in order."""
    with _Listening() as listening:
        yield listening.calls
