"""``rgtsr doctor``: what this machine has, and whether what was installed is whole and works."""

import platform
from collections.abc import Iterator
from dataclasses import dataclass

from rgtsr.cli.terminal import one_line, table
from rgtsr.errors import RgtsrError, RuntimeUnavailableError

PACKAGES = (
    "rgtsr",
    "numpy",
    "onnx",
    "openvino",
    "psutil",
    "pyvips",
    "pyvips-binary",
    "safetensors",
    "onnxruntime",
    "torch",
    "av",
    "fsspec",
    "pyarrow",
    "ray",
)
NUMBERS = ("FP32", "FP16", "BF16", "INT8")
TOLERANCE = 2e-5  # between runtimes, as the parity tests have it
GPU_TOLERANCE = 1e-4  # float32 there is not TF32, but sums run in another order


@dataclass(frozen=True)
class Finding:
    """One line: what was looked at, what was found, and whether that is a fault."""

    what: str
    found: str
    is_fault: bool = False


def doctor() -> int:
    """Show versions, devices and runtimes, and check the packaged weights.

    Every installed runtime enlarges a small picture and must agree with the first. Exit status 1
    when something that is installed is broken.
    """
    findings = [*machine(), *versions(), *packaged(), *running()]
    rows = [(each.what, each.found, "FAULT" if each.is_fault else "") for each in findings]
    table(("", "", ""), rows)
    return 1 if any(each.is_fault for each in findings) else 0


def machine() -> Iterator[Finding]:
    """Processor, cores that we may use, what it multiplies in hardware."""
    from rgtsr.runtimes import memory

    name, precisions = _processor()
    cores = memory.cores()
    yield Finding("processor", f"{name}, {cores} core{'s' * (cores > 1)}, {precisions}")
    yield Finding("Python", f"{platform.python_version()} on {platform.platform()}")


def versions() -> Iterator[Finding]:
    """What is installed of that which we need or can use."""
    for package in PACKAGES:
        yield Finding(package, version_of(package))


def version_of(package: str) -> str:
    """Its version, or that it is not installed."""
    from importlib import metadata

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def packaged() -> Iterator[Finding]:
    """Each weights file of the package against its checksum."""
    from rgtsr import weights

    for entry in weights.listing():
        whole = entry.is_whole()
        found = "whole" if whole else "missing or changed: install rgtsr again"
        yield Finding(f"weights {entry.name}", found, is_fault=not whole)


def running() -> Iterator[Finding]:
    """Each runtime on each device, with a small random network."""
    import numpy as np

    from rgtsr import runtimes, variants, weights

    tiny = weights.random(variants.find("tiny"))
    tiles_NCHW = np.random.default_rng(0).random((1, 3, 24, 24), np.float32)
    expected = None
    for name, device in [(name, "cpu") for name in runtimes.NAMES] + [("torch", "gpu")]:
        what = f"{name} on the {device.upper()}"
        try:
            runtime = runtimes.open_runtime(tiny, name=name, precision="float32", device=device)
            enlarged = runtime.upscale_tiles(tiles_NCHW)
        except RuntimeUnavailableError as error:
            yield Finding(what, f"not available: {one_line(error)}")
            continue
        except (RgtsrError, RuntimeError, ImportError, OSError) as error:
            yield Finding(what, f"does not work: {one_line(error)}", is_fault=True)
            continue
        expected = enlarged if expected is None else expected
        off = float(np.abs(enlarged - expected).max())
        limit = TOLERANCE if device == "cpu" else GPU_TOLERANCE
        yield Finding(what, f"works (differs by {off:.0e} at most)", is_fault=not off <= limit)


def _processor() -> tuple[str, str]:
    """Its name, and the number formats that OpenVINO finds fast on it."""
    try:
        from rgtsr.runtimes.openvino import core

        name: str = core().get_property("CPU", "FULL_DEVICE_NAME")
        found: list[str] = core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    except (ImportError, RuntimeError, OSError):  # said below, where it is to run
        return platform.processor() or platform.machine(), "of unknown precision"
    return name, " ".join(one for one in NUMBERS if one in found)
