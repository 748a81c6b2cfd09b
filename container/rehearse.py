"""Does without an engine what one does with our Dockerfile, step by step. Needs root, on Linux.

    sudo python container/rehearse.py

Each stage gets a root folder: this system under a layer of its own (overlayfs), a Python as
/usr/local, without compilers, git, npm and others that the slim image has not. RUN steps run in it,
changed into by chroot, from a context as .dockerignore leaves it. What the last stage holds is then
made read-only and its ENTRYPOINT run as its USER: without capabilities, without a network, as
process 1, with a token file: see ``service``.

What this does not prove: that python:3.12-slim has all that is needed (this system's libraries and
this Python stand in for it); that an engine reads the Dockerfile and .dockerignore as we do; limits
of memory and processes, and seccomp; networks between containers.

Exit status 77: it cannot be done here.
"""

import argparse
import importlib.metadata
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import dockerfile
from dockerfile import Stage
from roots import Root

REPOSITORY = Path(__file__).resolve().parents[1]
PATH = "/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin"
# of ours, how registries are reached
REACHING = re.compile(r"(?i)(pip|npm_config|ssl|node_extra)_.*|(https?|no)_proxy|.*_ca_bundle")
NOT_HERE = 77


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--json", type=Path, help="a report")
    parser.add_argument("--picture", type=Path, default=REPOSITORY / "demo/demo-stream.png")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.folder is not None:
        try:
            report = rehearsed(arguments.folder, arguments.picture)
        except subprocess.CalledProcessError as error:
            print(f"{error}\n{error.stdout or ''}", file=sys.stderr)
            return 1
        text = json.dumps(report, indent=1)
        print(text) if arguments.json is None else arguments.json.write_text(text)
        return 0
    if (reason := hindrance()) is not None:
        print(f"the image cannot be rehearsed here: {reason}", file=sys.stderr)
        return NOT_HERE
    folder = Path(tempfile.mkdtemp(prefix="rehearsal-"))
    try:
        again = ["unshare", "--mount", "--", sys.executable, *sys.argv, "--folder", folder]
        return subprocess.run(again, check=False).returncode
    finally:
        shutil.rmtree(folder)


def hindrance() -> str | None:
    """Why not."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return "only root may mount, and change root and user"
    for tool in ("unshare", "mount", "chroot", "setpriv", "useradd", "ldconfig"):
        if shutil.which(tool, path=PATH) is None:
            return f"there is no {tool}"
    if not any((Path(sys.base_prefix) / "bin").glob("pip3*")):
        return f"{sys.base_prefix} has no pip to stand in for the image's"
    with tempfile.TemporaryDirectory() as folder:
        for name in ("upper", "work", "root"):
            (Path(folder) / name).mkdir()
        layers = f"lowerdir=/,upperdir={folder}/upper,workdir={folder}/work"
        mount = ["mount", "-t", "overlay", "overlay", "-o", layers, f"{folder}/root"]
        try:
            subprocess.run(["unshare", "--mount", *mount], capture_output=True, check=True)
        except subprocess.CalledProcessError as error:
            return " ".join(error.stderr.decode().split())
    return None


def rehearsed(folder: Path, picture: Path) -> dict:
    """All of it; what was seen."""
    stages = dockerfile.stages(REPOSITORY / "Dockerfile")
    report: dict = {"python": sys.version.split()[0], "steps": []}
    roots: dict[str | None, Root] = {}
    environment: dict[str, str] = {}
    for number, stage in enumerate(stages):
        root = Root(folder / str(number), Path(sys.base_prefix), REPOSITORY)
        roots[stage.name] = root
        environment = built(stage, root, roots, report["steps"])
    root, stage = roots[stages[-1].name], stages[-1]
    report |= installed(root.at("/opt/rgtsr"))
    report["service"] = served(root, stage, environment, picture)
    return report


def built(
    stage: Stage, root: Root, roots: Mapping[str | None, Root], said: list[dict]
) -> dict[str, str]:
    """Take all steps; returns the environment in which its containers run."""
    environment, folder = {"PATH": PATH}, "/"
    reaching = {name: value for name, value in os.environ.items() if REACHING.fullmatch(name)}
    for step in stage.steps:
        began = time.monotonic()
        match step.kind:
            case "RUN":
                while_building = reaching | environment | {"HOME": "/root"}
                root.run(["/bin/sh", "-c", step.text], while_building, folder)
            case "COPY":
                copy(step.text, root, roots, folder)
            case "WORKDIR":
                folder = step.text
                root.at(folder).mkdir(parents=True, exist_ok=True)
            case _:
                for pair in shlex.split(step.text):
                    name, _, value = pair.partition("=")
                    environment[name] = value.replace("$PATH", environment["PATH"])
        seconds, what = round(time.monotonic() - began, 1), f"{step.kind} {step.text}"
        said.append({"step": what, "seconds": seconds})
        print(f"{seconds:6.1f} s  {what}", file=sys.stderr, flush=True)
    return environment


def copy(text: str, root: Root, roots: Mapping[str | None, Root], folder: str) -> None:
    """``COPY . .``, or ``COPY --from=STAGE FOLDER FOLDER``."""
    *options, source, target = text.split()
    if options:
        (stage,) = (option.removeprefix("--from=") for option in options)
        root.at(target).mkdir(parents=True)  # seen there, not copied: that is quicker
        root.mount("--bind", "-o", "ro", roots[stage].at(source), target)
        return
    assert (source, target) == (".", "."), text
    for path in dockerfile.context(REPOSITORY):
        root.copy(REPOSITORY / path, f"{folder}/{path}")


def served(root: Root, stage: Stage, environment: Mapping[str, str], picture: Path) -> dict:
    """What became of a container of it, in a network of its own."""
    (volume,) = stage.volumes
    original = root.at(volume).stat()
    kept = root.kept("volume", original.st_mode & 0o7777)  # as an engine makes one from the image
    os.chown(kept, original.st_uid, original.st_gid)
    root.mount("--bind", kept, volume)
    root.mount("-t", "tmpfs", "-o", "size=64m,mode=1777", "tmpfs", "/tmp")
    tokens = root.at("/run/secrets/tokens")
    tokens.parent.mkdir(parents=True)
    tokens.write_text("a token of the rehearsal\n", encoding="utf-8")
    tokens.chmod(0o400)
    os.chown(tokens, *map(int, stage.user.split(":")))
    root.make_read_only()
    plan = {
        "root": str(root.path),
        "user": stage.user,
        "environment": {**environment, "HOME": "/nonexistent"},
        "entry": stage.entry,
        "health": stage.health,
        "port": stage.ports[0],
        "stop_signal": stage.stop_signal,
        "volume": volume,
        "picture": str(picture.resolve()),
    }
    act = ["unshare", "--net", "--", sys.executable, Path(__file__).with_name("service.py")]
    return json.loads(subprocess.check_output(act, input=json.dumps(plan), text=True))


def installed(folder: Path) -> dict:
    """The packages of a virtual environment, and its size."""
    (packages,) = folder.glob("lib/python*/site-packages")
    found = importlib.metadata.distributions(path=[str(packages)])
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return {
        "packages": {package.name: package.version for package in found},
        "installed_mib": sum(path.stat().st_size for path in files) >> 20,
    }


if __name__ == "__main__":
    sys.exit(main())
