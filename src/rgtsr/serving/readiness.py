"""Whether pictures can be enlarged, found out by enlarging one."""

import asyncio
import time

import numpy as np

from rgtsr.pictures import Picture
from rgtsr.serving.asking import first_network
from rgtsr.serving.desk import RETRY_S, Desk
from rgtsr.serving.problems import Refusal

FRESH_S = 5.0  # how long a finding holds
PATIENCE_S = 30.0  # a busy machine is not a dead one
HUNG_S = 600.0  # without a tile, a picture begun or ended: what lies in the line gets nowhere
SIDE_PX = 64


class Readiness:
    """A small picture through the network, as often as somebody asks, but not more than that."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._looking = asyncio.Lock()
        self._found: tuple[float, Refusal | None] = (-FRESH_S, None)
        self._look_now: asyncio.Task[None] | None = None

    async def check(self) -> None:
        """Raises Refusal where pictures cannot be enlarged now."""
        retry = {"retry_after": str(RETRY_S)}
        if self._desk.fault is not None:
            raise Refusal("not-ready", f"The network does not run: {self._desk.fault}.")
        if not self._desk.is_ready:
            raise Refusal("starting", "The network is being loaded.", **retry)
        if self._desk.is_draining:
            raise Refusal("draining", "The service is closing down.", **retry)
        quiet_s = time.monotonic() - self._desk.last_sign
        if self._desk.at_work and quiet_s > HUNG_S:
            raise Refusal("not-ready", f"The line has not moved for {quiet_s:.0f} s.", **retry)
        async with self._looking:
            if time.monotonic() - self._found[0] > FRESH_S:
                self._found = (time.monotonic(), await self._look())
        if self._found[1] is not None:
            raise self._found[1]

    async def _look(self) -> Refusal | None:
        if self._look_now is None or self._look_now.done():  # else it hangs: one thread is enough
            self._look_now = asyncio.create_task(asyncio.to_thread(self._enlarge))
        try:
            async with asyncio.timeout(PATIENCE_S):
                await asyncio.shield(self._look_now)
        except TimeoutError:
            return Refusal("not-ready", f"A small picture was not done in {PATIENCE_S:g} s.")
        except Exception as error:  # whatever it is, no picture can be made
            return Refusal("not-ready", f"A small picture failed: {error}")
        return None

    def _enlarge(self) -> None:
        network = first_network(self._desk.options.model)
        upscaler = self._desk.networks.take(network)
        try:
            grain = np.random.default_rng(0).integers(0, 256, (SIDE_PX, SIDE_PX, 3), np.uint8)
            upscaler.upscale(Picture.from_array(grain))
        finally:
            self._desk.networks.leave(network)
