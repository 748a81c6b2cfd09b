"""Root folders to change into: this system under a layer of their own. Needs a mount namespace.

What is written in one stays in it, and goes with the namespace and the folder.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

# The slim image has none of these: a step that needs them has to fail here too.
HIDDEN = ("cc", "c++", "gcc*", "g++*", "*-linux-gnu-g*", "clang*", "make", "cmake", "cargo",
          "rustc", "node*", "npm", "npx", "git", "curl", "wget", "python*", "pip*")  # fmt: skip


class Root:
    """``folder``: where all of it is kept; ``python``: the prefix that becomes /usr/local."""

    def __init__(self, folder: Path, python: Path, hidden: Path) -> None:
        self.folder, self.path = folder, folder / "root"
        folder.mkdir()
        self._overlay(Path("/"), self.path)
        for pattern in HIDDEN:
            for tool in (self.path / "usr/bin").glob(pattern):
                tool.unlink()
        self._overlay(python, self.path / "usr/local")
        for name in ("python", "pip"):
            if not (link := self.path / "usr/local/bin" / name).exists():
                link.symlink_to(f"{name}3")
        self.mount("-t", "proc", "proc", "/proc")
        self.mount("--rbind", "/dev", "/dev")
        self.mount("--rbind", "/sys", "/sys")
        self.mount("--bind", self.kept("tmp", 0o1777), "/tmp")
        if self.at(hidden).exists():
            self.mount("-t", "tmpfs", "-o", "mode=0555", "tmpfs", hidden)
        self.run(["ldconfig"], {"PATH": os.defpath + ":/sbin:/usr/sbin"})

    def at(self, path: str | Path) -> Path:
        """Where a path of the inside is."""
        return self.path / str(path).lstrip("/")

    def kept(self, name: str, mode: int = 0o755) -> Path:
        """A new folder beside it."""
        made = self.folder / name
        made.mkdir()
        made.chmod(mode)
        return made

    def mount(self, *arguments: str | Path) -> None:
        """``mount``, the last argument being a path of the inside."""
        *options, target = map(str, arguments)
        subprocess.run(["mount", *options, self.at(target)], check=True)

    def make_read_only(self) -> None:
        """From now on; what is mounted in it keeps its own ways, but for /usr/local."""
        for target in ("/usr/local", "/"):
            self.mount("-o", "remount,ro", target)

    def run(
        self, command: Sequence[str], environment: Mapping[str, str], folder: str = "/"
    ) -> subprocess.CompletedProcess[str]:
        """A command inside, as root. Raises CalledProcessError with what it has said."""
        return subprocess.run(
            ["chroot", self.path, "/usr/bin/env", f"--chdir={folder}", *command],
            env=dict(environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=True,
        )

    def copy(self, source: Path, target: str) -> None:
        """A file, or all that is in a folder."""
        place = self.at(target)
        place.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, place, symlinks=True, dirs_exist_ok=True)
        else:
            shutil.copy2(source, place, follow_symlinks=False)

    def _overlay(self, lower: Path, target: Path) -> None:
        layer = self.folder / f"layer-{len(list(self.folder.glob('layer-*')))}"
        upper, work = layer / "upper", layer / "work"
        for each in (upper, work, target):
            each.mkdir(parents=True, exist_ok=True)
        layers = f"lowerdir={lower},upperdir={upper},workdir={work}"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", layers, target], check=True)
