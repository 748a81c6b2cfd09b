"""Mutated files against every reader, within limits of memory and time.

    python benchmarks/fuzz.py --count 2500 --json benchmarks/results/fuzz.json
    python benchmarks/fuzz.py --kinds png --first 417 --count 1 --keep broken

File N of a kind is the same at every run. A file is read as its users would (weights are converted,
pictures written again, what is refused is salvaged); what may happen is that this works, or one of
rgtsr's own errors. Many files share a child process; one that dies, or that works on a file for
more than HANG_S, counts as a crash or a hang of that file, and the next child goes on behind it.
"""

import argparse
import faulthandler
import json
import os
import platform
import random
import struct
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

import numpy as np
import psutil
from numpy.typing import NDArray

import mutations
from rgtsr import pictures, variants, weights
from rgtsr.errors import RgtsrError
from rgtsr.pictures import vips
from rgtsr.weights import Weights

MIB = 1 << 20
MOST_BYTES = 256 * MIB  # more than the honest file of that kind
MOST_SECONDS = 2.0  # of the processor
HANG_S = 60.0  # on the clock: the machine may be busy with other things
KINDS = ("pth", "safetensors", "authors", "cache", "jpeg", "png", "tiff", "tiled", "webp", "avif")
KINDS += ("gif", "bmp")
if vips.can("jxlload") and vips.can("jxlsave"):
    KINDS, LEFT_OUT = (*KINDS, "jxl"), ""
else:
    LEFT_OUT = "jxl is left out: this libvips cannot read and write JPEG XL"
SUFFIXES = {"authors": "safetensors", "jpeg": "jpg", "tiff": "tif", "tiled": "tif"}
TELLING = ("read", "salvaged", "refused")  # anything else that a file does is a finding
STATUS = Path("/proc/self/status")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--kinds", nargs="+", default=KINDS, choices=KINDS)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=100, help="files of each kind")
    parser.add_argument("--json", type=Path, help="where the table goes")
    parser.add_argument("--keep", type=Path, help="a folder for files with findings")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        child(asked.kinds[0], asked.first, asked.count)
        return 0
    if LEFT_OUT:
        print(LEFT_OUT, flush=True)
    rows = []
    for kind in asked.kinds:
        rows.append(row(kind, list(outcomes(kind, asked.first, asked.count)), asked.keep))
        print({key: value for key, value in rows[-1].items() if key != "findings"}, flush=True)
        for finding in rows[-1]["findings"]:
            print(f"  {finding}", flush=True)
    if asked.json:
        table = {"machine": machine(), "limits": limits(), "rows": rows}
        asked.json.write_text(json.dumps(table, indent=1) + "\n")
    return int(any(row["findings"] for row in rows))


