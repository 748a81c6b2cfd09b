"""The pickles that ``torch.save`` writes, read by a machine that can make nothing that runs.

It knows containers, numbers and text, and describes tensors; any other name is refused, never
called. Nothing grows out of proportion to the pickle: containers hold what was written into them,
keys are text or numbers, and Python's own machine, which can be told to fill memory, is not used.
"""

# a pickle may hold anything:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import operator
import struct
from collections.abc import Callable
from dataclasses import dataclass

LIMIT_BYTES = 2 << 20  # the largest RGT with buffers, moving average and optimizer needs a third
NAME_BYTES = 1000

STORAGES = (
    "DoubleStorage",
    "FloatStorage",
    "HalfStorage",
    "BFloat16Storage",
    "LongStorage",
    "IntStorage",
    "ShortStorage",
    "CharStorage",
    "ByteStorage",
    "BoolStorage",
)


class RefusedError(Exception):
    """The pickle holds something other than tensors, containers, numbers and text."""


@dataclass(frozen=True, slots=True)
class Name:
    """A class or function of another program: a name, not a thing that runs."""

    module: str
    name: str


@dataclass(frozen=True, slots=True)
class Storage:
    """Where a tensor's numbers are: the file's entry ``key``, ``count`` numbers of one kind."""

    kind: str
    key: str
    count: int


@dataclass(frozen=True, slots=True)
class Tensor:
    """Which part of a storage a tensor is; ``offset`` and ``stride`` count numbers."""

    storage: Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


ORDERED = Name("collections", "OrderedDict")
SIZE = Name("torch", "Size")
TENSOR = Name("torch._utils", "_rebuild_tensor_v2")
PARAMETER = Name("torch._utils", "_rebuild_parameter")
KNOWN = {ORDERED, SIZE, TENSOR, PARAMETER} | {Name("torch", kind) for kind in STORAGES}


def load(pickled: bytes) -> object:
    """What was pickled, with a ``Tensor`` for each tensor.

    Raises:
        RefusedError: for any name that is no tensor's.
        ValueError, LookupError, TypeError: for a damaged pickle.
    """
    if len(pickled) > LIMIT_BYTES:
        raise ValueError(f"it is longer than {LIMIT_BYTES >> 20} MiB")
    machine = _Machine(pickled)
    while (code := machine.take(1)) != b".":
        if code not in OPERATIONS:
            raise ValueError(f"it holds the unknown operation {code!r}")
        OPERATIONS[code](machine)
    return machine.stack.pop()


class _Machine:
    """The stack, the marks in it and the memo of one pickle."""

    def __init__(self, pickled: bytes) -> None:
        self.pickled = pickled
        self.place = 0
        self.stack: list[object] = []
        self.marks: list[int] = []
        self.memo: dict[int, object] = {}

    def take(self, count: int) -> bytes:
        """The next bytes. Raises ValueError at the end."""
        taken = self.pickled[self.place : self.place + count]
        if len(taken) < count:
            raise ValueError("it breaks off")
        self.place += count
        return taken

    def number(self, count: int) -> int:
        """The next bytes as a number without sign."""
        return int.from_bytes(self.take(count), "little")

    def line(self) -> str:
        """Up to the next end of line."""
        end = self.pickled.index(b"\n", self.place, self.place + NAME_BYTES)
        return self.take(end + 1 - self.place)[:-1].decode()

    def marked(self) -> list[object]:
        """What lies above the last mark, taken off."""
        at = self.marks.pop()
        above = self.stack[at:]
        del self.stack[at:]
        return above

    def put(self, what: object) -> None:
        self.stack.append(what)


def _named(machine: _Machine, module: object, name: object) -> None:
    if not isinstance(module, str) or not isinstance(name, str):
        raise ValueError("it names something without a name")
    if Name(module, name) not in KNOWN:
        raise RefusedError(f"{module}.{name}"[:NAME_BYTES])
    machine.put(Name(module, name))


def _named_on_stack(machine: _Machine) -> None:
    name, module = machine.stack.pop(), machine.stack.pop()
    _named(machine, module, name)


def _persistent(machine: _Machine) -> None:
    """A storage: ("storage", its class, the entry's name, a device, how many numbers)."""
    match machine.stack.pop():
        case ("storage", Name("torch", kind), str(key), _, int(count)) if kind in STORAGES:
            machine.put(Storage(kind, key, count))
        case _:
            raise RefusedError("a storage of an unknown kind")


