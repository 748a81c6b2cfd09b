"""Away with results that nobody fetches, now and then. Knows no HTTP."""

import asyncio
import logging
import time

from rgtsr.serving.desk import Desk

EVERY_S = 30.0
KEPT_S = 3600.0  # how long results wait to be fetched
KEPT_BYTES = 20 << 30  # how much all of them may take

LOG = logging.getLogger(__name__)


async def forever(desk: Desk) -> None:
    """A round every now and then; one that fails is told, and is not the last."""
    while True:
        await asyncio.sleep(EVERY_S)
        try:
            await once(desk)
        except Exception:
            LOG.exception("results that nobody fetched could not be removed")


async def once(desk: Desk) -> None:
    """Forget results that nobody fetched for long, or for which there is no room."""
    each = await asyncio.to_thread(desk.spool.used_bytes)
    used = sum(each.values())
    ended = [(ticket.ended, ticket) for ticket in desk.tickets.values() if ticket.ended]
    for when, ticket in sorted(ended, key=lambda pair: pair[0]):
        if time.monotonic() - when > KEPT_S or used > KEPT_BYTES:
            used -= each.get(ticket.folder, 0)
            await desk.forget(ticket)
