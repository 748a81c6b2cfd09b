"""``rgtsr doctor``: is this machine able to do what it should?"""

import importlib.metadata
import os
import platform

PACKAGES = ("rgtsr", "numpy", "onnx", "openvino", "pyvips", "safetensors", "onnxruntime", "torch")


def doctor() -> int:
    """Show versions, devices and runtimes, and verify the packaged weights by their sha256."""
    from rgtsr import runtimes, weights

    print(f"python {platform.python_version()} on {platform.platform()}, {os.cpu_count()} cores")
    for package in PACKAGES:
        print(f"{package} {_version(package)}")
    for name in runtimes.NAMES:
        print(f"runtime {name}: {'ready' if runtimes.is_installed(name) else 'not installed'}")
    if runtimes.is_installed("openvino"):
        import openvino

        core = openvino.Core()
        for device in core.available_devices:
            print(f"device {device}: {core.get_property(device, 'FULL_DEVICE_NAME')}")
            print(f"  precisions: {' '.join(core.get_property(device, 'OPTIMIZATION_CAPABILITIES'))}")
    if runtimes.is_installed("torch"):
        from rgtsr.runtimes.torch import gpu_device

        print(f"GPU for torch: {gpu_device() or 'none'}")
    damaged = 0
    for entry in weights.listing():
        whole = entry.is_whole()
        damaged += not whole
        print(f"weights {entry.name}: {'whole' if whole else 'DAMAGED: reinstall rgtsr'}")
    return 1 if damaged else 0


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
