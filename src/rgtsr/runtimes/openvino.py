"""OpenVINO on the CPU: the fastest runtime there. Knows graphs, no pictures."""

# openvino is typed in part:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import functools
import hashlib
import os
import tempfile
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import onnx
import openvino
from numpy.typing import NDArray

from rgtsr.errors import OutOfMemoryError, RuntimeUnavailableError
from rgtsr.runtimes import cache, memory
from rgtsr.runtimes.shapes import PerShape, Shape
from rgtsr.tiling import OnShare, unheard
from rgtsr.weights import Weights

Floats = NDArray[np.float32]

HINTS = {"float32": "f32", "bf16": "bf16"}
# what a limit of oneDNN's can be below bf16: OpenVINO then has none, or has it slowly
WITHOUT_BF16 = ("sse41", "avx", "avx2", "avx2_vnni", "avx2_vnni_2")
EMULATED_BF16 = ("avx512_core", "avx512_core_vnni")
NEARLY_NONE_BYTES = 100 << 20  # where so little is left, errors of many names ("stoi") mean that


@contextmanager
def memory_errors() -> Generator[None]:
    """OpenVINO's ways of saying that memory is out, as OutOfMemoryError."""
    try:
        yield
    except RuntimeError as error:
        is_said = any(sign in str(error) for sign in ("alloc", "emory"))
        if not is_said and memory.free_bytes() > NEARLY_NONE_BYTES:
            raise
        raise OutOfMemoryError(f"OpenVINO is out of memory: {error}") from error


class OpenVINORuntime:
    """Compiles one graph per tile shape when it first comes, and keeps the last few."""

    name = "openvino"
    is_on_gpu = False

    def __init__(self, weights: Weights, precision: str, max_memory_bytes: int | None) -> None:
        self.scale = weights.variant.scale
        self.precision = precision
        self._weights = weights
        self._limit_bytes = max_memory_bytes
        self._identity = _identity(weights)
        self._config = configuration(precision)
        self._requests = PerShape(
            lambda shape: Requests(self._open(shape)), self.needed_bytes, max_memory_bytes
        )

    def upscale_tiles(self, tiles_NCHW: NDArray[np.float32]) -> NDArray[np.float32]:
        """See ``Runtime``."""
        with memory_errors(), self._requests[tiles_NCHW.shape].one() as request:
            request.infer({0: tiles_NCHW})
            return request.get_output_tensor().data.copy()

    def upscale_whole(
        self, tiles_NCHW: NDArray[np.float32], on_share: OnShare = unheard
    ) -> NDArray[np.float32]:
        """See ``Runtime``: bands are always float32."""
        from rgtsr.graph import banded

        shape = tiles_NCHW.shape
        variant = self._weights.variant
        band_px = memory.band_px(
            shape,
            self.room_bytes(),
            held=self.held_bytes(),
            plain_bytes=self.needed_bytes(shape),
            banded_bytes=lambda rows: memory.banded_bytes(
                "banded float32", variant, shape, rows, held_bytes=banded.held_bytes(variant, shape)
            ),
            smallest_px=max(variant.split),
        )
        if band_px is None:
            return self.upscale_tiles(tiles_NCHW)
        with memory_errors():
            return banded.enlarged(
                self._weights, tiles_NCHW, band_px=band_px, open_graph=opened, on_share=on_share
            )

    def batch_tiles(self, shape_NCHW: Shape) -> int:
        """See ``Runtime``: a CPU is busy with one."""
        del shape_NCHW
        return 1

    def needed_bytes(self, shape_NCHW: Shape) -> int:
        """See ``Runtime``."""
        return memory.needed_bytes(f"openvino {self.precision}", self._weights.variant, shape_NCHW)

    def room_bytes(self) -> int:
        """See ``Runtime``."""
        return memory.room_bytes(self._limit_bytes)

    def held_bytes(self) -> int:
        """See ``Runtime``."""
        return memory.used_bytes()

    def _open(self, shape: Shape) -> openvino.CompiledModel:
        """From the cache if it is there. A fresh one goes there first: see ``_compile``."""
        key = self._key(shape)
        if (kept := cache.read(key)) is None:
            kept = self._compile(shape)
            cache.write(key, kept.data)
        return core().import_model(openvino.Tensor(kept), "CPU", self._config)

    def _compile(self, shape: Shape) -> NDArray[np.uint8]:
        """The compiled graph as bytes.

        What runs is always read back from them: that needs far less memory than to hold what
        compiling leaves behind while the network runs.
        """
        from rgtsr import graph

        batch, _, height, width = shape
        built = graph.build(self._weights, batch=batch, height=height, width=width)
        model = core().read_model(built.SerializeToString())
        del built  # as large as the weights; compiling needs the room
        if self.precision == "bf16":
            with full_disks(), memory_errors():
                model = _with_exact(model, graph.RECONSTRUCTION)
        compiled = core().compile_model(model, "CPU", self._config)
        exported = compiled.export_model()
        if exported.closed:  # how OpenVINO 2026.4 says that memory was out
            raise OutOfMemoryError("OpenVINO is out of memory: the compiled graph is not whole.")
        return np.frombuffer(exported.getbuffer(), np.uint8)

    def _key(self, shape: Shape) -> str:
        """Everything on which a compiled graph depends."""
        what = repr((self._identity, sorted(self._config.items()), shape))
        return hashlib.sha256(what.encode()).hexdigest()