def _reduce(machine: _Machine) -> None:
    arguments, name = machine.stack.pop(), machine.stack.pop()
    match name, arguments:
        case Name() as called, () if called == ORDERED:
            machine.put({})
        case Name() as called, (list() | tuple() as sides,) if called == SIZE:
            machine.put(_whole(sides))
        case Name() as called, (Tensor() as tensor, *_) if called == PARAMETER:
            machine.put(tensor)
        case Name() as called, (Storage() as storage, int(offset), size, stride, *_) if (
            called == TENSOR
        ):
            machine.put(Tensor(storage, offset, _whole(size), _whole(stride)))
        case _:
            raise ValueError("it makes a tensor of something else")


def _whole(sides: object) -> tuple[int, ...]:
    """A few whole numbers. Raises ValueError for anything else."""
    if not isinstance(sides, tuple | list) or len(sides) > 8:
        raise ValueError("a tensor's size is not a few whole numbers")
    return tuple(operator.index(side) for side in sides)


def _build(machine: _Machine) -> None:
    """What a container knows beside its content, such as a state dict's versions: left out."""
    machine.stack.pop()
    if not isinstance(machine.stack[-1], dict):
        raise ValueError("it changes something that is no container")


def _set_items(machine: _Machine, items: list[object]) -> None:
    holder = machine.stack[-1]
    if not isinstance(holder, dict) or len(items) % 2:
        raise ValueError("it puts items into something that is no dictionary")
    for key, value in zip(items[::2], items[1::2], strict=True):
        if not isinstance(key, str | int | float | None):  # a tuple's hash may take for ever
            raise ValueError("it has a key that is neither text nor number")
        holder[key] = value


def _append(machine: _Machine, items: list[object]) -> None:
    holder = machine.stack[-1]
    if not isinstance(holder, list):
        raise ValueError("it appends to something that is no list")
    holder.extend(items)


def _tuple(machine: _Machine, count: int) -> None:
    at = len(machine.stack) - count
    if at < 0:
        raise ValueError("it takes more from the stack than there is")
    machine.stack[at:] = [tuple(machine.stack[at:])]


def _memorise(place: Callable[[_Machine], int]) -> "Operation":
    return lambda machine: machine.memo.__setitem__(place(machine), machine.stack[-1])


def _recall(size: int) -> "Operation":
    return lambda machine: machine.put(machine.memo[machine.number(size)])


def _text(size: int) -> "Operation":
    return lambda machine: machine.put(machine.take(machine.number(size)).decode())


def _raw(size: int) -> "Operation":
    return lambda machine: machine.put(machine.take(machine.number(size)))


def _signed(size: int) -> "Operation":
    return lambda machine: machine.put(int.from_bytes(machine.take(size), "little", signed=True))


def _constant(make: Callable[[], object]) -> "Operation":
    return lambda machine: machine.put(make())


Operation = Callable[[_Machine], object]
OPERATIONS: dict[bytes, Operation] = {  # Source: pickletools in Python's library
    b"\x80": lambda machine: machine.take(1),  # protocol
    b"\x95": lambda machine: machine.take(8),  # frame
    b"(": lambda machine: machine.marks.append(len(machine.stack)),
    b"0": lambda machine: machine.stack.pop(),
    b"N": _constant(lambda: None),
    b"\x88": _constant(lambda: True),
    b"\x89": _constant(lambda: False),
    b"}": _constant(dict[object, object]),
    b"]": _constant(list[object]),
    b")": _constant(tuple[object, ...]),
    b"K": lambda machine: machine.put(machine.number(1)),
    b"M": lambda machine: machine.put(machine.number(2)),
    b"J": _signed(4),
    b"\x8a": lambda machine: _signed(machine.number(1))(machine),
    b"G": lambda machine: machine.put(struct.unpack(">d", machine.take(8))[0]),
    b"X": _text(4),
    b"\x8c": _text(1),
    b"U": _text(1),
    b"T": _text(4),
    b"C": _raw(1),
    b"B": _raw(4),
    b"q": _memorise(lambda machine: machine.number(1)),
    b"r": _memorise(lambda machine: machine.number(4)),
    b"\x94": _memorise(lambda machine: len(machine.memo)),
    b"h": _recall(1),
    b"j": _recall(4),
    b"c": lambda machine: _named(machine, machine.line(), machine.line()),
    b"\x93": _named_on_stack,
    b"Q": _persistent,
    b"R": _reduce,
    b"b": _build,
    b"t": lambda machine: machine.put(tuple(machine.marked())),
    b"\x85": lambda machine: _tuple(machine, 1),
    b"\x86": lambda machine: _tuple(machine, 2),
    b"\x87": lambda machine: _tuple(machine, 3),
    b"s": lambda machine: _set_items(machine, [machine.stack.pop(), machine.stack.pop()][::-1]),
    b"u": lambda machine: _set_items(machine, machine.marked()),
    b"a": lambda machine: _append(machine, [machine.stack.pop()]),
    b"e": lambda machine: _append(machine, machine.marked()),
}
