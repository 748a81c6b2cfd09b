"""What ``faults.py`` disturbs: each way to run rgtsr, small, with inputs of its own.

A scene makes its inputs in a folder, says how it is started there, again and again until it is
through, and which files are its results then.
"""

import contextlib
import functools
import hashlib
import logging
import os
import shutil
import signal
import sys
import threading
from abc import ABC, abstractmethod
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import httpx
import numpy as np
import psutil
import s3fs
from moto.server import ThreadedMotoServer
from safetensors import safe_open
from safetensors.numpy import load_file

from cli import running
from faulty_store import Faulty
from rgtsr import Picture, RgtsrError, atomic, pictures, variants, weights
from rgtsr.serving.client import Client

STATE, STEPS = "checkpoint.safetensors", 6  # of the run that is trained
HERE = Path(__file__).parent
BUCKET = "rounds"
OUT = "out"  # the folder of results, which may be a disk of its own


class Scene(ABC):
    """One way to run rgtsr; ``folder`` is the round's own."""

    name: ClassVar[str]
    faults: ClassVar[tuple[str, ...]]
    is_served: ClassVar[bool] = False  # by a process of which the file "victim" tells
    forgets: ClassVar[tuple[str, ...]] = ()  # faults after which what was made may be made again
    disk_bytes: ClassVar[int] = 0  # that its results and drafts take at most, roughly

    @abstractmethod
    def make(self, folder: Path) -> None:
        """The inputs."""

    @abstractmethod
    def command(self, folder: Path) -> list[str]:
        """How it is started, or gone on with."""

    def inputs(self, folder: Path) -> list[Path]:
        return sorted((folder / "in").iterdir())

    def files(self, folder: Path) -> dict[str, Path]:
        """What has its final name, by that."""
        out = folder / OUT
        files = [path for path in out.rglob("*") if path.is_file() and not is_hidden(path, out)]
        return {str(path.relative_to(out)): path for path in sorted(files)}

    def results(self, folder: Path) -> dict[str, str]:
        """Hashes of that."""
        return {name: digest(path) for name, path in self.files(folder).items()}

    def workers(self, process: psutil.Process) -> list[psutil.Process]:
        """Those of the scene's process."""
        return process.children()

    def litter(self, folder: Path) -> list[str]:
        """What no finished run leaves behind."""
        hidden = (path for path in folder.rglob(".rgtsr*") if path.name != ".rgtsr-jobs")
        return sorted(str(path.relative_to(folder)) for path in hidden)


class Folder(Scene):
    """Pictures of three formats, by two workers."""

    name = "folder"
    faults = ("kill", "term", "interrupt", "worker", "disk", "cut", "vanish", "denied", "clock")
    disk_bytes = 600_000

    def make(self, folder: Path) -> None:
        (folder / "in").mkdir()
        for number in range(9):
            suffix = ("png", "jpg", "tif")[number % 3]
            pictures.write(noise(number, 90, 120), folder / "in" / f"{number:02}.{suffix}")

    def command(self, folder: Path) -> list[str]:
        words = ("upscale", folder / "in", "-o", folder / OUT, "-m", model(folder), "--tile", 64)
        return [*started(), *map(str, words), "--workers", "2", "--report", str(folder / "r.json")]


class Large(Scene):
    """One picture that is not held, row of tiles by row of tiles."""

    name = "gigapixels"
    faults = ("kill", "term", "interrupt", "disk", "cut", "vanish", "denied", "clock")
    disk_bytes = 2_500_000

    def make(self, folder: Path) -> None:
        (folder / "in").mkdir()
        pictures.write(noise(0, 640, 320), folder / "in" / "scan.tif")

    def command(self, folder: Path) -> list[str]:
        words = ("upscale", folder / "in/scan.tif", "-o", folder / OUT / "scan.tif", "--tile", 64)
        holds_none = "from rgtsr.upscaler import banding; banding.HELD_PX = 0"
        return [*started(holds_none), *map(str, words), "-m", str(model(folder))]


class Film(Scene):
    """A film of pictures and sound, in segments, without loss."""

    name = "film"
    faults = ("kill", "term", "interrupt", "disk", "cut", "vanish", "denied", "clock")
    disk_bytes = 3_000_000

    def make(self, folder: Path) -> None:
        (folder / "in").mkdir()
        clip(folder / "in" / "clip.mkv")

    def command(self, folder: Path) -> list[str]:
        words = ("upscale", folder / "in/clip.mkv", "-o", folder / OUT / "clip.mkv")
        short = "from rgtsr.film import planning; planning.SEGMENT_FRAMES = 4"
        return [*started(short), *map(str, words), "-m", str(model(folder)), "--codec", "ffv1"]

    def results(self, folder: Path) -> dict[str, str]:
        """Of every packet and its time: a film's head holds what each round has its own of."""
        import av

        made: dict[str, str] = {}
        for name, path in self.files(folder).items():
            content = hashlib.sha256()
            with contextlib.suppress(av.error.FFmpegError), av.open(str(path)) as film:
                for packet in film.demux():
                    content.update(f"{packet.stream_index} {packet.pts}".encode() + bytes(packet))
            made[name] = content.hexdigest()
        return made