def configuration(precision: str) -> dict[str, Any]:  # Any: as OpenVINO's
    """How graphs are compiled: for one tile after another, on all cores that there are for it.

    Unless told so, OpenVINO looks past a container's share of the processor, and with its threads
    pinned, processes beside each other would all be on the same cores.
    """
    return {
        "INFERENCE_PRECISION_HINT": HINTS[precision],
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": memory.cores(),
        "ENABLE_CPU_PINNING": False,
    }


def opened(model: onnx.ModelProto) -> Callable[[Sequence[Floats]], list[Floats]]:
    """A graph ready to run in float32: its inputs to its outputs, in their order."""
    read = core().read_model(model.SerializeToString())
    exact = core().compile_model(read, "CPU", configuration("float32"))
    request = exact.create_infer_request()

    def run(inputs: Sequence[Floats]) -> list[Floats]:
        request.infer(dict(enumerate(inputs)))
        return [tensor.data.copy() for tensor in request.output_tensors]

    return run


class Requests:
    """Runs of one compiled graph: as many as there are threads that ask at once."""

    def __init__(self, compiled: openvino.CompiledModel) -> None:
        self._compiled = compiled
        self._idle: deque[openvino.InferRequest] = deque()

    @contextmanager
    def one(self) -> Generator[openvino.InferRequest]:
        """A request that nobody else has meanwhile."""
        try:
            request = self._idle.pop()
        except IndexError:
            request = self._compiled.create_infer_request()
        try:
            yield request
        finally:
            self._idle.append(request)


@functools.cache
@memory_errors()
def core() -> openvino.Core:
    """The one of this process, for good.

    Each has the thread's alternate signal stack exchanged, and puts back at its end what it found;
    two that end in the order in which they began leave a stack that is gone, and the next signal
    kills the process (OpenVINO 2026.4).
    """
    if os.environ.get("LD_PRELOAD"):
        # TBB opens hwloc with RTLD_DEEPBIND: it would free by glibc what another allocator, such as
        # tcmalloc, has given it (oneTBB issue 1645). This name of TBB's turns that off.
        os.environ.setdefault("TBB_ENABLE_SANITIZERS", "1")
    return openvino.Core()


def _with_exact(model: openvino.Model, beginnings: tuple[str, ...]) -> openvino.Model:
    """A model in which the nodes with names that begin so stay in float32 whatever the hint.

    OpenVINO knows such a mark (``precise``), but lets Python set it in a model's file only.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "graph.xml"
        openvino.serialize(model, path)
        tree = ET.parse(path)
        for layer in tree.iterfind("layers/layer"):
            if layer.attrib["name"].startswith(beginnings):
                info = layer.find("rt_info")
                if info is None:
                    info = ET.Element("rt_info")
                    layer.insert(1 if layer.find("data") is not None else 0, info)
                ET.SubElement(info, "attribute", name="precise", version="0")
        tree.write(path)
        return core().read_model(path)


@contextmanager
def full_disks() -> Generator[None]:
    """A temporary folder without room, as RuntimeUnavailableError."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        raise RuntimeUnavailableError(
            f"bf16 needs room for the network in {tempfile.gettempdir()}: set TMPDIR to another"
            f" folder, or use --precision float32 ({error})."
        ) from error


@memory_errors()
def _identity(weights: Weights) -> str:
    """One name for the machine, the versions and the weights together."""
    machine = [
        core().get_property("CPU", name)
        for name in ("FULL_DEVICE_NAME", "OPTIMIZATION_CAPABILITIES")
    ]
    machine.append(isa_limit())
    digest = hashlib.sha256(repr((machine, openvino.__version__, weights.variant)).encode())
    package = Path(__file__).parents[1]
    for source in (Path(__file__), package / "variants.py", *sorted(package.glob("graph/*.py"))):
        digest.update(source.read_bytes())
    digest.update(weights.digest().encode())
    return digest.hexdigest()


@memory_errors()
def best_precision(_device: str) -> str:
    """bf16 where the hardware multiplies it; emulated, it would be slower than float32."""
    has_bf16 = "BF16" in core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    is_limited = isa_limit() in (*WITHOUT_BF16, *EMULATED_BF16)
    return "bf16" if has_bf16 and not is_limited else "float32"


def isa_limit() -> str:
    """The instructions beyond which oneDNN may not go, or nothing; OpenVINO reports others too."""
    names = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")
    return next((os.environ[name].lower() for name in names if name in os.environ), "")


def open_runtime(
    weights: Weights, *, precision: str, device: str, max_memory_bytes: int | None
) -> OpenVINORuntime:
    """These weights on the CPU.

    Raises:
        RuntimeUnavailableError: for a GPU, for float16, and for bf16 where a limit leaves none.
    """
    if precision not in HINTS:
        raise RuntimeUnavailableError(
            f"the openvino runtime has no {precision} on a CPU: use --precision bf16, or --runtime"
            " torch."
        )
    if precision == "bf16" and isa_limit() in WITHOUT_BF16:
        raise RuntimeUnavailableError(
            f"the openvino runtime has no bf16 under ONEDNN_MAX_CPU_ISA={isa_limit()}: use"
            " --precision float32, or lift that limit."
        )
    if device == "gpu":
        raise RuntimeUnavailableError(
            "the openvino runtime is for the CPU: for a GPU, pip install 'rgtsr[train]' and use"
            " --runtime torch."
        )
    return OpenVINORuntime(weights, precision, max_memory_bytes)