def outcomes(kind: str, first: int, count: int) -> Iterator[dict[str, object]]:
    """What each file did, by as many children as it takes."""
    end = first + count
    while first < end:
        command = [sys.executable, __file__, "--child", "--kinds", kind]
        command += ["--first", str(first), "--count", str(end - first)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout is not None and process.stderr is not None
            for line in process.stdout:
                outcome = json.loads(line)
                yield outcome
                first = outcome["file"] + 1
            said = process.stderr.read().decode(errors="replace").strip()
        if process.returncode:
            hung = "Timeout" in said
            yield {
                "file": first,
                "what": "hang" if hung else f"crash {process.returncode}: {said[-300:]}",
                "seconds": HANG_S * hung,
                "mib": 0,
            }
            first += 1


def child(kind: str, first: int, count: int) -> None:
    """One line a file, as JSON."""
    warnings.simplefilter("ignore")  # of damage, which is what there is
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        honest = honest_file(kind, folder)
        path = folder / f"mutated.{SUFFIXES.get(kind, kind)}"
        path.write_bytes(honest)
        if watched(kind, path)["what"] != "read":  # also fills caches and loads libraries
            raise SystemExit(f"the honest {kind} cannot be read")
        usual_mib = watched(kind, path)["mib"]
        for file in range(first, first + count):
            path.write_bytes(mutated(kind, honest, file))
            outcome = watched(kind, path)
            more_mib = max(0, outcome["mib"] - usual_mib)
            if outcome["what"] in TELLING and more_mib * MIB > MOST_BYTES:
                outcome["what"] = f"{more_mib} MiB"
            if outcome["what"] in TELLING and outcome["seconds"] > MOST_SECONDS:
                outcome["what"] = f"{outcome['seconds']} s"
            print(json.dumps({"file": file} | outcome | {"mib": more_mib}), flush=True)


def mutated(kind: str, honest: bytes, file: int) -> bytes:
    return mutations.mutated(
        {"authors": "safetensors", "tiled": "tiff"}.get(kind, kind),
        honest,
        random.Random(f"{kind} {file}"),
    )


def watched(kind: str, path: Path) -> dict[str, object]:
    """Use the file: what came of it, seconds of the processor, how much memory it took at most."""
    forget_peak()
    before, started = psutil.Process().memory_info().rss, time.process_time()
    faulthandler.dump_traceback_later(HANG_S, exit=True)
    try:
        what = USES.get(kind, use_picture)(path) or "read"
    except RgtsrError:
        what = "refused"
    except Exception as error:
        what = f"{type(error).__name__}: {error} {traceback.format_exc(limit=-3)}"[:600]
    faulthandler.cancel_dump_traceback_later()
    return {
        "what": what,
        "seconds": round(time.process_time() - started, 2),
        "mib": max(0, peak_bytes() - before) // MIB,
    }


def use_weights(path: Path) -> None:
    loaded = weights.load(path)
    if loaded.variant.mean_rgb == variants.DIV2K_MEAN_RGB and not 64 % loaded.variant.multiple_px:
        weights.convert(loaded, path.with_name("out.pth"), to="spandrel")
    weights.convert(loaded, path.with_name("out.safetensors"))


def use_cache(path: Path) -> None:
    from rgtsr.runtimes import cache

    cache.place("entry.graph", make=True).write_bytes(path.read_bytes())
    cache.read("entry")


def use_picture(path: Path) -> str:
    try:
        what, picture = "read", pictures.read(path)
    except RgtsrError:
        what, picture = "salvaged", pictures.read(path, salvage=True)
    suffix = path.suffix if path.suffix in pictures.WRITABLE_SUFFIXES else ".png"
    pictures.write(picture, path.with_name(f"out{suffix}"))
    return what


USES: dict[str, Callable[[Path], str | None]] = {
    "pth": use_weights,
    "safetensors": use_weights,
    "authors": use_weights,
    "cache": use_cache,
}


def honest_file(kind: str, folder: Path) -> bytes:
    """A small file of that kind with everything in it that such files have."""
    os.environ["RGTSR_CACHE_DIR"] = str(folder / "cache")
    path = folder / f"honest.{SUFFIXES.get(kind, kind)}"
    if kind in ("pth", "authors"):
        weights.convert(network(), path, to="spandrel")
    elif kind == "safetensors":
        weights.convert(network(), path)
    elif kind == "cache":
        from rgtsr.runtimes import cache

        cache.write("honest", random.Random(0).randbytes(20_000))
        return cache.place("honest.graph").read_bytes()
    else:
        write_picture(kind, path)
    return in_order(path.read_bytes()) if path.suffix == ".safetensors" else path.read_bytes()


def in_order(safetensors: bytes) -> bytes:
    """The same file with its header sorted: safetensors writes its metadata in any order."""
    end = 8 + int.from_bytes(safetensors[:8], "little")
    header = json.dumps(json.loads(safetensors[8:end]), sort_keys=True).encode()
    return len(header).to_bytes(8, "little") + header + safetensors[end:]


def network() -> Weights:
    return weights.random(variants.Variant("tiny", 2, 48, (1, 1), 4, (8, 16)))


def write_picture(kind: str, path: Path) -> None:
    """With EXIF, XMP, resolution and a colour profile."""
    import pyvips

    from rgtsr.pictures import exif

    rng = np.random.default_rng(0)
    waves = np.sin(np.mgrid[0:120, 0:90].sum(0) / 9)[..., None] * 90 + 128
    pixels_HWC = np.clip(waves + rng.normal(0, 9, (120, 90, 3)), 0, 255).astype(np.uint8)
    image = pyvips.Image.new_from_array(pixels_HWC, interpretation="srgb")
    image = image.copy(xres=11.8, yres=11.8).icc_transform("p3", input_profile="srgb")
    image.set_type(pyvips.GValue.blob_type, "xmp-data", b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>")
    for tag in ("ifd0-Make", "ifd0-Copyright", "ifd2-ISOSpeedRatings"):
        value = "100 (100, Short, 1 components, 2 bytes)"
        image.set_type(pyvips.GValue.gstr_type, f"exif-{tag}", value)
    options: dict[str, object] = {}
    if kind == "tiled":
        options |= {"tile": True, "tile_width": 32, "tile_height": 32}
    if path.suffix == ".tif":
        options |= {"compression": "deflate", "predictor": "horizontal"}
    if kind == "bmp":
        path.write_bytes(bitmap(pixels_HWC, pyvips.Image.profile_load("p3")))
        return
    image.write_to_file(str(path), **options)
    if path.suffix == ".tif":
        image.write_to_file(str(path.with_suffix(".jpg")))
        block = pictures.read(path.with_suffix(".jpg")).metadata.exif
        assert block is not None
        exif.into_tiff(path, block)


def bitmap(pixels_HWC: NDArray[np.uint8], profile: bytes) -> bytes:
    """A Windows bitmap of 32 bits with masks, a resolution and a profile."""
    height, width, _ = pixels_HWC.shape
    rows = np.dstack((pixels_HWC[::-1, :, ::-1], np.full((height, width), 255, np.uint8))).tobytes()
    masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    about = struct.pack("<IiiHHIIiiII", 124, width, height, 1, 32, 3, len(rows), 11800, 11800, 0, 0)
    space = b"DEBM" + bytes(48) + struct.pack("<IIII", 4, 124 + len(rows), len(profile), 0)
    head = struct.pack("<2sIII", b"BM", 138 + len(rows) + len(profile), 0, 138)
    return head + about + masks + space + rows + profile


def row(kind: str, files: list[dict[str, object]], keep: Path | None) -> dict[str, object]:
    """A line of the table."""
    counted = Counter(str(each["what"]) for each in files)
    findings = [each for each in files if each["what"] not in TELLING]
    if keep and findings:
        keep.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            honest = honest_file(kind, Path(folder))
        for each in findings:
            name = f"{kind}-{each['file']}.{SUFFIXES.get(kind, kind)}"
            (keep / name).write_bytes(mutated(kind, honest, int(str(each["file"]))))
    return {
        "kind": kind,
        "files": len(files),
        "read": counted["read"],
        "salvaged": counted["salvaged"],
        "refused": counted["refused"],
        "most_seconds": max(float(str(each["seconds"])) for each in files),
        "most_mib_above_honest": max(int(str(each["mib"])) for each in files),
        "findings": findings,
    }


def limits() -> dict[str, object]:
    return {"mib_above_honest": MOST_BYTES // MIB, "seconds": MOST_SECONDS}


def machine() -> dict[str, str]:
    packages = ("numpy", "safetensors", "pyvips-binary")
    found = {name: metadata.version(name) for name in packages}
    return {"system": platform.system(), "python": platform.python_version()} | found


def peak_bytes() -> int:
    """The most memory that this process has held, since ``forget_peak`` where that is possible.

    Not ``ru_maxrss``: a child of a large process inherits that process's.
    """
    if STATUS.exists():
        return int(STATUS.read_text().partition("VmHWM:")[2].split()[0]) * 1024
    held = psutil.Process().memory_info()
    return getattr(held, "peak_wset", held.rss)


def forget_peak() -> None:
    if STATUS.exists():
        STATUS.with_name("clear_refs").write_text("5")


if __name__ == "__main__":
    sys.exit(main())