class Batch(Scene):
    """Pictures by two workers of a batch."""

    name = "batch"
    faults = Folder.faults
    forgets = ("kill", "term", "interrupt", "disk")  # the rows of its last seconds
    disk_bytes = 600_000

    def make(self, folder: Path) -> None:
        Folder().make(folder)

    def command(self, folder: Path) -> list[str]:
        words = ("batch", folder / "in", folder / OUT, "-m", model(folder), "--tile", 64)
        return [*started(), *map(str, words), "--workers", "2", "--retry"]

    def files(self, folder: Path) -> dict[str, Path]:
        found = super().files(folder)
        return {name: path for name, path in found.items() if not name.startswith("_manifest")}


class Cluster(Batch):
    """The same by actors of a Ray cluster, which is this machine's own."""

    name = "cluster"
    faults = ("kill", "term", "interrupt", "worker", "disk", "cut", "clock")

    def command(self, folder: Path) -> list[str]:
        return [*super().command(folder), "--ray", "local", "--threads", "1"]

    def workers(self, process: psutil.Process) -> list[psutil.Process]:
        return [child for child in process.children(recursive=True) if is_actor(child)]


class Store(Batch):
    """The same from an object store into another place there."""

    name = "store"
    faults = ("kill", "term", "interrupt", "worker", "store", "full", "clock")
    forgets = (*Batch.forgets, "full")  # a store that was full has no rows of what went before

    def make(self, folder: Path) -> None:
        super().make(folder)
        system = bucket()
        for path in self.inputs(folder):
            system.put_file(str(path), f"{place(folder)}/in/{path.name}")

    def command(self, folder: Path) -> list[str]:
        words = super().command(folder)
        places = (f"s3://{place(folder)}/in", f"s3://{place(folder)}/out")
        at = words.index("batch") + 1
        return [*words[:at], *places, *words[at + 2 :]]

    def files(self, folder: Path) -> dict[str, Path]:
        """Fetched, each again only where it has changed: so what is made twice is another file."""
        found: dict[str, Path] = {}
        system, root = bucket(), f"{place(folder)}/out/"
        for full, about in system.find(root, detail=True).items():
            name = full.removeprefix(root)
            if not name.startswith("_manifest"):
                when = f"{about['LastModified']:%H%M%S%f}"
                found[name] = folder / "fetched" / f"{when}-{name}"
                if not found[name].exists():
                    found[name].parent.mkdir(exist_ok=True)
                    system.get_file(full, str(found[name]))
        return found


class Service(Scene):
    """Jobs of a service, asked for again when it is back."""

    name = "service"
    faults = ("kill", "term", "disk", "cut", "clock")
    is_served = True
    disk_bytes = 700_000

    def make(self, folder: Path) -> None:
        (folder / "in").mkdir()
        for number in range(4):
            pictures.write(noise(number, 90, 120), folder / "in" / f"{number:02}.png")

    def command(self, folder: Path) -> list[str]:
        paths = [str(HERE), str(HERE.parent / "tests")]
        ask = "import scenes; scenes.ask(*map(scenes.Path, sys.argv[1:]))"
        program = f"import sys; sys.path[:0] = {paths}; {ask}"
        return [sys.executable, "-c", program, str(folder), str(model(folder))]

    def litter(self, folder: Path) -> list[str]:
        spool = folder / OUT / "spool"
        return [*super().litter(folder), *map(str, spool.glob("*/*"))]

    def files(self, folder: Path) -> dict[str, Path]:
        found = super().files(folder)
        return {name: path for name, path in found.items() if not name.startswith("spool")}


