"""The authors' ``.pth`` files: read and written without torch, and without running anything.

A ``.pth`` is a zip of raw storages and a pickle that says how they make tensors. Reading takes no
more memory than the file has bytes, whatever the file says.
"""

import io
import math
import pickle
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from rgtsr.errors import WeightsError
from rgtsr.weights import files, pickles

Arrays = dict[str, NDArray[np.generic]]

DTYPES = {
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
SHOWN = 80  # characters of a name out of a file, in a message
DIRECTORY_BYTES = 4 << 20  # of a zip's list of entries; the largest RGT's needs a twentieth


def read(path: Path) -> Arrays:
    """All tensors of a ``.pth``, by name, not to be written to.

    Of ``params_ema``, ``params`` and a bare state dict the first that is there; a leading
    ``module.`` is dropped.

    Raises:
        WeightsError: for a file that is damaged, is no ``.pth``, or holds anything but tensors.
    """
    try:
        with _File(path) as file, zipfile.ZipFile(file) as archive:
            return _Storages(file, archive, path).state_dict()
    except WeightsError:
        raise
    except pickles.RefusedError as error:
        raise WeightsError(
            f"{path}: holds {error}, which is no tensor: refused, nothing was run. Ask for a file"
            " with the state dict alone."
        ) from error
    except (OSError, zipfile.BadZipFile) as error:
        raise WeightsError(
            f"{path}: is damaged or no .pth file of torch >= 1.6: {error}."
        ) from error
    except Exception as error:  # a damaged zip or pickle can make their readers fail in any way
        raise WeightsError(f"{path}: is damaged: {error}.") from error


class _File(io.FileIO):
    """A file of which no more than a zip's list of entries is read at once, until that is known.

    zipfile reads it whole, and makes ten times as much of it.
    """

    limit_bytes = DIRECTORY_BYTES

    def read(self, size: int | None = -1, /) -> Any:  # Any: as in the base class
        if size is not None and size > self.limit_bytes:
            raise zipfile.BadZipFile("its list of entries is too long")
        return super().read(size)


class _Storages:
    """The entries of a ``.pth``: each is read once, all of them are no more than the file."""

    def __init__(self, file: _File, archive: zipfile.ZipFile, path: Path) -> None:
        names = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        if len(names) != 1:
            raise WeightsError(f"{path}: is a zip, but not one that torch.save wrote.")
        self.archive = archive
        self.path = path
        self.folder = names[0].removesuffix("data.pkl")
        self.room_bytes = file.limit_bytes = path.stat().st_size
        self.numbers: dict[pickles.Storage, NDArray[np.generic]] = {}

    def state_dict(self) -> Arrays:
        """The tensors of the preferred state dict."""
        pickled = self._entry("data.pkl", at_most_bytes=pickles.LIMIT_BYTES)
        tensors = _state_dict(pickles.load(pickled), self.path)
        arrays = {name: self._tensor(tensor) for name, tensor in tensors.items()}
        held = sum(array.size for array in arrays.values())
        if held > sum(storage.size for storage in self.numbers.values()):
            raise ValueError("its tensors hold more numbers than there are in the file")
        return arrays

    def _entry(self, name: str, *, at_most_bytes: int) -> bytes:
        entry = self.archive.getinfo(self.folder + name)
        if entry.compress_type != zipfile.ZIP_STORED:
            raise ValueError(f"{name} is compressed, which torch.save does not do")
        if entry.file_size > min(at_most_bytes, self.room_bytes):
            raise ValueError(f"{name} is longer than it can be")
        self.room_bytes -= entry.file_size
        return self.archive.read(entry)

    def _storage(self, storage: pickles.Storage) -> NDArray[np.generic]:
        if storage not in self.numbers:
            dtype = DTYPES[storage.kind]
            content = self._entry(f"data/{storage.key}", at_most_bytes=self.room_bytes)
            if len(content) != storage.count * dtype.itemsize:
                raise ValueError(f"storage {storage.key} is not as long as its tensors say")
            flat = np.frombuffer(content, dtype)
            if storage.kind == "BFloat16Storage":
                flat = (flat.astype(np.uint32) << 16).view(np.float32)
            self.numbers[storage] = flat
        return self.numbers[storage]

    def _tensor(self, tensor: pickles.Tensor) -> NDArray[np.generic]:
        flat, size, stride = self._storage(tensor.storage), tensor.size, tensor.stride
        if min((tensor.offset, *size, *stride), default=0) < 0 or math.prod(size) > flat.size:
            raise ValueError(f"a tensor of {size} reaches beyond its storage")
        strides = tuple(step * flat.itemsize for step in stride)
        return np.ndarray(size, flat.dtype, flat.data, tensor.offset * flat.itemsize, strides)


def _state_dict(content: object, path: Path) -> dict[str, pickles.Tensor]:
    if not isinstance(content, Mapping):
        raise WeightsError(f"{path}: holds a {type(content).__name__}, not a state dict.")
    content = cast(Mapping[object, object], content)
    for wrapper in WRAPPERS:
        if isinstance(inner := content.get(wrapper), Mapping):
            content = cast(Mapping[object, object], inner)
            break
    tensors = {
        str(name).removeprefix("module."): value
        for name, value in content.items()
        if isinstance(value, pickles.Tensor)
    }
    if not tensors:
        keys = ", ".join(str(key)[:SHOWN] for key in list(content)[:4])
        raise WeightsError(f"{path}: holds no tensors, only: {keys}.")
    return tensors


def write(path: Path, tensors: Mapping[str, NDArray[np.generic]]) -> None:
    """A ``.pth`` as ``torch.save({"params": state_dict})`` makes it: float32 or int64 tensors.

    Raises:
        WeightsError: when the file cannot be written.
    """
    with files.writing(path) as draft, zipfile.ZipFile(draft, "w", zipfile.ZIP_STORED) as archive:

        def put(name: str, content: bytes) -> None:
            archive.writestr(zipfile.ZipInfo(f"archive/{name}"), content)  # without the time

        put("data.pkl", _pickled(tensors))
        put("byteorder", b"little")
        for key, tensor in enumerate(tensors.values()):
            put(f"data/{key}", np.ascontiguousarray(tensor).tobytes())
        put("version", b"3\n")


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
