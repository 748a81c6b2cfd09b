"""The authors' ``.pth`` files: read and written without torch, and without running anything.

A ``.pth`` is a zip of raw storages and a pickle that says how they make tensors. The pickle is read
by a machine that knows tensors and containers only: any other name in it is refused, never called.
"""

import io
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from rgtsr.errors import WeightsError
from rgtsr.weights import files

Arrays = dict[str, NDArray[np.generic]]

STORAGES = {
    "DoubleStorage": np.dtype("<f8"),
    "FloatStorage": np.dtype("<f4"),
    "HalfStorage": np.dtype("<f2"),
    "BFloat16Storage": np.dtype("<u2"),  # its bits; widened on reading
    "LongStorage": np.dtype("<i8"),
    "IntStorage": np.dtype("<i4"),
    "ShortStorage": np.dtype("<i2"),
    "CharStorage": np.dtype("i1"),
    "ByteStorage": np.dtype("u1"),
    "BoolStorage": np.dtype("?"),
}
WRAPPERS = ("params_ema", "params", "state_dict", "model")  # in the order of preference


@dataclass(frozen=True)
class _StorageType:
    """What a pickle means by ``torch.FloatStorage``: a name, not a thing that runs."""

    name: str


def read(path: Path) -> Arrays:
    """All tensors of a ``.pth``, by name.

    Of ``params_ema``, ``params`` and a bare state dict the first that is there; a leading
    ``module.`` is dropped.

    Raises:
        WeightsError: for a file that is damaged, is no ``.pth``, or holds anything but tensors.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            content = _Unpickler(archive, path).load()
    except WeightsError:
        raise
    except (OSError, zipfile.BadZipFile) as error:
        raise WeightsError(
            f"{path}: is damaged or no .pth file of torch >= 1.6: {error}."
        ) from error
    except Exception as error:  # a hostile pickle can make the machine below fail in any way
        raise WeightsError(f"{path}: its pickle is damaged: {error}.") from error
    return _state_dict(content, path)


class _Unpickler(pickle.Unpickler):
    """Builds tensors and containers; refuses every other name."""

    def __init__(self, archive: zipfile.ZipFile, path: Path) -> None:
        names = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        if len(names) != 1:
            raise WeightsError(f"{path}: is a zip, but not one that torch.save wrote.")
        super().__init__(io.BytesIO(archive.read(names[0])))
        self.archive = archive
        self.path = path
        self.folder = names[0].removesuffix("data.pkl")

    def find_class(self, module_name: str, global_name: str) -> Any:  # Any: as in the base class
        known: dict[tuple[str, str], Any] = {  # Any: stand-ins of several kinds
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): _tensor,
            ("torch._utils", "_rebuild_parameter"): _parameter,
            ("torch", "Size"): tuple,
        }
        if (module_name, global_name) in known:
            return known[module_name, global_name]
        if module_name == "torch" and global_name in STORAGES:
            return _StorageType(global_name)
        raise WeightsError(
            f"{self.path}: holds {module_name}.{global_name}, which is no tensor: refused, nothing"
            " was run. Ask for a file with the state dict alone."
        )

    def persistent_load(self, pid: Any) -> NDArray[np.generic]:  # Any: as in the base class
        kind, storage, key, _device, count = pid
        if kind != "storage" or not isinstance(storage, _StorageType):
            raise WeightsError(f"{self.path}: holds a {kind!r}, which is no tensor: refused.")
        dtype = STORAGES[storage.name]
        entry = self.archive.getinfo(f"{self.folder}data/{key}")
        size_bytes = count * dtype.itemsize
        if entry.file_size != size_bytes or size_bytes > self.path.stat().st_size:
            raise WeightsError(f"{self.path}: storage {key} is not as long as its tensors say.")
        flat = np.frombuffer(self.archive.read(entry), dtype)
        if storage.name == "BFloat16Storage":
            return (flat.astype(np.uint32) << 16).view(np.float32)
        return flat


def _tensor(
    storage: NDArray[np.generic],
    offset: int,
    size: tuple[int, ...],
    stride: tuple[int, ...],
    *_flags: object,
) -> NDArray[np.generic]:
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if offset < 0 or min((*size, *stride, 0)) < 0 or (0 not in size and last >= len(storage)):
        raise ValueError(f"a tensor of {size} reaches beyond its storage")
    strides = tuple(step * storage.itemsize for step in stride)
    view = np.lib.stride_tricks.as_strided(storage[offset:], size, strides, writeable=False)
    return view.copy()


def _parameter(data: NDArray[np.generic], *_flags: object) -> NDArray[np.generic]:
    return data


def _state_dict(content: object, path: Path) -> Arrays:
    if not isinstance(content, Mapping):
        raise WeightsError(f"{path}: holds a {type(content).__name__}, not a state dict.")
    content = cast(Mapping[object, object], content)
    for wrapper in WRAPPERS:
        if isinstance(inner := content.get(wrapper), Mapping):
            content = cast(Mapping[object, object], inner)
            break
    arrays = {
        str(name).removeprefix("module."): cast(NDArray[np.generic], value)
        for name, value in content.items()
        if isinstance(value, np.ndarray)
    }
    if not arrays:
        keys = ", ".join(str(key) for key in list(content)[:4])
        raise WeightsError(f"{path}: holds no tensors, only: {keys}.")
    return arrays


def write(path: Path, tensors: Mapping[str, NDArray[np.generic]]) -> None:
    """A ``.pth`` as ``torch.save({"params": state_dict})`` makes it: float32 or int64 tensors.

    Raises:
        WeightsError: when the file cannot be written.
    """
    with files.writing(path) as draft, zipfile.ZipFile(draft, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("archive/data.pkl", _pickled(tensors))
        archive.writestr("archive/byteorder", "little")
        for key, tensor in enumerate(tensors.values()):
            archive.writestr(f"archive/data/{key}", np.ascontiguousarray(tensor).tobytes())
        archive.writestr("archive/version", "3\n")


def _pickled(tensors: Mapping[str, NDArray[np.generic]]) -> bytes:
    """The pickle, opcode by opcode: torch's classes are named in it, not imported here."""
    op = pickle
    out = io.BytesIO()
    put: Callable[[bytes], int] = out.write

    def text(value: str) -> None:
        put(op.BINUNICODE + len(value.encode()).to_bytes(4, "little") + value.encode())

    def integer(value: int) -> None:
        put(op.BININT + value.to_bytes(4, "little", signed=True))

    def named(module: str, name: str) -> None:
        put(op.GLOBAL + f"{module}\n{name}\n".encode())

    def integers(values: tuple[int, ...]) -> None:
        put(op.MARK)
        for value in values:
            integer(value)
        put(op.TUPLE)

    put(op.PROTO + b"\x02" + op.EMPTY_DICT)
    text("params")
    named("collections", "OrderedDict")
    put(op.EMPTY_TUPLE + op.REDUCE + op.MARK)
    for key, (name, tensor) in enumerate(tensors.items()):
        storage = "LongStorage" if tensor.dtype == np.int64 else "FloatStorage"
        text(name)
        named("torch._utils", "_rebuild_tensor_v2")
        put(op.MARK + op.MARK)
        text("storage")
        named("torch", storage)
        text(str(key))
        text("cpu")
        integer(tensor.size)
        put(op.TUPLE + op.BINPERSID)
        integer(0)
        integers(tensor.shape)
        integers(tuple(s // tensor.itemsize for s in np.empty(tensor.shape, tensor.dtype).strides))
        put(op.NEWFALSE)
        named("collections", "OrderedDict")
        put(op.EMPTY_TUPLE + op.REDUCE + op.TUPLE + op.REDUCE)
    put(op.SETITEMS + op.SETITEM + op.STOP)
    return out.getvalue()
