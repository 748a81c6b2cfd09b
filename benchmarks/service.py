"""The service under load and attack: many clients at once, and uploads that are broken on purpose.

    PYTHONPATH=src:benchmarks:tests python benchmarks/service.py --clients 32 --minutes 5
    PYTHONPATH=src:benchmarks:tests python benchmarks/service.py --mutated 5000

Each runs against a process of its own and keeps its part of benchmarks/results/service.json.
"""

import argparse
import itertools
import json
import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil

import fuzz
from rgtsr import weights
from serving.services import Service, content, left_in, ready, serving

RESULTS = Path(__file__).parent / "results/service.json"
KINDS = ("jpeg", "png", "tiff", "tiled", "webp", "avif", "gif", "bmp")
SIDES_PX = (48, 96, 160, 240, 320)
SETTLED = 0.25  # of the time, after which memory is to stay as it is
SENDERS = 4  # of mutated files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--clients", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--mutated", type=int, default=0, metavar="FILES")
    parser.add_argument("--json", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    report = json.loads(arguments.json.read_text()) if arguments.json.exists() else {}
    about = {"sha256": weights.default().sha256, "cores": psutil.cpu_count()}
    if arguments.clients:
        report["load"] = about | load(arguments.clients, arguments.minutes)
    if arguments.mutated:
        report["mutated"] = about | mutated(arguments.mutated)
    print(json.dumps(report, indent=1))
    arguments.json.write_text(json.dumps(report, indent=1) + "\n")


def load(clients: int, minutes: float) -> dict[str, object]:
    """So many clients, each of which sends its next picture when the last one came back."""
    pictures = [content("jpg", side, side + 16, seed) for seed, side in enumerate(SIDES_PX)]
    seconds: list[float] = []
    statuses: Counter[int] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        with serving("--folder", folder) as service:
            ready(service)
            memory, ends = Memory(service), time.monotonic() + 60 * minutes

            def client(number: int) -> None:
                with service.http() as http:
                    for turn in itertools.count(number):
                        if time.monotonic() > ends:
                            return
                        started = time.perf_counter()
                        sent = pictures[turn % len(pictures)]
                        statuses[http.post("/v1/upscale", content=sent).status_code] += 1
                        seconds.append(time.perf_counter() - started)

            together(client, range(clients), clients)
            left, held = remains(Path(folder)), memory.told()
        quantiles = statistics.quantiles(seconds, n=20)
        return {
            "clients": clients,
            "minutes": minutes,
            "pictures": len(seconds),
            "p50_s": round(statistics.median(seconds), 2),
            "p95_s": round(quantiles[-1], 2),
            "errors": len(seconds) - statuses[200],
            "files_left": left,
            **held,
        }


def mutated(count: int) -> dict[str, object]:
    """Uploads of broken files of every format, several at once: what was answered."""
    answers: Counter[str] = Counter()
    keep = Path(tempfile.gettempdir()) / "service-findings"
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as spool:
        honest = {kind: fuzz.honest_file(kind, Path(folder)) for kind in KINDS}
        with serving("--folder", spool, "--max-pixels", "2000000") as service:
            ready(service)
            memory = Memory(service)

            def send(number: int) -> None:
                kind = KINDS[number % len(KINDS)]
                broken = fuzz.mutated(kind, honest[kind], number)
                with service.http() as http:
                    answer = told(http.post("/v1/upscale", content=broken))
                answers[answer] += 1
                if answer.startswith("5"):
                    keep.mkdir(exist_ok=True)
                    (keep / f"{number}.{kind}").write_bytes(broken)

            together(send, range(count), SENDERS)
            left, held = remains(Path(spool)), memory.told()
            assert service.process.poll() is None, service.said
            faults = [line for line in service.said if "Traceback" in line]
    return {
        "files": count,
        "answers": dict(sorted(answers.items())),
        "errors_500": sum(number for name, number in answers.items() if name.startswith("5")),
        "tracebacks": len(faults),
        "files_left": left,
        **held,
    }


def remains(folder: Path) -> int:
    """How many files stay there: the last ones go just after they were sent."""
    ends = time.monotonic() + 10
    while (left := left_in(folder)) and time.monotonic() < ends:
        time.sleep(0.1)
    return len(left)


def told(answer: httpx.Response) -> str:
    return "200" if answer.status_code == 200 else f"{answer.status_code} {answer.json()['code']}"


def together(what: Callable[[int], None], numbers: range, threads: int) -> None:
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(what, numbers):
            pass


class Memory:
    """What a service holds, looked at ten times a second from now on."""

    def __init__(self, service: Service) -> None:
        self._service, self._mib = service, list[float]()
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while not self._ends.wait(0.1):
            self._mib.append(self._service.held_bytes() / 2**20)

    def told(self) -> dict[str, object]:
        """The median soon after the start and at the end, a tenth of the time each."""
        self._ends.set()
        self._thread.join()
        tenth = max(1, len(self._mib) // 10)
        begin = int(SETTLED * len(self._mib))
        first = statistics.median(self._mib[begin : begin + tenth])
        last = statistics.median(self._mib[-tenth:])
        growth = round(last / first - 1, 4)
        return {
            "mib": [round(first), round(last)],
            "growth": growth,
            "peak_mib": round(max(self._mib)),
        }


if __name__ == "__main__":
    main()