class Training(Scene):
    """A few steps of a run that is resumed from its last checkpoint."""

    name = "training"
    faults = ("kill", "term", "interrupt", "disk", "clock")
    forgets = faults  # a finished run that is resumed writes its weights again
    disk_bytes = 3_000_000

    def make(self, folder: Path) -> None:
        (folder / "in").mkdir()
        for number in range(2):
            pictures.write(noise(number, 150, 140), folder / "in" / f"{number}.png")

    def command(self, folder: Path) -> list[str]:
        run = folder / OUT / "run"
        if (run / STATE).exists():
            words = ("--resume", run / STATE)
        else:
            shutil.rmtree(run, ignore_errors=True)
            keys = ("variant=tiny", "batch=1", f"steps={STEPS}", "cooldown=0.5")
            often = "checkpoint_minutes=0.002"
            words = ("small-x2", *keys, often, f"photos={folder / 'in'}")
        return [*started(), "train", *map(str, words), "-o", str(run), "--device", "cpu"]

    def results(self, folder: Path) -> dict[str, str]:
        """Of the tensors, since a file's head says how long it took; of weights so far nothing."""
        run = folder / OUT / "run"
        if not ((run / STATE).exists() and (run / "weights.safetensors").exists()):
            return {}
        with safe_open(run / STATE, "numpy") as state:
            if state.metadata()["step"] != str(STEPS):
                return {}
        tensors = sorted(load_file(run / "weights.safetensors").items())
        parts = (part for name, value in tensors for part in (name.encode(), value.tobytes()))
        return {"weights.safetensors": hashlib.sha256(b"".join(parts)).hexdigest()}


SCENES: dict[str, Scene] = {
    scene.name: scene
    for scene in (
        Folder(),
        Large(),
        Film(),
        Batch(),
        Cluster(),
        Store(),
        Service(),
        Training(),
    )
}


@functools.cache
def store() -> Faulty:
    """An object store for as long as this process lives, behind a proxy that does no harm yet."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    proxy = Faulty(server.get_host_and_port()[1], share=0.0)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    os.environ |= {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{proxy.server_port}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    s3fs.S3FileSystem().mkdir(BUCKET)
    return proxy


def place(folder: Path) -> str:
    """Where a round's files are in it."""
    return "/".join((BUCKET, *folder.parts[-2:]))


def bucket() -> s3fs.S3FileSystem:
    """What lies in it now."""
    store()
    return s3fs.S3FileSystem(use_listings_cache=False)


def is_actor(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return "ray::Hosted" in " ".join(process.cmdline())
    return False


def started(first: str = "") -> list[str]:
    """How rgtsr is started; a fault may have Python of its own run before."""
    return running.command(first=f"import os; exec(os.environ['RGTSR_FAULTS_FIRST'])\n{first}")


def ask(folder: Path, weights_file: Path) -> None:
    """Start a service and have every input enlarged by jobs; results that are there are not."""
    from serving.services import ready, serving

    first = os.environ["RGTSR_FAULTS_FIRST"]

    with serving(
        "--model", weights_file, "--folder", folder / OUT / "spool", first=first
    ) as service:
        with atomic.replacing(folder / "victim") as draft:
            draft.write_text(str(service.process.pid))
        try:
            with Client(ready(service).address) as client:
                for source in sorted((folder / "in").iterdir()):
                    _ask_for(source, folder / OUT / source.name, client)
            service.stop(signal.SIGTERM)
        except (RgtsrError, AssertionError, httpx.HTTPError) as error:
            raise SystemExit(f"{error}\n" + "\n".join(service.said)) from None


def _ask_for(source: Path, target: Path, client: Client) -> None:
    if target.exists():
        return
    *_, last = client.events(client.submit(source, format="png").id)
    if last.state != "done":
        raise RgtsrError(f"{source.name}: {last}")
    with atomic.replacing(target) as draft:
        draft.write_bytes(client.result(last.id))
    client.forget(last.id)
    print(f"{source} -> {target}: done", flush=True)


def model(folder: Path) -> Path:
    """Small random weights, the same each time."""
    path = folder / "random.safetensors"
    if not path.exists():
        tiny = weights.random(replace(variants.find("tiny"), depths=(1, 1)), seed=0)
        weights.save(tiny, path)
    return path


def noise(seed: int, height: int, width: int) -> Picture:
    rng = np.random.default_rng(seed)
    return Picture.from_array(rng.integers(0, 256, (height, width, 3), np.uint8))


def clip(path: Path) -> None:
    """Sixteen pictures and two tones, as such a film is stored without loss."""
    import av

    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as out:
        video = out.add_stream("ffv1", rate=8)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv444p"
        audio = out.add_stream("pcm_s16le", rate=8000, layout="stereo")
        for number in range(16):
            pixels = rng.integers(0, 256, (48, 64, 3), np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(format="yuv444p")
            frame.pts = number
            out.mux(video.encode(frame))
            tone = rng.integers(-999, 999, (1, 2000), np.int16)
            sound = av.AudioFrame.from_ndarray(tone, "s16", "stereo")
            sound.sample_rate, sound.pts = 8000, number * 1000
            out.mux(audio.encode(sound))
        for stream in (video, audio):
            out.mux(stream.encode(None))


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def is_hidden(path: Path, root: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(root).parts)
