"""A billion pictures: a thousand batches of a million, of which one is simulated.

    python benchmarks/plan_billion.py

What a picture takes comes from ``results/batch.json``, which was measured; how machines fail is
assumed, and stands below and in the result. A hundred workers of two cores go through a million
pictures in different ways: as a Slurm array of as many shards as there are workers, or of ten times
as many, which run one after the other; or handed out one by one (Ray), with and without copies of
what takes long. Seeded: the same comes out each time.
"""

import argparse
import heapq
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class World:
    """What is assumed; times in seconds."""

    pictures: int = 1_000_000
    workers: int = 100
    worker_cores: int = 2
    megapixels: float = 1.0  # of a picture, on average; sizes are log-normal
    spread: float = 0.8
    slow_share: float = 0.02  # of the machines have another job beside them
    slowness: float = 4.0
    losses_h: float = 0.05  # of a machine in an hour: spot instances, maintenance
    away_s: float = 300.0  # until another has come
    opening_s: float = 20.0  # a worker starts and opens its network
    known_s: float = 5.0  # of rows are not yet in the manifest when a shard's driver is lost
    rounds: int = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--pictures", type=int, default=World.pictures)
    parser.add_argument("--rounds", type=int, default=World.rounds)
    parser.add_argument("--json", type=Path, default=RESULTS / "plan_billion.json")
    arguments = parser.parse_args()
    world = World(pictures=arguments.pictures, rounds=arguments.rounds)
    own_rate = core_rate() * world.worker_cores
    rows = [simulated(name, way, world, own_rate) for name, way in WAYS.items()]
    report = {"assumed": asdict(world), "megapixels_s": own_rate, "ways": rows}
    print(json.dumps(report, indent=1))
    arguments.json.write_text(json.dumps(report, indent=1) + "\n")


def core_rate() -> float:
    """Megapixels of input a second and core: ``rgtsr batch`` of a folder, reading and writing."""
    measured = json.loads((RESULTS / "batch.json").read_text())
    return measured["megapixels"] / measured["seconds"]["batch"] / measured["cores"]


@dataclass
class Ended:
    """How a batch ended: seconds, and seconds of work that was done in vain."""

    at_s: float
    lost_s: float = 0.0
    losses: int = 0
    nearly_s: float = 0.0  # when 99 % were done


Way = Callable[[World, np.ndarray, np.random.Generator], Ended]


def simulated(name: str, way: Way, world: World, rate: float) -> dict:
    """The mean over some rounds, beside what it would take if nothing went wrong."""
    rounds, ideal = [], []
    for seed in range(world.rounds):
        dice = np.random.default_rng(seed)
        sizes = dice.lognormal(-(world.spread**2) / 2, world.spread, world.pictures)
        seconds = sizes * world.megapixels / rate
        rounds.append(way(world, seconds, dice))
        ideal.append(seconds.sum() / world.workers)
    hours = np.mean([each.at_s for each in rounds]) / 3600
    return {
        "way": name,
        "hours": hours,
        "over_ideal": hours / (np.mean(ideal) / 3600),
        "worst_over_ideal": max(each.at_s / best for each, best in zip(rounds, ideal, strict=True)),
        "last_percent_hours": np.mean([each.at_s - each.nearly_s for each in rounds]) / 3600,
        "done_twice": np.mean([each.lost_s for each in rounds]) / (np.mean(ideal) * world.workers),
        "losses": np.mean([each.losses for each in rounds]),
    }


def speeds(world: World, dice: np.random.Generator) -> np.ndarray:
    """Of the machines: 1, or less."""
    return np.where(dice.random(world.workers) < world.slow_share, 1 / world.slowness, 1.0)


def array_of(times: int) -> Way:
    """Shards, ``times`` as many as workers; each worker takes the next when it is through one."""

    def run(world: World, seconds: np.ndarray, dice: np.random.Generator) -> Ended:
        shards = [part.sum() for part in np.array_split(seconds, world.workers * times)]
        free = [(0.0, worker) for worker in range(world.workers)]
        speed, ended, done = speeds(world, dice), Ended(0.0), []
        for shard in shards:
            at, worker = heapq.heappop(free)
            at += world.opening_s
            left = shard / speed[worker]
            while (until_loss := dice.exponential(3600 / world.losses_h)) < left:
                # the shard starts again elsewhere, and knows from the manifest where it was
                kept = max(0.0, until_loss - world.known_s)
                ended.lost_s += until_loss - kept
                ended.losses += 1
                at += until_loss + world.away_s + world.opening_s
                left = (left - kept) * speed[worker]
                speed[worker] = speeds(world, dice)[0]
                left /= speed[worker]
            heapq.heappush(free, (at + left, worker))
            done.append((at + left, shard))
        return finished(ended, done)

    return run


def one_by_one(*, copies: bool) -> Way:
    """A driver hands out pictures; what a lost machine had goes to another."""

    def run(world: World, seconds: np.ndarray, dice: np.random.Generator) -> Ended:
        speed, ended = speeds(world, dice), Ended(0.0)
        loss = dice.exponential(3600 / world.losses_h, world.workers) + world.opening_s
        free = [(world.opening_s, worker) for worker in range(world.workers)]
        heapq.heapify(free)
        again: list[float] = []
        done: list[tuple[float, float]] = []
        coming = iter(seconds.tolist())
        while (size := again.pop() if again else next(coming, None)) is not None:
            at, worker = heapq.heappop(free)
            end = at + size / speed[worker]
            if loss[worker] < end:
                ended.losses += 1
                ended.lost_s += max(0.0, (loss[worker] - at)) * speed[worker]
                again.append(size)
                back = loss[worker] + world.away_s + world.opening_s
                speed[worker] = speeds(world, dice)[0]
                loss[worker] = back + dice.exponential(3600 / world.losses_h)
                heapq.heappush(free, (back, worker))
            else:
                heapq.heappush(free, (end, worker))
                done.append((end, size))
        if copies:
            done = copied(done, min(at for at, _ in free), seconds)
        return finished(ended, done)

    return run


def copied(done: list[tuple[float, float]], idle_s: float, seconds: np.ndarray) -> list:
    """What takes far longer than usual when the first worker is idle is begun anew by it."""
    patience = max(30.0, 4 * float(np.median(seconds)))
    return [(min(end, idle_s + patience + size) if end > idle_s else end, size)
            for end, size in done]  # fmt: skip


def finished(ended: Ended, done: list[tuple[float, float]]) -> Ended:
    ends, work = np.array(sorted(done)).T
    ended.at_s = float(ends[-1])
    at = np.searchsorted(np.cumsum(work), 0.99 * work.sum())
    ended.nearly_s = float(ends[min(at, len(ends) - 1)])
    return ended


WAYS: dict[str, Way] = {
    "array of 100 shards, one a worker": array_of(1),
    "array of 1000 shards, 100 at a time": array_of(10),
    "handed out one by one": one_by_one(copies=False),
    "handed out, with copies of what takes long": one_by_one(copies=True),
}

if __name__ == "__main__":
    main()
